"""chainrule as its users call it: one `Trainer.fit` for all epochs of a measurement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainrule as cr
from bench.cases import BETA1, BETA2, EPSILON, LEARNING_RATE, Array, Parameters
from bench.peers.base import Problem, Stopwatch


class Trained:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        case = problem.case
        last = cr.Dense(case.sizes[-1], "sigmoid" if case.is_binary else "softmax")
        hidden = [cr.Dense(units, "relu") for units in case.sizes[1:-1]]
        self.net = cr.Network([*hidden, last], n_inputs=case.sizes[0], dtype=problem.dtype)
        self.notes: dict[str, Any] = dict(cr.runtime_info())
        self.reset()

    def reset(self) -> None:
        for number, (W, b) in enumerate(self.problem.parameters, start=1):
            self.net.parameters[f"{number}.weight"] = W
            self.net.parameters[f"{number}.bias"] = b
        loss = "binary_cross_entropy" if self.problem.case.is_binary else "cross_entropy"
        adam = cr.Adam(LEARNING_RATE, BETA1, BETA2, EPSILON)
        self.trainer = cr.Trainer(self.net, loss=loss, optimizer=adam)

    def train(self, epochs: int, shuffle: bool) -> float:
        problem = self.problem
        with Stopwatch() as watch:
            self.trainer.fit(
                problem.X,
                problem.y,
                epochs=epochs,
                batch_size=problem.case.batch_size,
                shuffle=shuffle,
            )
        return watch.seconds

    def predictor(self, X: Array) -> Callable[[], Array]:
        predict = self.net.predict
        return lambda: predict(X)

    def parameters(self) -> Parameters:
        return [
            (self.net.parameters[f"{number}.weight"], self.net.parameters[f"{number}.bias"])
            for number in range(1, len(self.problem.parameters) + 1)
        ]
