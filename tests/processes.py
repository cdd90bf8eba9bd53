"""Code that runs in a process of its own, with what it prints."""

import os
import subprocess
import sys
from collections.abc import Sequence

SET_FROM_OUTSIDE = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "CHAINRULE_ISA", "PYTHONWARNINGS")


def python(code: str, *options: str, arguments: Sequence[str] = (), **environment: str):
    """Runs code in a fresh interpreter that sees this chainrule and these variables."""
    env = {name: value for name, value in os.environ.items() if name not in SET_FROM_OUTSIDE}
    return subprocess.run(
        [sys.executable, *options, "-c", code, *arguments],
        env=env | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def output(code: str, *options: str, **environment: str) -> str:
    done = python(code, *options, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def printed(code: str, *arguments: str, **environment: str) -> list[str]:
    """What code prints that sees all variables of the tests, and these."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
