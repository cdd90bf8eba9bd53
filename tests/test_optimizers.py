"""Optimizers follow the reference step by step, and reach the optimum of a convex problem."""

import time

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule import reference

from .helpers import build, reference_activations, reference_parameters, relative_difference

OPTIMIZERS = {
    "sgd": cr.SGD(0.1),
    "momentum": cr.SGD(0.05, momentum=0.9),
    "nesterov": cr.SGD(0.05, momentum=0.8, nesterov=True),
    "rmsprop": cr.RMSProp(0.01, rho=0.8),
    "adam": cr.Adam(0.02, beta1=0.8, beta2=0.95, epsilon=1e-6),
    "adamw": cr.AdamW(0.02, weight_decay=0.1),
    "nadam": cr.NAdam(0.02, 0.8, 0.95, 1e-6, weight_decay=0.1, momentum_decay=0.02),
    "radam": cr.RAdam(0.02, 0.8, 0.97, 1e-6, weight_decay=0.1),
    "adagrad": cr.Adagrad(0.1, epsilon=1e-6),
    "lion": cr.Lion(0.003, 0.8, 0.95, weight_decay=0.1),
    "rprop": cr.Rprop(0.02, 0.4, 1.3, 1e-3, 0.1),
}


def reference_steps(net, optimizer, X, Y, steps, **options):
    """The reference's parameters after some steps, from the network's present ones."""
    parameters = reference_parameters(net)
    activations = reference_activations(net)
    hyperparameters = optimizer.to_dict()
    name, rate = hyperparameters.pop("kind"), hyperparameters.pop("learning_rate")
    if name == "rprop":
        hyperparameters["first_step"] = rate
    state = None
    for _ in range(steps):
        AL, caches = reference.forward_propagation(X, parameters, activations, samples="rows")
        grads = reference.backward_propagation(
            AL, Y, caches, "cross_entropy", samples="rows", **options
        )
        parameters, state = reference.update_parameters(
            parameters, grads, rate, name, state, **hyperparameters
        )
    return parameters


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_follow_the_reference(name, isa, rng):
    net = build(7, [(18, "tanh", 0), (5, "softmax", 0)], "float64")
    X, Y = rng.normal(size=(23, 7)), rng.integers(0, 5, 23)
    options = {"l2": 0.01, "l1": 0.001}
    expected = reference_steps(net, OPTIMIZERS[name], X, Y, 25, **options)
    trainer = cr.Trainer(net, "cross_entropy", OPTIMIZERS[name], **options)
    for _ in range(25):
        trainer.step(X, Y)
    for l in (1, 2):
        assert relative_difference(net.W[l], expected[f"W{l}"]) < 1e-12
        assert relative_difference(net.b[l], expected[f"b{l}"]) < 1e-12


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_applying_gradients_is_the_second_half_of_a_step(name, rng):
    X, Y = rng.normal(size=(6, 3)), rng.integers(0, 4, 6)
    weights = []
    for in_two_halves in (False, True):
        net = build(3, [(4, "softmax", 0)], "float32")
        trainer = cr.Trainer(net, "cross_entropy", OPTIMIZERS[name])
        for _ in range(5):
            if in_two_halves:
                net.backward(X, Y, "cross_entropy")
                trainer.apply_gradients()
            else:
                trainer.step(X, Y)
        weights.append(net.parameters["1.weight"].tobytes())
        assert trainer.steps == 5
    assert weights[0] == weights[1]


@pytest.fixture(scope="module")
def logistic():
    """A strictly convex problem, J = mean log loss + l2/2 |w|^2, and scikit-learn's optimum."""
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)[:, :8]
    l2 = 0.1
    # scikit-learn minimizes C sum L_i + 1/2 |w|^2.
    model = LogisticRegression(C=1 / (l2 * len(X)), tol=1e-12, max_iter=10_000).fit(X, y)
    return X, y, l2, np.append(model.coef_.ravel(), model.intercept_)


