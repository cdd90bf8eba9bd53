"""Training: the four lines of gradient descent, repeated. Start at the inner loop of optimize.

Batch gradient descent takes all m samples for each step (batch_size=None), stochastic gradient
descent one (batch_size=1), mini-batch gradient descent a few. An epoch is one walk through all
samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .activations import Activation, activation_groups
from .checks import (
    Array,
    Parameters,
    check_parameters,
    columns_as_samples,
    refuse,
    sample_shares,
    samples_as_columns,
)
from .initialization import initialize_parameters
from .loss_table import Loss
from .propagation import backward_propagation, compute_cost, forward_propagation
from .targets import targets_as_columns
from .updates import clip_gradients, initialize_optimizer, update_parameters


def random_mini_batches(
    m: int, batch_size: int | None, rng: np.random.Generator | None = None
) -> list[Array]:
    """The indices of the samples in each mini-batch of one epoch; the last one may be smaller.

    Each of the m samples comes once. The order is drawn from `rng`; None keeps it as it is.
    ValueError: batch_size neither None nor an integer from 1 to m.
    """
    if batch_size is None:
        batch_size = m
    if batch_size != int(batch_size) or not 1 <= batch_size <= m:
        expected = f"an integer from 1 to {m} (the number of samples) or None"
        raise refuse("random_mini_batches", "batch_size", expected, batch_size)
    order = np.arange(m) if rng is None else rng.permutation(m)
    return [order[start : start + batch_size] for start in range(0, m, batch_size)]


def optimize(
    X: ArrayLike,
    Y: ArrayLike,
    parameters: Mapping[str, ArrayLike],
    activations: Sequence[Activation],
    loss: Loss,
    *,
    epochs: int = 100,
    batch_size: int | None = None,
    optimizer: str = "sgd",
    learning_rate: float = 0.01,
    schedule: Callable[[float], float] | None = None,
    shuffle: bool = True,
    seed: int = 0,
    sample_weight: ArrayLike | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    samples: str = "columns",
    **options: Any,
) -> tuple[Parameters, list[float]]:
    """Trained parameters, and the cost of each epoch: the mean over its samples, before their step.

    X, Y, sample_weight, l2, l1 and samples as for compute_cost; optimizer and options as for
    update_parameters; clip_value and clip_norm as for clip_gradients. `schedule` gives the factor
    of the learning rate as a function of the progress in epochs (2.5 is the middle of the third). A
    mini-batch whose sample weights are all zero is passed over. ValueError: as in the functions
    called here.
    """
    where = "optimize"
    parameters = check_parameters(where, parameters)
    (n_y, _), (_, n_x) = parameters[f"W{len(parameters) // 2}"].shape, parameters["W1"].shape
    dtype = parameters["W1"].dtype
    X = samples_as_columns(where, "X", X, n_x, samples, dtype)
    m = X.shape[1]
    Y = targets_as_columns(where, Y, n_y, m, loss, samples, dtype, activations[-1])
    weights = np.asarray(np.ones(m) if sample_weight is None else sample_weight, dtype=np.float64)
    share = sample_shares(where, weights, m, np.float64)[0]
    if epochs != int(epochs) or epochs < 0:
        raise refuse(where, "epochs", "an integer >= 0", epochs)

    state = initialize_optimizer(parameters, optimizer)
    costs = []
    for epoch in range(1, epochs + 1):
        rng = np.random.default_rng([seed, epoch]) if shuffle else None
        batches = random_mini_batches(m, batch_size, rng)
        cost = 0.0
        for step, batch in enumerate(batches):
            Xt, Yt, w = X[:, batch], Y[:, batch], weights[batch]
            if w.sum() == 0:
                continue
            progress = epoch - 1 + step / len(batches)
            a = learning_rate * (1.0 if schedule is None else schedule(progress))

            AL, caches = forward_propagation(Xt, parameters, activations)
            J = compute_cost(AL, Yt, caches, loss, sample_weight=w, l2=l2, l1=l1)
            grads = backward_propagation(AL, Yt, caches, loss, sample_weight=w, l2=l2, l1=l1)
            grads = clip_gradients(_of_parameters(grads, parameters), clip_value, clip_norm)
            parameters, state = update_parameters(parameters, grads, a, optimizer, state, **options)

            cost += J * float(share[batch].sum())  # over all mini-batches these sum to 1
        costs.append(cost)
    return parameters, costs


def _of_parameters(grads: Parameters, parameters: Parameters) -> Parameters:
    """dW and db alone, without dA and dZ."""
    return {"d" + name: grads["d" + name] for name in parameters}


def model(
    X: ArrayLike,
    Y: ArrayLike,
    layer_dims: Sequence[int],
    activations: Sequence[Activation],
    loss: Loss,
    *,
    initialization: str = "he_normal",
    seed: int = 0,
    dtype: Any = np.float64,
    **training: Any,
) -> tuple[Parameters, list[float]]:
    """Parameters and costs of a network [n_x, n[1], .. n_y], trained from random weights.

    `seed` chooses the first weights and the order of the samples; `training` are the keyword
    arguments of optimize. ValueError: as in initialize_parameters and optimize.
    """
    parameters = initialize_parameters(layer_dims, seed, initialization, dtype)
    return optimize(X, Y, parameters, activations, loss, seed=seed, **training)


def predict(
    X: ArrayLike,
    parameters: Mapping[str, ArrayLike],
    activations: Sequence[Activation],
    samples: str = "columns",
) -> Array:
    """AL (n_y, m), or (m, n_y) with samples="rows"; probabilities after sigmoid and softmax."""
    return forward_propagation(X, parameters, activations, samples)[0]


def predict_classes(
    X: ArrayLike,
    parameters: Mapping[str, ArrayLike],
    activations: Sequence[Activation],
    samples: str = "columns",
) -> Array:
    """Class indices (m,): of the largest output, or for a single output 1 where it exceeds 1/2.

    Of groups of a softmax (n_groups, m), or (m, n_groups) with samples="rows".
    """
    AL = columns_as_samples(predict(X, parameters, activations, samples), samples)
    if AL.shape[0] == 1:
        return np.asarray(AL[0] > 0.5, dtype=np.int64)
    each = activation_groups(activations[-1])
    classes = np.array([np.argmax(AL[units], axis=0) for units in each])
    return classes[0] if len(classes) == 1 else columns_as_samples(classes, samples)
