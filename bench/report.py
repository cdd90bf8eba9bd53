"""Rows as text. As a program, `python bench/report.py FILE`: a --json file as Markdown, a summary
first, and with --plot a picture of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.cases import INFERENCE, TRAINING
from bench.machine import machine_line
from bench.peers import OURS
from bench.rows import quartiles, warnings_of

Row = dict[str, Any]
STEP = {TRAINING: "step", INFERENCE: "call"}  # what is timed
HEADER = ("peer", "time", "quartiles", "GFLOP/s", "of peak", "x fastest peer", "loss", "warm-up")


def duration(seconds: float) -> str:
    """123 ns, 1.23 us, 12.3 ms, 1.23 s: three digits."""
    for unit, name in ((1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s")):
        value = seconds / unit
        if value < 999.5 or name == "s":
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {name}"
    raise AssertionError("unreachable")


def two_digits(value: float) -> str:
    """2.63, 0.17, 0.0084."""
    return f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"


def cells(row: Row) -> tuple[str, ...]:
    """The columns of HEADER, for a row with numbers."""
    seconds, share = row["seconds"], row["share_of_peak"]
    ratio = row["to_fastest_peer"]
    if ratio is not None:
        low, middle, high = (two_digits(ratio[key]) for key in ("q1", "median", "q3"))
    compiling = row["setup"]["compile_seconds"]
    return (
        row["peer"],
        duration(seconds["median"]),
        f"{duration(seconds['q1'])} - {duration(seconds['q3'])}",
        f"{row['gflops']:.3g}",
        "" if share is None else f"{100 * share:.2g} %",
        "" if ratio is None else f"{middle} ({low}-{high})",
        f"{row['setup']['loss']['after']:.5f}",
        duration(compiling) if compiling >= 0.05 else "",
    )


def case_line(rows: list[Row]) -> str:
    """What the rows of one case have in common."""
    first, case = rows[0], rows[0]["case"]
    text = (
        f"{case['name']}: {'-'.join(map(str, case['sizes']))}, batch {case['batch_size']}, "
        f"{first['dtype']}, {first['threads']} thread{'s' if first['threads'] > 1 else ''}; "
        f"{case['flops_per_step'] / 1e6:.3g} MFLOP per {STEP[first['bench']]}, {case['rows']} rows"
    )
    peaks = [peak / 1e9 for row in rows for peak in row.get("peaks", ()) if peak]
    if peaks:
        low, median, high = quartiles(peaks)
        text += f"; peak {median:.0f} GFLOP/s ({low:.0f}-{high:.0f})"
    losses = [row["setup"]["loss"] for row in rows if "setup" in row]
    if losses and losses[0]["steps"]:
        text += f"; loss {losses[0]['before']:.4f} before, shown after {losses[0]['steps']} steps"
    return text


def text_table(rows: list[Row]) -> str:
    """The rows of one case, for a terminal."""
    table = [HEADER, *(cells(row) for row in rows if "seconds" in row)]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEADER))]
    lines = [case_line(rows)]
    for line in table:
        padded = [line[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        lines.append(("  " + "  ".join(padded)).rstrip())
    lines += [f"  {row['peer']}: {row['status']}" for row in rows if "seconds" not in row]
    lines += [f"  ! {warning}" for warning in warnings_of(rows)]
    return "\n".join(lines)


def markdown_table(rows: list[Row]) -> str:
    """The rows of one case, for a document."""
    lines = [case_line(rows), "", "| " + " | ".join(HEADER) + " |"]
    lines.append("| --- |" + " ---: |" * (len(HEADER) - 1))
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows if "seconds" in row]
    notes = [f"{row['peer']}: {row['status']}" for row in rows if "seconds" not in row]
    lines += ["", *(f"* {note}" for note in [*notes, *warnings_of(rows)])]
    return "\n".join(lines).rstrip()


def markdown_summary(rows: list[Row]) -> str:
    """A line per case and number of threads: the step of each peer, and how chainrule stands."""
    names = list(dict.fromkeys(row["peer"] for row in rows))
    ours = (f"{OURS}: of peak", "x fastest peer")
    header = ["case", "threads", *names, *ours, "losses within", "others busy"]
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    for group in by_case(rows):
        found = {row["peer"]: row for row in group if "seconds" in row}
        line = [group[0]["case"]["name"], str(group[0]["threads"])]
        line += [duration(found[n]["seconds"]["median"]) if n in found else "" for n in names]
        line += cells(found[OURS])[4:6] if OURS in found else ("", "")
        line.append(losses_within(group))
        others = group[0]["others_busy"]
        line.append("" if others is None else f"{others:.0%}")
        lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines)


def losses_within(rows: list[Row]) -> str:
    """By how much the losses of the rows of one case are off their median, at most."""
    deviations = [abs(row["loss_deviation"]) for row in rows if "loss_deviation" in row]
    if not deviations:
        return ""
    largest = 100 * max(deviations)
    return f"{largest:.2g} %" if largest >= 0.001 else "< 0.001 %"


def by_case(rows: list[Row]) -> list[list[Row]]:
    """Rows of the same run, case and threads together, in the order of their first row."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row["bench"], row["date"], row["case"]["name"], row["dtype"], row["threads"])
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python bench/report.py", description=__doc__)
    parser.add_argument("file", type=Path, help="what training.py or inference.py --json wrote")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture too, .svg or .png")
    options = parser.parse_args(arguments)
    rows = [json.loads(line) for line in options.file.read_text().splitlines()]
    runs: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        runs.setdefault((row["bench"], row["date"]), []).append(row)
    for run in runs.values():
        first = run[0]
        commit = (first["commit"] or "no commit")[:12] + (" + changes" if first["dirty"] else "")
        print(f"{machine_line(first['machine'])}. {first['date']}, {commit}.\n")
        print(markdown_summary(run) + "\n")
        for group in by_case(run):
            print(markdown_table(group) + "\n")
    if options.plot is not None:
        from bench.picture import draw

        draw(rows, options.plot)


if __name__ == "__main__":
    main()
