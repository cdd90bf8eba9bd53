"""Saving and loading 100 MB beside a plain write and read: `python bench/saving.py --help`.

A network, and a trainer whose optimizer keeps two more arrays for each parameter. They take turns
with a plain write and flush, and a plain read, of the same bytes in the same folder. Reported are
the median times and the medians of the ratios within a round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import chainrule as cr
from bench.command import append_rows, run_context
from bench.machine import describe_machine, machine_line
from bench.report import duration

QUICK_BYTES = 10**6
BYTES = 10**8
ROUNDS = 15
TIMES = ("write", "save", "read", "load")  # in the order of a round


def network(parameter_bytes: int, dtype: str) -> cr.Network:
    """Five layers of equal width, so that the parameters take about so many bytes."""
    size = {"float32": 4, "float64": 8}[dtype]
    width = round((parameter_bytes / size / 5) ** 0.5)
    return cr.Network([cr.Dense(width, "relu")] * 5, width, dtype)


def cases(n_bytes: int, dtype: str) -> dict[str, Any]:
    """What is saved, by name; each file has about so many bytes."""
    trainer = cr.Trainer(network(n_bytes // 3, dtype), "squared_error", "adam")
    return {"network": network(n_bytes, dtype), "trainer": trainer}


def compare(name: str, saved: Any, folder: Path, rounds: int) -> dict[str, Any]:
    """The row of one case: its size, and the seconds of each round."""
    ours, plain = folder / "ours", folder / "plain"
    saved.save(ours)
    content = ours.read_bytes()
    jobs: dict[str, Callable[[], Any]] = {
        "write": lambda: write(plain, content),
        "save": lambda: saved.save(ours),
        "read": plain.read_bytes,
        "load": lambda: type(saved).load(ours),
    }
    seconds: dict[str, list[float]] = {job: [] for job in TIMES}
    for _ in range(rounds):
        ours.unlink()  # to replace a file takes time, too
        plain.unlink(missing_ok=True)
        for job in TIMES:
            start = time.perf_counter()
            jobs[job]()
            seconds[job].append(time.perf_counter() - start)
    return {"case": name, "bytes": len(content), "seconds": seconds}


def write(path: Path, content: bytes) -> None:
    """A new file, flushed to the disk."""
    with open(path, "xb", buffering=0) as file:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


def line(row: dict[str, Any]) -> str:
    """A line of the table."""
    seconds = row["seconds"]

    def ratio(job: str, plain: str) -> str:
        pairs = zip(seconds[job], seconds[plain], strict=True)
        return f"{statistics.median(a / b for a, b in pairs):.2f}"

    write, save, read, load = (duration(statistics.median(seconds[job])) for job in TIMES)
    cells = [row["case"], row["dtype"], f"{row['bytes'] / 1e6:.0f} MB"]
    cells += [write, save, ratio("save", "write"), read, load, ratio("load", "read")]
    return "| " + " | ".join(cells) + " |"


HEADER = (
    "| case | dtype | size | write | save | ratio | read | load | ratio |\n| --- | --- |"
    + " ---: |" * 7
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python bench/saving.py", description=__doc__)
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    parser.add_argument("--folder", type=Path, help="on the disk in question; default /tmp's")
    parser.add_argument("--quick", action="store_true", help="1 MB, 2 rounds; no numbers to quote")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append a line per row")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds: expected more than 0")
    rounds, n_bytes = (2, QUICK_BYTES) if options.quick else (options.rounds, BYTES)
    machine = describe_machine()
    print(machine_line(machine), HEADER, sep="\n\n", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name, saved in cases(n_bytes, options.dtype).items():
            row = compare(name, saved, Path(folder), rounds) | {"dtype": options.dtype}
            print(line(row), flush=True)
            append_rows(options.json, [run_context(options.quick, machine) | row])


if __name__ == "__main__":
    main()
