"""Margin losses: scores a, of which the right one should win by 1. Shapes as in losses.py."""

# NumPy's stubs give Any for most results here.
# mypy: disable-error-code=no-any-return

from __future__ import annotations

import numpy as np

from .checks import Array


def hinge(AL: Array, Y: Array) -> Array:
    # L = sum over outputs of max(0, 1 - s a), s = 1 for y = 1, -1 for y = 0 or y = -1
    S = np.where(Y > 0, 1, -1)
    return np.sum(np.maximum(1 - S * AL, 0), axis=0)


def hinge_backward(AL: Array, Y: Array) -> Array:
    # forward: L = sum max(0, 1 - s a)        dL/da = -s where s a < 1, 0 at the kink by convention
    S = np.where(Y > 0, 1, -1)
    return np.where(1 - S * AL > 0, -S, 0).astype(AL.dtype)


def multiclass_hinge(AL: Array, Y: Array) -> Array:
    # L = max(0, 1 + a_r - a_y), y the class (Y one-hot), r the highest of the others
    rivals = np.where(Y == 1, -np.inf, AL)
    return np.maximum(1 + rivals.max(axis=0) - np.sum(Y * AL, axis=0), 0)


def multiclass_hinge_backward(AL: Array, Y: Array) -> Array:
    # forward: L = max(0, 1 + a_r - a_y)        dL/da is 1 at r, -1 at y where L > 0
    rivals = np.where(Y == 1, -np.inf, AL)
    R = np.arange(len(AL))[:, np.newaxis] == rivals.argmax(axis=0)  # the first of equals
    return np.where(multiclass_hinge(AL, Y) > 0, R - Y, 0).astype(AL.dtype)
