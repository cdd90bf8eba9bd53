"""What more threads bring, beside what the machine could give: `python bench/scaling.py --help`.

Each round times, in turns, a training on one thread alone, as many copies of it at the same time,
each on a core of its own, and one training on as many threads. Copies have nothing in common but
the machine: what they lose to one alone, its caches, its memory, its clock or its other guests
take, and no division of work can win it back.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.cases import TRAINING, Case, find_cases
from bench.command import append_rows, progress, run_context, settle_effort, thread_counts
from bench.machine import describe_machine, machine_line, usable_cpus
from bench.measure import Settings, repeats_for
from bench.remote import Remote, WorkerError
from bench.report import duration

Row = dict[str, Any]
PEER = "chainrule"
LARGEST = ["784-", "1024-"]
HEADER = (
    "| case | threads | one thread | all threads | speedup | of threads | copies: of threads "
    "| of copies |\n| -- |" + " -: |" * 7
)


def compare(case: Case, cpus: list[int], settings: Settings) -> Row:
    """A row: steps per second in each round, of one thread, of all copies together, and of all
    threads."""
    with ExitStack() as stack:

        def start(on: list[int]) -> Remote:
            return stack.enter_context(Remote(PEER, case, settings.dtype, on))

        copies, team = [start([cpu]) for cpu in cpus], start(cpus)
        pool = stack.enter_context(ThreadPoolExecutor(len(copies)))
        *_, setup = pool.map(lambda remote: remote.ask("setup"), copies)
        of_one = repeats_for(copies[0], setup["repeat_seconds"], settings)
        of_team = repeats_for(team, team.ask("setup")["repeat_seconds"], settings)

        def rate(remote: Remote, repeats: int) -> float:
            seconds = remote.ask("time", repeats=repeats)["seconds"]
            return float(repeats * case.steps_per_repeat / seconds)

        rates: dict[str, list[float]] = {"one": [], "copies": [], "team": []}
        for _ in range(settings.rounds):
            rates["one"].append(rate(copies[0], of_one))
            rates["copies"].append(sum(pool.map(lambda copy: rate(copy, of_one), copies)))
            rates["team"].append(rate(team, of_team))
    steps = {f"{name}_steps_per_second": values for name, values in rates.items()}
    return {"case": case.name, "threads": len(cpus), **steps}


def ratio(row: Row, name: str, base: str) -> float:
    """Median over the rounds of steps per second of one to those of the other."""
    many, few = (row[f"{which}_steps_per_second"] for which in (name, base))
    return statistics.median(m / f for m, f in zip(many, few, strict=True))


def line(row: Row) -> str:
    """A line of the table: medians of times and ratios."""
    one, team = (statistics.median(row[f"{name}_steps_per_second"]) for name in ("one", "team"))
    n, speedup = row["threads"], ratio(row, "team", "one")
    cells = [row["case"], str(n), duration(1 / one), duration(1 / team), f"{speedup:.2f}"]
    shares = [speedup / n, ratio(row, "copies", "one") / n, ratio(row, "team", "copies")]
    return "| " + " | ".join([*cells, *(f"{share:.2f}" for share in shares)]) + " |"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python bench/scaling.py", description=__doc__)
    default = ",".join(LARGEST)
    parser.add_argument("--cases", default=default, help=f"beginnings; default {default}")
    parser.add_argument("--threads", default="all", help="such as 2,4,all; default all")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--rounds", type=int, help="default 7")
    parser.add_argument("--seconds", type=float, help="of one measurement, default 0.5")
    parser.add_argument("--quick", action="store_true", help="few rows, 2 rounds of 0.05 s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append a line per row")
    options = parser.parse_args(arguments)
    settle_effort(parser, options, quick=(2, 0.05), full=(7, 0.5))
    try:
        options.cases = find_cases(options.cases.split(","), TRAINING)
        options.threads = thread_counts(options.threads.split(","), len(usable_cpus()))
    except ValueError as error:
        parser.error(str(error))
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    machine = describe_machine()
    settings = Settings(options.dtype, options.rounds, options.seconds)
    context = run_context(options.quick, machine)
    context["dtype"] = options.dtype
    short = ", short epochs: no numbers to quote" if options.quick else ""
    print(f"{machine_line(machine)}\n{options.dtype}{short}\n\n{HEADER}")
    failed = False
    for case in options.cases:
        for n_threads in options.threads:
            progress(case.name)(f"{n_threads} threads")
            timed = case.quick() if options.quick else case
            try:
                row = compare(timed, usable_cpus()[-n_threads:], settings)
            except WorkerError as error:
                print(f"| {case.name} | {n_threads} | failed: {error} |")
                failed = True
                continue
            progress("")("")
            print(line(row), flush=True)
            append_rows(options.json, [{"bench": "scaling", **row, **context}])
    print(
        "\nof threads: speedup / threads; copies: steps of as many copies at once / those of one"
        "\nalone, / threads; of copies: steps of all threads / those of the copies together."
    )
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
