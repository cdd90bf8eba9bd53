"""Random hostile input for whatever reads bytes or arrays. Start at `fuzz`.

    python -m tests.fuzz --seconds 600              # all targets in turns; best with sanitizers
    python -m tests.fuzz network --seed 3 --first 1234 --executions 1    # one again

An execution is determined by target, seed and number. It is a finding if it ends in another
exception than those that its target promises, takes long, or changes what a refusal must leave
alone; if the process dies, `--last FILE` tells which it was. `tests/test_fuzz.py` runs a few of
each. CONTRIBUTING.md has the build with sanitizers.
"""

import itertools
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SLOW = 2.0  # seconds of CPU time; a sanitizer makes everything two to four times slower

Rng = np.random.Generator


@dataclass(frozen=True)
class Target:
    """`attempt(rng)` draws an input and tries it; it may raise the `promised` exceptions."""

    name: str
    attempt: Callable[[Rng], Any]
    promised: tuple[type[Exception], ...]


@dataclass
class Outcome:
    """What became of the executions of one target."""

    target: str
    executions: int = 0
    accepted: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


def fuzz(target: Target, seed: int, first: int = 0) -> Iterator[Outcome]:
    """The outcome so far, after each execution, without end."""
    outcome = Outcome(target.name)
    for number in itertools.count(first):
        rng = np.random.default_rng([seed, zlib.crc32(target.name.encode()), number])
        start = time.process_time()
        try:
            target.attempt(rng)
            outcome.accepted += 1
        except target.promised:
            pass
        except Exception as error:
            what = f"{type(error).__name__}: {str(error)[:200]}"
            outcome.findings.append(f"{target.name} --seed {seed} --first {number}: {what}")
        seconds = time.process_time() - start
        if seconds > SLOW:
            slow = f"{target.name} --seed {seed} --first {number}: took {seconds:.1f} s"
            outcome.findings.append(slow)
        outcome.executions += 1
        outcome.seconds += seconds
        yield outcome


def pick(rng: Rng, things: Any) -> Any:
    """One of a sequence, of whatever types."""
    return things[int(rng.integers(len(things)))]
