"""Optimizers: from the gradient g = dJ/dw to the next w. Start at sgd.

Every optimizer takes the parameters, the gradients and its own state, and returns new parameters
and a new state; nothing is changed in place. The state holds t, the number of steps done, and
moments: arrays in the shapes of the parameters, zero at first. alpha is the learning rate.
Textbooks differ in the details; each function names the variant it is. The one list of optimizers
is the table OPTIMIZERS; update_parameters chooses from it by name.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .checks import Parameters, check_name, check_parameters, refuse

State: TypeAlias = dict[str, Any]  # {"t": int, "v": {"W1": array, ..}, ..}


def sgd(
    parameters: Parameters,
    grads: Parameters,
    state: State,
    alpha: float,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> tuple[Parameters, State]:
    # w = w - alpha g
    # with momentum mu (Sutskever et al. 2013):       v = mu v - alpha g,   w = w + v
    # Nesterov's, w being the point looked ahead to:  v = mu v - alpha g,   w = w + mu v - alpha g
    updated, v = {}, {}
    for name, w in parameters.items():
        g = grads["d" + name]
        v[name] = momentum * state["v"][name] - alpha * g
        updated[name] = w + (momentum * v[name] - alpha * g if nesterov else v[name])
    return updated, {"t": state["t"] + 1, "v": v}


def rmsprop(
    parameters: Parameters,
    grads: Parameters,
    state: State,
    alpha: float,
    rho: float = 0.9,
    epsilon: float = 1e-8,
) -> tuple[Parameters, State]:
    # Tieleman & Hinton 2012, epsilon outside the root:
    # s = rho s + (1 - rho) g^2,   w = w - alpha g / (sqrt(s) + epsilon)
    updated, s = {}, {}
    for name, w in parameters.items():
        g = grads["d" + name]
        s[name] = rho * state["s"][name] + (1 - rho) * g**2
        updated[name] = w - alpha * g / (np.sqrt(s[name]) + epsilon)
    return updated, {"t": state["t"] + 1, "s": s}


def adam(
    parameters: Parameters,
    grads: Parameters,
    state: State,
    alpha: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    epsilon_hat: bool = False,
) -> tuple[Parameters, State]:
    # Kingma & Ba 2015, algorithm 1, epsilon after the bias correction; t counts from 1:
    # m = beta1 m + (1 - beta1) g          m_hat = m / (1 - beta1^t)
    # v = beta2 v + (1 - beta2) g^2        v_hat = v / (1 - beta2^t)
    # w = w - alpha m_hat / (sqrt(v_hat) + epsilon);   with epsilon_hat beside sqrt(v) instead
    t = state["t"] + 1
    updated, m, v = {}, {}, {}
    for name, w in parameters.items():
        g = grads["d" + name]
        m[name] = beta1 * state["m"][name] + (1 - beta1) * g
        v[name] = beta2 * state["v"][name] + (1 - beta2) * g**2
        m_hat = m[name] / (1 - beta1**t)
        v_hat = v[name] / (1 - beta2**t)
        correction = np.sqrt(1 - beta2**t) if epsilon_hat else 1.0
        updated[name] = w - alpha * m_hat / (np.sqrt(v_hat) + epsilon / correction)
    return updated, {"t": t, "m": m, "v": v}


def adamw(
    parameters: Parameters,
    grads: Parameters,
    state: State,
    alpha: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[Parameters, State]:
    # Loshchilov & Hutter 2019: weights (never biases) shrink on their own, not through g:
    # w = w (1 - alpha weight_decay),   then Adam's step
    shrunk = dict(parameters)
    for name, w in parameters.items():
        if name.startswith("W"):
            shrunk[name] = w * (1 - alpha * weight_decay)
    return adam(shrunk, grads, state, alpha, beta1, beta2, epsilon)


class Optimizer(NamedTuple):
    step: Callable[..., tuple[Parameters, State]]
    moments: tuple[str, ...]  # the arrays of its state


OPTIMIZERS = {
    "sgd": Optimizer(sgd, ("v",)),
    "rmsprop": Optimizer(rmsprop, ("s",)),
    "adam": Optimizer(adam, ("m", "v")),
    "adamw": Optimizer(adamw, ("m", "v")),
}


def initialize_optimizer(parameters: Mapping[str, ArrayLike], optimizer: str = "sgd") -> State:
    """The state before the first step: t = 0, all moments 0. ValueError: unknown optimizer."""
    where = "initialize_optimizer"
    check_name(where, "optimizer", optimizer, OPTIMIZERS)
    parameters = check_parameters(where, parameters)
    state: State = {"t": 0}
    for moment in OPTIMIZERS[optimizer].moments:
        state[moment] = {name: np.zeros_like(w) for name, w in parameters.items()}
    return state


def update_parameters(
    parameters: Mapping[str, ArrayLike],
    grads: Mapping[str, ArrayLike],
    learning_rate: float,
    optimizer: str = "sgd",
    state: State | None = None,
    **options: Any,
) -> tuple[Parameters, State]:
    """One step: the new parameters, and the new state to hand to the next call (None at the first).

    `options` are those of the optimizer: momentum, nesterov for sgd; rho, epsilon for rmsprop;
    beta1, beta2, epsilon for adam; these and weight_decay for adamw. `grads` may hold more than
    dW1, db1, .. dWL, dbL. ValueError: unknown optimizer or option, an option out of range, a
    gradient that is missing or of another shape, the state of another optimizer.
    """
    where = "update_parameters"
    check_name(where, "optimizer", optimizer, OPTIMIZERS)
    options = _check_options(where, optimizer, learning_rate, options)
    parameters = check_parameters(where, parameters)
    arrays: Parameters = {}
    for name, w in parameters.items():
        if "d" + name not in grads or np.shape(grads["d" + name]) != w.shape:
            got = np.shape(grads["d" + name]) if "d" + name in grads else "none"
            raise refuse(where, f"grads['d{name}']", f"shape {w.shape}", got)
        arrays["d" + name] = np.asarray(grads["d" + name], dtype=w.dtype)
    if state is None:
        state = initialize_optimizer(parameters, optimizer)
    if set(state) != {"t", *OPTIMIZERS[optimizer].moments}:
        raise refuse(where, "state", f"that of {optimizer}", f"one with {', '.join(state)}")
    return OPTIMIZERS[optimizer].step(parameters, arrays, state, float(learning_rate), **options)


def clip_gradients(
    grads: Mapping[str, ArrayLike], value: float | None = None, norm: float | None = None
) -> Parameters:
    """Gradients cut to [-value, value] each, then scaled down to `norm`, all arrays together.

    Pascanu, Mikolov & Bengio 2013, algorithm 1, for the norm. None does nothing. ValueError: a
    limit that is not > 0.
    """
    clipped = {name: np.asarray(g) for name, g in grads.items()}
    for argument, limit in (("value", value), ("norm", norm)):
        if limit is not None and not limit > 0:
            raise refuse("clip_gradients", argument, "a number > 0 or None", limit)
    if value is not None:
        clipped = {name: np.clip(g, -value, value) for name, g in clipped.items()}
    total = np.sqrt(sum(float(np.sum(g.astype(np.float64) ** 2)) for g in clipped.values()))
    if norm is not None and total > norm:
        clipped = {name: g * (norm / total) for name, g in clipped.items()}
    return clipped


def _check_options(
    where: str, optimizer: str, learning_rate: float, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The options as Python's bool and float, which leave float32 arrays float32."""
    arguments = inspect.signature(OPTIMIZERS[optimizer].step).parameters.values()
    known = [argument.name for argument in arguments if argument.default is not argument.empty]
    for name, value in options.items():
        check_name(where, f"option of {optimizer}", name, known)
        if name in ("momentum", "rho", "beta1", "beta2") and not 0 <= value < 1:
            raise refuse(where, name, "a number from 0 to below 1", value)
        if name == "epsilon" and not (np.isfinite(value) and value > 0):
            raise refuse(where, name, "a finite number > 0", value)
        if name == "weight_decay" and not (np.isfinite(value) and value >= 0):
            raise refuse(where, name, "a finite number >= 0", value)
    if not (np.isfinite(learning_rate) and learning_rate >= 0):
        raise refuse(where, "learning_rate", "a finite number >= 0", learning_rate)
    if options.get("nesterov") and not options.get("momentum"):
        raise refuse(where, "nesterov", "momentum > 0 with it", options.get("momentum", 0.0))
    return {name: bool(v) if name == "nesterov" else float(v) for name, v in options.items()}
