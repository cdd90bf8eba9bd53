"""Losses of probabilities, errors and rates: the formulas, L from AL or ZL and the way back.

AL is the activation of the last layer, ZL its input, Y the target: all (n_y, m), a sample per
column. L has shape (m,). Each loss has a value and its derivative in AL, and those that belong to
an activation other than identity also L from ZL, which never takes the logarithm of a rounded
number, and dZL. Which goes with which stands in loss_table.py; focal.py and margins.py have others.
"""

# NumPy's stubs give Any for most results here.
# mypy: disable-error-code=no-any-return

from __future__ import annotations

import numpy as np

from .checks import Array


def clip_probability(A: Array) -> tuple[Array, Array]:
    """p = A clipped to [eps, 1 - eps], and where A was inside: there dp/dA = 1, elsewhere 0."""
    eps = np.finfo(A.dtype).eps
    p = np.clip(A, eps, 1 - eps)
    return p, p == A


def smooth_label(Y: Array, label_smoothing: float) -> Array:
    # y, or with smoothing s: (1 - s) y + s / 2, one of the two answers
    return (1 - label_smoothing) * Y + label_smoothing / 2 if label_smoothing else Y


def binary_cross_entropy(AL: Array, Y: Array, label_smoothing: float = 0.0) -> Array:
    # L = -sum over outputs of [y log p + (1 - y) log(1 - p)]
    # One output, or several labels of which any number may be true (multilabel).
    p, _ = clip_probability(AL)
    Y = smooth_label(Y, label_smoothing)
    return -np.sum(Y * np.log(p) + (1 - Y) * np.log(1 - p), axis=0)


def binary_cross_entropy_backward(AL: Array, Y: Array, label_smoothing: float = 0.0) -> Array:
    # forward: L = -sum [y log p + (1 - y) log(1 - p)]
    # dL/dp = -y / p + (1 - y) / (1 - p)
    p, inside = clip_probability(AL)
    Y = smooth_label(Y, label_smoothing)
    return np.where(inside, -Y / p + (1 - Y) / (1 - p), 0)


def binary_cross_entropy_from_Z(ZL: Array, Y: Array, label_smoothing: float = 0.0) -> Array:
    # With p = sigmoid(z):  -log p = log(1 + e^-z)  and  -log(1 - p) = z + log(1 + e^-z),  so
    # L = sum over outputs of [(1 - y) z + log(1 + e^-z)]
    #   = sum over outputs of [max(z, 0) - z y + log(1 + e^-|z|)], where e^.. <= 1
    Y = smooth_label(Y, label_smoothing)
    return np.sum(np.maximum(ZL, 0) - ZL * Y + np.log1p(np.exp(-np.abs(ZL))), axis=0)


def binary_cross_entropy_to_Z(
    AL: Array, ZL: Array, Y: Array, label_smoothing: float = 0.0
) -> Array:
    # forward: L = sum [max(z, 0) - z y + log(1 + e^-|z|)]        dL/dz = p - y
    return AL - smooth_label(Y, label_smoothing)


def smooth_labels(Y: Array, label_smoothing: float) -> Array:
    # y_k, or with smoothing s: (1 - s) y_k + s / n_y, which again sum to 1
    return (1 - label_smoothing) * Y + label_smoothing / len(Y) if label_smoothing else Y


def cross_entropy(AL: Array, Y: Array, label_smoothing: float = 0.0) -> Array:
    # L = -sum_k y_k log p_k        y one-hot, or soft labels that sum to 1
    p, _ = clip_probability(AL)
    return -np.sum(smooth_labels(Y, label_smoothing) * np.log(p), axis=0)


def cross_entropy_backward(AL: Array, Y: Array, label_smoothing: float = 0.0) -> Array:
    # forward: L = -sum_k y_k log p_k        dL/dp_k = -y_k / p_k
    p, inside = clip_probability(AL)
    return np.where(inside, -smooth_labels(Y, label_smoothing) / p, 0)


