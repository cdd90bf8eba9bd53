"""chainrule.reference, the NumPy code that is written to be read: its four lines per mini-batch.

Mini-batches are gathered as rows, which is faster than the columns that `reference.optimize`
gathers, and turned by the reference itself.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from bench.cases import BETA1, BETA2, EPSILON, LEARNING_RATE, Array, Parameters, shuffled_rows
from bench.peers.base import Problem, Stopwatch
from chainrule import reference


class Trained:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        case = problem.case
        last, loss = (
            ("sigmoid", "binary_cross_entropy") if case.is_binary else ("softmax", "cross_entropy")
        )
        self.activations = ["relu"] * (len(case.sizes) - 2) + [last]
        self.loss = loss
        # One-hot rows, made once: cheaper for the reference than class indices in every step.
        classes = np.ones(1) if case.is_binary else np.arange(case.n_classes)
        self.Y = (problem.y[:, np.newaxis] == classes).astype(problem.dtype)
        self.notes: dict[str, Any] = {"blas": _blas()}
        self.epoch = 0
        self.reset()

    def reset(self) -> None:
        self.weights = {}
        for number, (W, b) in enumerate(self.problem.parameters, start=1):
            self.weights[f"W{number}"] = np.ascontiguousarray(W.T)
            self.weights[f"b{number}"] = b.reshape(-1, 1).copy()
        self.state = reference.initialize_optimizer(self.weights, "adam")

    def train(self, epochs: int, shuffle: bool) -> float:
        case = self.problem.case
        with Stopwatch() as watch:
            for _ in range(epochs):
                rows = np.arange(case.rows)
                if shuffle:
                    self.epoch += 1
                    rows = shuffled_rows(case, 0, self.epoch)
                for start in range(0, case.rows, case.batch_size):
                    self._step(rows[start : start + case.batch_size])
        return watch.seconds

    def _step(self, rows: np.ndarray[Any, Any]) -> None:
        X, Y = self.problem.X[rows], self.Y[rows]
        weights, activations, loss = self.weights, self.activations, self.loss
        AL, caches = reference.forward_propagation(X, weights, activations, samples="rows")
        reference.compute_cost(AL, Y, caches, loss, samples="rows")
        grads = reference.backward_propagation(AL, Y, caches, loss, samples="rows")
        options = {"beta1": BETA1, "beta2": BETA2, "epsilon": EPSILON}
        self.weights, self.state = reference.update_parameters(
            weights, grads, LEARNING_RATE, "adam", self.state, **options
        )

    def predictor(self, X: Array) -> Callable[[], Array]:
        weights, activations = self.weights, self.activations

        def predict() -> Array:
            AL, _ = reference.forward_propagation(X, weights, activations, samples="rows")
            return AL

        return predict

    def parameters(self) -> Parameters:
        numbers = range(1, len(self.problem.parameters) + 1)
        return [(self.weights[f"W{n}"].T, self.weights[f"b{n}"].ravel()) for n in numbers]


def _blas() -> Any:
    """The BLAS libraries loaded, if threadpoolctl is there to tell."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        with redirect_stdout(io.StringIO()):
            config = np.show_config(mode="dicts")
        return (config or {}).get("Build Dependencies", {}).get("blas", {}).get("name", "unknown")
    keys = ("internal_api", "version", "architecture", "threading_layer", "num_threads")
    return [{key: pool.get(key) for key in keys} for pool in threadpool_info()]
