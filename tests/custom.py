"""Functions of one's own for tests, copies of built-in ones and others, and networks with them."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

import chainrule as cr
from chainrule import _custom
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.loss_table import LOSSES

TABLES = (_custom.ACTIVATIONS, _custom.LOSSES, ACTIVATIONS, LOSSES)


@contextmanager
def names_free_afterwards() -> Iterator[None]:
    """What is registered meanwhile is forgotten."""
    tables = [dict(table) for table in TABLES]
    try:
        yield
    finally:
        for table, before in zip(TABLES, tables, strict=True):
            table.clear()
            table.update(before)


def tanh_derivative(z):
    return 1 - np.tanh(z) ** 2


def squareplus(z):
    return (z + np.sqrt(z * z + 4)) / 2


def squareplus_derivative(z):
    return (1 + z / np.sqrt(z * z + 4)) / 2


def squares(A, Y):
    return ((A - Y) ** 2).sum(axis=1) / 2


def squares_derivative(A, Y):
    return A - Y


def log_cosh(A, Y):
    return np.log(np.cosh(A - Y)).sum(axis=1)


def log_cosh_derivative(A, Y):
    return np.tanh(A - Y)


def class_entropy(A, Y):
    return -(Y * np.log(A)).sum(axis=1)


def class_entropy_derivative(A, Y):
    return -Y / A


def register_all():
    cr.register_activation("my_tanh", np.tanh, tanh_derivative)
    cr.register_activation("squareplus", squareplus, squareplus_derivative)
    cr.register_loss("my_squares", squares, squares_derivative)
    cr.register_loss("log_cosh", log_cosh, log_cosh_derivative)
    cr.register_loss("my_entropy", class_entropy, class_entropy_derivative, targets="classes")


class Failing:
    """A function that raises `error` in call number `at`, and counts its calls."""

    def __init__(self, function):
        self.function, self.at, self.error, self.calls = function, None, None, 0

    def __call__(self, *arguments):
        self.calls += 1
        if self.calls == self.at:
            raise self.error
        return self.function(*arguments)

    def fail(self, error, after=0):
        """In the next call, or some calls later."""
        self.at, self.error = self.calls + 1 + after, error


def layers(g):
    """An activation everywhere it can stand."""
    inner = [cr.Dense(6, g), cr.Activation(g), cr.Dropout(0.3), cr.Dense(5)]
    return [
        cr.Activation(g),
        cr.Dense(5, g),
        cr.BatchNorm(),
        cr.Activation(g),
        cr.Residual(inner),
        cr.Activation(g),
        cr.Residual([cr.Activation(g), cr.LayerNorm()]),
        cr.Activation("sigmoid"),
        cr.Dense(7, "relu"),
        cr.Activation(g),
        cr.Dense(3, g),
    ]


def data(rows, n_inputs=4, n_outputs=3, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(rows, n_inputs)), rng.normal(size=(rows, n_outputs))
    return X.astype(dtype), Y.astype(dtype), rng.uniform(0, 2, rows)


def assert_close(mine, theirs, dtype="float64"):
    bound = 1e-12 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(mine, theirs, rtol=bound, atol=bound)
