"""Activations: A = g(Z), and for each one the way back, dZ from dA.

Z, A, dA, dZ all have shape (n, m): a unit per row, a sample per column. dA means dL/dA, the
derivative of each sample's own loss L. Every backward function takes (dA, Z, A) and uses what it
needs of Z and A. The one list of activations is the table ACTIVATIONS, below the functions.
"""

# NumPy's stubs give Any for most results here.
# mypy: disable-error-code=no-any-return

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .checks import Array, check_name, refuse

# "relu", or ("leaky_relu", 0.2) to choose the slope (of elu, too), or ("softmax", (3, 4, 2)) for a
# softmax of each group of units: the first 3, the next 4, the last 2.
Activation: TypeAlias = str | tuple[str, float | Sequence[int] | None]


def identity(Z: Array) -> Array:
    # A = Z
    return Z


def identity_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = Z        g'(z) = 1
    return dA


def sigmoid(Z: Array) -> Array:
    # A = 1 / (1 + e^-Z) = e^Z / (1 + e^Z)
    # The first form for Z >= 0 and the second for Z < 0, so that e^.. never overflows.
    E = np.exp(-np.abs(Z))
    return np.where(Z >= 0, 1 / (1 + E), E / (1 + E))


def sigmoid_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = 1 / (1 + e^-Z)        g'(z) = a (1 - a)
    return dA * A * (1 - A)


def tanh(Z: Array) -> Array:
    # A = (e^Z - e^-Z) / (e^Z + e^-Z)
    return np.tanh(Z)


def tanh_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = tanh(Z)        g'(z) = 1 - a^2
    return dA * (1 - A * A)


def relu(Z: Array) -> Array:
    # A = max(0, Z)
    return np.maximum(Z, 0)


def relu_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = max(0, Z)        g'(z) = 1 if z > 0, else 0 (also at z = 0, by convention)
    return np.where(Z > 0, dA, 0)


def leaky_relu(Z: Array, slope: float = 0.01) -> Array:
    # A = Z if Z > 0, else slope Z
    return np.where(Z > 0, Z, slope * Z)


def leaky_relu_backward(dA: Array, Z: Array, A: Array, slope: float = 0.01) -> Array:
    # forward: A = Z if Z > 0, else slope Z        g'(z) = 1 if z > 0, else slope
    return np.where(Z > 0, dA, slope * dA)


def softmax(Z: Array, groups: Sequence[int] | None = None) -> Array:
    # A_j = e^Z_j / sum_k e^Z_k, in each column; with groups k runs over the group of j
    if groups is not None:
        return np.concatenate([softmax(Z[units]) for units in units_of_groups(groups)])
    # Taking off the largest Z of the column changes nothing in exact arithmetic; e^.. stays <= 1.
    E = np.exp(Z - Z.max(axis=0, keepdims=True))
    return E / E.sum(axis=0, keepdims=True)


def softmax_backward(dA: Array, Z: Array, A: Array, groups: Sequence[int] | None = None) -> Array:
    # forward: A_j = e^Z_j / sum_k e^Z_k
    if groups is not None:
        each = units_of_groups(groups)
        return np.concatenate([softmax_backward(dA[u], Z[u], A[u]) for u in each])
    # Every A_k depends on every Z_j:   dA_k / dZ_j = A_k ((1 if j = k else 0) - A_j),   so
    #   dZ_j = sum_k dA_k A_k ((j = k) - A_j) = A_j (dA_j - sum_k dA_k A_k)
    return A * (dA - np.sum(dA * A, axis=0, keepdims=True))


def units_of_groups(groups: Sequence[int]) -> list[slice]:
    # (3, 4, 2): units 0 to 2, 3 to 6, 7 to 8
    ends = np.cumsum(groups).tolist()
    return [slice(end - n, end) for n, end in zip(groups, ends, strict=True)]


def exp(Z: Array) -> Array:
    # A = e^Z
    return np.exp(Z)


def exp_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = e^Z        g'(z) = a
    return dA * A


def elu(Z: Array, slope: float = 1.0) -> Array:
    # A = Z if Z > 0, else slope (e^Z - 1)
    return np.where(Z > 0, Z, slope * np.expm1(np.minimum(Z, 0)))


def elu_backward(dA: Array, Z: Array, A: Array, slope: float = 1.0) -> Array:
    # forward: A = Z if Z > 0, else slope (e^Z - 1)        g'(z) = 1 if z > 0, else slope e^z
    return dA * np.where(Z > 0, 1, slope * np.exp(np.minimum(Z, 0)))


# lambda and alpha, which make mean 0 and variance 1 of Z a fixed point (Klambauer et al. 2017).
SELU_SCALE, SELU_SLOPE = 1.0507009873554805, 1.6732632423543772


def selu(Z: Array) -> Array:
    # A = lambda elu(Z), alpha being its slope
    return SELU_SCALE * elu(Z, SELU_SLOPE)


def selu_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = lambda elu(Z)
    return SELU_SCALE * elu_backward(dA, Z, A, SELU_SLOPE)


def normal_below(Z: Array) -> Array:
    # Phi(z), the probability that a standard normal number is below z: erfc(-z / sqrt 2) / 2
    return np.vectorize(math.erfc, otypes=[Z.dtype])(-Z / math.sqrt(2)) / 2


def gelu(Z: Array) -> Array:
    # A = Z Phi(Z)
    return Z * normal_below(Z)


def gelu_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = Z Phi(Z)        g'(z) = Phi(z) + z phi(z), phi(z) = e^(-z^2/2) / sqrt(2 pi)
    return dA * (normal_below(Z) + Z * np.exp(-Z * Z / 2) / math.sqrt(2 * math.pi))


