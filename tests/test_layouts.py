"""Sizes around every cut of the products: panels, tiles, pieces of a sum and of the rows.

All numbers are small integers, so that sums are exact and results equal NumPy's to the bit.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule import ops

# NumPy's BLAS also works on what lies beyond narrow operands, and may flag what it finds there.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in matmul")

# Narrow layers store their weights transposed; 256 terms and 132 rows are where a product is cut,
# 512 rows where the gradient of the weights is.
WIDTHS = [
    (n_in, n_out) for n_in in (1, 2, 5, 16, 17, 40) for n_out in (1, 2, 3, 4, 7, 8, 9, 15, 20)
]
WIDTHS += [(255, 33), (256, 10), (257, 65), (513, 7), (33, 300), (600, 80)]
ROWS = [*range(1, 15), 131, 132, 133, 265, 512, 513, 1030]


def integers(rng, shape, dtype, most=3):
    return rng.integers(-most, most + 1, shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_in", "n_out"), WIDTHS)
def test_products_of_integers_are_exact(n_in, n_out, dtype, rng, isa):
    W, b = integers(rng, (n_in, n_out), dtype), integers(rng, n_out, dtype)
    net = cr.Network([cr.Dense(n_out)], n_in, np.dtype(dtype).name)
    net.parameters["1.weight"], net.parameters["1.bias"] = W, b
    for rows in ROWS:
        X, dZ = integers(rng, (rows, n_in), dtype), integers(rng, (rows, n_out), dtype)
        np.testing.assert_array_equal(net.predict(X), X @ W + b, f"{rows} rows")
        np.testing.assert_array_equal(ops.dense_forward(X, W, b), X @ W + b, f"{rows} rows")
        dW, db = W.copy(), b.copy()  # added to
        dX = ops.dense_backward(X, W, dZ, dW=dW, db=db)
        np.testing.assert_array_equal(dX, dZ @ W.T, f"{rows} rows")
        np.testing.assert_array_equal(dW, W + X.T @ dZ, f"{rows} rows")
        np.testing.assert_array_equal(db, b + dZ.sum(axis=0), f"{rows} rows")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("widths", [(3, 1), (40, 2), (64, 10), (20, 64), (300, 7), (17, 20)])
def test_gradients_on_integers_are_exact(widths, dtype, rng, isa):
    """Two layers and the mean over 2^k rows; the numbers are so small that float32 holds all."""
    n_in, n_hidden = widths
    net = cr.Network([cr.Dense(n_hidden), cr.Dense(2)], n_in, dtype)
    for name, value in net.parameters.items():
        net.parameters[name] = integers(rng, value.shape, dtype, 1)
    for rows in (1, 2, 8, 32):
        X, Y = integers(rng, (rows, n_in), dtype, 1), integers(rng, (rows, 2), dtype, 1)
        W1, b1, W2, b2 = (value.astype(float) for value in net.parameters.values())
        A1 = X @ W1 + b1
        dZ2 = (A1 @ W2 + b2 - Y) / rows
        dZ1 = dZ2 @ W2.T
        net.backward(X, Y, "squared_error")
        expected = {
            "1.weight": X.T @ dZ1,
            "1.bias": dZ1.sum(axis=0),
            "2.weight": A1.T @ dZ2,
            "2.bias": dZ2.sum(axis=0),
        }
        for name, gradient in expected.items():
            np.testing.assert_array_equal(net.gradients[name], gradient, f"{name}, {rows} rows")


def test_weights_assigned_to_a_narrow_layer_count_at_once(rng):
    net = cr.Network([cr.Dense(2)], 30)
    X = integers(rng, (5, 30), np.float32)
    for _ in range(3):
        W = integers(rng, (30, 2), np.float32)
        net.parameters["1.weight"] = W
        np.testing.assert_array_equal(net.predict(X), X @ W)
        net.W[1] = W.T + 1
        np.testing.assert_array_equal(net.predict(X), X @ (W + 1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [1, 2, 10, 64])
def test_a_trained_network_equals_one_with_its_parameters(units, dtype, rng):
    """Transposes are up to date after training, and no padding has learnt to count in a penalty."""
    layers = [cr.Dense(17, "sigmoid"), cr.Dense(units), cr.Dense(3, "softmax")]
    net, twin = cr.Network(layers, 20, dtype), cr.Network(layers, 20, dtype)
    X, Y = rng.normal(size=(64, 20)), rng.integers(0, 3, 64)
    options = {"l2": 0.1, "l1": 0.01}
    cr.Trainer(net, "cross_entropy", cr.Adam(0.01), **options).fit(X, Y, epochs=3, batch_size=16)
    for name, value in net.parameters.items():
        twin.parameters[name] = value
    np.testing.assert_array_equal(net.predict(X), twin.predict(X))
    assert net.cost(X, Y, "cross_entropy", **options) == twin.cost(X, Y, "cross_entropy", **options)
    for each in (net, twin):
        each.backward(X, Y, "cross_entropy", **options)
    for name, gradient in twin.gradients.items():
        np.testing.assert_array_equal(net.gradients[name], gradient, name)
