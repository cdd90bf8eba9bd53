"""From gradients to the next parameters: clipping, the choice of an optimizer, what decays.

Start at update_parameters. The optimizers themselves are in optimizers.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .checks import Parameters, check_name, check_parameters, refuse
from .optimizers import OPTIMIZERS

State: TypeAlias = dict[str, Any]  # {"t": steps done, "v": {"W1": array, ..}, ..}


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
    *,
    learning_rate_factors: Mapping[str, float] | None = None,
    decay_factors: Mapping[str, float] | None = None,
    frozen: Iterable[str] = (),
    **options: Any,
) -> tuple[Parameters, State]:
    """One step: the new parameters, and the new state to hand to the next call (None at the first).

    `options` are those of the optimizer's function. By name, as "W1": factors of the learning rate
    and of weight decay (without them weights decay, biases do not), and the `frozen` parameters,
    which stay. `grads` may hold more than dW1, db1, .. dWL, dbL. ValueError: unknown optimizer,
    option or name, an option out of range, a gradient that is missing or of another shape, the
    state of another optimizer.
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
    step, moments = OPTIMIZERS[optimizer]
    updated: Parameters = {}
    new: State = {"t": state["t"] + 1} | {moment: {} for moment in moments}
    rates, decays, frozen = learning_rate_factors or {}, decay_factors or {}, set(frozen)
    for name in (*rates, *decays, *frozen):
        check_name(where, "name", name, parameters)
    default = _defaults(optimizer).get("weight_decay")
    for name, w in parameters.items():
        before = [state[moment][name] for moment in moments]
        if name in frozen:
            updated[name], after = w, before
        else:
            own, alpha = dict(options), float(learning_rate * rates.get(name, 1.0))
            if default is not None:
                factor = decays.get(name, 1.0 if name.startswith("W") else 0.0)
                own["weight_decay"] = options.get("weight_decay", default) * factor
            updated[name], *after = step(w, arrays["d" + name], new["t"], alpha, *before, **own)
        for moment, value in zip(moments, after, strict=True):
            new[moment][name] = value
    return updated, new


def average_parameters(
    averages: Parameters, parameters: Parameters, ema: float, t: int
) -> Parameters:
    """The averages after step t, from those before it and the parameters after it.

    The parameters after step i weigh ema^(t - i), divided by the sum of these, so the first
    averages, t = 1, are the parameters.
    """
    share = (1 - ema) / (1 - ema**t)
    return {name: averages[name] + share * (w - averages[name]) for name, w in parameters.items()}


def clip_gradients(
    grads: Mapping[str, ArrayLike], value: float | None = None, norm: float | None = None
) -> Parameters:
    """Gradients cut to [-value, value] each, then scaled down to `norm`, all arrays together.

    Pascanu, Mikolov & Bengio 2013, algorithm 1, for the norm (PyTorch adds 1e-6 to it). None does
    nothing. ValueError: a limit that is not > 0.
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


def _defaults(optimizer: str) -> dict[str, Any]:
    """The options of an optimizer by name, and what they are if they are not given."""
    arguments = inspect.signature(OPTIMIZERS[optimizer].step).parameters.values()
    return {one.name: one.default for one in arguments if one.default is not one.empty}


def _check_options(
    where: str, optimizer: str, learning_rate: float, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The options as Python's bool and float, which leave float32 arrays float32."""
    for name, value in options.items():
        check_name(where, f"option of {optimizer}", name, _defaults(optimizer))
        if name in ("momentum", "rho", "beta1", "beta2", "eta_minus") and not 0 <= value < 1:
            raise refuse(where, name, "a number from 0 to below 1", value)
        is_step = name in ("first_step", "smallest_step", "largest_step", "eta_plus")
        if (name == "epsilon" or is_step) and not (np.isfinite(value) and value > 0):
            raise refuse(where, name, "a finite number > 0", value)
        if name in ("weight_decay", "momentum_decay") and not (np.isfinite(value) and value >= 0):
            raise refuse(where, name, "a finite number >= 0", value)
    if not (np.isfinite(learning_rate) and learning_rate >= 0):
        raise refuse(where, "learning_rate", "a finite number >= 0", learning_rate)
    if options.get("nesterov") and not options.get("momentum"):
        raise refuse(where, "nesterov", "momentum > 0 with it", options.get("momentum", 0.0))
    switches = ("nesterov", "epsilon_hat")
    return {name: bool(v) if name in switches else float(v) for name, v in options.items()}
