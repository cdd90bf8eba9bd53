"""The core's operations as functions on NumPy arrays, for your own training script.

Samples are rows; W is (n_in, n_out). An array of float32 is computed in float32, anything else in
float64. All arguments are checked: ValueError or TypeError with the argument, what was expected and
what came. The operations run the same kernels as `Network`, so they give the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule import _core, _custom
from chainrule._description import resolve
from chainrule._errors import check_bool, check_integer, check_number, message, unknown
from chainrule._optimizer import core_optimizer
from chainrule.activations import Activation, as_activation
from chainrule.losses import LOSSES, Loss
from chainrule.optimizers import Optimizer, resolve_optimizer

__all__ = [
    "activation",
    "activation_backward",
    "activation_derivative",
    "dense_backward",
    "dense_forward",
    "loss_and_gradient",
    "optimizer_step",
]

Array = NDArray[Any]
OF_THE_CORE = "one of the core's (one of your own you can call yourself)"


def _call(name: str, array: ArrayLike, *arguments: Any) -> Any:
    """Calls the core's function for the type of this array."""
    bits = 32 if getattr(array, "dtype", None) == np.float32 else 64
    return getattr(_core.functions, f"{name}{bits}")(*arguments)


def _activation(activation: str | Activation, where: str) -> tuple[Any, ...]:
    checked = as_activation(activation, where)
    if checked.is_registered:
        raise ValueError(message(where, "activation", OF_THE_CORE, checked.name))
    if checked.name not in _core.activations():
        raise unknown(where, "activation", checked.name, _core.activations())
    return checked.parts


def dense_forward(
    X: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    activation: str | Activation = "identity",
    out: Array | None = None,
) -> Array:
    """`A = g(X W + b)`.   X (m, n_in), W (n_in, n_out), b (n_out,) or None, A (m, n_out)."""
    g = _activation(activation, "ops.dense_forward")
    A: Array = _call("dense_forward", X, X, W, b, g, out)
    return A


def activation(Z: ArrayLike, activation: str | Activation, out: Array | None = None) -> Array:
    """`A = g(Z)`.   Z, A (m, n); out may be Z itself."""
    A: Array = _call("activation", Z, Z, _activation(activation, "ops.activation"), out)
    return A


def activation_derivative(
    Z: ArrayLike, activation: str | Activation, out: Array | None = None
) -> Array:
    """`g'(Z)`, element by element.   Z (m, n)

    Softmax has none: its Jacobian mixes the elements of a row; use `activation_backward`.
    """
    where = "ops.activation_derivative"
    g = _activation(activation, where)
    if g[0] == "softmax":
        hint = "an elementwise activation (activation_backward applies softmax's Jacobian)"
        raise ValueError(message(where, "activation", hint, g[0]))
    derivative: Array = _call("activation_backward", Z, where, None, Z, g, out)
    return derivative


def activation_backward(
    dA: ArrayLike, Z: ArrayLike, activation: str | Activation, out: Array | None = None
) -> Array:
    """`dZ = dA * g'(Z)`; for softmax `dZ_j = a_j (dA_j - sum_k a_k dA_k)`.   dA, Z, dZ (m, n)"""
    where = "ops.activation_backward"
    if dA is None:
        raise TypeError(message(where, "dA", "an array of the shape of Z", dA))
    g = _activation(activation, where)
    dZ: Array = _call("activation_backward", Z, where, dA, Z, g, out)
    return dZ


def dense_backward(
    X: ArrayLike,
    W: ArrayLike,
    dZ: ArrayLike,
    *,
    dW: Array | None = None,
    db: Array | None = None,
    out: Array | None = None,
    with_dX: bool = True,
) -> Array | None:
    """Backward of `Z = X W + b`:  adds `X^T dZ` to dW and the column sums of dZ to db; returns dX.

    `dX = dZ W^T`.   X, dX (m, n_in), W, dW (n_in, n_out), dZ (m, n_out), db (n_out,).
    dW and db must be contiguous and of the type computed in; start them at zero. `out` takes dX and
    may be X itself; with_dX=False skips it (the first layer needs none) and returns None.
    """
    with_dX = check_bool("ops.dense_backward", "with_dX", with_dX)
    if isinstance(X, np.ndarray) and isinstance(out, np.ndarray) and np.may_share_memory(X, out):
        X = X.copy()  # dX is written before dW is computed from X
    dX: Array | None = _call("dense_backward", X, X, W, dZ, dW, db, out, with_dX)
    return dX


