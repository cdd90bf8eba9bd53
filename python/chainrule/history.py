"""What happened in training: one record per epoch, read by column.

Keys of a record: "epoch", "loss", "val_loss", "learning_rate", "seconds", and for each metric its
name and "val_" + its name. The "val_" keys exist in epochs with validation data.
"""

import math
import numbers
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, overload

from chainrule._errors import check_list, message, unknown

if TYPE_CHECKING:
    import pandas

# No metric may take one of these names.
OWN_KEYS = ("epoch", "loss", "val_loss", "learning_rate", "seconds")

Record = dict[str, float]


class History:
    """A sequence of epochs: `history["loss"]` is a list, `history[-1]` the last epoch's record.

    Keys: "epoch", from 0; "loss" and, with validation data, "val_loss"; each metric's name, and
    "val_" before it; "learning_rate"; "seconds", of the training alone. Printed it is a table.
    A key that some epochs lack (two fits, one with validation data) reads as NaN there.
    """

    def __init__(self, records: Iterable[Mapping[str, float]] = ()) -> None:
        self._records: list[Record] = []
        for record in check_list("History", "records", "a list of records", records):
            self.append(record)

    def append(self, record: Mapping[str, float]) -> None:
        """Adds an epoch; values become plain int and float. Raises TypeError for other things."""
        if not isinstance(record, Mapping):
            raise TypeError(message("History", "record", "a dict of numbers", record))
        self._records.append(
            {
                key: value if type(value) is float or type(value) is int else _plain(key, value)
                for key, value in record.items()
            }
        )

    def keys(self) -> list[str]:
        """All keys, in the order in which they first came up."""
        return list(dict.fromkeys(key for record in self._records for key in record))

    @overload
    def __getitem__(self, key: str) -> list[float]: ...
    @overload
    def __getitem__(self, key: int) -> Record: ...
    def __getitem__(self, key: Any) -> list[float] | Record:
        if isinstance(key, numbers.Integral):
            return dict(self._records[int(key)])
        if not isinstance(key, str):
            raise TypeError(message("History", "key", "a name or the number of an epoch", key))
        if key not in self:
            raise KeyError(str(unknown("History", "key", key, self.keys())))
        return [record.get(key, math.nan) for record in self._records]

    def __len__(self) -> int:
        """The number of epochs."""
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return map(dict, self._records)

    def __contains__(self, key: object) -> bool:
        return any(key in record for record in self._records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self._records == other._records

    __hash__ = None  # type: ignore[assignment]

    def last(self) -> Record:
        """The record of the last epoch. Raises IndexError if there is none."""
        return dict(self._records[-1])

    def best(self, monitor: str | None = None, larger_is_better: bool | None = None) -> Record:
        """The record of the epoch where a key was lowest or highest, of equal ones the first.

        `monitor` None is "val_loss" (without validation data "loss"); of a metric of your own say
        whether `larger_is_better`. Raises ValueError for another key, and if no value is finite.
        """
        from chainrule._monitored import check_direction

        where = "History.best"
        key = monitored_key(self.keys(), monitor, where)
        sign = -1 if check_direction(where, key, larger_is_better) else 1
        finite = [record for record in self._records if math.isfinite(record.get(key, math.nan))]
        if not finite:
            got = [record.get(key) for record in self._records]
            raise ValueError(message(where, key, "at least one finite value", got))
        return dict(min(finite, key=lambda record: sign * record[key]))

    def to_dict(self) -> dict[str, list[float | None]]:
        """`{key: [value of each epoch]}`, None where an epoch lacks the key."""
        return {key: [record.get(key) for record in self._records] for key in self.keys()}

    @classmethod
    def from_dict(cls, columns: Mapping[str, list[float | None]]) -> Self:
        """The history whose `to_dict` this is. Raises ValueError for columns of unlike length."""
        where = "History.from_dict"
        if not isinstance(columns, Mapping):
            raise TypeError(message(where, "columns", "a dict of lists of numbers", columns))
        columns = {
            key: check_list(where, f"columns[{key!r}]", "a list of numbers", column)
            for key, column in columns.items()
        }
        lengths = {key: len(column) for key, column in columns.items()}
        if len(set(lengths.values())) > 1:
            expected = "lists of one length"
            raise ValueError(message(where, "columns", expected, lengths))
        epochs = range(max(lengths.values(), default=0))
        return cls(
            {key: value for key, column in columns.items() if (value := column[i]) is not None}
            for i in epochs
        )

    def to_pandas(self) -> "pandas.DataFrame":
        """A data frame with a row per epoch and a column per key. Needs pandas."""
        import pandas

        return pandas.DataFrame({key: self[key] for key in self.keys()})

    def __repr__(self) -> str:
        """A table of the first and the last epochs."""
        if not self:
            return "History of 0 epochs"
        rows = [[_shown(record.get(key)) for key in self.keys()] for record in self._records]
        if len(rows) > 8:
            rows[3:-4] = [["..."] * len(self.keys())]
        table = [self.keys(), *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.rjust, row, widths)) for row in table]
        return "\n".join([f"History of {len(self)} epochs", *lines])


def monitored_key(keys: Iterable[str], monitor: str | None, where: str) -> str:
    """`monitor`, or for None "val_loss" (without validation data "loss").

    Raises ValueError, listing the keys of the epoch, if it is none of them.
    """
    keys = list(keys)
    if monitor is None:
        return "val_loss" if "val_loss" in keys else "loss"
    if monitor not in keys:
        raise unknown(where, "monitor", monitor, keys)
    return monitor


def _plain(key: str, value: Any) -> float:
    if isinstance(value, numbers.Real):
        with suppress(TypeError):  # of a duration, which NumPy counts among the numbers
            return int(value) if isinstance(value, numbers.Integral) else float(value)
    raise TypeError(message("History", key, "a number", value))


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4g}"