def silu(Z: Array) -> Array:
    # A = Z sigmoid(Z)
    return Z * sigmoid(Z)


def silu_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = Z S, S = sigmoid(Z)        g'(z) = s + z s (1 - s), and 1 - s = sigmoid(-z)
    return dA * sigmoid(Z) * (1 + Z * sigmoid(-Z))


def softplus(Z: Array) -> Array:
    # A = log(1 + e^Z)
    return np.logaddexp(0, Z)


def softplus_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = log(1 + e^Z)        g'(z) = e^z / (1 + e^z)
    return dA * sigmoid(Z)


def mish(Z: Array) -> Array:
    # A = Z tanh(softplus(Z))
    return Z * np.tanh(softplus(Z))


def mish_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = Z T, T = tanh(softplus(Z))        g'(z) = t + z (1 - t^2) sigmoid(z)
    T = np.tanh(softplus(Z))
    return dA * (T + Z * (1 - T * T) * sigmoid(Z))


def hard_sigmoid(Z: Array) -> Array:
    # A = Z / 6 + 1/2, cut to [0, 1]
    return np.clip(Z / 6 + 1 / 2, 0, 1)


def hard_sigmoid_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = Z / 6 + 1/2, cut to [0, 1]        g'(z) = 1/6 if -3 < z < 3, else 0
    return np.where((Z > -3) & (Z < 3), dA / 6, 0)


def hard_tanh(Z: Array) -> Array:
    # A = Z, cut to [-1, 1]
    return np.clip(Z, -1, 1)


def hard_tanh_backward(dA: Array, Z: Array, A: Array) -> Array:
    # forward: A = Z, cut to [-1, 1]        g'(z) = 1 if -1 < z < 1, else 0
    return np.where((Z > -1) & (Z < 1), dA, 0)


class ActivationFunctions(NamedTuple):
    forward: Callable[..., Array]  # A = forward(Z)
    backward: Callable[..., Array]  # dZ = backward(dA, Z, A)
    has_slope: bool = False  # a keyword argument of both


ACTIVATIONS = {
    "identity": ActivationFunctions(identity, identity_backward),
    "sigmoid": ActivationFunctions(sigmoid, sigmoid_backward),
    "tanh": ActivationFunctions(tanh, tanh_backward),
    "relu": ActivationFunctions(relu, relu_backward),
    "leaky_relu": ActivationFunctions(leaky_relu, leaky_relu_backward, has_slope=True),
    "softmax": ActivationFunctions(softmax, softmax_backward),
    "exp": ActivationFunctions(exp, exp_backward),
    "elu": ActivationFunctions(elu, elu_backward, has_slope=True),
    "selu": ActivationFunctions(selu, selu_backward),
    "gelu": ActivationFunctions(gelu, gelu_backward),
    "silu": ActivationFunctions(silu, silu_backward),
    "softplus": ActivationFunctions(softplus, softplus_backward),
    "mish": ActivationFunctions(mish, mish_backward),
    "hard_sigmoid": ActivationFunctions(hard_sigmoid, hard_sigmoid_backward),
    "hard_tanh": ActivationFunctions(hard_tanh, hard_tanh_backward),
}


def activation_name(activation: Activation) -> str:
    """The name without the slope or the groups."""
    return _name_and_options("activation_name", activation)[0]


def activation_groups(activation: Activation) -> list[slice]:
    """The units of each group; of an activation without groups there is one, of all units."""
    groups = _name_and_options("activation_groups", activation)[1].get("groups")
    return [slice(None)] if groups is None else units_of_groups(groups)


def activation_forward(Z: Array, activation: Activation) -> Array:
    """A = g(Z) (n, m), the activation given as "tanh" or, with its option, as ("leaky_relu", 0.2)
    or ("softmax", (3, 4, 2)).

    ValueError: unknown name, an option where there is none, groups that do not add up to n.
    """
    name, options = _name_and_options("activation_forward", activation)
    if "groups" in options and sum(options["groups"]) != len(Z):
        expected = f"groups that add up to {len(Z)} units"
        raise refuse("activation_forward", "activation", expected, repr(activation))
    return ACTIVATIONS[name].forward(Z, **options)


def activation_backward(dA: Array, Z: Array, A: Array, activation: Activation) -> Array:
    """dZ = dA * g'(Z) (n, m); for softmax the product with its Jacobian. Errors as above."""
    # forward: A = g(Z)
    name, options = _name_and_options("activation_backward", activation)
    return ACTIVATIONS[name].backward(dA, Z, A, **options)


def _name_and_options(where: str, activation: Activation) -> tuple[str, dict[str, Any]]:
    pair = activation if isinstance(activation, tuple) else (activation, None)
    if len(pair) != 2:
        raise refuse(where, "activation", "a name or a pair (name, slope)", repr(activation))
    name, option = pair
    check_name(where, "activation", name, ACTIVATIONS)
    if option is None:
        return name, {}
    if isinstance(option, Sequence):
        if name != "softmax" or not option or any(n != int(n) or n < 1 for n in option):
            expected = "groups of at least one unit, for softmax only"
            raise refuse(where, "activation", expected, repr(activation))
        return name, {"groups": tuple(map(int, option))}
    if not ACTIVATIONS[name].has_slope or not np.isfinite(option):
        expected = "a finite slope, for leaky_relu and elu only"
        raise refuse(where, "activation", expected, repr(activation))
    return name, {"slope": float(option)}
