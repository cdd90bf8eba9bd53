"""What the tests of the training loop share: the digits, and a trainer for them."""

import numpy as np
from sklearn.datasets import load_digits

import chainrule as cr

from .helpers import build


def digits():
    """X, y of 1400 rows to train on; X, y of the others."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order] / 16, y[order]
    return X[:1400], y[:1400], X[1400:], y[1400:]


def weights_of(net):
    return b"".join(value.tobytes() for value in net.parameters.values())


def new_trainer(dtype="float32", optimizer=None, **options):
    net = build(64, [(20, "relu", 0), (10, "softmax", 0)], dtype)
    return cr.Trainer(net, "cross_entropy", optimizer or cr.Adam(0.01), **options)
