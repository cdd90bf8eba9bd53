"""Activations: A = g(Z), and for each one the way back, dZ from dA.

Z, A, dA, dZ all have shape (n, m): a unit per row, a sample per column. dA means dL/dA, the
derivative of each sample's own loss L. Every backward function takes (dA, Z, A) and uses what it
needs of Z and A. The one list of activations is the table ACTIVATIONS, below the functions.
"""

# NumPy's stubs give Any for most results here.
# mypy: disable-error-code=no-any-return

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .checks import Array, check_name, refuse

# "relu", or ("leaky_relu", 0.2) to choose the slope, or ("softmax", (3, 4, 2)) for a softmax of
# each group of units: the first 3, the next 4, the last 2.
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


class ActivationFunctions(NamedTuple):
    forward: Callable[..., Array]  # A = forward(Z)
    backward: Callable[..., Array]  # dZ = backward(dA, Z, A)


ACTIVATIONS = {
    "identity": ActivationFunctions(identity, identity_backward),
    "sigmoid": ActivationFunctions(sigmoid, sigmoid_backward),
    "tanh": ActivationFunctions(tanh, tanh_backward),
    "relu": ActivationFunctions(relu, relu_backward),
    "leaky_relu": ActivationFunctions(leaky_relu, leaky_relu_backward),
    "softmax": ActivationFunctions(softmax, softmax_backward),
    "exp": ActivationFunctions(exp, exp_backward),
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
    if name != "leaky_relu" or not np.isfinite(option):
        raise refuse(where, "activation", "a finite slope, for leaky_relu only", repr(activation))
    return name, {"slope": float(option)}
