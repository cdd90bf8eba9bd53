"""Threads and instruction sets: what the core may use and what it does use."""

from typing import Any

from chainrule import _core
from chainrule._errors import check_integer

MOST_THREADS = 1024


def set_num_threads(n: int | None) -> None:
    """At most `n` threads (1 to 1024) per call from now on; None takes the setting back.

    Without it the limit is OpenMP's (OMP_NUM_THREADS, threadpoolctl, joblib, the affinity mask) and
    the CPU quota of the container. Work too small for two threads runs on one. Results do not
    depend on the number of threads.
    """
    _core.set_max_threads(
        0 if n is None else check_integer("set_num_threads", "n", n, 1, MOST_THREADS)
    )


def get_num_threads() -> int:
    """The number of threads that a large enough call made now would use."""
    return _core.max_threads()


def runtime_info() -> dict[str, Any]:
    """How the core runs here.

    Keys: "isa" (instruction set in use), "available_isas" (best last; the environment variable
    CHAINRULE_ISA chooses one before the import), "fused_multiply_add" (False only on the x86-64
    baseline, whose bits are its own), "num_threads", "cpu_quota" (CPUs this container may use, None
    without a limit), "compiler".
    """
    isa = _core.isa()
    return {
        "isa": isa,
        "available_isas": _core.available_isas(),
        "fused_multiply_add": isa != "baseline",
        "num_threads": get_num_threads(),
        "cpu_quota": _core.cgroup_quota() or None,
        "compiler": _core.compiler(),
    }
