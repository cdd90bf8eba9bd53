"""Where and what was measured: CPU, cores, caches, instruction sets, commit, versions."""

from __future__ import annotations

import math
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SYSTEM = Path("/sys/devices/system/cpu")
ISA_FLAGS = (
    *("sse4_2", "avx", "avx2", "fma", "f16c"),
    *("avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_bf16", "amx_tile"),
    *("asimd", "sve", "sve2"),
)
LIBRARIES = ("numpy", "scipy", "threadpoolctl")


def usable_cpus() -> list[int]:
    """A CPU of each core that this process may use, no more than its container's quota."""
    try:
        allowed = sorted(os.sched_getaffinity(0))
    except AttributeError:
        allowed = list(range(os.cpu_count() or 1))
    cores: dict[str, int] = {}
    for cpu in allowed:
        siblings = _read(SYSTEM / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu)
        cores.setdefault(siblings, cpu)
    cpus = list(cores.values())
    quota = cpu_quota()
    return cpus if quota is None else cpus[: max(1, math.ceil(quota))]


def cpu_quota() -> float | None:
    """CPUs that the control group grants; None without a limit."""
    words = (_read(Path("/sys/fs/cgroup/cpu.max")) or "").split()
    if len(words) == 2 and words[0] != "max":
        return int(words[0]) / int(words[1])
    return None


def busy_cpu_seconds() -> tuple[float, int] | None:
    """CPU time since boot that was not idle, stolen time included, and the number of CPUs."""
    lines = (_read(Path("/proc/stat")) or "").splitlines()
    n_cpus = sum(line[:3] == "cpu" and line[3:4].isdigit() for line in lines)
    if n_cpus == 0:
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, lines[0].split()[1:9])
    ticks = user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK"), n_cpus


def describe_machine() -> dict[str, Any]:
    """CPU model, cores, caches, instruction sets and what may disturb a measurement."""
    cpuinfo = _read(Path("/proc/cpuinfo")) or ""
    fields = dict(_field(line) for line in cpuinfo.split("\n\n")[0].splitlines() if ":" in line)
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "cpu": fields.get("model name") or platform.processor() or "unknown",
        "family_model_stepping": [
            fields.get(key) for key in ("cpu family", "model", "stepping") if key in fields
        ],
        "architecture": platform.machine(),
        "logical_cpus": os.cpu_count(),
        "usable_cores": len(usable_cpus()),
        "cpu_quota": cpu_quota(),
        "caches": _caches(),
        "isa": [flag for flag in ISA_FLAGS if flag in flags],
        "virtual_machine": "hypervisor" in flags,
        "governor": _read(SYSTEM / "cpu0/cpufreq/scaling_governor"),
        "huge_pages": _read(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
        "system": platform.platform(),
        "preload": os.environ.get("LD_PRELOAD"),
        "load_average": load,
    }


def describe_software() -> dict[str, str]:
    """Python and the libraries that several peers share."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def commit() -> dict[str, Any]:
    """The commit of this repository, None outside of one, and whether files differ from it."""
    head = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain")
    return {"commit": head or None, "dirty": None if changes is None else bool(changes)}


def machine_line(machine: dict[str, Any]) -> str:
    """One line for people."""
    caches = ", ".join(f"{cache['name']} {cache['size']}" for cache in machine["caches"])
    isa = [name for name in ("avx512f", "avx2", "asimd") if name in machine["isa"]]
    return (
        f"{machine['cpu']}, {machine['usable_cores']} cores, {caches}, "
        f"{isa[0] if isa else machine['architecture']}"
        f"{', virtual machine' if machine['virtual_machine'] else ''}"
    )


def _caches() -> list[dict[str, str]]:
    """Of the first CPU; `shared_by` lists the CPUs that use the same one."""
    caches = []
    for index in sorted(SYSTEM.glob("cpu0/cache/index*")):
        kind = (_read(index / "type") or "")[:1].lower().replace("u", "")
        caches.append(
            {
                "name": f"L{_read(index / 'level')}{kind}",
                "size": _read(index / "size") or "unknown",
                "shared_by": _read(index / "shared_cpu_list") or "unknown",
            }
        )
    return caches


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _git(*arguments: str) -> str | None:
    """What git answers; it takes no lock. None if it fails."""
    command = ["git", "--no-optional-locks", "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
