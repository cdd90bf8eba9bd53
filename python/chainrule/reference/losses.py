"""Losses: L(AL, Y), one number per sample, and the derivative with which back-propagation starts.

AL is the activation of the last layer, ZL its input, Y the target: all (n_y, m), a sample per
column. L has shape (m,). The cost J, the mean of L over the samples, is made in propagation.py.

Each loss has one activation it belongs to, its canonical partner:

    sigmoid + binary_cross_entropy      softmax + cross_entropy      identity + squared_error

Such a pair has the simplest derivative, dZL = AL - Y, and its L is computed from ZL, never taking
the logarithm of a rounded probability. Any other pair goes the general way: L from AL,
dAL = dL/dAL, dZL = dAL * g'(ZL). There both cross-entropies clip the probability to [eps, 1 - eps],
eps being the spacing of floating-point numbers at 1 in AL's dtype. Where AL lies outside, L does
not change with AL, so the derivative is 0.
"""

# NumPy's stubs give Any for most results here.
# mypy: disable-error-code=no-any-return

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .activations import Activation, activation_backward, activation_name
from .checks import Array, check_name, refuse, samples_as_columns


def clip_probability(A: Array) -> tuple[Array, Array]:
    """p = A clipped to [eps, 1 - eps], and where A was inside: there dp/dA = 1, elsewhere 0."""
    eps = np.finfo(A.dtype).eps
    p = np.clip(A, eps, 1 - eps)
    return p, p == A


def binary_cross_entropy(AL: Array, Y: Array) -> Array:
    # L = -sum over outputs of [y log p + (1 - y) log(1 - p)]
    # One output, or several labels of which any number may be true (multilabel).
    p, _ = clip_probability(AL)
    return -np.sum(Y * np.log(p) + (1 - Y) * np.log(1 - p), axis=0)


def binary_cross_entropy_backward(AL: Array, Y: Array) -> Array:
    # forward: L = -sum [y log p + (1 - y) log(1 - p)]
    # dL/dp = -y / p + (1 - y) / (1 - p)
    p, inside = clip_probability(AL)
    return np.where(inside, -Y / p + (1 - Y) / (1 - p), 0)


def binary_cross_entropy_from_Z(ZL: Array, Y: Array) -> Array:
    # With p = sigmoid(z):  -log p = log(1 + e^-z)  and  -log(1 - p) = z + log(1 + e^-z),  so
    # L = sum over outputs of [(1 - y) z + log(1 + e^-z)]
    #   = sum over outputs of [max(z, 0) - z y + log(1 + e^-|z|)], where e^.. <= 1
    return np.sum(np.maximum(ZL, 0) - ZL * Y + np.log1p(np.exp(-np.abs(ZL))), axis=0)


def cross_entropy(AL: Array, Y: Array) -> Array:
    # L = -sum_k y_k log p_k        y one-hot, or soft labels that sum to 1
    p, _ = clip_probability(AL)
    return -np.sum(Y * np.log(p), axis=0)


def cross_entropy_backward(AL: Array, Y: Array) -> Array:
    # forward: L = -sum_k y_k log p_k        dL/dp_k = -y_k / p_k
    p, inside = clip_probability(AL)
    return np.where(inside, -Y / p, 0)


def cross_entropy_from_Z(ZL: Array, Y: Array) -> Array:
    # With p = softmax(z):  log p_k = z_k - log sum_j e^z_j,  and as the y_k sum to 1
    # L = log sum_j e^z_j - sum_k y_k z_k, with every z relative to the largest so that e^.. <= 1
    Z = ZL - ZL.max(axis=0, keepdims=True)
    return np.log(np.sum(np.exp(Z), axis=0)) - np.sum(Y * Z, axis=0)


def squared_error(AL: Array, Y: Array) -> Array:
    # L = 1/2 sum over outputs of (a - y)^2        the factor 1/2 is part of the definition
    return np.sum((AL - Y) ** 2, axis=0) / 2


def squared_error_backward(AL: Array, Y: Array) -> Array:
    # forward: L = 1/2 sum (a - y)^2        dL/da = a - y
    return AL - Y


class Loss(NamedTuple):
    value: Callable[[Array, Array], Array]  # L = value(AL, Y)
    backward: Callable[[Array, Array], Array]  # dAL = backward(AL, Y)
    canonical: str  # the activation with which dZL = AL - Y ..
    value_from_Z: Callable[[Array, Array], Array]  # .. and L = value_from_Z(ZL, Y)


LOSSES = {
    "binary_cross_entropy": Loss(
        binary_cross_entropy, binary_cross_entropy_backward, "sigmoid", binary_cross_entropy_from_Z
    ),
    "cross_entropy": Loss(cross_entropy, cross_entropy_backward, "softmax", cross_entropy_from_Z),
    "squared_error": Loss(squared_error, squared_error_backward, "identity", squared_error),
}


def loss_forward(AL: Array, ZL: Array, Y: Array, loss: str, activation: Activation) -> Array:
    """L (m,), one loss per sample. AL, ZL, Y (n_y, m); `activation` is that of the last layer.

    ValueError: unknown loss or activation.
    """
    check_name("loss_forward", "loss", loss, LOSSES)
    if activation_name(activation) == LOSSES[loss].canonical:
        return LOSSES[loss].value_from_Z(ZL, Y)
    return LOSSES[loss].value(AL, Y)


def loss_backward(AL: Array, ZL: Array, Y: Array, loss: str, activation: Activation) -> Array:
    """dZL = dL/dZL (n_y, m), a column being the derivative of that sample's own loss.

    Arguments and errors as for loss_forward.
    """
    check_name("loss_backward", "loss", loss, LOSSES)
    if activation_name(activation) == LOSSES[loss].canonical:
        return AL - Y
    dAL = LOSSES[loss].backward(AL, Y)
    return activation_backward(dAL, ZL, AL, activation)


def targets_as_columns(
    where: str, Y: ArrayLike, n_y: int, m: int, loss: str, samples: str, dtype: Any
) -> Array:
    """Y as an array (n_y, m); class indices (m,) become one-hot columns, one output (m,) a row.

    ValueError: wrong shape, class out of range, labels that are no probabilities.
    """
    check_name(where, "loss", loss, LOSSES)
    Y = np.asarray(Y)
    if Y.ndim == 1 and loss == "cross_entropy":
        if np.any((Y < 0) | (n_y <= Y) | (np.floor(Y) != Y)):
            got = f"values from {Y.min()} to {Y.max()}"
            raise refuse(where, "Y", f"class indices, integers from 0 to {n_y - 1}", got)
        columns = (np.arange(n_y)[:, np.newaxis] == Y).astype(dtype)
    elif Y.ndim == 1 and n_y == 1:
        columns = Y.reshape(1, -1).astype(dtype)
    else:
        columns = samples_as_columns(where, "Y", Y, n_y, samples, dtype)
    if columns.shape[1] != m:
        raise refuse(where, "Y", f"{m} samples, as in X", columns.shape[1])
    if loss != "squared_error" and not np.all((columns >= 0) & (columns <= 1)):
        got = f"values from {columns.min()} to {columns.max()}"
        raise refuse(where, "Y", "labels from 0 to 1", got)
    sums = columns.sum(axis=0)
    if loss == "cross_entropy" and not np.allclose(sums, 1, rtol=0, atol=1e-5):
        got = f"sums from {sums.min()} to {sums.max()}"
        raise refuse(where, "Y", "labels that sum to 1 in each sample", got)
    return columns
