"""Weights of rows from the weights of their classes."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import check_number, message

Array = NDArray[Any]
ClassWeight: TypeAlias = Mapping[Any, float] | str | None


def check_class_weight(where: str, given: Any) -> None:
    """Raises TypeError or ValueError unless it is a dict of weights >= 0, "balanced" or None."""
    if isinstance(given, Mapping):
        for weight in given.values():
            check_number(where, "class_weight", weight, minimum=0, note=" for each class")
    elif given is not None and not (isinstance(given, str) and given == "balanced"):
        expected = "a dict {class: weight}, 'balanced' or None"
        raise TypeError(message(where, "class_weight", expected, given))


def weights_of_rows(where: str, given: Any, labels: Array, classes: Sequence[Any] | Array) -> Array:
    """(m,), of labels (m,), each one of the `classes`.

    "balanced" is m / (k n_c) for each of the n_c rows of class c, of k classes that the labels
    have; a dict gives 1 to classes not in it. It may have more classes than there are, but then
    all of these, too.
    """
    if isinstance(given, str):
        _, indices, counts = np.unique(labels, return_inverse=True, return_counts=True)
        return (len(labels) / (len(counts) * counts))[indices]
    lacking = [c for c in classes if c not in given]
    others = [c for c in given if c not in list(classes)]
    if lacking and others:
        expected = f"weights of the classes {', '.join(map(str, classes))}"
        raise ValueError(message(where, "class_weight", expected, given))
    weights = np.ones(len(labels))
    for c in classes:
        weights[labels == c] = given.get(c, 1.0)
    return weights


def weights_of_columns(
    where: str, given: Any, labels: Array, classes: Sequence[Sequence[Any] | Array]
) -> Array:
    """(m,), the product over the columns of labels (m, k); `given` is "balanced" or has k."""
    k = labels.shape[1]
    if not isinstance(given, str) and not (isinstance(given, list | tuple) and len(given) == k):
        expected = f"a list of {k} dicts, one for each output, or 'balanced'"
        raise ValueError(message(where, "class_weight", expected, given))
    each = [given] * k if isinstance(given, str) else given
    weights = np.ones(len(labels))
    for one, column, of_column in zip(each, labels.T, classes, strict=True):
        if one is not None:
            weights *= weights_of_rows(where, one, column, of_column)
    return weights


def weights_of_targets(
    where: str,
    given: Any,
    Y: Any,
    kind: str,
    groups: Sequence[int],
    sample_weight: Array | None = None,
) -> Array:
    """(m,), of checked targets of this kind (`_core.loss_targets`) for outputs in these groups.

    Classes are their indices, or for a single output its two targets. Times the checked weights of
    rows, if there are any; the products must be weights, too.
    """
    check_class_weight(where, given)
    Y, n = np.asarray(Y), sum(groups)
    has_classes = kind in ("Classes", "OneClass") and len(groups) == 1 and n > 1
    if has_classes and Y.ndim == 1:
        labels, classes = Y, list(range(n))
    elif has_classes and np.isin(Y, (0, 1)).all():
        labels, classes = Y.argmax(axis=1), list(range(n))
    elif kind in ("Labels", "Sides") and n == 1 and np.isin(Y, (-1, 0, 1)).all():
        labels, classes = Y.ravel(), [-1 if (Y == -1).any() else 0, 1]
    else:
        got = "targets that give a row no class, or several"
        raise ValueError(f"[{where}] class_weight: expected None with {got}")
    weights, times = weights_of_rows(where, given, labels, classes), ""
    with np.errstate(over="ignore"):
        if sample_weight is not None:
            weights, times = weights * sample_weight, ", times sample_weight,"
        is_finite = np.isfinite(weights.sum())
    if not (weights.any() and is_finite):
        expected = f"a weight > 0{times} for at least one row"
        if not is_finite:
            expected = f"weights{times} with a finite sum over the rows"
        raise ValueError(message(where, "class_weight", expected, given))
    return weights
