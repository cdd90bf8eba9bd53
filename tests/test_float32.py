"""Float32 stays within bounds derived from the roundings; a planted fault does not.

The bounds follow the errors through the network, element by element (running error analysis, Higham
ch. 3), in first order: a sum of k products carries gamma_k times the sum of their sizes, plus the
errors of its operands times the sizes of the others. Activations are Lipschitz and carry 4 ULP.
"""

import numpy as np
import pytest

from chainrule import _core, reference

from .helpers import LOSSES, build, gamma, reference_loss, reference_pass, targets

SECOND_ORDER = 1.1  # products of two errors, left out of the bounds
# Lipschitz constants of g and of g', both in z.
LIPSCHITZ = {"identity": (1, 0), "sigmoid": (0.25, 0.1), "tanh": (1, 0.77), "relu": (1, 0)}
# The focal losses and margins, whose last dZ is another, have their bounds in test_ops.py.
BOUNDED = [loss for loss in LOSSES if not loss.name.endswith(("focal", "hinge"))]
JUMPS = {"absolute_error": 2, "quantile": 1}  # of the gradient in a, at a = y


def bounds(net, X, Y, caches, dZ, loss):
    """Bounds on the errors of the prediction and of every gradient.

    The last dZ is A - Y, or that up to delta (huber), or jumps at A = Y alone.
    """
    m = len(X)
    E_A, E_Zs, inputs = np.zeros_like(X), [], []
    for cache in caches:
        W, b = np.abs(cache.W.T), np.abs(cache.b.T)
        A = np.abs(cache.A_prev.T)
        inputs.append((A, E_A))
        E_Z = gamma(W.shape[0] + 1) * (A @ W + b) + E_A @ W
        E_Zs.append(E_Z)
        E_A = error_of_activation(cache, E_Z)
    prediction = E_A
    error = np.abs(caches[-1].A.T - Y)
    if loss.name == "huber":
        E_A = np.where(error <= loss.delta + E_A, E_A, 0)
    if loss.name in JUMPS:
        E_A = np.where(error <= E_A, JUMPS[loss.name], 0)
    rounding = gamma(8 if loss.name == "quantile" else 3)  # 1 - q has 4 times q's relative error
    E_dZ, gradients = E_A / m + rounding * np.abs(dZ[-1]) / m, {}
    for l in range(len(caches), 0, -1):
        dz, (A, E) = np.abs(dZ[l - 1]) / m, inputs[l - 1]
        gradients[f"{l}.weight"] = gamma(m + 1) * (A.T @ dz) + E.T @ dz + A.T @ E_dZ
        gradients[f"{l}.bias"] = gamma(m + 1) * dz.sum(axis=0) + E_dZ.sum(axis=0)
        if l > 1:
            W, below = np.abs(caches[l - 1].W), caches[l - 2]
            E_dA = gamma(W.shape[0] + 1) * (dz @ W) + E_dZ @ W
            dA = np.abs(dZ[l - 1] @ caches[l - 1].W) / m
            E_slope = LIPSCHITZ[below.activation][1] * E_Zs[l - 2] + 8 * gamma(2)
            if (
                below.activation == "relu"
            ):  # on which side of the kink is not known within the error
                E_slope = np.where(np.abs(below.Z.T) <= E_Zs[l - 2], 1.0, 0.0)
            E_dZ = E_dA * derivative(below) + dA * E_slope + gamma(3) * dA * derivative(below)
            E_dZ = E_dZ + E_dA * E_slope
    return prediction, gradients


def error_of_activation(cache, E_Z):
    A = np.abs(cache.A.T)
    if (
        cache.activation == "softmax"
    ):  # da_j = a_j (dz_j - sum_k a_k dz_k), and a sum of n exponentials
        mean = (A * E_Z).sum(axis=1, keepdims=True)
        rounding = gamma(A.shape[1] + 8) + 2 * gamma(1) * np.abs(cache.Z.T).max()
        return A * (E_Z + mean + rounding)
    if cache.activation == "exp":
        return A * (np.expm1(E_Z) + 2 * gamma(2))
    return LIPSCHITZ[cache.activation][0] * E_Z + 4 * gamma(2) * A


def derivative(cache):
    A = cache.A.T
    table = {"identity": np.ones_like(A), "sigmoid": A * (1 - A), "tanh": 1 - A**2, "relu": A > 0}
    return table[cache.activation]


def gradients_in_z(caches, AL, Y, loss):
    last, loss = caches[-1], reference_loss(loss)
    dZ = [reference.loss_backward(AL.T, last.Z, Y.T, loss, last.activation).T]
    for below, above in zip(caches[-2::-1], caches[:0:-1], strict=True):
        dZ.insert(0, dZ[0] @ above.W * derivative(below))
    return dZ


def problem(rng, sizes, rows, hidden, loss):
    """A float32 network of two hidden layers, and samples that float32 holds exactly."""
    n_inputs, n_hidden, n = sizes
    output = _core.losses()[loss.name]
    net = build(n_inputs, [(n_hidden, hidden, 0), (n_hidden, hidden, 0), (n, output, 0)], "float32")
    X = rng.normal(size=(rows, n_inputs)).astype(np.float32).astype(np.float64)
    Y = targets(rng, loss, rows, n).astype(np.float32).astype(np.float64)
    if loss.name == "cross_entropy":
        Y = np.eye(n)[Y.argmax(axis=1)]
    return net, X, Y


@pytest.mark.parametrize("loss", BOUNDED, ids=repr)
@pytest.mark.parametrize("hidden", ["identity", "sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("sizes", [(5, 9, 3), (64, 33, 17), (200, 100, 10)])
@pytest.mark.parametrize("rows", [1, 10, 300])
def test_prediction_and_gradients_stay_within_their_bounds(hidden, loss, sizes, rows, isa, rng):
    net, X, Y = problem(rng, sizes, rows, hidden, loss)
    _, gradients, AL, caches = reference_pass(net, X, Y, loss)
    dZ = gradients_in_z(caches, AL, Y, loss)
    prediction_bound, gradient_bounds = bounds(net, X, Y, caches, dZ, loss)

    net.backward(X, Y, loss)
    assert (np.abs(net.predict(X) - AL) <= SECOND_ORDER * prediction_bound).all()
    for name, expected in gradients.items():
        error = np.abs(net.gradients[name] - expected)
        assert (error <= SECOND_ORDER * gradient_bounds[name]).all(), name


@pytest.mark.parametrize("loss", BOUNDED, ids=repr)
@pytest.mark.parametrize("sizes", [(5, 9, 3), (64, 33, 17)])
def test_the_bounds_catch_one_weight_that_is_off_by_a_tenth(sizes, loss, rng):
    net, X, Y = problem(rng, sizes, 20, "tanh", loss)
    _, gradients, AL, caches = reference_pass(net, X, Y, loss)
    dZ = gradients_in_z(caches, AL, Y, loss)
    prediction_bound, gradient_bounds = bounds(net, X, Y, caches, dZ, loss)
    changed = net.parameters["1.weight"]
    changed[1, 2] += 0.1
    net.parameters["1.weight"] = changed
    net.backward(X, Y, loss)
    assert (np.abs(net.predict(X) - AL) > SECOND_ORDER * prediction_bound).mean() > 0.5
    if loss.name in JUMPS:  # the sign of an error is the same
        del gradients["3.bias"]
    for name, expected in gradients.items():
        error = np.abs(net.gradients[name] - expected)
        assert (error > SECOND_ORDER * gradient_bounds[name]).any(), name
