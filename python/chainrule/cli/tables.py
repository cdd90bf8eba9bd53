"""Reading tables: CSV, Parquet and NPZ become a `Table` with a few kinds of columns.

A column of `Table.frame` has one of these dtypes:

    number     any int or float dtype; missing is NaN
    boolean    bool, or object with True, False and None
    category   object with str and None
    time       datetime64, UTC where the file told a time zone; missing is NaT

CSV: UTF-8, the first row names the columns, the separator (, ; tab |) is seen from that row. Text
is stripped of white space around it; empty fields, NA, NaN, null, N/A and ? are missing. Every row
must have as many fields as the first. A file may be compressed (.csv.gz, .csv.bz2, .csv.zst).

NPZ: an array (m,) is a column of its name, an array (m, n) named X is the columns X[0] .. X[n-1];
further dimensions are flattened. Arrays with another number of rows than the target are left out.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chainrule.cli.console import InputError, names, note
from chainrule.cli.csv_files import read_csv

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".npz")
COMPRESSED = (".gz", ".bz2", ".zst")


@dataclass
class Table:
    """A table as read. `unsupported` names columns of other types (lists, ..) and their type."""

    path: Path
    frame: pd.DataFrame
    unsupported: dict[str, str] = field(default_factory=dict)

    def column(self, name: str, option: str = "column") -> pd.Series:
        """The column, or an InputError that lists the columns."""
        self.check_names([name], option)
        return self.frame[name]

    def check_names(self, wanted: Sequence[str], option: str = "column") -> None:
        """Raises InputError, naming them, if some of these are not columns."""
        known = [*self.frame.columns, *self.unsupported]
        absent = [name for name in wanted if name not in known]
        if absent:
            what = f"{option}: no column" if len(absent) == 1 else f"{option}: no columns"
            raise InputError(f"{self.path}: {what} {names(absent)}; there are {names(known, 20)}")
        for name in wanted:
            if name in self.unsupported:
                kind = self.unsupported[name]
                raise InputError(f"{self.path}: column {name!r} holds {kind}, which is no use here")


def read_table(path: Path, target: str | None = None, text: Collection[str] = ()) -> Table:
    """The table in a file; the suffix tells the format.

    `target` tells an NPZ file's number of rows; columns of a CSV file named in `text` are read as
    text, whatever they look like. Raises InputError for whatever is wrong with the file.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-1] if suffixes else ""
    if kind in COMPRESSED and len(suffixes) > 1:
        kind = suffixes[-2]
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a directory, not a file")
    if kind not in SUFFIXES:
        expected = f"a name ending in one of {', '.join(SUFFIXES)}"
        raise InputError(f"{path}: unknown kind of table; expected {expected}")
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty")
        if kind == ".npz":
            table = Table(path, _read_npz(path, target))
        elif kind in (".parquet", ".pq"):
            table = _from_arrow(path, pq.ParquetFile(path).read())
        else:
            table = _from_arrow(path, read_csv(path, kind == ".tsv", text))
    except PermissionError:
        raise InputError(f"{path}: permission denied") from None
    except (OSError, pa.ArrowException) as error:
        what = {".npz": "NPZ", ".parquet": "Parquet", ".pq": "Parquet"}.get(kind, "CSV")
        raise InputError(f"{path}: not a readable {what} file: {error}") from None
    if len(table.frame) == 0:
        raise InputError(f"{path}: the table has no rows")
    return table


def _from_arrow(path: Path, arrow: pa.Table) -> Table:
    repeated = [name for name, times in Counter(arrow.column_names).items() if times > 1]
    if repeated:
        raise InputError(f"{path}: more than one column is named {names(repeated)}")
    columns: dict[str, Any] = {}
    unsupported: dict[str, str] = {}
    for name in arrow.column_names:
        if name.startswith("__index_level_"):  # a pandas index that was stored along
            continue
        values = _values(arrow[name])
        if values is None:
            unsupported[name] = str(arrow[name].type)
        else:
            columns[name] = values
    frame = pd.DataFrame(columns, index=range(arrow.num_rows))
    return Table(path, frame, unsupported)


def _values(column: pa.ChunkedArray) -> pd.Series | None:
    """The column as one of the kinds above; None if it is of none."""
    types = pa.types
    if types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    kind = column.type
    if types.is_binary(kind) or types.is_large_binary(kind):
        try:
            column, kind = pc.cast(column, pa.large_string()), pa.large_string()
        except pa.ArrowInvalid:  # bytes that are no text
            return None
    if types.is_null(kind):
        return pd.Series(np.full(len(column), np.nan))
    if types.is_decimal(kind):
        column = pc.cast(column, pa.float64())
    if types.is_float16(kind):  # which older versions of pyarrow do not cast
        return pd.Series(column.to_pandas(), dtype=np.float64)
    if types.is_time(kind):  # seconds since midnight
        microseconds = pc.cast(column, pa.time64("us"), safe=False)
        return pd.Series(pc.cast(microseconds, pa.int64()).to_pandas() / 1e6)
    if types.is_date(kind) or types.is_timestamp(kind):
        return pd.Series(pc.cast(column, pa.timestamp("us"), safe=False).to_pandas())
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return pd.Series(column.to_pandas())
    if types.is_boolean(kind):
        return pd.Series(column.to_pandas(), dtype=object if column.null_count else bool)
    if types.is_string(kind) or types.is_large_string(kind) or "string_view" in str(kind):
        return pd.Series(np.array(column.to_pylist(), dtype=object), dtype=object)
    return None


def _read_npz(path: Path, target: str | None) -> pd.DataFrame:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
    except Exception as error:  # zipfile, zlib and NumPy each have their own
        raise InputError(f"{path}: not a readable NPZ file: {error}") from None
    arrays = {name: array for name, array in arrays.items() if array.ndim}
    if not arrays:
        raise InputError(f"{path}: no arrays with rows")
    first = next((name for name in (target, "X") if name in arrays), next(iter(arrays)))
    rows = len(arrays[first])
    others = [name for name, array in arrays.items() if len(array) != rows]
    if others:
        note(f"{path}: {names(others)} left out, not of {rows} rows like {first!r}")
    columns: dict[str, Any] = {}
    for name, array in arrays.items():
        if name in others:
            continue
        if array.dtype.kind not in "biufUSM":
            raise InputError(f"{path}: array {name!r} is of {array.dtype}, which is no use here")
        flat = array.reshape(rows, -1) if rows else array.reshape(0, 0)
        if name == target and flat.shape[1] != 1:
            raise InputError(f"{path}: target {name!r} has shape {array.shape}, expected ({rows},)")
        single = array.ndim == 1 or name == target
        for index in range(flat.shape[1]):
            label = name if single else f"{name}[{index}]"
            columns[label] = _plain_array(flat[:, index])
    return pd.DataFrame(columns, index=range(rows))


def _plain_array(values: Any) -> pd.Series:
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "U":
        return pd.Series([text.strip() or None for text in values.tolist()], dtype=object)
    if values.dtype.kind == "M":
        return pd.Series(values.astype("datetime64[us]"))
    return pd.Series(values)