def loss_and_gradient(
    Z: ArrayLike,
    Y: ArrayLike,
    loss: str | Loss,
    activation: str | Activation | None = None,
    sample_weight: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[float, Array]:
    """The cost `J = sum_i w_i L_i / sum_i w_i` and its gradient dZ, from raw outputs Z (m, n).

    `activation` is the last layer's; None is the one that belongs to the loss (sigmoid for
    binary_cross_entropy, and so on: see `chainrule.losses`), which is then computed from Z. dZ
    includes the factor 1/m (or the weights'), so `dense_backward` adds up to the gradients of J.
    Y as the loss takes it.
    """
    where = "ops.loss_and_gradient"
    name = getattr(loss, "name", loss)
    if isinstance(name, str) and name in _custom.LOSSES:
        raise ValueError(message(where, "loss", OF_THE_CORE, name))
    chosen = resolve(loss, LOSSES, where, "loss")
    g = _activation(_core.losses()[chosen.name] if activation is None else activation, where)
    arguments = (Z, Y, chosen.parts, g, sample_weight, out)
    result: tuple[float, Array] = _call("loss_and_gradient", Z, *arguments)
    return result


def optimizer_step(
    optimizer: str | Optimizer,
    parameters: Mapping[str, Array],
    gradients: Mapping[str, Array],
    state: dict[str, Any],
    learning_rate: float | None = None,
) -> None:
    """One step on all `parameters`, in place; see the optimizer for its formula.

    `gradients` has the same names and shapes. `state` starts as an empty dict and keeps the step
    count and the optimizer's arrays; after steps 64, 128, .. subnormal numbers in these become zero
    where the gradient is. `learning_rate` overrides the optimizer's own (schedules). Weight decay
    acts on arrays of two dimensions, never on biases. Arrays must be contiguous, of float32 or
    float64; all are checked before the first is changed.
    """
    where = "ops.optimizer_step"
    chosen = resolve_optimizer(optimizer, where)
    rate = chosen.learning_rate if learning_rate is None else learning_rate
    rate = check_number(where, "learning_rate", rate, minimum=0)
    kind, hyperparameters, n_states = core_optimizer(chosen)
    for argument, value in (("parameters", parameters), ("gradients", gradients), ("state", state)):
        if not isinstance(value, Mapping):
            raise TypeError(message(where, argument, "a dict", value))
    if state.get("kind", kind) != kind:
        expected = f"an empty dict, or the state of {kind!r}"
        raise ValueError(message(where, "state", expected, state["kind"]))
    t = check_integer(where, "state['steps']", state.get("steps", 0), 0) + 1
    arrays = dict(state.get("arrays", {}))
    for name, w in parameters.items():
        _check_array(where, f"parameters[{name!r}]", w)
        if name not in gradients:
            raise ValueError(message(where, "gradients", f"an array {name!r}", list(gradients)))
        _check_array(where, f"gradients[{name!r}]", gradients[name], w, is_read_only=True)
        arrays.setdefault(name, [np.zeros_like(w) for _ in range(n_states)])
        if len(arrays[name]) != n_states:
            expected = f"{n_states} arrays, or an empty dict as state"
            raise ValueError(message(where, f"state['arrays'][{name!r}]", expected, arrays[name]))
        for array in arrays[name]:
            _check_array(where, f"state['arrays'][{name!r}]", array, w)
    for name, w in parameters.items():
        first, second = [*arrays[name], None, None][:2]
        gradient = gradients[name] if gradients[name].flags.writeable else gradients[name].copy()
        arguments = (w, gradient, first, second, rate, t, w.ndim == 2, hyperparameters)
        _call("optimizer_step", w, kind, *arguments)
    state |= {"kind": kind, "steps": t, "arrays": arrays}


def _check_array(
    where: str, argument: str, array: Any, like: Array | None = None, is_read_only: bool = False
) -> None:
    """What the core works on in place; `like` gives its shape and type."""
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
        got = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else repr(array)
        expected = "an array of float32 or float64"
        raise TypeError(f"[{where}] {argument}: expected {expected}, got {got}")
    flags = array.flags
    fits = like is None or (array.shape == like.shape and array.dtype == like.dtype)
    if not (fits and flags.c_contiguous and flags.aligned and (flags.writeable or is_read_only)):
        same = array if like is None else like
        access = "" if is_read_only else "writable, "
        expected = f"a {access}contiguous {same.dtype} array of shape {same.shape}"
        faults = "" if flags.writeable or is_read_only else "read-only "
        faults += "" if flags.c_contiguous else "strided "
        faults += "" if flags.aligned else "misaligned "
        got = f"{faults}{array.dtype} of shape {array.shape}"
        raise ValueError(f"[{where}] {argument}: expected {expected}, got {got}")
