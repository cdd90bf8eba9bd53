"""Optimizers: from the gradient g = dJ/dw to the next w. Start at sgd.

Every optimizer takes a parameter w, its gradient g, the number t of this step, counted from 1, the
learning rate alpha and its moments, arrays in the shape of w that are zero at first. It returns the
new w and the new moments; nothing is changed in place. Textbooks differ in the details; each
function names the variant it is. The one list of optimizers is the table OPTIMIZERS;
update_parameters in updates.py chooses from it by name, and what decays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .checks import Array


def sgd(
    w: Array,
    g: Array,
    t: int,
    alpha: float,
    v: Array,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> tuple[Array, Array]:
    # w = w - alpha g
    # with momentum mu (Sutskever et al. 2013):       v = mu v - alpha g,   w = w + v
    # Nesterov's, w being the point looked ahead to:  v = mu v - alpha g,   w = w + mu v - alpha g
    v = momentum * v - alpha * g
    return w + (momentum * v - alpha * g if nesterov else v), v


def rmsprop(
    w: Array, g: Array, t: int, alpha: float, s: Array, rho: float = 0.9, epsilon: float = 1e-8
) -> tuple[Array, Array]:
    # Tieleman & Hinton 2012, epsilon outside the root:
    # s = rho s + (1 - rho) g^2,   w = w - alpha g / (sqrt(s) + epsilon)
    s = rho * s + (1 - rho) * g**2
    return w - alpha * g / (np.sqrt(s) + epsilon), s


def adam(
    w: Array,
    g: Array,
    t: int,
    alpha: float,
    m: Array,
    v: Array,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    epsilon_hat: bool = False,
) -> tuple[Array, Array, Array]:
    # Kingma & Ba 2015, algorithm 1, epsilon after the bias correction:
    # m = beta1 m + (1 - beta1) g          m_hat = m / (1 - beta1^t)
    # v = beta2 v + (1 - beta2) g^2        v_hat = v / (1 - beta2^t)
    # w = w - alpha m_hat / (sqrt(v_hat) + epsilon);   with epsilon_hat beside sqrt(v) instead
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    correction = np.sqrt(1 - beta2**t) if epsilon_hat else 1.0
    return w - alpha * m_hat / (np.sqrt(v_hat) + epsilon / correction), m, v


def adamw(
    w: Array,
    g: Array,
    t: int,
    alpha: float,
    m: Array,
    v: Array,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[Array, Array, Array]:
    # Loshchilov & Hutter 2019: weights shrink on their own, not through g:
    # w = w (1 - alpha weight_decay),   then Adam's step
    return adam(w * (1 - alpha * weight_decay), g, t, alpha, m, v, beta1, beta2, epsilon)


def nadam(
    w: Array,
    g: Array,
    t: int,
    alpha: float,
    m: Array,
    v: Array,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    momentum_decay: float = 4e-3,
) -> tuple[Array, Array, Array]:
    # Dozat 2016, the momentum of the schedule mu(t) but m made with beta1, as in PyTorch:
    # mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2)      M(t) = mu(1) mu(2) .. mu(t)
    # m_hat = mu(t+1) m / (1 - M(t+1)) + (1 - mu(t)) g / (1 - M(t)),   the rest as in adamw
    mu = beta1 * (1 - 0.5 * 0.96 ** (np.arange(1, t + 2) * momentum_decay))
    M_next, M = float(np.prod(mu)), float(np.prod(mu[:-1]))
    now, ahead = float(mu[-2]), float(mu[-1])
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = ahead * m / (1 - M_next) + (1 - now) * g / (1 - M)
    v_hat = v / (1 - beta2**t)
    return w * (1 - alpha * weight_decay) - alpha * m_hat / (np.sqrt(v_hat) + epsilon), m, v


def radam(
    w: Array,
    g: Array,
    t: int,
    alpha: float,
    m: Array,
    v: Array,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Array, Array, Array]:
    # Liu et al. 2020, algorithm 2, with PyTorch's epsilon beside sqrt(v) and bound 5 (there 4):
    # R = 2 / (1 - beta2) - 1      rho = R - 2 t beta2^t / (1 - beta2^t)
    # w = w - alpha m_hat,   if rho > 5 times r sqrt(1 - beta2^t) / (sqrt(v) + epsilon) with
    # r^2 = (rho - 4) (rho - 2) R / ((R - 4) (R - 2) rho)
    R = 2 / (1 - beta2) - 1
    rho = R - 2 * t * beta2**t / (1 - beta2**t)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    step = m / (1 - beta1**t)
    if rho > 5:
        r = np.sqrt((rho - 4) * (rho - 2) * R / ((R - 4) * (R - 2) * rho))
        step = step * float(r * np.sqrt(1 - beta2**t)) / (np.sqrt(v) + epsilon)
    return w * (1 - alpha * weight_decay) - alpha * step, m, v


def adagrad(
    w: Array, g: Array, t: int, alpha: float, s: Array, epsilon: float = 1e-10
) -> tuple[Array, Array]:
    # Duchi, Hazan & Singer 2011, diagonal form:
    # s = s + g^2,   w = w - alpha g / (sqrt(s) + epsilon)
    s = s + g**2
    return w - alpha * g / (np.sqrt(s) + epsilon), s


def lion(
    w: Array,
    g: Array,
    t: int,
    alpha: float,
    m: Array,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
) -> tuple[Array, Array]:
    # Chen et al. 2023, algorithm 2:
    # w = w - alpha (sign(beta1 m + (1 - beta1) g) + weight_decay w)
    # m = beta2 m + (1 - beta2) g
    direction = np.sign(beta1 * m + (1 - beta1) * g)
    return w - alpha * (direction + weight_decay * w), beta2 * m + (1 - beta2) * g


def rprop(
    w: Array,
    g: Array,
    t: int,
    alpha: float,
    before: Array,
    d: Array,
    first_step: float = 0.01,
    eta_minus: float = 0.5,
    eta_plus: float = 1.2,
    smallest_step: float = 1e-6,
    largest_step: float = 50.0,
) -> tuple[Array, Array, Array]:
    # iRprop- (Igel & Huesken 2003): the size d of a step grows while the sign of g stays the same
    # and shrinks when it changes; then g counts as 0, in this step and for the next.
    # w = w - alpha / first_step sign(g) d
    if t == 1:
        d = np.full_like(w, first_step)
    signs = np.sign(g) * np.sign(before)
    d = np.where(signs > 0, np.minimum(d * eta_plus, largest_step), d)
    d = np.where(signs < 0, np.maximum(d * eta_minus, smallest_step), d)
    g = np.where(signs < 0, 0 * g, g)
    return w - alpha / first_step * np.sign(g) * d, g, d


class Optimizer(NamedTuple):
    step: Callable[..., tuple[Array, ...]]
    moments: tuple[str, ...]  # the names of its moments


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
