"""The target: classification or regression, and the way from its values to numbers and back."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chainrule.cli.console import InputError, count, names, note
from chainrule.cli.features import kind_of, plural

MOST_AUTO_CLASSES = 20  # more different whole numbers than this are taken for quantities
ROWS_PER_AUTO_CLASS = 5


@dataclass(frozen=True)
class Target:
    """What is predicted. Classes are str, bool, int or float, sorted.

    The network's output: one unit (sigmoid) for two classes, the probability of the second; one per
    class (softmax) for more; for regression one (identity), `(y - mean) / scale`.
    """

    name: str
    task: str
    classes: list[Any] = field(default_factory=list)
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def infer(cls, values: pd.Series, name: str, task: str) -> Self:
        """The target of these values, none missing; `task` "auto" looks at them.

        Auto: text and booleans are classes, and so are at most 20 different whole numbers that come
        5 times or more on average; all other numbers are quantities.
        """
        kind = kind_of(values)
        if kind == "time":
            raise InputError(f"target {name!r} holds dates; expected numbers or classes")
        distinct = values.nunique()
        if distinct < 2:
            what = f"is {values.iloc[0]} in all rows" if distinct else "has no values"
            raise InputError(f"target {name!r} {what}: nothing to learn")
        if task == "auto":
            task = "classification" if kind != "number" or _few(values) else "regression"
            what = f"{plural(kind)} with {count(distinct, 'different value')}"
            other = "regression" if task == "classification" else "classification"
            option = f" (--task {other} changes that)" if kind == "number" else ""
            note(f"target {name!r} is {what}: {task}{option}")
        if task == "regression":
            if kind == "category":
                row, text = values.index[0] + 1, str(values.iloc[0])
                raise InputError(
                    f"target {name!r}: regression needs numbers, got {text!r} in row {row}"
                )
            return cls(name, task)
        if distinct > len(values) / 2:
            what = f"{distinct:,} different values in {count(len(values), 'row')}"
            raise InputError(f"target {name!r}: {what}, too many for classes")
        return cls(name, task, classes=sorted({_plain(value) for value in values.unique()}))

    def scaled(self, y: NDArray[np.float64]) -> Self:
        """For regression: with the mean and the standard deviation of these training values."""
        if self.task == "classification":
            return self
        return type(self)(self.name, self.task, [], float(y.mean()), float(y.std()) or 1.0)

    @property
    def n_outputs(self) -> int:
        return len(self.classes) if len(self.classes) > 2 else 1

    @property
    def activation(self) -> str:
        """Of the last layer."""
        if self.task == "regression":
            return "identity"
        return "softmax" if self.n_outputs > 1 else "sigmoid"

    @property
    def loss(self) -> str:
        if self.task == "regression":
            return "squared_error"
        return "cross_entropy" if self.n_outputs > 1 else "binary_cross_entropy"

    def encode(self, values: pd.Series, where: str = "") -> NDArray[Any]:
        """(m,) class indices, or float64 in the target's own units; none may be missing."""
        if self.task == "regression":
            if kind_of(values) not in ("number", "boolean"):
                raise InputError(f"{where}target {self.name!r}: expected numbers")
            return np.asarray(values, np.float64)
        indices = pd.Index(self.classes, dtype=object).get_indexer(pd.Index(values, dtype=object))
        if (indices < 0).any():
            unknown = values[indices < 0].unique()
            raise InputError(
                f"{where}target {self.name!r} has classes that training did not see: "
                f"{names(map(_plain, unknown))}; those known are {names(self.classes)}"
            )
        return np.asarray(indices, np.int64)

    def to_network(self, y: NDArray[Any]) -> NDArray[Any]:
        """What the loss takes, from `encode`."""
        if self.task == "regression":
            return (y - self.mean) / self.scale
        return y

    def probabilities(self, output: NDArray[Any]) -> NDArray[Any]:
        """(m, classes) from the network's output."""
        return output if self.n_outputs > 1 else np.hstack([1 - output, output])

    def decode(self, output: NDArray[Any]) -> NDArray[Any]:
        """(m,) classes, as objects, or numbers in the target's units, from the network's output."""
        if self.task == "regression":
            return np.asarray(output[:, 0], np.float64) * self.scale + self.mean
        classes: NDArray[Any] = np.empty(len(self.classes), dtype=object)
        classes[:] = self.classes
        return np.asarray(classes[self.probabilities(output).argmax(axis=1)])


def present(values: pd.Series) -> "pd.Series[bool]":
    """Which rows have a target: not missing, and finite if it is a number."""
    if kind_of(values) == "number":
        return values.notna() & np.isfinite(values.astype(np.float64))
    return values.notna()


def _few(values: pd.Series) -> bool:
    distinct = values.nunique()
    most = min(MOST_AUTO_CLASSES, len(values) / ROWS_PER_AUTO_CLASS)
    return distinct <= most and bool((values % 1 == 0).all())


def _plain(value: Any) -> Any:
    """A class as Python's own str, bool, int (also for 3.0) or float."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    return int(value) if value % 1 == 0 else float(value)
