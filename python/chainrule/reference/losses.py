"""Losses: L(AL, Y), one number per sample, and the derivative with which back-propagation starts.

AL is the activation of the last layer, ZL its input, Y the target: all (n_y, m), a sample per
column. L has shape (m,). The cost J, the mean of L over the samples, is made in propagation.py.

Each loss has one activation it belongs to, its canonical partner:

    sigmoid + binary_cross_entropy      softmax + cross_entropy      exp + poisson
    identity + squared_error, absolute_error, huber, quantile

The first three and squared_error have the simplest derivative then, dZL = AL - Y, and their L is
computed from ZL, never taking the logarithm of a rounded number. Any other pair goes the general
way: L from AL, dAL = dL/dAL, dZL = dAL * g'(ZL). There both cross-entropies clip the probability to
[eps, 1 - eps], and poisson the rate to [eps, infinity), eps being the spacing of floating-point
numbers at 1 in AL's dtype. Where AL lies outside, L does not change with AL: the derivative is 0.

Of a softmax with groups each group is a classification of its own: cross_entropy is the sum of
theirs.

Some losses have a number: delta of huber, quantile of quantile, label_smoothing of cross_entropy.
"""

# NumPy's stubs give Any for most results here.
# mypy: disable-error-code=no-any-return

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from .activations import Activation, activation_backward, activation_groups, activation_name
from .checks import Array, check_name, refuse

# "huber", or ("huber", 2.0) to choose its number.
Loss: TypeAlias = str | tuple[str, float | None]


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


def cross_entropy_to_Z(AL: Array, Y: Array, label_smoothing: float = 0.0) -> Array:
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


def difference(AL: Array, Y: Array) -> Array:
    # dZL of binary_cross_entropy after sigmoid and of poisson after exp
    return AL - Y


class LossFunctions(NamedTuple):
    value: Callable[..., Array]  # L = value(AL, Y)
    backward: Callable[..., Array]  # dAL = backward(AL, Y)
    canonical: str  # the activation with which ..
    value_from_Z: Callable[..., Array]  # .. L = value_from_Z(ZL, Y)
    backward_to_Z: Callable[..., Array]  # .. and dZL = backward_to_Z(AL, Y)
    number: str | None = None  # the keyword argument of all four
    lowest: float = -np.inf  # target
    highest: float = np.inf


def of_any_number(
    value: Callable[..., Array], backward: Callable[..., Array], number: str | None = None
) -> LossFunctions:
    # After identity, Z is A.
    return LossFunctions(value, backward, "identity", value, backward, number)


LOSSES = {
    "binary_cross_entropy": LossFunctions(
        binary_cross_entropy,
        binary_cross_entropy_backward,
        "sigmoid",
        binary_cross_entropy_from_Z,
        difference,
        lowest=0,
        highest=1,
    ),
    "cross_entropy": LossFunctions(
        cross_entropy,
        cross_entropy_backward,
        "softmax",
        cross_entropy_from_Z,
        cross_entropy_to_Z,
        "label_smoothing",
        lowest=0,
        highest=1,
    ),
    "squared_error": of_any_number(squared_error, squared_error_backward),
    "absolute_error": of_any_number(absolute_error, absolute_error_backward),
    "huber": of_any_number(huber, huber_backward, "delta"),
    "quantile": of_any_number(quantile_loss, quantile_loss_backward, "quantile"),
    "poisson": LossFunctions(
        poisson, poisson_backward, "exp", poisson_from_Z, difference, lowest=0
    ),
}


def loss_forward(AL: Array, ZL: Array, Y: Array, loss: Loss, activation: Activation) -> Array:
    """L (m,), one loss per sample. AL, ZL, Y (n_y, m); `activation` is that of the last layer.

    The loss is given as "huber" or, with its number, as ("huber", 2.0). ValueError: unknown loss or
    activation, a number out of range or where there is none.
    """
    name, options = loss_name_and_options("loss_forward", loss)
    if activation_name(activation) == LOSSES[name].canonical:
        each = activation_groups(activation)
        parts = [LOSSES[name].value_from_Z(ZL[units], Y[units], **options) for units in each]
        return np.sum(parts, axis=0)
    return LOSSES[name].value(AL, Y, **options)


def loss_backward(AL: Array, ZL: Array, Y: Array, loss: Loss, activation: Activation) -> Array:
    """dZL = dL/dZL (n_y, m), a column being the derivative of that sample's own loss.

    Arguments and errors as for loss_forward.
    """
    name, options = loss_name_and_options("loss_backward", loss)
    if activation_name(activation) == LOSSES[name].canonical:
        # forward: L = the sum over the groups
        each = activation_groups(activation)
        return np.concatenate(
            [LOSSES[name].backward_to_Z(AL[units], Y[units], **options) for units in each]
        )
    dAL = LOSSES[name].backward(AL, Y, **options)
    return activation_backward(dAL, ZL, AL, activation)


def loss_name_and_options(where: str, loss: Loss) -> tuple[str, dict[str, float]]:
    """The name and the number as a keyword argument. Errors as for loss_forward."""
    pair = loss if isinstance(loss, tuple) else (loss, None)
    if len(pair) != 2:
        raise refuse(where, "loss", "a name or a pair (name, number)", repr(loss))
    name, value = pair
    check_name(where, "loss", name, LOSSES)
    number = LOSSES[name].number
    if value is None:
        return name, {}
    if number is None:
        raise refuse(where, "loss", f"no number for {name}", repr(loss))
    above_zero = value > 0 or (number == "label_smoothing" and value == 0)
    if not (above_zero and value < (np.inf if number == "delta" else 1)):
        ends = {"delta": "> 0", "quantile": "> 0 and < 1", "label_smoothing": ">= 0 and < 1"}
        raise refuse(where, "loss", f"a finite {number} {ends[number]}", repr(loss))
    return name, {number: float(value)}
