"""A layer of one output sums a row in 16 interleaved parts (float32), and adds its bias last."""

import numpy as np
import pytest

import chainrule as cr


def by_hand(X, w, b):
    """In float64, where a product of float32 is exact; rounded after each sum."""
    parts = np.zeros((len(X), 16), np.float32)
    for i, column in enumerate(X.T):
        parts[:, i % 16] += np.float64(column) * np.float64(w[i])
    for half in (8, 4, 2, 1):
        parts = parts[:, :half] + parts[:, half:]
    return b + parts


@pytest.mark.parametrize("activation", ["identity", "relu"])
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 30, 31, 32, 33, 64, 300])
def test_the_sum_is_that_by_hand(n, activation, isa, rng):
    if isa == "baseline":
        pytest.skip("rounds products on their own")
    net = cr.Network([cr.Dense(1, activation)], n)
    w, b = rng.normal(size=(n, 1)).astype(np.float32), np.float32(0.3)
    net.parameters["1.weight"], net.parameters["1.bias"] = w, [b]
    X = rng.normal(size=(45, n)).astype(np.float32)
    expected = by_hand(X, w[:, 0], b)
    if activation == "relu":
        expected = np.maximum(expected, 0)
    for rows in (1, 2, 3, 4, 5, 7, 8, 9, 17, 45):
        np.testing.assert_array_equal(net.predict(X[:rows]), expected[:rows])