def cross_entropy_from_Z(ZL: Array, Y: Array, label_smoothing: float = 0.0) -> Array:
    # With p = softmax(z):  log p_k = z_k - log sum_j e^z_j,  and as the y_k sum to 1
    # L = log sum_j e^z_j - sum_k y_k z_k, with every z relative to the largest so that e^.. <= 1
    Z = ZL - ZL.max(axis=0, keepdims=True)
    Y = smooth_labels(Y, label_smoothing)
    return np.log(np.sum(np.exp(Z), axis=0)) - np.sum(Y * Z, axis=0)


def cross_entropy_to_Z(AL: Array, ZL: Array, Y: Array, label_smoothing: float = 0.0) -> Array:
    # forward: L = log sum_j e^z_j - sum_k y_k z_k        dL/dz_k = p_k - y_k
    return AL - smooth_labels(Y, label_smoothing)


def squared_error(AL: Array, Y: Array) -> Array:
    # L = 1/2 sum over outputs of (a - y)^2        the factor 1/2 is part of the definition
    return np.sum((AL - Y) ** 2, axis=0) / 2


def squared_error_backward(AL: Array, Y: Array) -> Array:
    # forward: L = 1/2 sum (a - y)^2        dL/da = a - y
    return AL - Y


def absolute_error(AL: Array, Y: Array) -> Array:
    # L = sum over outputs of |a - y|
    return np.sum(np.abs(AL - Y), axis=0)


def absolute_error_backward(AL: Array, Y: Array) -> Array:
    # forward: L = sum |a - y|        dL/da = 1 above y, -1 below it, 0 at the kink by convention
    return np.sign(AL - Y)


def huber(AL: Array, Y: Array, delta: float = 1.0) -> Array:
    # L = sum over outputs of [e^2 / 2 if |e| <= delta else delta (|e| - delta / 2)], e = a - y
    size = np.abs(AL - Y)
    return np.sum(np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)), axis=0)


def huber_backward(AL: Array, Y: Array, delta: float = 1.0) -> Array:
    # forward: L = sum e^2 / 2, or delta (|e| - delta / 2)        dL/da = e, or delta sign(e)
    return np.clip(AL - Y, -delta, delta)


def quantile_loss(AL: Array, Y: Array, quantile: float = 0.5) -> Array:
    # L = sum over outputs of max(q e, (q - 1) e), e = y - a: errors cost q above a, 1 - q below it
    return np.sum(np.maximum(quantile * (Y - AL), (quantile - 1) * (Y - AL)), axis=0)


def quantile_loss_backward(AL: Array, Y: Array, quantile: float = 0.5) -> Array:
    # forward: L = sum max(q (y - a), (q - 1) (y - a))
    # dL/da = -q where y > a, 1 - q where y < a, 0 at the kink by convention
    e = Y - AL
    return np.where(e > 0, -quantile, np.where(e < 0, 1 - quantile, 0)).astype(e.dtype)


def log_of_ratio(Y: Array, A: Array) -> Array:
    # y log(y / a), which tends to 0 with y
    return np.where(Y > 0, Y * np.log(np.where(Y > 0, Y, 1) / A), 0)


def poisson(AL: Array, Y: Array) -> Array:
    # L = sum over outputs of [y log(y / a) - y + a]: half the deviance, 0 at a = y
    A = np.maximum(AL, np.finfo(AL.dtype).eps)
    return np.sum(log_of_ratio(Y, A) - Y + A, axis=0)


def poisson_backward(AL: Array, Y: Array) -> Array:
    # forward: L = sum [y log(y / a) - y + a]        dL/da = 1 - y / a
    A = np.maximum(AL, np.finfo(AL.dtype).eps)
    return np.where(A == AL, 1 - Y / A, 0)


def poisson_from_Z(ZL: Array, Y: Array) -> Array:
    # With a = e^z:  L = sum over outputs of [y (log y - z) - y + e^z]
    log_y = np.log(np.where(Y > 0, Y, 1))
    return np.sum(np.where(Y > 0, Y * (log_y - ZL), 0) - Y + np.exp(ZL), axis=0)


def poisson_to_Z(AL: Array, ZL: Array, Y: Array) -> Array:
    # forward: L = sum [y (log y - z) - y + e^z]        dL/dz = a - y
    return AL - Y
