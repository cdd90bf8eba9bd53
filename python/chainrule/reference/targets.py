"""Targets: Y as columns, whichever way it came."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .activations import Activation, activation_groups
from .checks import Array, refuse, samples_as_columns
from .loss_table import LOSSES, Loss, loss_name_and_options


def targets_as_columns(
    where: str,
    Y: ArrayLike,
    n_y: int,
    m: int,
    loss: Loss,
    samples: str,
    dtype: Any,
    activation: Activation,
) -> Array:
    """Y as an array (n_y, m); class indices (m,) become one-hot columns, one output (m,) a row.

    After a softmax with groups class indices are (n_groups, m), or (m, n_groups) with
    samples="rows". ValueError: wrong shape, class out of range, labels that are no probabilities,
    negative counts, probabilities for a margin loss.
    """
    kind = LOSSES[loss_name_and_options(where, loss)[0]].targets
    Y = np.asarray(Y)
    each, of_classes = activation_groups(activation), kind in ("classes", "one class")
    if kind == "one class":  # of all outputs, whatever their groups
        each = [slice(None)]
    of_groups = Y.ndim == 2 and 1 < len(each) == Y.shape[samples == "rows"]
    if of_classes and len(each) == 1 and Y.ndim == 1:
        columns = one_hot(where, Y, n_y, dtype)
    elif of_classes and of_groups:
        classes = samples_as_columns(where, "Y", Y, len(each), samples, np.float64)
        sizes = [units.stop - units.start for units in each]
        pairs = zip(classes, sizes, strict=True)
        columns = np.concatenate([one_hot(where, y, n, dtype) for y, n in pairs])
    elif Y.ndim == 1 and n_y == 1:
        columns = Y.reshape(1, -1).astype(dtype)
    else:
        columns = samples_as_columns(where, "Y", Y, n_y, samples, dtype)
    if columns.shape[1] != m:
        raise refuse(where, "Y", f"{m} samples, as in X", columns.shape[1])
    _check_values(where, columns, kind)
    sums = np.array([columns[units].sum(axis=0) for units in each])
    if of_classes and not np.allclose(sums, 1, rtol=0, atol=1e-5):
        got = f"sums from {sums.min()} to {sums.max()}"
        of_each = "sample" if len(each) == 1 else "group of each sample"
        raise refuse(where, "Y", f"labels that sum to 1 in each {of_each}", got)
    return columns


def _check_values(where: str, Y: Array, kind: str) -> None:
    if kind in ("labels", "classes"):
        fit, expected = (Y >= 0) & (Y <= 1), "labels from 0 to 1"
    elif kind == "counts":
        fit, expected = Y >= 0, "numbers >= 0"
    elif kind == "one class":
        fit, expected = (Y == 0) | (Y == 1), "labels of 0 and 1"
    elif kind == "sides":
        lower = 0 if np.any(Y == 0) else -1
        fit, expected = np.isin(Y, (lower, 1)), "labels of 0 and 1, or of -1 and 1"
    else:
        return
    if not np.all(fit):
        raise refuse(where, "Y", expected, f"values from {Y.min()} to {Y.max()}")


def one_hot(where: str, classes: Array, n: int, dtype: Any) -> Array:
    """Columns (n, m) of zeros and a one, from class indices (m,)."""
    if np.any((classes < 0) | (n <= classes) | (np.floor(classes) != classes)):
        got = f"values from {classes.min()} to {classes.max()}"
        raise refuse(where, "Y", f"class indices, integers from 0 to {n - 1}", got)
    return np.asarray(np.arange(n)[:, np.newaxis] == classes, dtype=dtype)
