"""Metrics: what is reported, but not trained on.

`metric(Y, prediction, sample_weight=None) -> float`, a weighted mean over rows, where

    prediction     (m, n_y), the last layer's activation, `net.predict(X)`
    Y              what `fit` takes: class indices (m,), a number per row (m,), or (m, n_y)
    sample_weight  (m,), weights >= 0 of the rows; None is all ones

accuracy and log_loss see the task in the labels:

    one of many    n_y > 1, and Y is class indices, or one-hot or soft labels (rows sum to 1)
    yes or no      n_y = 1, or any other Y (m, n_y): independent labels (multilabel)

Give a metric all rows at once: neither the task nor r2 can be put together from batches.
Every metric raises ValueError if shapes, labels or weights do not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._dataclass import dataclass
from chainrule._errors import check_array, check_bool, check_list, message, quoted, unknown
from chainrule._metric_calls import Ways, check_call, ways_to_call
from chainrule.history import OWN_KEYS

__all__ = ["METRICS", "Metric", "accuracy", "log_loss", "mean_absolute_error", "r2"]

Array = NDArray[np.float64]


def accuracy(
    Y: ArrayLike,
    prediction: ArrayLike,
    sample_weight: ArrayLike | None = None,
    threshold: float | None = None,
) -> float:
    """The share of right answers.

    One of many: rows with argmax p = argmax y. Yes or no: entries with (p > threshold) =
    (y > 0.5), so with several labels a row can be partly right. The `threshold` is 0.5 for
    probabilities and 0 for margins, as of the hinge loss, whose labels may also be -1 and 1: for
    such None means 0, else 0.5. A trainer gives that of its loss.
    """
    labels, p = _numbers("accuracy", "Y", Y), _predicted("accuracy", prediction)
    one_each = labels.ndim == 2 or p.shape[1] == 1  # else classes
    if one_each and np.isin(labels, (-1, 1)).all() and (labels == -1).any():
        labels, threshold = (labels > 0).astype(np.float64), 0.0 if threshold is None else threshold
    labels, p, weight = _labels("accuracy", labels, p, sample_weight)
    if _one_of_many(labels):
        right = p.argmax(axis=1) == labels.argmax(axis=1)
    else:
        right = ((p > (0.5 if threshold is None else threshold)) == (labels > 0.5)).mean(axis=1)
    return float(np.average(right, weights=weight))


def log_loss(Y: ArrayLike, prediction: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Negative log-likelihood of the labels, in nats per row; the prediction is probabilities.

    One of many: `-sum_j y_j log p_j`. Yes or no: `-sum_j [y_j log p_j + (1 - y_j) log(1 - p_j)]`.
    p is clipped to [eps, 1 - eps], eps that of the prediction's dtype; rows are not normalized.
    """
    labels, p, weight = _labels("log_loss", Y, prediction, sample_weight)
    dtype = np.asarray(prediction).dtype
    eps = np.finfo(dtype if dtype.kind == "f" else np.float64).eps
    p = np.clip(p, eps, 1 - eps)
    losses = -labels * np.log(p)
    if not _one_of_many(labels):
        losses -= (1 - labels) * np.log1p(-p)
    return float(np.average(losses.sum(axis=1), weights=weight))


