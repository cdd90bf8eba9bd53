"""Forward and backward through the whole network. Start at forward_propagation.

Layers are counted from 1 to L, columns are samples:

    A[0] = X                       (n_x, m)
    Z[l] = W[l] A[l-1] + b[l]      (n[l], m)      W[l] (n[l], n[l-1]), b[l] (n[l], 1)
    A[l] = g[l](Z[l])              (n[l], m)
    AL   = A[L]                    (n_y, m)

The cost of a batch is the mean loss of its samples plus a price for large weights, not for biases:

    J = sum_i c_i L_i + l2/2 sum w^2 + l1 sum |w|

with c_i = 1/m, or w_i / sum(w) where samples have weights w.

Two kinds of derivatives appear. dZ[l] and dA[l] belong to single samples: column i is the
derivative of L_i, without c_i. dW[l] and db[l] are derivatives of J: there, and only there, c_i
enters.
"""

# l is the number of a layer, as in the course.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .activations import Activation, activation_backward, activation_forward
from .checks import (
    Array,
    Parameters,
    check_not_negative,
    check_parameters,
    columns_as_samples,
    refuse,
    sample_shares,
    samples_as_columns,
)
from .loss_table import Loss, loss_backward, loss_forward
from .targets import targets_as_columns


class Cache(NamedTuple):
    """What the way back needs of one layer's way forward, always in the course's shapes."""

    A_prev: Array  # A[l-1] (n[l-1], m)
    W: Array  # (n[l], n[l-1])
    b: Array  # (n[l], 1)
    Z: Array  # (n[l], m)
    A: Array  # (n[l], m)
    activation: Activation


def linear_activation_forward(
    A_prev: Array, W: Array, b: Array, activation: Activation
) -> tuple[Array, Cache]:
    """One layer forward: A (n[l], m) and its cache, from A_prev (n[l-1], m)."""
    Z = W @ A_prev + b
    A = activation_forward(Z, activation)
    return A, Cache(A_prev, W, b, Z, A, activation)


def linear_backward(dZ: Array, cache: Cache, c: Array | None = None) -> tuple[Array, Array, Array]:
    """dA_prev, dW, db from dZ (n[l], m). c (1, m): the share of each sample in J, None is 1/m."""
    if c is None:
        c = sample_shares("linear_backward", None, dZ.shape[1], dZ.dtype)
    # forward: Z = W A_prev + b
    dW = (c * dZ) @ cache.A_prev.T  # = 1/m dZ A_prev^T without sample weights
    db = np.sum(c * dZ, axis=1, keepdims=True)  # = 1/m sum over samples of dZ
    dA_prev = cache.W.T @ dZ
    return dA_prev, dW, db


def forward_propagation(
    X: ArrayLike,
    parameters: Mapping[str, ArrayLike],
    activations: Sequence[Activation],
    samples: str = "columns",
) -> tuple[Array, list[Cache]]:
    """AL and the caches of all layers (layer l at caches[l - 1]).

    X (n_x, m) gives AL (n_y, m); with samples="rows" X (m, n_x) gives AL (m, n_y). `activations`
    holds for each layer a name or a pair such as ("leaky_relu", 0.2). All is computed in float64,
    or in float32 if all parameters are float32. ValueError: shapes that do not fit, a wrong number
    of activations, an unknown name.
    """
    where = "forward_propagation"
    parameters = check_parameters(where, parameters)
    L = len(parameters) // 2
    if isinstance(activations, str) or len(activations) != L:
        raise refuse(where, "activations", f"a list of {L}, one per layer", repr(activations))
    W1 = parameters["W1"]
    A = samples_as_columns(where, "X", X, W1.shape[1], samples, W1.dtype)
    caches = []
    for l in range(1, L + 1):
        W, b = parameters[f"W{l}"], parameters[f"b{l}"]
        A, cache = linear_activation_forward(A, W, b, activations[l - 1])
        caches.append(cache)
    return columns_as_samples(A, samples), caches


