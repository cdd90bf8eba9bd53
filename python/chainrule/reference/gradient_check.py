"""Is back-propagation right? Compare its gradients with differences of the cost.

    dJ/dw = (J(w + h) - J(w - h)) / 2h + O(h^2)

This takes two forward passes for every single number: good for checking, hopeless for training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .activations import Activation
from .checks import Parameters, check_parameters
from .loss_table import Loss
from .propagation import compute_cost, forward_propagation


def numerical_gradients(
    X: ArrayLike,
    Y: ArrayLike,
    parameters: Mapping[str, ArrayLike],
    activations: Sequence[Activation],
    loss: Loss,
    h: float = 1e-5,
    **cost_options: Any,
) -> Parameters:
    """dW1, db1, .. dWL, dbL by central differences in float64, h being the step.

    `cost_options` are the keyword arguments of compute_cost, from which come the errors too. Wrong
    where the cost has a kink within h: a relu at Z = 0, l1 at w = 0, a probability that is clipped.
    """
    samples = cost_options.get("samples", "columns")
    checked = check_parameters("numerical_gradients", parameters)
    moved = {name: w.astype(np.float64) for name, w in checked.items()}  # copies

    def J() -> float:
        AL, caches = forward_propagation(X, moved, activations, samples)
        return compute_cost(AL, Y, caches, loss, **cost_options)

    grads: Parameters = {}
    for name, w in moved.items():
        grads["d" + name] = np.zeros_like(w)
        for i in np.ndindex(w.shape):
            w_i = w[i]
            w[i] = w_i + h
            J_plus = J()
            w[i] = w_i - h
            J_minus = J()
            w[i] = w_i
            grads["d" + name][i] = (J_plus - J_minus) / (2 * h)
    return grads


def relative_difference(grad: ArrayLike, other: ArrayLike) -> float:
    """|grad - other| / (|grad| + |other|), with Euclidean norms: 0 when equal, 1 when opposite."""
    grad, other = np.asarray(grad), np.asarray(other)
    size = np.linalg.norm(grad) + np.linalg.norm(other)
    return 0.0 if size == 0 else float(np.linalg.norm(grad - other) / size)
