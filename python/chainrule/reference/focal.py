"""Focal losses: cross-entropies whose terms count (1 - p)^gamma, p the probability of the truth.

What is right already, p close to 1, hardly counts, so that many easy samples do not outweigh a few
hard ones (Lin et al. 2017). With gamma = 0 they are the cross-entropies. Shapes as in losses.py.
"""

# NumPy's stubs give Any for most results here.
# mypy: disable-error-code=no-any-return

from __future__ import annotations

import numpy as np

from .checks import Array
from .losses import clip_probability


def power(log_q: Array, gamma: float) -> Array:
    # q^gamma, 1 for gamma = 0, of q = 0 too
    return np.exp(gamma * log_q) if gamma else np.ones_like(log_q)


def focal_term(log_p: Array, log_q: Array, gamma: float) -> Array:
    # f(p) = -q^gamma log p, q = 1 - p
    return -power(log_q, gamma) * log_p


def focal_term_backward(log_p: Array, log_q: Array, gamma: float) -> Array:
    # forward: f(p) = -q^gamma log p        p f'(p) = q^gamma (gamma p log p / q - 1)
    # With q log p / q tends to -1.
    p, q = np.exp(log_p), np.exp(log_q)
    ratio = np.where(q > 0, log_p / np.where(q > 0, q, 1), -1)
    return power(log_q, gamma) * (gamma * p * ratio - 1)


def focal_shares(alpha: float | None) -> tuple[float, float]:
    # The weights of a yes and of a no
    return (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)


def binary_focal(AL: Array, Y: Array, gamma: float = 2.0, alpha: float | None = 0.25) -> Array:
    # L = sum over outputs of [yes y f(p) + no (1 - y) f(1 - p)], yes = alpha, no = 1 - alpha
    p, _ = clip_probability(AL)
    log_p, log_q, (yes, no) = np.log(p), np.log(1 - p), focal_shares(alpha)
    L = yes * Y * focal_term(log_p, log_q, gamma) + no * (1 - Y) * focal_term(log_q, log_p, gamma)
    return np.sum(L, axis=0)


def binary_focal_backward(
    AL: Array, Y: Array, gamma: float = 2.0, alpha: float | None = 0.25
) -> Array:
    # forward: L = sum [yes y f(p) + no (1 - y) f(1 - p)]
    # dL/dp = yes y f'(p) - no (1 - y) f'(1 - p)
    p, inside = clip_probability(AL)
    log_p, log_q, (yes, no) = np.log(p), np.log(1 - p), focal_shares(alpha)
    of_yes = yes * Y * focal_term_backward(log_p, log_q, gamma) / p
    of_no = no * (1 - Y) * focal_term_backward(log_q, log_p, gamma) / (1 - p)
    return np.where(inside, of_yes - of_no, 0)


def binary_focal_from_Z(
    ZL: Array, Y: Array, gamma: float = 2.0, alpha: float | None = 0.25
) -> Array:
    # With p = sigmoid(z):  log p = -log(1 + e^-z),  log(1 - p) = -log(1 + e^z)
    log_p, log_q = -np.logaddexp(0, -ZL), -np.logaddexp(0, ZL)
    yes, no = focal_shares(alpha)
    L = yes * Y * focal_term(log_p, log_q, gamma) + no * (1 - Y) * focal_term(log_q, log_p, gamma)
    return np.sum(L, axis=0)


def binary_focal_to_Z(
    AL: Array, ZL: Array, Y: Array, gamma: float = 2.0, alpha: float | None = 0.25
) -> Array:
    # forward: L = sum [yes y f(p) + no (1 - y) f(1 - p)], p = sigmoid(z)        dp/dz = p (1 - p)
    log_p, log_q = -np.logaddexp(0, -ZL), -np.logaddexp(0, ZL)
    yes, no = focal_shares(alpha)
    of_yes = yes * Y * focal_term_backward(log_p, log_q, gamma) * np.exp(log_q)
    of_no = no * (1 - Y) * focal_term_backward(log_q, log_p, gamma) * np.exp(log_p)
    return of_yes - of_no


def focal(AL: Array, Y: Array, gamma: float = 2.0) -> Array:
    # L = -sum_k y_k (1 - p_k)^gamma log p_k        y one-hot, or soft labels that sum to 1
    p, _ = clip_probability(AL)
    return np.sum(Y * focal_term(np.log(p), np.log(1 - p), gamma), axis=0)


def focal_backward(AL: Array, Y: Array, gamma: float = 2.0) -> Array:
    # forward: L = sum_k y_k f(p_k)        dL/dp_k = y_k f'(p_k)
    p, inside = clip_probability(AL)
    return np.where(inside, Y * focal_term_backward(np.log(p), np.log(1 - p), gamma) / p, 0)


def log_softmax(ZL: Array) -> tuple[Array, Array]:
    # log p_k and log(1 - p_k), as of a sigmoid: with d_k = z_k - log sum_{j /= k} e^z_j
    #   log p_k = -log(1 + e^-d_k),  log(1 - p_k) = -log(1 + e^d_k)
    # finite for any logits, but of a single class, whose rest is 0; z relative to the largest
    Z = ZL - ZL.max(axis=0, keepdims=True)
    others = [np.logaddexp.reduce(np.delete(Z, k, axis=0), axis=0) for k in range(len(Z))]
    D = Z - np.array(others)
    return -np.logaddexp(0, -D), -np.logaddexp(0, D)


def focal_from_Z(ZL: Array, Y: Array, gamma: float = 2.0) -> Array:
    # L = -sum_k y_k (1 - p_k)^gamma log p_k, p = softmax(z)
    log_p, log_q = log_softmax(ZL)
    return np.sum(Y * focal_term(log_p, log_q, gamma), axis=0)


def focal_to_Z(AL: Array, ZL: Array, Y: Array, gamma: float = 2.0) -> Array:
    # forward: L = sum_k y_k f(p_k), p = softmax(z)        dp_k/dz_j = p_k ((j = k) - p_j), so
    #   dL/dz_j = y_j g_j - p_j sum_k y_k g_k,   g_k = p_k f'(p_k)
    log_p, log_q = log_softmax(ZL)
    G = Y * focal_term_backward(log_p, log_q, gamma)
    return G - np.exp(log_p) * np.sum(G, axis=0, keepdims=True)
