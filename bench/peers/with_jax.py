"""JAX: a whole epoch in one jitted lax.scan, donated buffers, Adam written out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import log
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.cases import (
    BATCH_NORM,
    BETA1,
    BETA2,
    BN_EPSILON,
    DENSE,
    DROPOUT,
    EPSILON,
    LEARNING_RATE,
    RESIDUAL,
    Array,
    Parameters,
    shuffled_rows,
)
from bench.peers.base import Problem, Stopwatch

Tree = Any


def _logits(
    parameters: Tree, X: jax.Array, hidden: str = DENSE, key: jax.Array | None = None
) -> jax.Array:
    """With a key, as in training. Running statistics are left out: they cost next to nothing."""
    A = shortcut = X
    for number, (W, b, *norm) in enumerate(parameters[:-1]):
        A = A @ W + b
        if norm:
            gamma, beta = norm
            mean, variance = A.mean(axis=0), A.var(axis=0)
            A = (A - mean) * jax.lax.rsqrt(variance + BN_EPSILON) * gamma + beta
        if hidden == RESIDUAL and number > 0 and number % 2 == 0:
            A = A + shortcut
        A = jax.nn.relu(A)
        if hidden == BATCH_NORM and key is not None:
            kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - DROPOUT, A.shape)
            A = jnp.where(kept, A / (1 - DROPOUT), 0)
        if number % 2 == 0:
            shortcut = A
    W, b, *_ = parameters[-1]
    return A @ W + b


def _probabilities(parameters: Tree, X: jax.Array) -> jax.Array:
    Z = _logits(parameters, X)
    return jax.nn.sigmoid(Z) if Z.shape[1] == 1 else jax.nn.softmax(Z)


def _loss(parameters: Tree, X: jax.Array, y: jax.Array, hidden: str, key: jax.Array) -> jax.Array:
    Z = _logits(parameters, X, hidden, key)
    if Z.shape[1] == 1:
        z = Z[:, 0]
        return jnp.mean(jax.nn.softplus(z) - z * y)
    chosen = jnp.take_along_axis(Z, y[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(Z, axis=1) - chosen)


def _step(carry: Tree, X: jax.Array, y: jax.Array, hidden: str) -> tuple[Tree, jax.Array]:
    parameters, m, v, t = carry
    key = jax.random.fold_in(jax.random.key(0), t.astype(jnp.int32))
    loss, grads = jax.value_and_grad(_loss)(parameters, X, y, hidden, key)
    t = t + 1
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, grads)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, grads)
    # 1 / (1 - beta^t), without the cancellation that float32 suffers at t = 1
    scale_m, scale_v = (-1 / jnp.expm1(t * log(beta)) for beta in (BETA1, BETA2))
    parameters = jax.tree.map(
        lambda w, m, v: w - LEARNING_RATE * (m * scale_m) / (jnp.sqrt(v * scale_v) + EPSILON),
        parameters,
        m,
        v,
    )
    return (parameters, m, v, t), loss


def _epoch(
    carry: Tree, X: jax.Array, y: jax.Array, rows: jax.Array, hidden: str
) -> tuple[Tree, jax.Array]:
    """rows (steps, batch_size): the rows of each mini-batch."""
    carry, losses = jax.lax.scan(lambda carry, r: _step(carry, X[r], y[r], hidden), carry, rows)
    return carry, losses.mean()


class Trained:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.X = jnp.asarray(problem.X)
        labels = problem.X.dtype if problem.case.is_binary else np.int32
        self.y = jnp.asarray(problem.y.astype(labels))
        self.run = jax.jit(partial(_epoch, hidden=problem.case.hidden), donate_argnums=0)
        self.epoch = 0
        self.notes: dict[str, Any] = {"devices": [str(device) for device in jax.devices()]}
        self.reset()

    def reset(self) -> None:
        # Copies: donated buffers are lost, and asarray might alias the NumPy arrays.
        parameters = jax.tree.map(lambda w: jnp.array(w, copy=True), self.problem.parameters)
        m, v = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
        t = jnp.zeros((), self.problem.X.dtype)
        self.carry = jax.block_until_ready((parameters, m, v, t))

    def train(self, epochs: int, shuffle: bool) -> float:
        case = self.problem.case
        with Stopwatch() as watch:
            for _ in range(epochs):
                rows = np.arange(case.rows)
                if shuffle:
                    self.epoch += 1
                    rows = shuffled_rows(case, 0, self.epoch)
                batches = rows.reshape(-1, case.batch_size).astype(np.int32)
                self.carry, _ = self.run(self.carry, self.X, self.y, batches)
            jax.block_until_ready(self.carry)
        return watch.seconds

    def predictor(self, X: Array) -> Callable[[], jax.Array]:
        run = jax.jit(_probabilities)
        parameters, rows = self.carry[0], jnp.asarray(X)
        return lambda: run(parameters, rows).block_until_ready()

    def parameters(self) -> Parameters:
        return [tuple(np.asarray(array) for array in layer) for layer in self.carry[0]]
