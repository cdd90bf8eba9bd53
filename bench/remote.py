"""The driver's end of a worker: starting it with the right number of threads, asking, waiting.

Libraries read their thread counts from the environment when they are imported, so each worker gets
its own environment, and an affinity mask of as many CPUs as it may use threads.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.cases import Case

WORKER = Path(__file__).with_name("worker.py")
# Settings of the caller's shell that would make the comparison unequal.
DROPPED = (
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_"),
    *("XLA_", "JAX_", "TORCH", "PYTORCH_"),
)


class WorkerError(RuntimeError):
    """A worker that reported an exception, died, or took too long."""


def worker_environment(
    environment: Mapping[str, str], n_threads: int, dtype: str, scratch: str
) -> dict[str, str]:
    """`environment` without what it says about threads, and with `n_threads` said to everybody."""
    kept = {name: value for name, value in environment.items() if not name.startswith(DROPPED)}
    kept |= {
        f"{library}_NUM_THREADS": str(n_threads)
        for library in ("OMP", "MKL", "OPENBLAS", "BLIS", "NUMEXPR", "VECLIB_MAXIMUM")
    }
    kept["CUDA_VISIBLE_DEVICES"] = ""
    kept["JAX_PLATFORMS"] = "cpu"
    kept["JAX_ENABLE_X64"] = str(int(dtype == "float64"))
    if n_threads == 1:
        kept["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    # A cache of compiled code would hide the time of compiling; a pool of compilers stays alive.
    kept["TORCHINDUCTOR_CACHE_DIR"] = scratch
    kept["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    return kept


class Remote:
    """A running worker. `ask` blocks until it has answered."""

    def __init__(self, peer: str, case: Case, dtype: str, cpus: list[int], log: Any = None) -> None:
        self.peer = peer
        self.idle_shares: list[float] = []
        self._scratch = tempfile.mkdtemp(prefix="chainrule-bench-")
        self._left: tuple[float, float] | None = None  # wall and CPU time when it was left idle
        task = {"peer": peer, "dtype": dtype, "n_threads": len(cpus), "cpus": cpus}
        task["case"] = asdict(case)
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log if log is not None else subprocess.DEVNULL,
            env=worker_environment(os.environ, len(cpus), dtype, self._scratch),
            start_new_session=True,  # Ctrl-C reaches the driver alone, which then closes this
        )

    def ask(self, do: str, timeout: float = 900.0, **request: Any) -> dict[str, Any]:
        """The answer to a request. WorkerError: it failed or did not come in `timeout` seconds."""
        self._note_idle_share()
        assert self.process.stdin is not None
        try:
            self.process.stdin.write((json.dumps({"do": do, **request}) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError("the worker has ended") from None
        reply: dict[str, Any] = json.loads(self._line(timeout))
        if "error" in reply:
            raise WorkerError(reply["error"])
        self._settle()
        return reply

    def close(self) -> None:
        """Ends the worker; it gets two seconds to do so by itself."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.close()
            self.process.wait(2.0)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self, timeout: float) -> bytes:
        """The next line; a worker writes each answer at once, so there is never part of another."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                self.process.kill()
                raise WorkerError(f"no answer within {timeout:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"the worker ended with status {self.process.wait()}")
        return line

    def _settle(self, limit: float = 0.5) -> None:
        """Waits until its threads, which may spin for a while after work, have gone to sleep."""
        end = time.monotonic() + limit
        used = cpu_seconds(self.process.pid)
        while time.monotonic() < end:
            time.sleep(0.01)
            before, used = used, cpu_seconds(self.process.pid)
            if used - before < 0.0002:
                break
        self._left = time.monotonic(), used

    def _note_idle_share(self) -> None:
        if self._left is not None:
            wall = time.monotonic() - self._left[0]
            used = cpu_seconds(self.process.pid) - self._left[1]
            if wall > 0.05:
                self.idle_shares.append(used / wall)


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process; 0 where /proc does not tell."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(path.read_text().split()[0])
        except OSError:  # the thread has just ended
            continue
    return total / 1e9
