"""Rows as text. As a program: `python bench/report.py FILE` prints the Markdown of a --json file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.machine import machine_line
from bench.rows import quartiles, warnings_of

Row = dict[str, Any]
HEADER = ("peer", "step", "quartiles", "GFLOP/s", "of peak", "x fastest peer", "loss", "compiling")


def duration(seconds: float) -> str:
    """1.23 us, 12.3 ms, 1.23 s: three digits."""
    for unit, name in ((1e-6, "us"), (1e-3, "ms"), (1.0, "s")):
        value = seconds / unit
        if value < 999.5 or name == "s":
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {name}"
    raise AssertionError("unreachable")


def cells(row: Row) -> tuple[str, ...]:
    """The columns of HEADER."""
    if "seconds" not in row:
        return (row["peer"], row["status"], *[""] * (len(HEADER) - 2))
    seconds, ratio, share = row["seconds"], row["to_fastest_peer"], row["share_of_peak"]
    middle = ""
    if ratio is not None:
        middle = f"{ratio['median']:.2f} ({ratio['q1']:.2f}-{ratio['q3']:.2f})"
    compiling = row["setup"]["compile_seconds"]
    return (
        row["peer"],
        duration(seconds["median"]),
        f"{duration(seconds['q1'])} - {duration(seconds['q3'])}",
        f"{row['gflops']:.3g}",
        "" if share is None else f"{share:.1%}",
        middle,
        f"{row['setup']['loss']['after']:.5f}",
        duration(compiling) if compiling >= 0.05 else "",
    )


def case_line(rows: list[Row]) -> str:
    """What the rows of one case have in common."""
    first, case = rows[0], rows[0]["case"]
    text = (
        f"{case['name']}: {'-'.join(map(str, case['sizes']))}, batch {case['batch_size']}, "
        f"{first['dtype']}, {first['threads']} thread{'s' if first['threads'] > 1 else ''}; "
        f"{case['flops_per_step'] / 1e6:.3g} MFLOP per step, {case['rows']} rows"
    )
    peaks = [peak / 1e9 for row in rows for peak in row.get("peaks", ()) if peak]
    if peaks:
        low, median, high = quartiles(peaks)
        text += f"; peak {median:.0f} GFLOP/s ({low:.0f}-{high:.0f})"
    losses = [row["setup"]["loss"] for row in rows if "setup" in row]
    if losses:
        text += f"; loss {losses[0]['before']:.4f} before, shown after {losses[0]['steps']} steps"
    return text


def text_table(rows: list[Row]) -> str:
    """The rows of one case, for a terminal."""
    table = [HEADER, *(cells(row) for row in rows)]
    spans = [cell for line in table[1:] for cell in line[1:2] if not line[2]]
    compared = [[c if c not in spans else "" for c in line] for line in table]
    widths = [max(len(line[i]) for line in compared) for i in range(len(HEADER))]
    lines = [case_line(rows)]
    for line in table:
        padded = [line[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        lines.append(("  " + "  ".join(padded)).rstrip())
    lines += [f"  ! {warning}" for warning in warnings_of(rows)]
    return "\n".join(lines)


def markdown_table(rows: list[Row]) -> str:
    """The rows of one case, for a document."""
    lines = [case_line(rows), "", "| " + " | ".join(HEADER) + " |"]
    lines.append("| --- |" + " ---: |" * (len(HEADER) - 1))
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    lines += ["", *(f"* {warning}" for warning in warnings_of(rows))]
    return "\n".join(lines).rstrip()


def by_case(rows: list[Row]) -> list[list[Row]]:
    """Rows of the same run, case and threads together, in the order of their first row."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row["date"], row["case"]["name"], row["dtype"], row["threads"])
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python bench/report.py FILE")
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    previous = None
    for group in by_case(rows):
        first = group[0]
        commit = (first["commit"] or "no commit")[:12] + (" + changes" if first["dirty"] else "")
        heading = f"{machine_line(first['machine'])}. {first['date']}, {commit}."
        if heading != previous:
            print(heading + "\n")
            previous = heading
        print(markdown_table(group) + "\n")


if __name__ == "__main__":
    main()
