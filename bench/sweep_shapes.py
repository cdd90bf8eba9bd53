"""The networks that the sweep walks through, and one training step of chainrule on each of them.

A step is what `Trainer.fit` does between two callbacks: mini-batches of shuffled rows, gathered,
forward, loss, backward, Adam, many in one call of the core, so that Python has no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np

import chainrule as cr
from bench.cases import flops_per_sample

# Powers of two, their neighbours, and sizes that fill panels of 16 columns well or badly.
WIDTHS = (
    *(8, 16, 24, 32, 48, 64, 96, 100, 127, 128, 129, 192, 255, 256, 257),
    *(384, 511, 512, 513, 768, 1023, 1024),
)
BATCHES = (1, 2, 3, 5, 8, 16, 31, 32, 33, 64, 100, 128, 256, 512, 1024)
CLASSES = 10
# So small that nothing is learned: no gradient comes near the denormal numbers, which take longer.
LEARNING_RATE = 1e-7
POOL_ELEMENTS = 1 << 22  # of features: 16 MiB of float32, from which each shape takes its rows
MOST_ROWS = 16384


@dataclass(frozen=True)
class Shape:
    """A network (`loss` decides its last activation) and a mini-batch."""

    name: str
    sizes: tuple[int, ...]
    batch_size: int
    loss: str = "cross_entropy"

    @property
    def flops(self) -> float:
        """Of one step, as in training.py."""
        return float(flops_per_sample(self.sizes) * self.batch_size)


def grid_shape(width: int, batch_size: int) -> Shape:
    """Three layers: width-width-width-10."""
    return Shape(f"w{width}-b{batch_size}", (width, width, width, CLASSES), batch_size)


ODD = (
    Shape("317-211-97-5-b77", (317, 211, 97, 5), 77),
    Shape("autoencoder-b128", (784, 128, 32, 128, 784), 128, "squared_error"),
    Shape("20-64-64-2-b4096", (20, 64, 64, 2), 4096),
    Shape("2000-8-2000-b64", (2000, 8, 2000), 64),
    Shape("8-4000-8-b64", (8, 4000, 8), 64),
    Shape("30-64-1-b1", (30, 64, 1), 1, "binary_cross_entropy"),
    Shape("20-64-64-2-b1", (20, 64, 64, 2), 1),
    Shape("784-512-256-10-b1", (784, 512, 256, 10), 1),
    Shape("2000-8-2000-b1", (2000, 8, 2000), 1),
)
LAST = {
    "cross_entropy": "softmax",
    "binary_cross_entropy": "sigmoid",
    "squared_error": "identity",
}


@cache
def _pool(dtype: str) -> Any:
    return np.random.default_rng(0).standard_normal(POOL_ELEMENTS, dtype="float32").astype(dtype)


class Stepper:
    """A shape's network, data and trainer, and how many steps fill a measurement."""

    def __init__(self, shape: Shape, dtype: str) -> None:
        *hidden, n_out = shape.sizes[1:]
        layers = [*(cr.Dense(units, "relu") for units in hidden), cr.Dense(n_out, LAST[shape.loss])]
        net = cr.Network(layers, n_inputs=shape.sizes[0], dtype=dtype)
        self.shape = shape
        self.trainer = cr.Trainer(net, loss=shape.loss, optimizer=cr.Adam(LEARNING_RATE))
        rows = min(max(shape.batch_size, POOL_ELEMENTS // shape.sizes[0]), MOST_ROWS)
        X = np.resize(_pool(dtype), (rows, shape.sizes[0]))
        classes = np.arange(rows) % max(2, n_out)
        self.data = self.trainer._data(
            "sweep", X, X if shape.loss == "squared_error" else classes, None
        )
        # The same rows again and again if the steps need more than there are.
        self.rows = np.random.default_rng(1).permutation(rows)
        self.steps = 0

    def warm_up(self, seconds: float) -> None:
        """Finds out how many steps last `seconds`."""
        self.steps = 1
        self.step_seconds()
        once = self.step_seconds()
        for _ in range(2):  # the first ones were cold
            self.steps = max(1, round(seconds / once))
            if self.steps == 1:
                break
            once = self.step_seconds()

    def settle(self) -> None:
        """Steps until the core has chosen its team anew: one thread's trial (team_size.cpp)."""
        trial, done = min(max(3, round(1e8 / self.shape.flops)), 16), 0
        while done <= trial:
            done += self._train(trial + 1 - done)

    def step_seconds(self) -> float:
        """Of one measurement; it may take fewer steps than planned, since the core returns
        every 50 ms."""
        start = perf_counter()
        done = self._train(self.steps)
        return (perf_counter() - start) / done

    def _train(self, steps: int) -> int:
        """How many steps were taken."""
        order = np.resize(self.rows, steps * self.shape.batch_size)
        rates = np.full(steps, LEARNING_RATE)
        costs, _ = self.trainer._train(self.data, order, self.shape.batch_size, rates, "sweep")
        return len(costs)
