"""Optimizers: from the gradient g = dJ/dw to the next w. Start at sgd.

Every optimizer takes the parameters, the gradients and its own state, and returns new parameters
and a new state; nothing is changed in place. The state holds t, the number of steps done, and
moments: arrays in the shapes of the parameters, zero at first. alpha is the learning rate.
Textbooks differ in the details; each function names the variant it is. Weight decay, where there
is any, acts on all parameters of a call. The one list of optimizers is the table OPTIMIZERS;
update_parameters in updates.py chooses from it by name, and what decays.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .checks import Parameters

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
    # Loshchilov & Hutter 2019: weights shrink on their own, not through g:
    # w = w (1 - alpha weight_decay),   then Adam's step
    shrunk = {name: w * (1 - alpha * weight_decay) for name, w in parameters.items()}
    return adam(shrunk, grads, state, alpha, beta1, beta2, epsilon)


def nadam(
    parameters: Parameters,
    grads: Parameters,
    state: State,
    alpha: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    momentum_decay: float = 4e-3,
) -> tuple[Parameters, State]:
    # Dozat 2016, the momentum of the schedule mu(t) but m made with beta1, as in PyTorch:
    # mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2)      M(t) = mu(1) mu(2) .. mu(t)
    # m_hat = mu(t+1) m / (1 - M(t+1)) + (1 - mu(t)) g / (1 - M(t)),   the rest as in adamw
    t = state["t"] + 1
    mu = beta1 * (1 - 0.5 * 0.96 ** (np.arange(1, t + 2) * momentum_decay))
    M_next, M = float(np.prod(mu)), float(np.prod(mu[:-1]))
    now, ahead = float(mu[-2]), float(mu[-1])
    updated, m, v = {}, {}, {}
    for name, w in parameters.items():
        g = grads["d" + name]
        m[name] = beta1 * state["m"][name] + (1 - beta1) * g
        v[name] = beta2 * state["v"][name] + (1 - beta2) * g**2
        m_hat = ahead * m[name] / (1 - M_next) + (1 - now) * g / (1 - M)
        v_hat = v[name] / (1 - beta2**t)
        shrunk = w * (1 - alpha * weight_decay)
        updated[name] = shrunk - alpha * m_hat / (np.sqrt(v_hat) + epsilon)
    return updated, {"t": t, "m": m, "v": v}


def radam(
    parameters: Parameters,
    grads: Parameters,
    state: State,
    alpha: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Parameters, State]:
    # Liu et al. 2020, algorithm 2, with PyTorch's epsilon beside sqrt(v) and bound 5 (there 4):
    # R = 2 / (1 - beta2) - 1      rho = R - 2 t beta2^t / (1 - beta2^t)
    # w = w - alpha m_hat,   if rho > 5 times r sqrt(1 - beta2^t) / (sqrt(v) + epsilon) with
    # r^2 = (rho - 4) (rho - 2) R / ((R - 4) (R - 2) rho)
    t = state["t"] + 1
    R = 2 / (1 - beta2) - 1
    rho = R - 2 * t * beta2**t / (1 - beta2**t)
    updated, m, v = {}, {}, {}
    for name, w in parameters.items():
        g = grads["d" + name]
        m[name] = beta1 * state["m"][name] + (1 - beta1) * g
        v[name] = beta2 * state["v"][name] + (1 - beta2) * g**2
        step = m[name] / (1 - beta1**t)
        if rho > 5:
            r = np.sqrt((rho - 4) * (rho - 2) * R / ((R - 4) * (R - 2) * rho))
            step = step * float(r * np.sqrt(1 - beta2**t)) / (np.sqrt(v[name]) + epsilon)
        updated[name] = w * (1 - alpha * weight_decay) - alpha * step
    return updated, {"t": t, "m": m, "v": v}


def adagrad(
    parameters: Parameters,
    grads: Parameters,
    state: State,
    alpha: float,
    epsilon: float = 1e-10,
) -> tuple[Parameters, State]:
    # Duchi, Hazan & Singer 2011, diagonal form:
    # s = s + g^2,   w = w - alpha g / (sqrt(s) + epsilon)
    updated, s = {}, {}
    for name, w in parameters.items():
        g = grads["d" + name]
        s[name] = state["s"][name] + g**2
        updated[name] = w - alpha * g / (np.sqrt(s[name]) + epsilon)
    return updated, {"t": state["t"] + 1, "s": s}


def lion(
    parameters: Parameters,
    grads: Parameters,
    state: State,
    alpha: float,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
) -> tuple[Parameters, State]:
    # Chen et al. 2023, algorithm 2:
    # w = w - alpha (sign(beta1 m + (1 - beta1) g) + weight_decay w)
    # m = beta2 m + (1 - beta2) g
    updated, m = {}, {}
    for name, w in parameters.items():
        g, before = grads["d" + name], state["m"][name]
        direction = np.sign(beta1 * before + (1 - beta1) * g)
        updated[name] = w - alpha * (direction + weight_decay * w)
        m[name] = beta2 * before + (1 - beta2) * g
    return updated, {"t": state["t"] + 1, "m": m}


def rprop(
    parameters: Parameters,
    grads: Parameters,
    state: State,
    alpha: float,
    first_step: float = 0.01,
    eta_minus: float = 0.5,
    eta_plus: float = 1.2,
    smallest_step: float = 1e-6,
    largest_step: float = 50.0,
) -> tuple[Parameters, State]:
    # iRprop- (Igel & Huesken 2003): the size d of a step grows while the sign of g stays the same
    # and shrinks when it changes; then g counts as 0, in this step and for the next.
    # w = w - alpha / first_step sign(g) d
    updated, gs, d = {}, {}, {}
    for name, w in parameters.items():
        g, size = grads["d" + name], state["d"][name]
        if state["t"] == 0:
            size = np.full_like(w, first_step)
        signs = np.sign(g) * np.sign(state["g"][name])
        size = np.where(signs > 0, np.minimum(size * eta_plus, largest_step), size)
        size = np.where(signs < 0, np.maximum(size * eta_minus, smallest_step), size)
        g = np.where(signs < 0, 0 * g, g)
        updated[name] = w - alpha / first_step * np.sign(g) * size
        gs[name], d[name] = g, size
    return updated, {"t": state["t"] + 1, "g": gs, "d": d}


class Optimizer(NamedTuple):
    step: Callable[..., tuple[Parameters, State]]
    moments: tuple[str, ...]  # the arrays of its state


OPTIMIZERS = {
    "sgd": Optimizer(sgd, ("v",)),
    "rmsprop": Optimizer(rmsprop, ("s",)),
    "adam": Optimizer(adam, ("m", "v")),
    "adamw": Optimizer(adamw, ("m", "v")),
    "nadam": Optimizer(nadam, ("m", "v")),
    "radam": Optimizer(radam, ("m", "v")),
    "adagrad": Optimizer(adagrad, ("s",)),
    "lion": Optimizer(lion, ("m",)),
    "rprop": Optimizer(rprop, ("g", "d")),
}
