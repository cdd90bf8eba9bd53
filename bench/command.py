"""The command line that training.py and inference.py share: options, a run of all cases, rows."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from bench.cases import KNOWN, find_cases
from bench.machine import commit, describe_machine, describe_software, machine_line, usable_cpus
from bench.measure import Settings, measure
from bench.peers import find_peers, is_installed, peers_for, versions
from bench.report import text_table
from bench.rows import summarize


def thread_counts(names: list[str], usable: int) -> list[int]:
    """Numbers from words such as "1" and "all", each once. ValueError: not from 1 to `usable`."""
    counts = []
    for name in names:
        count = usable if name == "all" else int(name) if name.isdigit() else 0
        if not 1 <= count <= usable:
            raise ValueError(f"[bench] --threads: expected 1 to {usable} or all, got {name!r}")
        if count not in counts:
            counts.append(count)
    return counts


def settle_effort(
    parser: argparse.ArgumentParser,
    options: argparse.Namespace,
    quick: tuple[int, float],
    full: tuple[int, float],
) -> None:
    """Fills in --rounds and --seconds where they are missing, and refuses those not above 0."""
    rounds, seconds = quick if options.quick else full
    options.rounds = rounds if options.rounds is None else options.rounds
    options.seconds = seconds if options.seconds is None else options.seconds
    if options.rounds < 1 or not 0 < options.seconds < math.inf:
        parser.error("--rounds and --seconds: expected more than 0")


def parse(job: str, description: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python bench/{job}.py", description=description)
    cases = ", ".join(case.name for case in KNOWN[job][:-1])
    peers = ", ".join(peer.name for peer in peers_for(job))
    parser.add_argument("--cases", help=f"beginnings of {cases}; default all")
    parser.add_argument("--threads", default="1,all", help="default 1,all (all: one per core)")
    parser.add_argument("--peers", help=f"of {peers}; default all")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--rounds", type=int, help="default 7")
    parser.add_argument("--seconds", type=float, help="of one measurement, default 0.3")
    parser.add_argument("--quick", action="store_true", help="few rows, 3 rounds of 0.05 s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append a line per row")
    parser.add_argument("--log", type=Path, metavar="FILE", help="what the libraries print")
    options = parser.parse_args(arguments)
    for name in ("cases", "threads", "peers"):
        words = getattr(options, name)
        setattr(options, name, None if words is None else words.split(","))
    settle_effort(parser, options, quick=(3, 0.05), full=(7, 0.3))
    try:
        options.cases = find_cases(options.cases, job)
        options.peers = find_peers(options.peers, job)
        options.threads = thread_counts(options.threads, len(usable_cpus()))
    except ValueError as error:
        parser.error(str(error))
    return options


def run_context(quick: bool, machine: dict[str, Any]) -> dict[str, Any]:
    """What goes into every row of a run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **commit(),
        "quick": quick,
        "machine": machine,
        "software": describe_software(),
    }


def append_rows(path: Path | None, rows: list[dict[str, Any]]) -> None:
    """To a file with a JSON object per line; None is no file."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def run(options: argparse.Namespace, log: TextIO | None) -> None:
    cpus, machine = usable_cpus(), describe_machine()
    context: dict[str, Any] = {
        **run_context(options.quick, machine),
        "versions": {peer.name: versions(peer) for peer in options.peers if is_installed(peer)},
    }
    print(machine_line(machine))
    print(", ".join(f"{k} {v}" for k, v in {**context["software"], **_all(context)}.items()))
    settings = Settings(options.dtype, options.rounds, options.seconds)
    for case in options.cases:
        timed = case.quick() if options.quick else case
        for n_threads in options.threads:
            title = f"{case.name}, {n_threads} threads"
            # The last CPUs: the first one serves most interrupts.
            peers = [peer for peer in options.peers if case.hidden in peer.hidden]
            measurement = measure(timed, cpus[-n_threads:], peers, settings, progress(title), log)
            rows = summarize(measurement, settings, context)
            progress("")("")
            print("\n" + text_table(rows), flush=True)
            append_rows(options.json, rows)
    print("\nx fastest peer: its time / this time, median (quartiles) of the ratios in each round.")


def _all(context: dict[str, Any]) -> dict[str, str]:
    return {name: v for found in context["versions"].values() for name, v in found.items()}


def progress(title: str) -> Any:
    """A line on a terminal that overwrites itself; elsewhere nothing."""

    def say(text: str) -> None:
        if sys.stderr.isatty():
            line = f"{title}: {text}" if text else ""
            print(f"\r{line[:78]:78}\r", end="", file=sys.stderr, flush=True)

    return say


def main(job: str, description: str | None, arguments: Sequence[str] | None) -> None:
    """Runs `python bench/JOB.py`, with the command line's arguments if None are given."""
    options = parse(job, description, arguments)
    if options.log is None:
        run(options, None)
    else:
        with options.log.open("a", encoding="utf-8") as log:
            run(options, log)
