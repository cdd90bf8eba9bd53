"""Networks with every kind of layer, and the reference's pass through them."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import reference
from chainrule.layers import Activate
from chainrule.reference import layers as reference_layers

A = cr.Activation
NETWORKS = {
    "batch norm": [cr.Dense(9), cr.BatchNorm(), A("tanh"), cr.Dense(3, "softmax")],
    "batch norm first": [
        cr.BatchNorm(),
        cr.Dense(20, "tanh"),
        cr.BatchNorm(),
        cr.Dense(3, "softmax"),
    ],
    "batch norm last": [cr.Dense(3), cr.BatchNorm(0.5, 1e-2), A("softmax")],
    "layer norm": [cr.Dense(19), cr.LayerNorm(), A("tanh"), cr.Dense(3, "softmax")],
    "layer norm first": [cr.LayerNorm(1e-2), cr.Dense(3, "softmax")],
    "dropout": [cr.Dropout(0.3), cr.Dense(19, "tanh"), cr.Dropout(0.5), cr.Dense(3, "softmax")],
    "residual": [
        cr.Residual([cr.Dense(11, "tanh"), cr.Dense(7)]),
        A("tanh"),
        cr.Dense(3, "softmax"),
    ],
    "projection": [
        cr.Dense(5, "sigmoid"),
        cr.Residual([cr.Dense(17, "tanh")]),
        cr.Dense(3, "softmax"),
    ],
    "relu": [
        cr.Dense(9, "relu"),
        cr.Residual([cr.Dense(17, "relu"), cr.Dense(5, "relu")]),
        A("relu"),
        cr.Dense(4, "relu"),
        cr.Residual([cr.Dense(6, "relu"), cr.Dense(4)]),
        cr.LayerNorm(),
        cr.Dense(3, "softmax"),
    ],
    "activations": [
        A("tanh"),
        A("sigmoid"),
        cr.Dense(4, "tanh"),
        A("sigmoid"),
        cr.Dense(3, "softmax"),
    ],
    "nested": [
        cr.Dense(5, "sigmoid"),
        cr.Residual(
            [
                A("tanh"),
                cr.Residual([cr.BatchNorm(), A("sigmoid"), cr.Dropout(0.2), cr.Dense(6)]),
                cr.LayerNorm(),
                cr.BatchNorm(),
                cr.Dense(5),
            ]
        ),
        cr.BatchNorm(),
        cr.Dropout(0.1),
        cr.Dense(3),
        A("softmax"),
    ],
}
every_network = pytest.mark.parametrize("layers", NETWORKS.values(), ids=list(NETWORKS))


def as_tuples(layers):
    """The layers as the reference takes them."""
    described = []
    for layer in layers:
        if isinstance(layer, cr.Dense):
            described.append(("dense", layer.activation.name))
        elif isinstance(layer, Activate):
            described.append(("activation", layer.activation.name))
        elif isinstance(layer, cr.Dropout):
            described.append(("dropout", layer.rate))
        elif isinstance(layer, cr.Residual):
            described.append(("residual", *as_tuples(layer.layers)))
        else:
            kind = "batch_norm" if isinstance(layer, cr.BatchNorm) else "layer_norm"
            described.append((kind, layer.epsilon))
    return described


SYMBOLS = {"weight": "W", "bias": "b", "gamma": "gamma", "beta": "beta"}


def course_name(name):
    path, kind = name.rsplit(".", 1)
    return SYMBOLS[kind] + path


def reference_pass(net, X, y, weights, draws):
    """Cost and gradients by the network's names, the outputs, and the caches, in training."""
    parameters = {
        course_name(name): value.T if value.ndim == 2 else value[:, np.newaxis]
        for name, value in net.parameters.items()
        if "running" not in name
    }
    c = (np.ones(len(X)) if weights is None else weights)[np.newaxis]
    c = c / c.sum()
    tuples = as_tuples(net.layers)
    AL, caches = reference_layers.layers_forward(X.T, tuples, parameters, c, draws)
    Y = np.eye(AL.shape[0])[y].T
    cost = float(np.sum(c * reference.cross_entropy(AL, Y)))
    _, grads = reference_layers.layers_backward(
        c * (AL - Y), tuples, parameters, c, caches, at_Z=True
    )
    gradients = {
        name: grads[course_name(name)].T if value.ndim == 2 else grads[course_name(name)].ravel()
        for name, value in net.parameters.items()
        if "running" not in name
    }
    return cost, gradients, AL.T, caches


def built(layers, dtype="float64", seed=0):
    """A network none of whose parameters is zero or one."""
    net = cr.Network(layers, 7, dtype, seed)
    rng = np.random.default_rng(seed + 1)
    for name, value in net.parameters.items():
        net.parameters[name] = value + rng.uniform(0.05, 0.4, value.shape)
    return net


def samples(rng):
    return rng.normal(size=(77, 7)), rng.integers(0, 3, 77)
