"""One training step over widths and batch sizes, chainrule alone: `python bench/sweep.py --help`.

Networks width-width-width-10 with softmax, and a list of odd ones; Adam. Prints the share of the
peak for each, and where a rule of sweep_rules.py is broken; exits with 1 if one is.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import chainrule as cr
from bench.command import append_rows, progress, run_context, settle_effort, thread_counts
from bench.machine import describe_machine, machine_line, usable_cpus
from bench.report import duration
from bench.sweep_rules import Key, Rule, confirmed, neighbour_rules, suspects, thread_rules
from bench.sweep_shapes import BATCHES, ODD, WIDTHS, Shape, Stepper, grid_shape
from chainrule import _core

QUICK_WIDTHS, QUICK_BATCHES = (8, 16, 24), (1, 2, 8)


@dataclass
class Cell:
    """A shape with so many threads: an entry per turn."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)  # FLOP/s of one thread

    @property
    def time_at_peak(self) -> float:
        """Median of time x peak: operations that would have been possible, whatever the clock."""
        pairs = zip(self.seconds, self.peaks, strict=True)
        return statistics.median(seconds * peak for seconds, peak in pairs)


class Clock:
    """Measures steps and peaks with a given number of threads."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options

    def turns(self, stepper: Stepper, threads: Sequence[int]) -> dict[Key, Cell]:
        """One number of threads after the other, again and again."""
        cells: dict[Key, Cell] = {(stepper.shape, count): Cell() for count in threads}
        steps = {}
        for count in threads:
            self.use(stepper, count)
            stepper.warm_up(self.options.seconds)
            steps[count] = stepper.steps
        for _ in range(self.options.rounds):
            for (_, count), cell in cells.items():
                cell.peaks.append(self.peak())
                self.use(stepper, count)
                stepper.steps = steps[count]
                cell.seconds.append(stepper.step_seconds())
        return cells

    def trial(self, rule: Rule) -> list[float]:
        """slow / fast, both sides in turns; the clock has no time to move much in between."""
        sides = [rule.slow, rule.fast]
        steppers = [Stepper(shape, self.options.dtype) for shape, _ in sides]
        for stepper, (_, count) in zip(steppers, sides, strict=True):
            self.use(stepper, count)
            stepper.warm_up(self.options.seconds)
        ratios = []
        for _ in range(2 * self.options.rounds + 1):
            seconds = []
            for stepper, (_, count) in zip(steppers, sides, strict=True):
                self.use(stepper, count)
                seconds.append(stepper.step_seconds())
            ratios.append(seconds[0] / seconds[1])
        return ratios

    def use(self, stepper: Stepper, threads: int) -> None:
        cr.set_num_threads(threads)
        stepper.settle()

    def peak(self) -> float:
        """Of one thread: it follows the clock, and no other program's load on a second core."""
        return _core.kernels.fma_peak(self.options.dtype, 1, self.options.seconds / 5)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python bench/sweep.py", description=__doc__)
    parser.add_argument("--widths", type=_numbers, help="default 8,16,24 .. 1024")
    parser.add_argument("--batches", type=_numbers, help="default 1,2,3,5 .. 1024")
    parser.add_argument("--no-odd", action="store_true", help="the grid only")
    parser.add_argument("--threads", default="1,all", help="default 1,all (all: one per core)")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--seconds", type=float, help="of one measurement, default 0.015")
    parser.add_argument("--quick", action="store_true", help="few small shapes, to see it work")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append a line per measurement")
    options = parser.parse_args(arguments)
    options.widths = options.widths or (QUICK_WIDTHS if options.quick else WIDTHS)
    options.batches = options.batches or (QUICK_BATCHES if options.quick else BATCHES)
    settle_effort(parser, options, quick=(3, 0.005), full=(5, 0.015))
    options.odd = () if options.no_odd else ODD[-4:-2] if options.quick else ODD
    try:
        options.threads = sorted(thread_counts(options.threads.split(","), len(usable_cpus())))
    except ValueError as error:
        parser.error(str(error))
    return options