def compute_cost(
    AL: ArrayLike,
    Y: ArrayLike,
    caches: Sequence[Cache],
    loss: Loss,
    *,
    sample_weight: ArrayLike | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    samples: str = "columns",
) -> float:
    """J = sum_i c_i L_i + l2/2 sum w^2 + l1 sum |w|, where c_i = 1/m or w_i / sum(w).

    AL and caches come from forward_propagation. Y has the shape of AL, or (m,): class indices for
    cross_entropy, else the targets of a single output; of groups of a softmax, class indices
    (n_groups, m), with samples="rows" (m, n_groups). The loss is given as "huber" or, with its
    number, as ("huber", 2.0). sample_weight (m,). ValueError: wrong shapes, labels out of range, an
    unknown loss, sample weights that are negative or all zero.
    """
    where = "compute_cost"
    AL, Y, c = _check_output(where, AL, Y, caches, loss, sample_weight, l2, l1, samples)
    last = caches[-1]
    J = float(np.sum(c * loss_forward(AL, last.Z, Y, loss, last.activation)))
    for cache in caches:
        J += l2 / 2 * float(np.sum(cache.W**2)) + l1 * float(np.sum(np.abs(cache.W)))
    return J


def backward_propagation(
    AL: ArrayLike,
    Y: ArrayLike,
    caches: Sequence[Cache],
    loss: Loss,
    *,
    sample_weight: ArrayLike | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    samples: str = "columns",
) -> Parameters:
    """grads: dW1, db1, .. dWL, dbL of the cost J; dZ1, .. dZL and dA0, .. of each sample's L_i.

    Arguments and errors as for compute_cost. All gradients have the course's shapes, those of
    W, b, Z and A, also with samples="rows". (dA0 is the derivative in X; dAL is not made.)
    """
    where = "backward_propagation"
    AL, Y, c = _check_output(where, AL, Y, caches, loss, sample_weight, l2, l1, samples)
    L, l2, l1 = len(caches), float(l2), float(l1)
    grads: Parameters = {}
    for l in range(L, 0, -1):
        cache = caches[l - 1]
        if l == L:
            # forward: L_i = loss(A[L], Y)
            dZ = loss_backward(AL, cache.Z, Y, loss, cache.activation)
        else:
            # forward: A[l] = g[l](Z[l])
            dZ = activation_backward(grads[f"dA{l}"], cache.Z, cache.A, cache.activation)
        # forward: Z[l] = W[l] A[l-1] + b[l]
        dA_prev, dW, db = linear_backward(dZ, cache, c)
        # forward: J = .. + l2/2 sum w^2 + l1 sum |w|
        dW = dW + l2 * cache.W + l1 * np.sign(cache.W)
        grads |= {f"dZ{l}": dZ, f"dW{l}": dW, f"db{l}": db, f"dA{l - 1}": dA_prev}
    return grads


def _check_output(
    where: str,
    AL: ArrayLike,
    Y: ArrayLike,
    caches: Sequence[Cache],
    loss: Loss,
    sample_weight: ArrayLike | None,
    l2: float,
    l1: float,
    samples: str,
) -> tuple[Array, Array, Array]:
    """AL (n_y, m), Y (n_y, m) and the shares c (1, m)."""
    check_not_negative(where, l2=l2, l1=l1)
    n_y, m = caches[-1].A.shape
    AL = samples_as_columns(where, "AL", AL, n_y, samples, caches[-1].A.dtype)
    if not np.array_equal(AL, caches[-1].A, equal_nan=True):
        raise refuse(
            where, "AL", f"the output of these caches, {m} samples", f"another, {AL.shape[1]}"
        )
    Y = targets_as_columns(where, Y, n_y, m, loss, samples, AL.dtype, caches[-1].activation)
    return AL, Y, sample_shares(where, sample_weight, m, AL.dtype)
