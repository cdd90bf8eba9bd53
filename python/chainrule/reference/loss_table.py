"""Which loss goes with which activation, and the losses as the rest asks for them.

Each loss has one activation it belongs to, its canonical partner:

    sigmoid + binary_cross_entropy, binary_focal        softmax + cross_entropy, focal
    identity + squared_error, absolute_error, huber, quantile, hinge, multiclass_hinge
    exp + poisson

The cross-entropies, poisson and squared_error have the simplest derivative then, dZL = AL - Y, and
their L, as that of the focal losses, is computed from ZL, never taking the logarithm of a rounded
number. Any other pair goes the general way: L from AL, dAL = dL/dAL, dZL = dAL * g'(ZL). There the
cross-entropies and focal losses clip the probability to [eps, 1 - eps], and poisson the rate to
[eps, infinity), eps being the spacing of floating-point numbers at 1 in AL's dtype. Where AL lies
outside, L does not change with AL: the derivative is 0.

Of a softmax with groups each group is a classification of its own: cross_entropy and focal are the
sums of theirs.

The cost J, the mean of L over the samples, is made in propagation.py.
"""

# NumPy's stubs give Any for most results here.
# mypy: disable-error-code=no-any-return

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from .activations import Activation, activation_backward, activation_groups, activation_name
from .checks import Array, check_name, refuse
from .focal import (
    binary_focal,
    binary_focal_backward,
    binary_focal_from_Z,
    binary_focal_to_Z,
    focal,
    focal_backward,
    focal_from_Z,
    focal_to_Z,
)
from .losses import (
    absolute_error,
    absolute_error_backward,
    binary_cross_entropy,
    binary_cross_entropy_backward,
    binary_cross_entropy_from_Z,
    binary_cross_entropy_to_Z,
    cross_entropy,
    cross_entropy_backward,
    cross_entropy_from_Z,
    cross_entropy_to_Z,
    huber,
    huber_backward,
    poisson,
    poisson_backward,
    poisson_from_Z,
    poisson_to_Z,
    quantile_loss,
    quantile_loss_backward,
    squared_error,
    squared_error_backward,
)
from .margins import hinge, hinge_backward, multiclass_hinge, multiclass_hinge_backward

# "huber", or ("huber", 2.0) to choose its number, or ("binary_focal", 2.0, 0.25) to choose both.
Loss: TypeAlias = str | tuple[str, float | None] | tuple[str, float | None, float | None]


class LossFunctions(NamedTuple):
    value: Callable[..., Array]  # L = value(AL, Y)
    backward: Callable[..., Array]  # dAL = backward(AL, Y)
    canonical: str  # the activation with which ..
    value_from_Z: Callable[..., Array]  # .. L = value_from_Z(ZL, Y)
    backward_to_Z: Callable[..., Array]  # .. and dZL = backward_to_Z(AL, ZL, Y)
    targets: str = "any"  # what Y may be: see targets.py
    numbers: tuple[str, ...] = ()  # keyword arguments of all four


def of_identity(
    value: Callable[..., Array],
    backward: Callable[..., Array],
    targets: str = "any",
    numbers: tuple[str, ...] = (),
) -> LossFunctions:
    # After identity, Z is A.
    def backward_to_Z(AL: Array, ZL: Array, Y: Array, **options: float) -> Array:
        return backward(AL, Y, **options)

    return LossFunctions(value, backward, "identity", value, backward_to_Z, targets, numbers)


LOSSES = {
    "binary_cross_entropy": LossFunctions(
        binary_cross_entropy,
        binary_cross_entropy_backward,
        "sigmoid",
        binary_cross_entropy_from_Z,
        binary_cross_entropy_to_Z,
        "labels",
        ("label_smoothing",),
    ),
    "cross_entropy": LossFunctions(
        cross_entropy,
        cross_entropy_backward,
        "softmax",
        cross_entropy_from_Z,
        cross_entropy_to_Z,
        "classes",
        ("label_smoothing",),
    ),
    "squared_error": of_identity(squared_error, squared_error_backward),
    "absolute_error": of_identity(absolute_error, absolute_error_backward),
    "huber": of_identity(huber, huber_backward, "any", ("delta",)),
    "quantile": of_identity(quantile_loss, quantile_loss_backward, "any", ("quantile",)),
    "poisson": LossFunctions(
        poisson, poisson_backward, "exp", poisson_from_Z, poisson_to_Z, "counts"
    ),
    "binary_focal": LossFunctions(
        binary_focal,
        binary_focal_backward,
        "sigmoid",
        binary_focal_from_Z,
        binary_focal_to_Z,
        "labels",
        ("gamma", "alpha"),
    ),
    "focal": LossFunctions(
        focal, focal_backward, "softmax", focal_from_Z, focal_to_Z, "classes", ("gamma",)
    ),
    "hinge": of_identity(hinge, hinge_backward, "sides"),
    "multiclass_hinge": of_identity(multiclass_hinge, multiclass_hinge_backward, "one class"),
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
            [
                LOSSES[name].backward_to_Z(AL[units], ZL[units], Y[units], **options)
                for units in each
            ]
        )
    dAL = LOSSES[name].backward(AL, Y, **options)
    return activation_backward(dAL, ZL, AL, activation)


# What each number may be.
RANGES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "delta": ("> 0", lambda value: 0 < value < np.inf),
    "quantile": ("> 0 and < 1", lambda value: 0 < value < 1),
    "label_smoothing": (">= 0 and < 1", lambda value: 0 <= value < 1),
    "gamma": (">= 0", lambda value: 0 <= value < np.inf),
    "alpha": ("> 0 and < 1", lambda value: 0 < value < 1),
}


def loss_name_and_options(where: str, loss: Loss) -> tuple[str, dict[str, float | None]]:
    """The name and the numbers as keyword arguments. None is the default, of alpha no weights.

    Errors as for loss_forward.
    """
    name, *values = loss if isinstance(loss, tuple) else (loss,)
    if isinstance(loss, tuple) and len(loss) < 2:
        raise refuse(where, "loss", "a name or a pair (name, number)", repr(loss))
    check_name(where, "loss", name, LOSSES)
    numbers = LOSSES[name].numbers
    if len(values) > len(numbers) and any(value is not None for value in values[len(numbers) :]):
        allowed = " and ".join(numbers)
        expected = f"no number but {allowed} for {name}" if numbers else f"no number for {name}"
        raise refuse(where, "loss", expected, repr(loss))
    options: dict[str, float | None] = {}
    for number, value in zip(numbers, values, strict=False):
        if value is None:
            options |= {"alpha": None} if number == "alpha" else {}
            continue
        ends, fits = RANGES[number]
        if not fits(value):
            raise refuse(where, "loss", f"a finite {number} {ends}", repr(loss))
        options[number] = float(value)
    return name, options
