"""Layers beyond the dense chain, forward and backward: normalization, dropout, residual blocks.

A unit per row, a sample per column, as everywhere in the reference: A (n, m). A network is a nested
tuple of layers,

    ("dense", activation), ("batch_norm", epsilon), ("layer_norm", epsilon), ("dropout", rate),
    ("activation", activation), ("residual", layer, layer, ..)

and its parameters have their layer's path in their names: "W1", "b1", "gamma2", "beta2", "W3.1",
"W3.projection". Start at layers_forward.

The derivatives here are those of the cost J of the batch, not of single samples' losses: samples
that are normalized together have no loss of their own.
"""

# NumPy's stubs give Any for most results here.
# mypy: disable-error-code=no-any-return

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np

from .activations import activation_backward, activation_forward
from .checks import Array, Parameters

Layer: TypeAlias = tuple[Any, ...]


class Draws(NamedTuple):
    """What dropout draws from: the counters of step number `step`."""

    seed: int
    step: int


def batch_norm_forward(
    X: Array, gamma: Array, beta: Array, c: Array, epsilon: float
) -> tuple[Array, tuple[Array, ...]]:
    """Y = gamma N + beta, N = (X - mean) / sqrt(variance + epsilon), by unit over the samples.

    X (n, m), gamma and beta (n, 1); c (1, m) is each sample's share of the weights, 1/m if all
    count alike. Also returns N, the deviation, mean and variance.
    """
    mean = np.sum(c * X, axis=1, keepdims=True)
    variance = np.sum(c * (X - mean) ** 2, axis=1, keepdims=True)
    deviation = np.sqrt(variance + epsilon)
    N = (X - mean) / deviation
    return gamma * N + beta, (N, deviation, mean, variance)


def batch_norm_backward(
    dY: Array, gamma: Array, c: Array, cache: tuple[Array, ...]
) -> tuple[Array, Array, Array]:
    """dX, dgamma, dbeta from dY = dJ/dY (n, m)."""
    N, deviation, *_ = cache
    # forward: Y = gamma N + beta
    dgamma, dbeta = np.sum(dY * N, axis=1, keepdims=True), np.sum(dY, axis=1, keepdims=True)
    dN = dY * gamma
    # forward: N = (X - mean) / deviation, where mean and deviation are sums over X, too
    of_mean = c * np.sum(dN, axis=1, keepdims=True)
    of_deviation = c * N * np.sum(dN * N, axis=1, keepdims=True)
    return (dN - of_mean - of_deviation) / deviation, dgamma, dbeta


def layer_norm_forward(
    X: Array, gamma: Array, beta: Array, epsilon: float
) -> tuple[Array, tuple[Array, ...]]:
    """As batch_norm_forward, by sample over the units."""
    mean = np.mean(X, axis=0, keepdims=True)
    deviation = np.sqrt(np.mean((X - mean) ** 2, axis=0, keepdims=True) + epsilon)
    N = (X - mean) / deviation
    return gamma * N + beta, (N, deviation)


def layer_norm_backward(
    dY: Array, gamma: Array, cache: tuple[Array, ...]
) -> tuple[Array, Array, Array]:
    """dX, dgamma, dbeta from dY (n, m)."""
    N, deviation = cache
    dgamma, dbeta = np.sum(dY * N, axis=1, keepdims=True), np.sum(dY, axis=1, keepdims=True)
    dN = dY * gamma
    of_mean = np.mean(dN, axis=0, keepdims=True)
    of_deviation = N * np.mean(dN * N, axis=0, keepdims=True)
    return (dN - of_mean - of_deviation) / deviation, dgamma, dbeta


def philox(counter: Sequence[Array], key: Sequence[int]) -> list[Array]:
    """Four words of 32 random bits for each counter: Philox4x32-10 (Salmon et al. 2011)."""
    c0, c1, c2, c3 = (np.asarray(word, dtype=np.uint64) for word in counter)
    k0, k1 = (int(word) for word in key)
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        a, b = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (
            (b >> shift) ^ c1 ^ np.uint64(k0),
            b & low,
            (a >> shift) ^ c3 ^ np.uint64(k1),
            a & low,
        )
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return [c0, c1, c2, c3]


