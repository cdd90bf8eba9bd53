"""scikit-learn's MLPClassifier.fit, its set-up taken off: fit of 1 + k epochs less fit of 1.

Two classes are one logistic output in scikit-learn, so a case with two outputs is trained with one
here. First weights are set through `warm_start`, which starts a fresh Adam in every fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from bench.cases import BETA1, BETA2, EPSILON, LEARNING_RATE, Array, Parameters
from bench.peers.base import Problem, Stopwatch


class Trained:
    def __init__(self, problem: Problem) -> None:
        warnings.simplefilter("ignore", ConvergenceWarning)
        self.problem = problem
        case = problem.case
        self.notes: dict[str, Any] = {}
        self.first = [(W, b) for W, b in problem.parameters]
        if case.sizes[-1] == 2:
            W, b = self.first[-1]
            self.first[-1] = (W[:, 1:] - W[:, :1], b[1:] - b[:1])
            self.notes["network"] = "-".join(map(str, [*case.sizes[:-1], 1]))
        self.model = MLPClassifier(
            hidden_layer_sizes=case.sizes[1:-1],
            activation="relu",
            solver="adam",
            alpha=0.0,
            batch_size=min(case.batch_size, case.n_classes),
            learning_rate_init=LEARNING_RATE,
            beta_1=BETA1,
            beta_2=BETA2,
            epsilon=EPSILON,
            max_iter=1,
            tol=0.0,
            n_iter_no_change=np.inf,
            early_stopping=False,
            warm_start=True,
            random_state=0,
        )
        # Sizes and classes are learned from rows that hold every class.
        self.model.fit(problem.X[: case.n_classes], problem.y[: case.n_classes])
        self.model.set_params(batch_size=case.batch_size)
        self.reset()

    def reset(self) -> None:
        self.model.coefs_ = [W.copy() for W, _ in self.first]
        self.model.intercepts_ = [b.copy() for _, b in self.first]

    def train(self, epochs: int, shuffle: bool) -> float:
        if not shuffle:
            return self._fit(epochs, shuffle)
        short = self._fit(1, shuffle)
        self.reset()
        return self._fit(1 + epochs, shuffle) - short

    def _fit(self, epochs: int, shuffle: bool) -> float:
        self.model.set_params(max_iter=epochs, shuffle=shuffle)
        with Stopwatch() as watch:
            self.model.fit(self.problem.X, self.problem.y)
        return watch.seconds

    def predictor(self, X: Array) -> Callable[[], Array]:
        predict = self.model.predict_proba
        return lambda: predict(X)

    def parameters(self) -> Parameters:
        found = list(zip(self.model.coefs_, self.model.intercepts_, strict=True))
        if self.problem.case.sizes[-1] == 2:
            W, b = found[-1]
            found[-1] = (np.hstack([0 * W, W]), np.hstack([0 * b, b]))
        return found
