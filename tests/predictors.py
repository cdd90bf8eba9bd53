"""What the tests of predictors share: sizes, scalar types, and networks after some steps."""

import numpy as np
import pytest

import chainrule as cr

N_INPUTS, N_OUTPUTS, M = 7, 3, 600  # rows: more than two tiles
DTYPES = ("float32", "float64")
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def trained(layers, dtype="float32", n_inputs=N_INPUTS):
    """After some steps, so that running statistics are not those of the first day."""
    net = cr.Network(layers, n_inputs, dtype)
    rng = np.random.default_rng(5)
    X, Y = rng.normal(1, 2, size=(64, n_inputs)), rng.random((64, net.n_outputs))
    cr.Trainer(net, "squared_error", cr.SGD(0.01)).fit(X, Y, epochs=3, batch_size=16)
    return net


def small(dtype="float32"):
    return trained([cr.Dense(5, "tanh"), cr.Dense(N_OUTPUTS, "softmax")], dtype)