def dropout_factors(n: int, m: int, rate: float, number: int, draws: Draws) -> Array:
    """What each element (n, m) is multiplied by: 0, or 1 / (1 - rate), rate to 1/65536.

    `number` counts the network's layers of dropout from 0. A counter is (unit, sample // 8, step,
    2 + 256 number); sample % 8 picks 16 of its bits, and an element is kept if they reach the rate.
    """
    threshold = min(round(rate * 65536), 65535)
    unit, eighth = np.meshgrid(np.arange(n), np.arange(-(-m // 8)), indexing="ij")
    step, purpose = np.full_like(unit, draws.step), np.full_like(unit, 2 + 256 * number)
    words = philox([unit, eighth, step, purpose], [draws.seed & 0xFFFFFFFF, draws.seed >> 32])
    pieces = [word >> np.uint64(16 * half) & np.uint64(0xFFFF) for word in words for half in (0, 1)]
    bits = np.stack(pieces, axis=-1).reshape(n, -1)[:, :m]
    return (bits >= threshold) * (65536 / (65536 - threshold))


def layers_forward(
    X: Array,
    layers: Sequence[Layer],
    parameters: Mapping[str, Array],
    c: Array,
    draws: Draws,
    above: str = "",
    dropouts: list[int] | None = None,
) -> tuple[Array, list[Any]]:
    """The output of the layers, as in training, and a cache for each of them.

    X (n_x, m), c (1, m) the samples' shares; `above` is the path of the layer around, `dropouts`
    holds the number of layers of dropout passed so far.
    """
    dropouts = [0] if dropouts is None else dropouts
    A, caches = X, []
    for number, (kind, *options) in enumerate(layers, start=1):
        path = f"{above}{number}"
        A_prev, cache = A, cast(Any, None)
        if kind == "dense":
            Z = parameters[f"W{path}"] @ A_prev + parameters[f"b{path}"]
            A = activation_forward(Z, options[0])
            cache = (A_prev, Z, A)
        elif kind == "activation":
            A = activation_forward(A_prev, options[0])
            cache = (A_prev, A)
        elif kind == "dropout":
            n, m = A_prev.shape
            cache = dropout_factors(n, m, options[0], dropouts[0], draws)
            A = A_prev * cache
            dropouts[0] += 1
        elif kind == "residual":
            B, inner = layers_forward(A_prev, options, parameters, c, draws, f"{path}.", dropouts)
            shortcut = A_prev
            if f"W{path}.projection" in parameters:
                W, b = parameters[f"W{path}.projection"], parameters[f"b{path}.projection"]
                shortcut = W @ A_prev + b
            A = B + shortcut
            cache = (A_prev, inner)
        else:
            gamma, beta = parameters[f"gamma{path}"], parameters[f"beta{path}"]
            if kind == "batch_norm":
                A, cache = batch_norm_forward(A_prev, gamma, beta, c, options[0])
            else:
                A, cache = layer_norm_forward(A_prev, gamma, beta, options[0])
        caches.append(cache)
    return A, caches


def layers_backward(
    dA: Array,
    layers: Sequence[Layer],
    parameters: Mapping[str, Array],
    c: Array,
    caches: Sequence[Any],
    above: str = "",
    at_Z: bool = False,
) -> tuple[Array, Parameters]:
    """dJ/dX and the derivatives of J in the parameters, from dJ/dA of the last layer.

    With `at_Z`, from that in Z, before the last layer's activation.
    """
    grads: Parameters = {}
    for number in range(len(layers), 0, -1):
        kind, *options = layers[number - 1]
        path, cache = f"{above}{number}", caches[number - 1]
        if kind in ("dense", "activation"):
            *before, Z, A = cache
            dZ = dA if at_Z and number == len(layers) else activation_backward(dA, Z, A, options[0])
            if kind == "activation":
                dA = dZ
                continue
            # forward: Z = W A_prev + b
            grads[f"W{path}"] = dZ @ before[0].T
            grads[f"b{path}"] = np.sum(dZ, axis=1, keepdims=True)
            dA = parameters[f"W{path}"].T @ dZ
        elif kind == "dropout":
            dA = dA * cache
        elif kind == "residual":
            A_prev, inner = cache
            # forward: A = branch(A_prev) + A_prev, or + W A_prev + b
            dB, of_branch = layers_backward(dA, options, parameters, c, inner, f"{path}.")
            shortcut = dA
            if f"W{path}.projection" in parameters:
                grads[f"W{path}.projection"] = dA @ A_prev.T
                grads[f"b{path}.projection"] = np.sum(dA, axis=1, keepdims=True)
                shortcut = parameters[f"W{path}.projection"].T @ dA
            grads |= of_branch
            dA = dB + shortcut
        else:
            gamma = parameters[f"gamma{path}"]
            if kind == "batch_norm":
                dA, dgamma, dbeta = batch_norm_backward(dA, gamma, c, cache)
            else:
                dA, dgamma, dbeta = layer_norm_backward(dA, gamma, cache)
            grads |= {f"gamma{path}": dgamma, f"beta{path}": dbeta}
    return dA, grads