def _numbers(words: str) -> tuple[int, ...]:
    """Increasing, from "8,24,16"."""
    numbers = sorted({int(word) for word in words.split(",")})
    if numbers[0] < 1:
        raise argparse.ArgumentTypeError(f"expected numbers of at least 1, got {words!r}")
    return tuple(numbers)


def rules_of(options: argparse.Namespace) -> list[Rule]:
    """All of them: along widths, along batch sizes, between numbers of threads."""
    lines = [[grid_shape(w, b) for b in options.batches] for w in options.widths]
    lines += [[grid_shape(w, b) for w in options.widths] for b in options.batches]
    rules = [rule for count in options.threads for rule in neighbour_rules(lines, count)]
    return rules + list(thread_rules(shapes_of(options), options.threads))


def shapes_of(options: argparse.Namespace) -> list[Shape]:
    grid = [grid_shape(w, b) for w in options.widths for b in options.batches]
    return [*grid, *options.odd]


def measure(options: argparse.Namespace) -> tuple[dict[Key, Cell], list[tuple[Rule, float]]]:
    """All cells, and the broken rules with their ratios."""
    clock, say = Clock(options), progress("sweep")
    cells: dict[Key, Cell] = {}
    for shape in shapes_of(options):
        say(shape.name)
        cells |= clock.turns(Stepper(shape, options.dtype), options.threads)
    costs = {key: cell.time_at_peak for key, cell in cells.items()}
    broken = []
    for rule in suspects(rules_of(options), costs):
        say(f"once more: {rule.slow[0].name}, {rule.fast[0].name}")
        ratio = confirmed(rule, clock.trial)
        if ratio is not None:
            broken.append((rule, ratio))
    say("")
    cr.set_num_threads(None)
    return cells, broken


def share_of_peak(key: Key, cell: Cell) -> float:
    """Of the peak of as many threads."""
    shape, threads = key
    return shape.flops / (cell.time_at_peak * threads)


def text_table(options: argparse.Namespace, cells: dict[Key, Cell], threads: int) -> str:
    """Shares of the peak in per cent, a line per width, a column per batch size; then the odd."""
    lines = [f"% of peak, {threads} thread(s); across: batch size", ""]
    lines.append("  width" + "".join(f"{batch:6}" for batch in options.batches))
    for width in options.widths:
        keys = [(grid_shape(width, batch), threads) for batch in options.batches]
        shares = [100 * share_of_peak(key, cells[key]) for key in keys]
        lines.append(f"{width:7}" + "".join(f"{_percent(share):>6}" for share in shares))
    for shape in options.odd:
        cell = cells[shape, threads]
        share = 100 * share_of_peak((shape, threads), cell)
        seconds = duration(statistics.median(cell.seconds))
        lines.append(f"  {shape.name:20} {_percent(share):>6}   {seconds}")
    return "\n".join(lines)


def _percent(share: float) -> str:
    """Two digits, or three from 100 on."""
    return f"{share:.2g}" if share < 99.5 else f"{share:.0f}"


def rows_of(cells: dict[Key, Cell], dtype: str, context: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per cell, ready for JSON, every sample in it."""
    return [
        {
            "bench": "sweep",
            **context,
            "shape": {"name": shape.name, "sizes": shape.sizes, "batch_size": shape.batch_size},
            "loss": shape.loss,
            "flops_per_step": shape.flops,
            "dtype": dtype,
            "threads": threads,
            "samples": cell.seconds,
            "peaks": cell.peaks,
            "seconds": statistics.median(cell.seconds),
            "share_of_peak": share_of_peak((shape, threads), cell),
        }
        for (shape, threads), cell in cells.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    machine = describe_machine()
    print(machine_line(machine), flush=True)
    cells, broken = measure(options)
    for threads in options.threads:
        print("\n" + text_table(options, cells, threads))
    context = run_context(options.quick, machine)
    append_rows(options.json, rows_of(cells, options.dtype, context))
    print(f"\n{len(rules_of(options))} rules, {len(broken)} broken")
    for rule, ratio in broken:
        print("! " + rule.describe(ratio))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
