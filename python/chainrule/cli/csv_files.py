"""CSV files, read by pyarrow, with exact words for what is wrong with them.

pyarrow tells that a row is broken but not its line, and takes an unclosed quote for a long text;
Python's csv module then finds the line.
"""

import csv
import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from chainrule.cli.console import InputError, names, note, one_line

SEPARATORS = (",", ";", "\t", "|")
DECIMAL_COMMA = r"^[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?$"
THOUSANDS = r"^[+-]?([1-9]\d{0,2},\d{3}|\d+)$"
# pyarrow's own list, and the question mark of many public data sets.
MISSING = [*arrow_csv.ConvertOptions().null_values, "<NA>", "?"]


def read_csv(path: Path, tabs: bool, text: Collection[str]) -> pa.Table:
    """The table; columns named in `text` stay text. Raises InputError, OSError, ArrowException."""
    separator, header = _header(path, tabs)
    labels = _labels(header)
    _check_quotes(path, separator)
    kinds = {raw: pa.string() for raw, name in zip(header, labels, strict=True) if name in text}
    try:
        table = arrow_csv.read_csv(
            path,
            parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                null_values=MISSING, strings_can_be_null=True, column_types=kinds
            ),
        )
        found = table.columns
    except pa.ArrowInvalid as error:
        broken = _broken_row(path, separator)
        raise InputError(f"{path}: {broken or one_line(error)}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: the names of the columns are not UTF-8 text") from None
    if len(found) != len(labels):
        what = f"{len(labels)} names in the first row, {len(found)} columns below it"
        raise InputError(f"{path}: broken row: {what}")
    columns = [
        _clean(path, column, name, name in text) for name, column in zip(labels, found, strict=True)
    ]
    if separator != ",":
        columns = _without_decimal_commas(path, columns, labels, text)
    return pa.Table.from_arrays(columns, labels)


@contextmanager
def _text(path: Path) -> Iterator[io.TextIOWrapper]:
    with (
        pa.input_stream(str(path)) as stream,  # unpacks .gz, .bz2 and .zst
        io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="") as file,
    ):
        yield file


def _header(path: Path, tabs: bool) -> tuple[str, list[str]]:
    """The separator and the fields of the first row that is not blank."""
    with _text(path) as file:
        start = file.read(1 << 16)
    if "\0" in start:
        raise InputError(f"{path}: not a text file")
    lines = start.lstrip("\r\n").splitlines(keepends=True)
    if not lines:
        raise InputError(f"{path}: the file is empty")
    unquoted = "".join(lines[0].split('"')[::2])
    separator = "\t" if tabs else max(SEPARATORS, key=unquoted.count)
    return separator, next(csv.reader(lines, delimiter=separator))


def _labels(header: list[str]) -> list[str]:
    """The names of the columns; one without a name (a stored row index) is called by its place."""
    return [name.strip() or f"column {place}" for place, name in enumerate(header, start=1)]


def _check_quotes(path: Path, separator: str) -> None:
    """Refuses a file with a quote that is not closed: the rest of it would be one text."""
    with pa.input_stream(str(path)) as stream:
        quotes = sum(block.count(b'"') for block in iter(lambda: stream.read(1 << 20), b""))
    if quotes % 2 and (broken := _broken_row(path, separator)):
        raise InputError(f"{path}: {broken}")


def _broken_row(path: Path, separator: str) -> str | None:
    """What is wrong with the first row that is broken; None if Python's csv module finds none."""
    with _text(path) as file:
        reader = csv.reader(file, delimiter=separator, strict=True)
        width, line = 0, 1
        try:
            for row in reader:
                if row and not width:
                    width = len(row)
                if row and len(row) != width:
                    shown = separator.join(row)
                    shown = shown if len(shown) <= 60 else shown[:57] + "..."
                    return f"line {line}: expected {width} fields, got {len(row)}: {shown!r}"
                line = reader.line_num + 1
        except csv.Error as error:
            return f"line {line}: broken row, perhaps a quote that is not closed: {error}"
    return None


def _without_decimal_commas(
    path: Path, columns: list[pa.ChunkedArray], labels: list[str], text: Collection[str]
) -> list[pa.ChunkedArray]:
    """Columns of numbers such as "2,5", all of them, as numbers; one in which every comma may stand
    before thousands ("1,234") stays text."""
    found, unclear = {}, []
    for place, (name, column) in enumerate(zip(labels, columns, strict=True)):
        if name in text or not pa.types.is_string(column.type):
            continue
        if not pc.all(pc.match_substring_regex(column, DECIMAL_COMMA)).as_py():  # None: no values
            continue
        if pc.all(pc.match_substring_regex(column, THOUSANDS)).as_py():
            unclear.append(name)
        else:
            found[place] = pc.cast(pc.replace_substring(column, ",", "."), pa.float64())
    if found:
        note(f"{path}: {names(labels[place] for place in found)}: decimal commas read as points")
    if unclear:
        what = "commas may stand for points or before thousands, so it is text"
        note(f"{path}: {names(unclear)}: {what}")
    return [found.get(place, column) for place, column in enumerate(columns)]


def _clean(path: Path, column: pa.ChunkedArray, name: str, keep_text: bool) -> pa.ChunkedArray:
    """Text without white space around it; numbers that stood among such text become numbers."""
    if pa.types.is_binary(column.type):
        raise InputError(f"{path}: column {name!r} is not UTF-8 text")
    if not pa.types.is_string(column.type):
        return column
    trimmed = pc.utf8_trim_whitespace(column)
    missing = pc.is_in(trimmed, value_set=pa.array(MISSING))
    trimmed = pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)
    if not keep_text and not trimmed.equals(column):
        try:
            return pc.cast(trimmed, pa.float64())
        except pa.ArrowInvalid:
            pass
    return trimmed
