"""Float32 stays within bounds derived from the roundings; a planted fault does not.

The bounds follow the errors through the network, element by element (running error analysis, Higham
ch. 3), in first order: a sum of k products carries gamma_k times the sum of their sizes, plus the
errors of its operands times the sizes of the others. Activations are Lipschitz and carry 4 ULP.
"""

import numpy as np
import pytest

from .helpers import build, gamma, reference_pass, targets

SECOND_ORDER = 1.1  # products of two errors, left out of the bounds
# Lipschitz constants of g and of g', both in z.
LIPSCHITZ = {"identity": (1, 0), "sigmoid": (0.25, 0.1), "tanh": (1, 0.77)}


def bounds(net, X, caches, dZ):
    """Bounds on the errors of the prediction and of every gradient of a mean squared error."""
    m = len(X)
    E_A, E_Zs, A_prev = np.zeros_like(X), [], []
    for cache in caches:
        W, b = np.abs(cache.W.T), np.abs(cache.b.T)
        A = np.abs(cache.A_prev.T)
        A_prev.append((A, E_A))
        E_Z = gamma(W.shape[0] + 1) * (A @ W + b) + E_A @ W
        E_Zs.append(E_Z)
        E_A = LIPSCHITZ[name_of(cache)][0] * E_Z + 4 * gamma(2) * np.abs(cache.A.T)
    prediction = E_A
    E_dA, gradients = E_A / m + gamma(3) * np.abs(dZ[-1]) / m, {}
    for l in range(len(caches), 0, -1):
        cache = caches[l - 1]
        slope, curvature = derivative(cache), LIPSCHITZ[name_of(cache)][1]
        dz = np.abs(dZ[l - 1]) / m
        dA = dz / np.maximum(slope, 1e-30)
        E_slope = curvature * E_Zs[l - 1] + 8 * gamma(2)
        E_dZ = E_dA * slope + dA * E_slope + gamma(3) * dz
        A, E = A_prev[l - 1]
        gradients[f"{l}.weight"] = gamma(m + 1) * (A.T @ dz) + E.T @ dz + A.T @ E_dZ
        gradients[f"{l}.bias"] = gamma(m + 1) * dz.sum(axis=0) + E_dZ.sum(axis=0)
        W = np.abs(cache.W)
        E_dA = gamma(W.shape[0] + 1) * (dz @ W) + E_dZ @ W
    return prediction, gradients


def name_of(cache):
    return cache.activation if isinstance(cache.activation, str) else cache.activation[0]


def derivative(cache):
    A = cache.A.T
    return {"identity": np.ones_like(A), "sigmoid": A * (1 - A), "tanh": 1 - A**2}[name_of(cache)]


@pytest.mark.parametrize("hidden", ["identity", "sigmoid", "tanh"])
@pytest.mark.parametrize("sizes", [(5, 9, 3), (64, 33, 17), (200, 100, 10)])
@pytest.mark.parametrize("rows", [1, 10, 300])
def test_prediction_and_gradients_stay_within_their_bounds(hidden, sizes, rows, isa, rng):
    n_inputs, n_hidden, n = sizes
    net = build(
        n_inputs, [(n_hidden, hidden, 0), (n_hidden, hidden, 0), (n, "identity", 0)], "float32"
    )
    X = rng.normal(size=(rows, n_inputs)).astype(np.float32).astype(np.float64)
    Y = targets(rng, "squared_error", rows, n).astype(np.float32).astype(np.float64)
    _, gradients, AL, caches = reference_pass(net, X, Y, "squared_error")
    dZ = [None] * 3
    dZ[2] = AL - Y
    for l in (1, 0):
        dZ[l] = dZ[l + 1] @ caches[l + 1].W * derivative(caches[l])
    prediction_bound, gradient_bounds = bounds(net, X, caches, dZ)

    net.backward(X, Y, "squared_error")
    assert (np.abs(net.predict(X) - AL) <= SECOND_ORDER * prediction_bound).all()
    for name, expected in gradients.items():
        error = np.abs(net.gradients[name] - expected)
        assert (error <= SECOND_ORDER * gradient_bounds[name]).all(), name


@pytest.mark.parametrize("sizes", [(5, 9, 3), (64, 33, 17)])
def test_the_bounds_catch_one_weight_that_is_off_by_a_hundredth(sizes, rng):
    n_inputs, n_hidden, n = sizes
    net = build(n_inputs, [(n_hidden, "tanh", 0), (n, "identity", 0)], "float32")
    X, Y = rng.normal(size=(20, n_inputs)), rng.normal(size=(20, n))
    X, Y = X.astype(np.float32).astype(float), Y.astype(np.float32).astype(float)
    _, gradients, AL, caches = reference_pass(net, X, Y, "squared_error")
    dZ = [None, AL - Y]
    dZ[0] = dZ[1] @ caches[1].W * derivative(caches[0])
    prediction_bound, gradient_bounds = bounds(net, X, caches, dZ)
    changed = net.parameters["1.weight"]
    changed[1, 2] += 1e-2
    net.parameters["1.weight"] = changed
    net.backward(X, Y, "squared_error")
    assert (np.abs(net.predict(X) - AL) > SECOND_ORDER * prediction_bound).mean() > 0.5
    for name, expected in gradients.items():
        error = np.abs(net.gradients[name] - expected)
        assert (error > SECOND_ORDER * gradient_bounds[name]).any(), name
