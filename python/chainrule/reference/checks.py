"""The doors of the reference: arrays and names are checked here; the other files are mathematics.

Inside the reference a column is a sample, as in the course: X (n_x, m), Y (n_y, m). Whoever keeps
samples in rows says samples="rows"; arrays are turned here, once, and AL is turned back. Caches and
gradients always have the course's shapes.
"""

# NumPy's stubs give Any for most results here.
# mypy: disable-error-code=no-any-return
# l is the number of a layer, as in the course.

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[Any]
Parameters: TypeAlias = dict[str, Array]

ORIENTATIONS = ("columns", "rows")


def refuse(where: str, argument: str, expected: str, got: object) -> ValueError:
    """The error for an argument that is not as it should be; the caller raises it."""
    return ValueError(f"[reference.{where}] {argument}: expected {expected}, got {got}")


def check_name(where: str, argument: str, name: object, known: Iterable[str]) -> None:
    known = tuple(known)
    if name not in known:
        raise refuse(where, argument, "one of " + ", ".join(known), repr(name))


def check_not_negative(where: str, **numbers: float) -> None:
    for argument, number in numbers.items():
        if not (np.isfinite(number) and number >= 0):
            raise refuse(where, argument, "a finite number >= 0", number)


def samples_as_columns(
    where: str, argument: str, X: ArrayLike, n: int, samples: str, dtype: Any
) -> Array:
    """X as an array (n, m) of `dtype`, whichever way its samples lie."""
    check_name(where, "samples", samples, ORIENTATIONS)
    X = np.asarray(X)
    by_columns = samples == "columns"
    if X.ndim != 2 or X.shape[0 if by_columns else 1] != n or X.size == 0:
        shape = f"({n}, m), columns are samples" if by_columns else f"(m, {n}), rows are samples"
        raise refuse(where, argument, f"shape {shape}", X.shape)
    # Contiguous, so that both orientations give the same bits: BLAS sums in an order that may
    # depend on the strides.
    return np.ascontiguousarray(X if by_columns else X.T, dtype=dtype)


def columns_as_samples(A: Array, samples: str) -> Array:
    """A (n, m) turned to the caller's orientation."""
    return A if samples == "columns" else A.T


def sample_shares(where: str, sample_weight: ArrayLike | None, m: int, dtype: Any) -> Array:
    """The share c (1, m) of each sample in the cost: 1/m, or w_i / sum(w) with weights w (m,)."""
    if sample_weight is None:
        return np.full((1, m), 1 / m, dtype=dtype)
    w = np.asarray(sample_weight, dtype=np.float64)
    if w.shape != (m,):
        raise refuse(where, "sample_weight", f"shape ({m},)", w.shape)
    if not np.all(np.isfinite(w)) or np.any(w < 0):
        got = f"numbers from {w.min()} to {w.max()}"
        raise refuse(where, "sample_weight", "finite numbers >= 0", got)
    if w.sum() == 0:
        raise refuse(where, "sample_weight", "at least one positive number", "only zeros")
    return (w / w.sum()).reshape(1, m).astype(dtype)


def check_parameters(where: str, parameters: Mapping[str, ArrayLike]) -> Parameters:
    """W1, b1, .. WL, bL as arrays whose shapes fit; float32 if all of them are, else float64."""
    arrays = {name: np.asarray(value) for name, value in parameters.items()}
    dtype = np.float32 if all(a.dtype == np.float32 for a in arrays.values()) else np.float64
    L = max(1, (len(arrays) + 1) // 2)
    names = [f"{letter}{l}" for l in range(1, L + 1) for letter in "Wb"]
    if set(arrays) != set(names):
        got = ", ".join(arrays) or "none"
        raise refuse(where, "parameters", f"the names {', '.join(names)}", got)
    for l in range(1, L + 1):
        W, b = arrays[f"W{l}"], arrays[f"b{l}"]
        if W.ndim != 2 or W.size == 0:
            raise refuse(where, f"W{l}", "shape (n[l], n[l-1])", W.shape)
        n_prev = W.shape[1] if l == 1 else arrays[f"W{l - 1}"].shape[0]
        if W.shape[1] != n_prev:
            raise refuse(where, f"W{l}", f"shape (n[{l}], {n_prev})", W.shape)
        if b.shape != (W.shape[0], 1):
            raise refuse(where, f"b{l}", f"shape ({W.shape[0]}, 1)", b.shape)
    return {name: arrays[name].astype(dtype, copy=False) for name in names}
