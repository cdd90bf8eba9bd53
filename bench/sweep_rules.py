"""What the sweep asserts about the time of a step, and what counts as a violation.

Three rules, each about two measurements, `time` and `bound`, where time / bound must not exceed a
limit:

* smaller is not slower: of two neighbours in the grid (the next width at the same batch size, the
  next batch size at the same width) the smaller takes at most 1.10 times as long as the larger;
* no jump: the larger takes at most 1.5 times as long as the smaller, times what the work (nominal
  operations of a step) grows between them;
* threads do not hurt: a shape with several threads takes at most 1.05 times as long as with one.

On a shared machine the clock moves between two measurements. Times of the grid are therefore
multiplied by the peak measured beside them, which takes the clock out, and what exceeds a limit
still is only a suspect: it is measured again, both sides in turns, and believed if it exceeds the
limit in each of three such trials.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from bench.sweep_shapes import Shape

NOT_SLOWER, JUMP, THREADS = 1.10, 1.5, 1.05
TRIALS = 3
Key = tuple[Shape, int]  # a shape and a number of threads


@dataclass(frozen=True)
class Rule:
    """time[slow] / time[fast] <= limit."""

    kind: str
    slow: Key
    fast: Key
    limit: float

    def ratio(self, cost: Mapping[Key, float]) -> float:
        return cost[self.slow] / cost[self.fast]

    def describe(self, ratio: float) -> str:
        (slow, slow_threads), (fast, fast_threads) = self.slow, self.fast
        return (
            f"{self.kind}: {slow.name} with {slow_threads} thread(s) takes {ratio:.2f} times as "
            f"long as {fast.name} with {fast_threads}; at most {self.limit:.2f} allowed"
        )


def neighbour_rules(lines: Iterable[list[Shape]], threads: int) -> Iterator[Rule]:
    """For lines of shapes, each growing from its first to its last."""
    for line in lines:
        for small, large in pairwise(line):
            yield Rule("slower than a larger one", (small, threads), (large, threads), NOT_SLOWER)
            limit = JUMP * large.flops / small.flops
            yield Rule("jump", (large, threads), (small, threads), limit)


def thread_rules(shapes: Iterable[Shape], threads: Iterable[int]) -> Iterator[Rule]:
    """One thread against each larger number; none if one thread is not among `threads`."""
    counts = sorted(threads)
    if counts[:1] != [1]:
        return
    for shape in shapes:
        for count in counts[1:]:
            yield Rule("slower with more threads", (shape, count), (shape, 1), THREADS)


def suspects(rules: Iterable[Rule], cost: Mapping[Key, float]) -> list[Rule]:
    """The rules that the first measurements break; `cost` is time x peak."""
    return [rule for rule in rules if rule.ratio(cost) > rule.limit]


def confirmed(rule: Rule, trial: Callable[[Rule], list[float]]) -> float | None:
    """The ratio of the mildest trial if all of them break the rule, else None.

    `trial` measures both sides in turns and gives the ratio of each turn; its median counts.
    """
    found = []
    for _ in range(TRIALS):
        ratio = statistics.median(trial(rule))
        if ratio <= rule.limit:
            return None
        found.append(ratio)
    return min(found)
