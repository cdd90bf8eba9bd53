"""The targets of a classifier: what y may be, what is trained on, and what a prediction means.

| y                                           | encoded             | outputs               |
| ------------------------------------------- | ------------------- | --------------------- |
| two classes, (n,)                           | 0/1, (n, 1)         | a sigmoid             |
| several classes, (n,)                       | indices, (n,)       | a softmax             |
| labels 0/1, (n, n_labels)                   | 0/1, (n, n_labels)  | a sigmoid per label   |
| several classifications, (n, n_outputs)     | indices, (n, n_outputs) | a softmax for each |

`OneTarget` is the first three, which scikit-learn's LabelBinarizer knows, `SeveralTargets` the
last. `targets_of(y)` finds out.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import check_classification_targets, is_multilabel, unique_labels

from chainrule._errors import message
from chainrule.activations import Activation
from chainrule.losses import BinaryCrossEntropy, CrossEntropy, Loss

Array = NDArray[Any]


class OneTarget:
    """Two classes, several, or labels of which any may be true. `y` may be the classes alone."""

    def __init__(self, y: Any) -> None:
        self.binarizer = LabelBinarizer().fit(y)
        self.classes = self.binarizer.classes_
        self.is_multiclass = self.binarizer.y_type_ == "multiclass"
        self.is_multilabel = self.binarizer.y_type_.startswith("multilabel")

    @property
    def shape(self) -> str:
        """Of y."""
        return f"(n, {len(self.classes)})" if self.is_multilabel else "(n,)"

    def fits(self, y: Any) -> bool:
        """Whether y has this shape."""
        if self.is_multilabel:
            return y.ndim == 2 and y.shape[1] == len(self.classes)
        return y.ndim == 1

    def check(self, where: str, argument: str, y: Any, all_of_them: bool) -> None:
        """ValueError for another shape, for classes that are new, or with `all_of_them` missing."""
        _check_shape(self, where, argument, y)
        if self.is_multilabel:
            _check_labels(where, argument, y)
        else:
            if y.dtype == object:
                sorted_classes(where, argument, y)
            found = np.unique(y) if y.dtype.kind in "biuU" else unique_labels(y)
            _check_known(argument, found, self.classes, all_of_them)

    def encode(self, y: Any) -> Array:
        if self.is_multiclass:
            return np.searchsorted(self.classes, y)
        if self.is_multilabel:
            return (y.toarray() if issparse(y) else y).astype(bool)
        return np.isin(y, self.classes[1:])[:, None]  # of a single class none is true

    def decode(self, y: Array) -> Array:
        """The inverse."""
        if self.is_multilabel:
            return self.binarizer.inverse_transform(y.astype(int))
        return self.classes[y if self.is_multiclass else y[:, 0].astype(int)]

    def output(self, label_smoothing: float) -> tuple[int, str, Loss]:
        """Units and activation of the last layer, and the loss."""
        if self.is_multiclass:
            return len(self.classes), "softmax", CrossEntropy(label_smoothing)
        units = len(self.classes) if self.is_multilabel else 1
        return units, "sigmoid", BinaryCrossEntropy(label_smoothing)

    def predicted(self, outputs: Array) -> Array:
        """What y would be."""
        whole = self.is_multiclass or self.is_multilabel
        return self.binarizer.inverse_transform(outputs if whole else outputs.ravel())

    def probabilities(self, outputs: Array) -> Array:
        """(n, n_classes), or (n, n_labels)."""
        if outputs.shape[1] > 1:
            return outputs
        return np.concatenate([1 - outputs, outputs], axis=1)

    def accuracy(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        """The share of rows that are right; y is encoded."""
        if len(self.classes) == 1:  # which each row is and is predicted to be
            return 1.0
        if self.is_multiclass:
            right = outputs.argmax(axis=1) == y
        else:
            right = ((outputs > 0.5) == y).all(axis=1)
        return float(np.average(right, weights=sample_weight))  # accuracy_score takes a millisecond


class SeveralTargets:
    """A classification per column of y, with `classes` in a list of sorted arrays."""

    def __init__(self, classes: Sequence[Array]) -> None:
        self.classes = list(classes)
        ends = np.cumsum([len(c) for c in self.classes])
        self._units = [slice(end - len(c), end) for c, end in zip(self.classes, ends, strict=True)]

    @classmethod
    def of(cls, where: str, y: Array) -> "SeveralTargets":
        """Of all classes in y (n, n_outputs)."""
        columns = enumerate(y.T)
        return cls([sorted_classes(where, f"column {k} of y", column) for k, column in columns])

    @classmethod
    def of_classes(cls, where: str, classes: Any, what: str = "classes") -> "SeveralTargets":
        """Of a list with the classes of each output."""
        return cls([sorted_classes(where, f"{what}[{k}]", c) for k, c in enumerate(classes)])

    @property
    def shape(self) -> str:
        return f"(n, {len(self.classes)})"

    def fits(self, y: Any) -> bool:
        return y.ndim == 2 and y.shape[1] == len(self.classes)

    def check(self, where: str, argument: str, y: Any, all_of_them: bool) -> None:
        _check_shape(self, where, argument, y)
        for k, known in enumerate(self.classes):
            found = sorted_classes(where, f"column {k} of {argument}", y[:, k])
            _check_known(argument, found, known, all_of_them, f"[{k}]")

    def encode(self, y: Array) -> Array:
        pairs = zip(self.classes, y.T, strict=True)
        return np.stack([np.searchsorted(c, column) for c, column in pairs], axis=1)

    def decode(self, y: Array) -> Array:
        """Of one type only if the classes are alike, so that a 1 beside strings stays a 1."""
        columns = [c[indices] for c, indices in zip(self.classes, y.T, strict=True)]
        kinds = {"U" if column.dtype.kind == "U" else "number" for column in columns}
        return np.stack(columns, axis=1, dtype=object if len(kinds) > 1 else None)

    def output(self, label_smoothing: float) -> tuple[int, Activation, Loss]:
        sizes = tuple(len(c) for c in self.classes)
        return sum(sizes), Activation("softmax", groups=sizes), CrossEntropy(label_smoothing)

    def predicted(self, outputs: Array) -> Array:
        return self.decode(self._largest(outputs))

    def probabilities(self, outputs: Array) -> list[Array]:
        """(n, n_classes) of each output."""
        return [outputs[:, units].copy() for units in self._units]

    def accuracy(self, outputs: Array, y: Array, sample_weight: Array | None) -> float:
        """The share of rows that are right in every column; y is encoded."""
        right = (self._largest(outputs) == y).all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def _largest(self, outputs: Array) -> Array:
        return np.stack([outputs[:, units].argmax(axis=1) for units in self._units], axis=1)


Targets = OneTarget | SeveralTargets


def targets_of(where: str, y: Any) -> Targets:
    """What y is: (n,), or (n, n_columns) with at least two columns.

    Columns of 0 and 1 are labels; others are classifications of their own.
    """
    if issparse(y):
        _check_labels(where, "y", y)
        return OneTarget(y)
    if y.ndim == 1:
        if y.dtype == object:
            sorted_classes(where, "y", y)
        return OneTarget(y)
    are_labels = y.dtype != object and is_multilabel(y) and np.isin(y, (0, 1)).all()
    return OneTarget(y) if are_labels else SeveralTargets.of(where, y)


def targets_of_classes(where: str, classes: Any, n_labels: int | None) -> Targets:
    """Of `classes_` as a fitted classifier has them, or of so many labels."""
    target: Targets
    given, expected = classes, "sorted classes"
    if isinstance(classes, list | tuple) and len(classes) > 1 and are_of_outputs(classes):
        target = SeveralTargets.of_classes(where, classes, "classes_")
        given, known = chain.from_iterable(classes), chain.from_iterable(target.classes)
    elif np.ndim(classes) != 1:
        raise ValueError(message(where, "classes_", "shape (n_classes,)", classes))
    else:
        target = OneTarget(sorted_classes(where, "classes_", classes))
        if n_labels is not None:
            target, expected = OneTarget(np.eye(n_labels, dtype=int)), f"0 to {n_labels - 1}"
        known = target.classes
    if list(given) != list(known):
        raise ValueError(message(where, "classes_", expected, classes))
    return target


def are_of_outputs(classes: Any) -> bool:
    """Whether these are the classes of each of several outputs."""
    is_list = isinstance(classes, list | tuple) or np.ndim(classes) == 2
    return is_list and len(classes) > 0 and all(np.ndim(c) == 1 for c in classes)


def sorted_classes(where: str, what: str, values: Any) -> Array:
    """Of a column or list, which must be classes, of one type."""
    array = np.asarray(values)
    if array.dtype == object or not isinstance(values, np.ndarray):
        values = list(values)
        if not values:
            raise ValueError(message(where, what, "at least one label", values))
        if None in values or len({isinstance(v, str) for v in values}) > 1:
            expected = "labels of one type that can be sorted"
            raise TypeError(message(where, what, expected, values))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(message(where, what, "labels without NaN or infinity", values))
    check_classification_targets(values)
    return np.unique(array)


def _check_shape(targets: Targets, where: str, argument: str, y: Any) -> None:
    if not targets.fits(y):
        raise ValueError(message(where, argument, f"shape {targets.shape}", y.shape))


def _check_labels(where: str, argument: str, y: Any) -> None:
    values = y.data if issparse(y) else y
    others = values[~np.isin(values, (0, 1))]
    if others.size:
        raise ValueError(message(where, argument, "labels 0 and 1", others[0].item()))


def _check_known(
    argument: str, found: Array, known: Array, all_of_them: bool, of_output: str = ""
) -> None:
    if all_of_them and set(found) != set(known):
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the previous "
            f"call to fit. Previously got {known}, `y` has {found}"
        )
    if not set(found) <= set(known):
        classes = f"`self.classes_{of_output}`"
        raise ValueError(
            f"`{argument}` has classes not in {classes}. {classes} has {known}. '{argument}' has "
            f"{found}."
        )
