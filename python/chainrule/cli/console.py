"""What the commands say: errors in the input, notes, warnings, tables; and where files may go."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


class InputError(Exception):
    """Input that cannot be used; its text is shown on one line and the exit status is 2."""


def one_line(text: object) -> str:
    """The text with every run of white space, also line ends, as one space."""
    return " ".join(str(text).split())


def note(text: str) -> None:
    print(f"chainrule: note: {one_line(text)}", file=sys.stderr)


def warning(text: str) -> None:
    print(f"chainrule: warning: {one_line(text)}", file=sys.stderr)


def names(values: Iterable[object], most: int = 8) -> str:
    """`'a', 'b', 'c' and 7 more`."""
    values = list(values)
    shown = ", ".join(map(repr, values[:most]))
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"


def count(number: int, thing: str, things: str | None = None) -> str:
    """`1 row`, `1,797 rows`; "classes" has to be told."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {things or thing + 's'}"


def make_table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> "Table":
    """A table whose first column is text and whose others are numbers, flush right."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    return table


def show(*things: Any) -> None:
    """Prints texts and tables to standard output; nothing in them is taken for markup."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    for thing in things:
        print(thing) if isinstance(thing, str) else console.print(thing)


def number(value: float | None, digits: int = 4) -> str:
    """Four significant digits, with separators from 10,000 on; a dash for None."""
    if value is None:
        return "-"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}" if abs(value) < 1e12 else f"{value:.{digits}g}"
    return f"{value:.{digits}g}"


def check_free(path: Path, option: str) -> None:
    """Refuses a file that nobody named and that is there: only what is named may be overwritten."""
    if os.path.lexists(path):
        raise InputError(f"{path}: is there already; give {option}, which may be overwritten")


def check_output(option: str, path: Path, suffixes: Sequence[str], inputs: Sequence[Path]) -> None:
    """Refuses, before any work, a file that could not be written or would overwrite an input."""
    if path.suffix.lower() not in suffixes:
        expected = suffixes[0] if len(suffixes) == 1 else f"one of {', '.join(suffixes)}"
        raise InputError(f"{option} {path}: expected a name ending in {expected}")
    if path.is_dir():
        raise InputError(f"{option} {path}: is a directory")
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise InputError(f"{option} {path}: permission denied")
    for other in inputs:
        if path.exists() and other.exists() and path.samefile(other):
            raise InputError(f"{option} {path}: would overwrite the input")