def solve(logistic, optimizer, schedule, epochs, batch_size):
    X, y, l2, optimum = logistic
    net = cr.Network([cr.Dense(1, "sigmoid", "zeros")], X.shape[1], "float64")
    trainer = cr.Trainer(net, "binary_cross_entropy", optimizer, schedule, l2=l2)
    trainer.fit(X, y, epochs, batch_size)
    found = np.append(net.parameters["1.weight"].ravel(), net.parameters["1.bias"])
    return np.abs(found - optimum).max()


@pytest.mark.parametrize(
    ("optimizer", "epochs"),
    [
        (cr.SGD(1.0), 1000),
        (cr.SGD(0.3, momentum=0.9), 600),
        (cr.SGD(0.3, momentum=0.9, nesterov=True), 600),
        (cr.RMSProp(0.01), 2000),
        (cr.Adam(0.05), 1500),
        (cr.AdamW(0.05, weight_decay=0.0), 1500),
        (cr.NAdam(0.05), 1500),
        (cr.RAdam(0.05), 1500),
        (cr.Adagrad(0.5), 1500),
        (cr.Lion(0.02), 3000),
        (cr.Rprop(0.05), 100),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, cr.optimizers.Optimizer) else "",
)
def test_every_optimizer_reaches_the_optimum_of_logistic_regression(logistic, optimizer, epochs):
    schedule = cr.cosine(epochs)
    assert solve(logistic, optimizer, schedule, epochs, None) < 1e-4


@pytest.mark.parametrize(
    ("batch_size", "epochs"),
    [(None, 1500), (64, 4000), (1, 400)],
    ids=["batch", "mini-batch", "stochastic"],
)
def test_every_kind_of_gradient_descent_reaches_the_optimum(logistic, batch_size, epochs):
    # The variance of a stochastic iterate shrinks with the learning rate, so that decays to zero.
    rate = {None: 1.0, 64: 0.1, 1: 0.02}[batch_size]
    schedule = (
        cr.cosine(epochs) if batch_size is None else (lambda epoch: (1 - epoch / epochs) ** 3)
    )
    assert solve(logistic, cr.SGD(rate), schedule, epochs, batch_size) < 1e-4


@pytest.mark.parametrize(("beta1", "decay"), [(0.9, 0.004), (1 - 1e-5, 5.0), (1 - 1e-9, 0.5)])
@pytest.mark.parametrize("t", [3, 900, 20_000])
def test_nadam_late_in_training_is_its_formula(beta1, decay, t):
    net = cr.Network([cr.Dense(1)], 1, "float64")
    trainer = cr.Trainer(net, "squared_error", cr.NAdam(0.01, beta1, 0.99, momentum_decay=decay))
    before = net.parameters["1.weight"].item()
    net.backward([[2.0]], [1.0], "squared_error")
    g = net.gradients["1.weight"].item()
    trainer._state.steps = t - 1
    trainer.apply_gradients()
    mu = beta1 * (1 - 0.5 * 0.96 ** (np.arange(1, t + 2) * decay))
    product = mu[:t].prod()
    direction = mu[t] * (1 - beta1) * g / (1 - product * mu[t]) + (1 - mu[t - 1]) * g / (
        1 - product
    )
    scale = np.sqrt(0.01 * g * g / (1 - 0.99**t)) + 1e-8
    change = net.parameters["1.weight"].item() - before
    # A product of t factors is off by t u of itself, and divides here as 1 - product.
    bound = 1e-13 + 2 * t * 2.0**-53 * product / (1 - product)
    assert change == pytest.approx(-0.01 * direction / scale, rel=bound)


@pytest.mark.parametrize("decay", [0.0, 1e-300, 0.3, 1e6])
def test_steps_of_nadam_take_no_longer_for_a_count_that_no_training_reaches(decay):
    net = cr.Network([cr.Dense(1)], 1, "float64")
    optimizer = cr.NAdam(0.01, float(np.nextafter(1, 0)), momentum_decay=decay)
    trainer = cr.Trainer(net, "squared_error", optimizer)
    trainer._state.steps = 2**62 - 1
    start = time.process_time()
    trainer.step([[2.0]], [1.0])
    assert time.process_time() - start < 1
