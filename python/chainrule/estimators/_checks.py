"""X, y and weights of fit, of validation and of score, checked by scikit-learn's functions."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    check_consistent_length,
    validate_data,
)

from chainrule._errors import message

OF_X: dict[str, Any] = {"accept_sparse": ("csr", "csc"), "dtype": (np.float64, np.float32)}
ARGUMENT = re.compile(r"^(Input )?(X|y|sample_weight)\b")  # that begins a message of scikit-learn


def checked(est: Any, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
    """X (m, n_features), and y as an array (m,) or (m, n_outputs), n_outputs > 1, or sparse."""
    if _is_plain(y):  # scikit-learn's look at y takes as long as a step of 30 rows
        X = validate_data(est, X, reset=reset, **OF_X)
        check_consistent_length(X, y)
        return X, y
    numeric = est._y_is_numeric
    X, y = validate_data(est, X, y, multi_output=True, y_numeric=numeric, reset=reset, **OF_X)
    return X, _one_column(y)


def checked_for_validation(
    est: Any, where: str, X_val: Any, y_val: Any, sample_weight_val: Any
) -> tuple[Any, Any, Any]:
    """The same of validation data, with encoded targets; they teach nothing."""
    with _named(where, "X_val"):
        X = validate_data(est, X_val, reset=False, **OF_X)
    with _named(where, "y_val"):
        y = _check_y(y_val, multi_output=True, y_numeric=est._y_is_numeric, estimator=est)
        check_consistent_length(X, y)
        encoded = est._encode_for_validation(where, _one_column(y))
    if sample_weight_val is not None:
        with _named(where, "sample_weight_val"):
            sample_weight_val = _check_sample_weight(sample_weight_val, X)
    return X, encoded, sample_weight_val


def checked_for_score(where: str, predicted: Any, y: Any, sample_weight: Any) -> tuple[Any, Any]:
    """y, of the shape of what was predicted, and weights that are not all zero, or None."""
    y = _check_y(y, multi_output=True)
    check_consistent_length(predicted, y)
    if y.shape != predicted.shape:
        expected = f"shape (n, {predicted.shape[1]})"
        raise ValueError(message(where, "y", expected, y.shape))
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, predicted)
        if not np.any(sample_weight):  # scikit-learn sees it from 1.9 on
            raise ValueError(f"[{where}] sample_weight: expected at least one weight that is not 0")
    return y, sample_weight


@contextmanager
def _named(where: str, argument: str) -> Iterator[None]:
    """Refusals get the name of the argument in front, unless they have one."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if str(error).startswith("["):
            raise
        text = ARGUMENT.sub(lambda begin: f"{begin[1] or ''}{argument}", str(error))
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"[{where}] {argument}: {text}") from error


def _is_plain(y: Any) -> bool:
    """Whether it is an array (n,), n > 0, of finite numbers."""
    if type(y) is not np.ndarray or y.ndim != 1 or len(y) == 0:
        return False
    return y.dtype.kind in "biu" or (y.dtype.char in "fd" and bool(np.isfinite(y).all()))


def _one_column(y: Any) -> Any:
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
