"""What is timed: the cases, their data, first weights, and the loss that shows equal work.

The job is training, one optimizer step at a time, or inference, one call for `batch_size` rows.

Every peer gets the same float arrays X (rows, n_in), class indices y (rows,) and weights W
(n_in, n_out). A hidden layer is relu; the last is a sigmoid if it has one unit, else a softmax.
With BATCH_NORM a hidden layer is dense, batch normalization, relu and dropout; with RESIDUAL the
first one is dense and relu, and two more are a block, relu(x + dense(relu(dense(x)))).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
# W (n_in, n_out), b (n_out,) of each layer, and gamma, beta (n_out,) where it is normalized
Parameters = list[tuple[Array, ...]]

TRAINING, INFERENCE = "training", "inference"  # the jobs
DENSE, BATCH_NORM, RESIDUAL = "dense", "batch norm", "residual"  # what hidden layers are
DROPOUT, BN_MOMENTUM, BN_EPSILON = 0.2, 0.9, 1e-5
LEARNING_RATE = 1e-3
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
DISTINCT_ROWS = 32768  # of a larger data set, which repeats them: 100,000 take seconds to make


@dataclass(frozen=True)
class Case:
    """A network, a mini-batch and the rows of its data set, a whole number of mini-batches."""

    name: str
    sizes: tuple[int, ...]
    batch_size: int
    rows: int
    job: str = TRAINING
    hidden: str = DENSE

    def __post_init__(self) -> None:
        if self.rows % self.batch_size or self.rows < self.n_classes:
            raise ValueError(
                f"[Case] rows: expected a multiple of batch_size {self.batch_size}, "
                f"at least {self.n_classes} (the classes), got {self.rows}"
            )

    @property
    def is_binary(self) -> bool:
        return self.sizes[-1] == 1

    @property
    def n_classes(self) -> int:
        return 2 if self.is_binary else self.sizes[-1]

    @property
    def steps_per_epoch(self) -> int:
        return self.rows // self.batch_size

    @property
    def steps_per_repeat(self) -> int:
        """What a worker repeats is an epoch of steps, or one call."""
        return self.steps_per_epoch if self.job == TRAINING else 1

    @property
    def flops_per_step(self) -> float:
        """Of one training step, or of one call: see `flops_per_sample`."""
        return float(flops_per_sample(self.sizes, self.job) * self.batch_size)

    def quick(self) -> Case:
        """The same with a short epoch: four mini-batches, or as many as the classes need.

        Or a call for a thousand rows at most.
        """
        batch_size = self.batch_size if self.job == TRAINING else min(self.batch_size, 1000)
        batches = max(4, -(-self.n_classes // batch_size))
        return replace(self, batch_size=batch_size, rows=min(self.rows, batches * batch_size))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {
            "steps_per_epoch": self.steps_per_epoch,
            "flops_per_step": self.flops_per_step,
        }


def flops_per_sample(sizes: Sequence[int], job: str = TRAINING) -> int:
    """2 n_in n_out per product: forward, and in training dW, and dX except in the first layer."""
    layers = list(pairwise(sizes))
    products = [1 if job == INFERENCE else 3] * len(layers)
    if job == TRAINING:
        products[0] = 2
    return sum(2 * p * a * b for p, (a, b) in zip(products, layers, strict=True))


# Rows: an epoch takes some milliseconds at least, and the larger X do not fit into a L2 cache.
CASES = (
    Case("30-64-1-b1", (30, 64, 1), 1, 2048),  # X 0.2 MB
    Case("20-64-64-2-b32", (20, 64, 64, 2), 32, 8192),  # 0.7 MB
    Case("64-128-10-b64", (64, 128, 10), 64, 8192),  # 2 MB
    Case("54-256-256-256-7-b256", (54, 256, 256, 256, 7), 256, 32768),  # 7 MB
    Case("784-512-256-10-b128", (784, 512, 256, 10), 128, 12800),  # 40 MB
    Case("1024-2048-2048-1000-b512", (1024, 2048, 2048, 1000), 512, 4096),  # 17 MB
    Case(
        "54-[256-BN-ReLU-Dropout]x3-7-b256", (54, 256, 256, 256, 7), 256, 32768, hidden=BATCH_NORM
    ),
    Case("64-[128-residual]x8-10-b128", (64, *[128] * 17, 10), 128, 12800, hidden=RESIDUAL),
)
INFERENCE_CASES = (
    Case("20-64-64-2-r1", (20, 64, 64, 2), 1, 1024, INFERENCE),
    Case("20-64-64-2-r100000", (20, 64, 64, 2), 100_000, 100_000, INFERENCE),  # X 8 MB
    Case("784-512-256-10-r1", (784, 512, 256, 10), 1, 1024, INFERENCE),
    Case("784-512-256-10-r100000", (784, 512, 256, 10), 100_000, 100_000, INFERENCE),  # 314 MB
)
# For tests of the harness; not among the cases of a run that names none.
TINY = Case("tiny", (8, 16, 2), 16, 256)
TINY_INFERENCE = replace(TINY, job=INFERENCE)
KNOWN = {TRAINING: (*CASES, TINY), INFERENCE: (*INFERENCE_CASES, TINY_INFERENCE)}


def find_cases(names: list[str] | None, job: str = TRAINING) -> list[Case]:
    """The cases whose names begin with one of `names`; None is all. ValueError: no such case."""
    known = KNOWN[job]
    if names is None:
        return list(known[:-1])
    for name in names:
        if not (name and any(case.name.startswith(name) for case in known)):
            listed = ", ".join(case.name for case in known)
            raise ValueError(f"[bench] --cases: expected beginnings of {listed}, got {name!r}")
    return [case for case in known if any(case.name.startswith(name) for name in names)]


def make_data(case: Case, dtype: str, seed: int = 0) -> tuple[Array, Array]:
    """X (rows, n_in) in `dtype` and y (rows,) int64, classes 0, 1, .. in turn.

    Classes overlap and a tenth of the labels is wrong, so that no loss, and with it no gradient,
    comes near the denormal numbers in the time of one measurement.
    """
    rng = np.random.default_rng([seed, 1])
    y = np.arange(case.rows, dtype=np.int64) % case.n_classes
    centres = rng.normal(size=(case.n_classes, case.sizes[0])) / np.sqrt(case.sizes[0])
    X = rng.normal(size=(min(case.rows, DISTINCT_ROWS), case.sizes[0]))
    X += 2.0 * centres[y[: len(X)]]
    X = X.astype(dtype)[np.arange(case.rows) % len(X)]
    wrong = rng.random(case.rows) < 0.1
    labels = y.copy()
    labels[wrong] = rng.integers(0, case.n_classes, int(wrong.sum()))
    labels[: case.n_classes] = y[: case.n_classes]  # every class occurs
    return X, labels


def initial_parameters(case: Case, dtype: str, seed: int = 0) -> Parameters:
    """He-normal weights, zero biases: the same for every peer."""
    rng = np.random.default_rng([seed, 2])
    parameters: Parameters = []
    for number, (a, b) in enumerate(pairwise(case.sizes)):
        W = rng.normal(size=(a, b)) * np.sqrt(2 / a)
        if case.hidden == RESIDUAL and 0 < number < len(case.sizes) - 2 and number % 2 == 0:
            W /= 8  # the end of a block: sums of many would grow
        layer = [W, np.zeros(b)]
        if case.hidden == BATCH_NORM and number < len(case.sizes) - 2:
            layer += [np.ones(b), np.zeros(b)]
        parameters.append(tuple(array.astype(dtype) for array in layer))
    return parameters


def shuffled_rows(case: Case, seed: int, epoch: int) -> Array:
    """The order of one epoch (rows,), for peers that do not shuffle themselves."""
    return np.random.default_rng([seed, 3, epoch]).permutation(case.rows)


def mean_loss_of_probabilities(P: Array, y: Array) -> float:
    """Mean cross-entropy of P (rows, n_out), in float64; a single output is that of class 1."""
    P = P.astype(np.float64).reshape(len(P), -1)
    if P.shape[1] == 1:
        P = np.hstack([1 - P, P])
    return float(-np.mean(np.log(P[np.arange(len(P)), y[: len(P)]])))


def mean_loss(
    parameters: Parameters, X: Array, y: Array, rows: int = 1024, hidden: str = DENSE
) -> float:
    """Mean cross-entropy of the first `rows` rows, in float64; a single output is a logit.

    Nothing is dropped, and the rows are normalized by their own statistics.
    """
    A = X[:rows].astype(np.float64)
    shortcut = A
    for number, (W, b, *norm) in enumerate(parameters[:-1]):
        A = A @ W.astype(np.float64) + b
        if norm:
            gamma, beta = norm
            A = (A - A.mean(axis=0)) / np.sqrt(A.var(axis=0) + BN_EPSILON) * gamma + beta
        if hidden == RESIDUAL and number > 0 and number % 2 == 0:
            A = A + shortcut
        A = np.maximum(A, 0)
        if number % 2 == 0:
            shortcut = A
    W, b, *_ = parameters[-1]
    Z = A @ W.astype(np.float64) + b
    if Z.shape[1] == 1:
        Z = np.hstack([np.zeros_like(Z), Z])
    Z -= Z.max(axis=1, keepdims=True)
    chosen = Z[np.arange(len(Z)), y[: len(Z)]]
    return float(np.mean(np.log(np.exp(Z).sum(axis=1)) - chosen))
