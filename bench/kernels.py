"""Single kernels against the roofline: `python bench/kernels.py --help`.

Products in the three roles they have in training, then every other kernel with a working set that
lies in the first-level cache, in the second-level cache, or in memory; one thread. The roof is
min(peak, operations per byte x bandwidth): the fma peak of that instruction set, and the bandwidth
within a working set of that size, the better of the C library's copy and the core's relu in place.
kernel_list.py says what is counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.command import append_rows, progress, run_context, settle_effort
from bench.kernel_list import COLUMNS, PRODUCTS, ROLES, Kernel, all_kernels
from bench.machine import describe_machine, machine_line
from bench.report import duration
from chainrule import _core

# Half of the smallest caches in use, and more than the largest one, which several cores share.
WORKING_SETS = {"L1": 16 << 10, "L2": 256 << 10, "memory": 128 << 20}
ITEMSIZE = {"float32": 4, "float64": 8}
Row = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """A kernel on a certain size: its work, and `time(seconds)`, seconds per call."""

    kernel: str
    size: str
    flops: float
    bytes: float
    time: Callable[[float], float]


def product_items(dtype: str, quick: bool) -> Iterator[Item]:
    for rows, n_in, n_out in PRODUCTS[1:3] if quick else PRODUCTS:
        values = rows * n_in + n_in * n_out + rows * n_out
        for role in ROLES:
            yield Item(
                f"multiply, {role}",
                f"{rows} x {n_in} x {n_out}",
                2.0 * rows * n_in * n_out,
                float(values * ITEMSIZE[dtype]),
                partial(_core.timing.product, dtype, role, rows, n_in, n_out),
            )


def other_items(dtype: str, quick: bool) -> Iterator[Item]:
    for kernel in all_kernels(dtype):
        for name, working_set in WORKING_SETS.items():
            if not (quick and name == "memory"):
                yield item_of(kernel, dtype, name, working_set)


def item_of(kernel: Kernel, dtype: str, where: str, working_set: int) -> Item:
    """The kernel on as many whole rows as fit into the working set."""
    per_element = kernel.bytes_per_element(ITEMSIZE[dtype])
    rows = max(1, int(working_set / per_element) // kernel.columns)
    rows = rows // 16 * 16 or rows  # whole panels, for a transpose
    elements = rows * kernel.columns

    def time(seconds: float) -> float:
        if kernel.call == "elements":
            return _core.timing.elements(dtype, kernel.name, kernel.which, elements, seconds)
        return _core.timing.rows(dtype, kernel.name, kernel.which, rows, kernel.columns, seconds)

    return Item(kernel.title, where, kernel.flops * elements, per_element * elements, time)


class Roof:
    """Peak and bandwidth, measured beside each kernel; bandwidths are kept per power of two."""

    def __init__(self, dtype: str, seconds: float) -> None:
        self.dtype, self.seconds = dtype, seconds
        self.bandwidths: dict[int, float] = {}

    def peak(self) -> float:
        return _core.kernels.fma_peak(self.dtype, 1, self.seconds)

    def bandwidth(self, working_set: float) -> float:
        """Bytes per second, read and written, of the fastest of three copies and three relus.

        A copy fetches the lines that it overwrites, which is not counted; relu in place does not.
        """
        size = 1 << max(12, min(27, int(working_set - 1).bit_length()))
        if size not in self.bandwidths:
            rows = max(1, size // (COLUMNS * ITEMSIZE[self.dtype]))
            relu = (self.dtype, "activate", "relu", rows, COLUMNS, self.seconds)
            moved = 2 * rows * COLUMNS * ITEMSIZE[self.dtype]
            rates = [size / _core.timing.copy(size, self.seconds) for _ in range(3)]
            rates += [moved / _core.timing.rows(*relu) for _ in range(3)]
            self.bandwidths[size] = max(rates)
        return self.bandwidths[size]


def measure(item: Item, roof: Roof, rounds: int) -> Row:
    """Median over the rounds; the peak is taken before each."""
    samples, peaks = [], []
    for _ in range(rounds):
        peaks.append(roof.peak())
        samples.append(item.time(roof.seconds))
    seconds, peak = statistics.median(samples), statistics.median(peaks)
    bandwidth = roof.bandwidth(item.bytes)
    bounds = {"flops": item.flops / peak, "bytes": item.bytes / bandwidth}
    bound = max(bounds, key=lambda name: bounds[name])
    return {
        "kernel": item.kernel,
        "size": item.size,
        "flops": item.flops,
        "bytes": item.bytes,
        "samples": samples,
        "seconds": seconds,
        "peak": peak,
        "bandwidth": bandwidth,
        "gflops": item.flops / seconds / 1e9,
        "gbytes": item.bytes / seconds / 1e9,
        "bound": bound,
        "share_of_roof": bounds[bound] / seconds,
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python bench/kernels.py", description=__doc__)
    isas = _core.available_isas()
    parser.add_argument("--isa", help=f"of {', '.join(isas)}; default all")
    parser.add_argument("--kernels", default="", help="beginnings, such as multiply,update adam")
    parser.add_argument("--dtype", default="float32", choices=tuple(ITEMSIZE))
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--seconds", type=float, help="of one measurement, default 0.01")
    parser.add_argument("--quick", action="store_true", help="small sizes, 1 round of 0.0005 s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append a line per row")
    options = parser.parse_args(arguments)
    options.isa = isas if options.isa is None else options.isa.split(",")
    for name in options.isa:
        if name not in isas:
            parser.error(f"--isa: expected some of {', '.join(isas)}, got {name!r}")
    settle_effort(parser, options, quick=(1, 0.0005), full=(5, 0.01))
    items = [
        *product_items(options.dtype, options.quick),
        *other_items(options.dtype, options.quick),
    ]
    beginnings = tuple(options.kernels.split(","))
    options.items = [item for item in items if item.kernel.startswith(beginnings)]
    if not options.items:
        known = ", ".join(dict.fromkeys(item.kernel for item in items))
        parser.error(f"--kernels: expected beginnings of {known}, got {options.kernels!r}")
    return options


def line(row: Row) -> str:
    return (
        f"  {row['kernel']:39} {row['size']:>18} {duration(row['seconds']):>8} "
        f"{row['gflops']:8.3g} {row['gbytes']:8.3g} {row['bound']:>6} "
        f"{100 * row['share_of_roof']:6.3g} %"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    machine = describe_machine()
    context = {"bench": "kernels", **run_context(options.quick, machine), "dtype": options.dtype}
    print(machine_line(machine))
    say, before = progress("kernels"), _core.isa()
    try:
        for isa in options.isa:
            _core.use_isa(isa)
            roof = Roof(options.dtype, options.seconds)
            print(f"\n{isa}, {options.dtype}, 1 thread; peak {roof.peak() / 1e9:.0f} GFLOP/s")
            print(f"  {'kernel':39} {'size':>18} {'call':>8}  GFLOP/s     GB/s  bound  of roof")
            for item in options.items:
                say(item.kernel)
                row = context | {"isa": isa} | measure(item, roof, options.rounds)
                say("")
                print(line(row), flush=True)
                append_rows(options.json, [row])
            sizes = [f"{size >> 10} KiB {b / 1e9:.0f}" for size, b in roof.bandwidths.items()]
            print(f"  bandwidths in GB/s: {', '.join(sizes)}")
    finally:
        _core.use_isa(before)


if __name__ == "__main__":
    main()