def r2(Y: ArrayLike, prediction: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Coefficient of determination, `1 - sum (y - p)^2 / sum (y - mean y)^2` over rows.

    1 is perfect, 0 is as good as the mean of Y. Several outputs count alike (scikit-learn's
    "uniform_average"). An output with constant Y counts 1 if predicted exactly, else 0.
    """
    target, p, weight = _aligned("r2", Y, prediction, sample_weight)
    mean = np.average(target, axis=0, weights=weight)
    error = np.average((target - p) ** 2, axis=0, weights=weight)
    total = np.average((target - mean) ** 2, axis=0, weights=weight)
    constant = (np.ptp(target, axis=0) == 0) | (total == 0)
    scores = np.where(constant, error == 0, 1 - error / np.where(constant, 1, total))
    return float(scores.mean())


def mean_absolute_error(
    Y: ArrayLike, prediction: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Mean of |y - p|. Several outputs count alike (scikit-learn's "uniform_average")."""
    target, p, weight = _aligned("mean_absolute_error", Y, prediction, sample_weight)
    return float(np.average(np.abs(target - p).mean(axis=1), weights=weight))


def _numbers(where: str, argument: str, value: ArrayLike) -> Array:
    """As float64, or a TypeError."""
    expected = "numbers (floating-point, integer or boolean)"
    array = check_array(where, argument, expected, value)
    if array.dtype.kind not in "fiub":
        text = f"[{where}] {argument}: expected {expected}, got {type(value).__name__}"
        raise TypeError(f"{text} of dtype {array.dtype}")
    return array.astype(np.float64, copy=False)


def _predicted(where: str, prediction: ArrayLike) -> Array:
    p = _numbers(where, "prediction", prediction)
    if p.ndim != 2 or p.size == 0:
        raise ValueError(message(where, "prediction", "shape (m, n_y), not empty", p.shape))
    return p


def _aligned(
    where: str, Y: ArrayLike, prediction: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[Array, Array, Array | None]:
    """Y and prediction as (m, n_y) float64 and the weights as (m,), or a ValueError."""
    p = _predicted(where, prediction)
    target = _numbers(where, "Y", Y)
    if target.ndim == 1 and p.shape[1] == 1:
        target = target[:, None]
    if target.shape != p.shape:
        raise ValueError(message(where, "Y", f"shape {p.shape} like the prediction", np.shape(Y)))
    if sample_weight is None:
        return target, p, None
    weight = _numbers(where, "sample_weight", sample_weight)
    if weight.shape != p.shape[:1]:
        raise ValueError(message(where, "sample_weight", f"shape ({len(p)},)", weight.shape))
    if not (np.isfinite(weight).all() and weight.min() >= 0 and weight.sum() > 0):
        expected = "finite numbers >= 0, not all zero"
        raise ValueError(message(where, "sample_weight", expected, weight))
    return target, p, weight


def _labels(
    where: str, Y: ArrayLike, prediction: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[Array, Array, Array | None]:
    """Like `_aligned`, for labels in [0, 1]; class indices become one-hot rows."""
    labels, n_y = _numbers(where, "Y", Y), _predicted(where, prediction).shape[1]
    if labels.ndim == 1 and n_y > 1:
        if not np.isin(labels, np.arange(n_y)).all():
            raise ValueError(message(where, "Y", f"class indices from 0 to {n_y - 1}", labels))
        labels = np.eye(n_y)[labels.astype(np.intp)]
    target, p, weight = _aligned(where, labels, prediction, sample_weight)
    if not ((target >= 0) & (target <= 1)).all():
        raise ValueError(message(where, "Y", "labels from 0 to 1", labels))
    return target, p, weight


def _one_of_many(labels: Array) -> bool:
    return labels.shape[1] > 1 and np.allclose(labels.sum(axis=1), 1, rtol=0, atol=1e-5)


# ---- metrics by name -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Metric:
    """A metric with its name and direction: `Metric("f1", my_f1, larger_is_better=True)`.

    `function(Y, prediction, sample_weight=None) -> float`: Y as `fit` takes it, the predictions
    (m, n_y) of all rows, and, where rows have some, their weights (m,), by name if a parameter is
    called sample_weight, else as the third value: `Trainer(.., metrics=[roc_auc_score])` of
    scikit-learn. Weights come from `sample_weight` and from `class_weight`. A function that takes
    none, such as `max_error`, is refused for rows that have some, with ValueError. `EarlyStopping`
    of this metric goes by `larger_is_better`.
    """

    name: str
    function: Callable[..., float]
    larger_is_better: bool | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name):
            raise TypeError(message("Metric", "name", "a name", self.name))
        function: Any = self.function
        if not callable(function):
            expected = "a function of Y and prediction, and of sample_weight if rows have weights"
            raise TypeError(message("Metric", "function", expected, function))
        if self.larger_is_better is not None:
            check_bool("Metric", "larger_is_better", self.larger_is_better)

    def __call__(
        self, Y: ArrayLike, prediction: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        self._check(f"metric {self.name!r}", "function", sample_weight is not None)
        way, without = self._ways
        if sample_weight is None and without:
            result: Any = self.function(Y, prediction)
        elif way == "by name":
            result = self.function(Y, prediction, sample_weight=sample_weight)
        else:
            result = self.function(Y, prediction, sample_weight)
        if not isinstance(result, str | bytes):
            with suppress(TypeError, ValueError, OverflowError):
                return float(result)
        raise TypeError(message(f"metric {self.name!r}", "result", "a number", result))

    @cached_property
    def _ways(self) -> Ways:
        return ways_to_call(self.function)

    def _check(self, where: str, argument: str, weighted: bool) -> None:
        """Raises TypeError or ValueError if it cannot be called, for rows with weights or not."""
        check_call(where, argument, self.name, self.function, self._ways, weighted)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", accuracy, larger_is_better=True),
        Metric("log_loss", log_loss, larger_is_better=False),
        Metric("r2", r2, larger_is_better=True),
        Metric("mean_absolute_error", mean_absolute_error, larger_is_better=False),
    )
}


def resolve_metrics(
    metrics: str | Callable[..., float] | Iterable[str | Callable[..., float]],
    where: str = "resolve_metrics",
) -> tuple[Metric, ...]:
    """The metrics meant by one or several names, `Metric`s or functions (named by `__name__`).

    Raises ValueError for an unknown name, one given twice, or one that the history itself uses.
    """
    if isinstance(metrics, str) or callable(metrics):
        metrics = (metrics,)
    expected = "a list of names, functions or Metrics"
    given = check_list(where, "metrics", expected, metrics)
    resolved = tuple(_resolve(metric, where) for metric in given)
    names = [metric.name for metric in resolved]
    for name in names:
        if names.count(name) > 1 or name in OWN_KEYS or name.startswith("val_"):
            expected = f"different names, none of them {quoted(OWN_KEYS)} or 'val_...'"
            raise ValueError(message(where, "metrics", expected, names))
    return resolved


def _resolve(metric: object, where: str) -> Metric:
    if isinstance(metric, Metric):
        metric._check(where, "metrics", weighted=False)
        return metric
    if isinstance(metric, str):
        if metric not in METRICS:
            raise unknown(where, "metrics", metric, METRICS)
        return METRICS[metric]
    if callable(metric) and hasattr(metric, "__name__"):
        known = METRICS.get(metric.__name__)
        if known and known.function is metric:
            return known
        return _resolve(Metric(metric.__name__, metric), where)
    raise TypeError(message(where, "metrics", f"{quoted(METRICS)}, a function or a Metric", metric))
