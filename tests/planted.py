"""Networks with one planted trouble each, drawn at random: data, widths, depths, seeds, rates.

`planted(trouble, seed)` returns the arguments of `cr.diagnose`. How large a trouble is comes from
what the trouble is, not from the thresholds of the rules.
"""

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.preprocessing import StandardScaler

import chainrule as cr

DATA = {
    "digits": (load_digits, "cross_entropy", cr.Dense(10, "softmax")),
    "wine": (load_wine, "cross_entropy", cr.Dense(3, "softmax")),
    "breast cancer": (load_breast_cancer, "binary_cross_entropy", cr.Dense(1, "sigmoid")),
    "diabetes": (load_diabetes, "squared_error", cr.Dense(1)),
}
# Rates of these optimizers that are good for most networks of this size and standardized data.
USUAL = {cr.Adam: 1e-3, cr.SGD: 0.02}


def data(name, rng):
    """((X, Y), (X_val, Y_val), loss, last layer): all standardized, a third for validation."""
    load, loss, last = DATA[name]
    X, Y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    if loss == "squared_error":
        Y = (Y - Y.mean()) / Y.std()
    order = rng.permutation(len(Y))
    X, Y, cut = X[order], Y[order], 2 * len(Y) // 3
    return (X[:cut], Y[:cut]), (X[cut:], Y[cut:]), loss, last


def network(rng, X, last, activation, depth, widths=(16, 96)):
    width = int(rng.integers(*widths))
    layers = [*[cr.Dense(width, activation)] * depth, last]
    return cr.Network(layers, X.shape[1], seed=int(rng.integers(1000)))


def scaled(net, factor):
    """All hidden weights times a factor."""
    for l in range(1, len(net.layers)):
        net.W[l] = factor * net.W[l]


def trained(rng, net, loss, train, validation, factor=1.0, epochs=10):
    """A trainer after a fit with a usual rate times a factor."""
    kind = cr.Adam if epochs > 100 else list(USUAL)[rng.integers(len(USUAL))]
    trainer = cr.Trainer(net, loss, kind(USUAL[kind] * factor), seed=int(rng.integers(1000)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of divergence
        trainer.fit(*train, epochs=epochs, validation_data=validation)
    return trainer


def planted(trouble, seed):
    rng = np.random.default_rng([seed, *trouble.encode()])
    name = list(DATA)[rng.integers(len(DATA))]
    train, validation, loss, last = data(name, rng)
    X, Y = train
    options = {"loss": loss}
    if trouble == "vanishing":
        net = network(rng, X, last, "sigmoid", int(rng.integers(8, 21)))
    elif trouble == "exploding":
        net = network(rng, X, last, ["relu", "leaky_relu"][rng.integers(2)], rng.integers(8, 21))
        scaled(net, rng.uniform(3, 6))
    elif trouble == "dead":
        depth = int(rng.integers(1, 5))
        net = network(rng, X, last, "relu", depth)
        l = int(rng.integers(1, depth + 1))
        b = net.b[l]
        b[rng.permutation(len(b))[: int(rng.uniform(0.5, 1.0) * len(b))]] = -100.0
        net.b[l] = b
    elif trouble == "saturated":
        net = network(rng, X, last, ["tanh", "sigmoid"][rng.integers(2)], int(rng.integers(1, 5)))
        scaled(net, rng.uniform(20, 60))
    else:
        activation = ["relu", "tanh", "leaky_relu"][rng.integers(3)]
        net = network(rng, X, last, activation, int(rng.integers(1, 4)))
        factor, epochs = 1.0, 10
        if trouble == "rate too low":
            factor = 10 ** rng.uniform(-4, -3)
        elif trouble == "rate too high":
            factor = 10 ** rng.uniform(2, 3)
        elif trouble == "overfitting":  # few rows, half of them wrong, known by heart in the end
            few = slice(0, 60)
            wrong = np.where(rng.random(60) < 1 / 2, rng.permutation(Y[few]), Y[few])
            train, epochs = (X[few], wrong), 1000
            net = network(rng, X, last, activation, 2, widths=(64, 129))
        options["trainer"] = trained(rng, net, loss, train, validation, factor, epochs)
        X, Y = train
    return (net, X, Y), options
