"""chainrule as its users call it: one `Trainer.fit` for all epochs of a measurement, and for
inference `net.predict`, a predictor, or the predictor's work without Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainrule as cr
from bench.cases import (
    BATCH_NORM,
    BETA1,
    BETA2,
    BN_EPSILON,
    BN_MOMENTUM,
    DROPOUT,
    EPSILON,
    LEARNING_RATE,
    RESIDUAL,
    Array,
    Case,
    Parameters,
)
from bench.peers.base import Problem, Stopwatch
from chainrule import _core


class Trained:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        case = problem.case
        last = cr.Dense(case.sizes[-1], "sigmoid" if case.is_binary else "softmax")
        layers = [*hidden_layers(case), last]
        self.net = cr.Network(layers, n_inputs=case.sizes[0], dtype=problem.dtype)
        self.names = grouped(self.net)
        self.first = dict(self.net.parameters)
        self.notes: dict[str, Any] = dict(cr.runtime_info())
        self.reset()

    def reset(self) -> None:
        for name, value in self.first.items():
            self.net.parameters[name] = value  # running statistics too
        for names, values in zip(self.names, self.problem.parameters, strict=True):
            for name, value in zip(names, values, strict=True):
                self.net.parameters[name] = value
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
        return [tuple(self.net.parameters[name] for name in names) for names in self.names]


class Predictor(Trained):
    """`net.predictor()` with `out` given; one row is a vector."""

    def predictor(self, X: Array) -> Callable[[], Array]:
        predict = self.net.predictor()
        given = X[0] if len(X) == 1 else X
        out = predict(given)
        return lambda: predict(given, out)


class Core(Trained):
    """The same inside C++: nothing of Python is in the time."""

    def predictor(self, X: Array) -> CoreCalls:
        return CoreCalls(self.net, X)


class CoreCalls:
    """Calls that time themselves."""

    def __init__(self, net: cr.Network, X: Array) -> None:
        self.predict, self.X = net.predictor(), X

    def __call__(self) -> Array:
        return self.predict(self.X)

    def repeat(self, n: int) -> float:
        """Seconds of n calls, from some: as many as take 10 ms."""
        return n * _core.timing.predictor(self.predict._core, len(self.X), 0.01)


def hidden_layers(case: Case) -> list[Any]:
    units = case.sizes[1:-1]
    if case.hidden == BATCH_NORM:
        normalized = [cr.BatchNorm(BN_MOMENTUM, BN_EPSILON), cr.Activation("relu")]
        return [layer for n in units for layer in (cr.Dense(n), *normalized, cr.Dropout(DROPOUT))]
    if case.hidden == RESIDUAL:
        blocks = batched(units[1:])
        ends = [cr.Residual([cr.Dense(a, "relu"), cr.Dense(b)]) for a, b in blocks]
        blocks_and_relu = [part for end in ends for part in (end, cr.Activation("relu"))]
        return [cr.Dense(units[0], "relu"), *blocks_and_relu]
    return [cr.Dense(n, "relu") for n in units]


def batched(units: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(zip(units[::2], units[1::2], strict=True))


def grouped(net: cr.Network) -> list[list[str]]:
    """Names of the parameters that belong together in the problem: W, b, gamma, beta."""
    groups: list[list[str]] = []
    for name in net.parameters:
        if name.endswith("weight"):
            groups.append([])
        if "running" not in name:
            groups[-1].append(name)
    return groups
