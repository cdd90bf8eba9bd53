"""The nodes of layers and activations: one entry for each in LAYERS and ACTIVATIONS.

The values are (rows, units), a weight matrix is (n_in, n_out) as everywhere.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import message
from chainrule.activations import Activation
from chainrule.checkpoint import network_tensors
from chainrule.layers import Activate, BatchNorm, Dense, Layer, LayerNorm, Residual
from chainrule.network import Network
from chainrule.onnx._graph import Graph

Array = NDArray[Any]
Parameters = Mapping[str, Array]


def add_network(graph: Graph, x: str, net: Network, where: str) -> str:
    """The name of the prediction for x. Raises ValueError if a parameter is not finite."""
    parameters = network_tensors(net, where)
    for number, layer in enumerate(net.layers, start=1):
        x = LAYERS[layer.name](graph, x, layer, parameters, str(number))
    return x


# ---- Layers: (graph, x, layer, parameters, the prefix of their names) -> what x becomes ----------


def _linear(graph: Graph, x: str, parameters: Parameters, prefix: str) -> str:
    names = (f"{prefix}.weight", f"{prefix}.bias")
    weight, bias = (graph.constant(parameters[name], name) for name in names)
    return graph.node("Gemm", x, weight, bias)


def _dense(graph: Graph, x: str, layer: Layer, parameters: Parameters, prefix: str) -> str:
    activation = cast(Activation, cast(Dense, layer).activation)
    return activate(graph, _linear(graph, x, parameters, prefix), activation)


def _batch_norm(graph: Graph, x: str, layer: Layer, parameters: Parameters, prefix: str) -> str:
    # y = x scale + shift, of the running mean and variance. Not ONNX's BatchNormalization, whose
    # epsilon is a float32.
    names = ("gamma", "beta", "running_mean", "running_variance")
    gamma, beta, mean, variance = (
        parameters[f"{prefix}.{name}"].astype(np.float64) for name in names
    )
    scale = gamma / np.sqrt(variance + cast(BatchNorm, layer).epsilon)
    shift = graph.constant(beta - mean * scale, f"{prefix}.shift")
    return graph.node("Add", graph.node("Mul", x, graph.constant(scale, f"{prefix}.scale")), shift)


def _layer_norm(graph: Graph, x: str, layer: Layer, parameters: Parameters, prefix: str) -> str:
    # Not ONNX's LayerNormalization, whose epsilon is a float32.
    axis = graph.constant(np.array([1]), "axis")
    centred = graph.node("Sub", x, graph.node("ReduceMean", x, axis))
    variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), axis)
    epsilon = graph.constant(np.float64(cast(LayerNorm, layer).epsilon), "epsilon")
    deviation = graph.node("Sqrt", graph.node("Add", variance, epsilon))
    gamma, beta = (graph.constant(parameters[n], n) for n in (f"{prefix}.gamma", f"{prefix}.beta"))
    return graph.node("Add", graph.node("Mul", graph.node("Div", centred, deviation), gamma), beta)


def _dropout(graph: Graph, x: str, layer: Layer, parameters: Parameters, prefix: str) -> str:
    return x


def _activate(graph: Graph, x: str, layer: Layer, parameters: Parameters, prefix: str) -> str:
    return activate(graph, x, cast(Activation, cast(Activate, layer).activation))


def _residual(graph: Graph, x: str, layer: Layer, parameters: Parameters, prefix: str) -> str:
    y, bypass = x, x
    for number, inner in enumerate(cast(Residual, layer).layers, start=1):
        y = LAYERS[inner.name](graph, y, inner, parameters, f"{prefix}.{number}")
    if f"{prefix}.projection.weight" in parameters:
        bypass = _linear(graph, x, parameters, f"{prefix}.projection")
    return graph.node("Add", y, bypass)


LAYERS: dict[str, Callable[[Graph, str, Layer, Parameters, str], str]] = {
    "Dense": _dense,
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "Dropout": _dropout,
    "Activation": _activate,
    "Residual": _residual,
}

# ---- Activations: (graph, z, activation) -> g(z) -------------------------------------------------


def activate(graph: Graph, z: str, activation: Activation) -> str:
    """The name of g(z)."""
    if activation.name not in ACTIVATIONS:
        expected = "activations that are built in, of which ONNX has the operations"
        raise ValueError(message("export_onnx", "model", expected, activation.name))
    return ACTIVATIONS[activation.name](graph, z, activation)


def _identity(graph: Graph, z: str, activation: Activation) -> str:
    return z


def _node(kind: str) -> Callable[[Graph, str, Activation], str]:
    return lambda graph, z, activation: graph.node(kind, z)


def _leaky_relu(graph: Graph, z: str, activation: Activation) -> str:
    # max(s z, z): ONNX's LeakyRelu has its slope in float32, and ONNX Runtime no float64 of it.
    slope = graph.constant(np.float64(activation.slope or 0.0), "slope")
    return graph.node("Max", z, graph.node("Mul", z, slope))


def _elu(graph: Graph, z: str, activation: Activation) -> str:
    # z or s (e^z - 1)
    slope = graph.constant(np.float64(cast(float, activation.slope)), "slope")
    return _exponential_below(graph, z, slope)


def _selu(graph: Graph, z: str, activation: Activation) -> str:
    scale, slope = (
        graph.constant(np.float64(value), name)
        for name, value in (("scale", 1.0507009873554805), ("slope", 1.6732632423543772))
    )
    return graph.node("Mul", _exponential_below(graph, z, slope), scale)


def _exponential_below(graph: Graph, z: str, slope: str) -> str:
    """z above zero, slope (e^z - 1) below it."""
    zero, one = (graph.constant(np.float64(value), str(value)) for value in (0, 1))
    below = graph.node("Sub", graph.node("Exp", graph.node("Min", z, zero)), one)
    return graph.node("Add", graph.node("Max", z, zero), graph.node("Mul", below, slope))


def _silu(graph: Graph, z: str, activation: Activation) -> str:
    return graph.node("Mul", z, graph.node("Sigmoid", z))


def _softplus(graph: Graph, z: str, activation: Activation) -> str:
    # log(1 + e^z) = max(z, 0) + log(1 + e^-|z|)
    zero, one = (graph.constant(np.float64(value), str(value)) for value in (0, 1))
    small = graph.node("Exp", graph.node("Neg", graph.node("Abs", z)))
    log = graph.node("Log", graph.node("Add", small, one))
    return graph.node("Add", graph.node("Max", z, zero), log)


def _mish(graph: Graph, z: str, activation: Activation) -> str:
    return graph.node("Mul", z, graph.node("Tanh", _softplus(graph, z, activation)))


def _gelu(graph: Graph, z: str, activation: Activation) -> str:
    # z (1 + erf(z / sqrt 2)) / 2
    if graph.dtype == np.float64:
        expected = "float32, because ONNX Runtime has no erf of float64"
        raise ValueError(message("export_onnx, gelu", "dtype", expected, "float64"))
    root, half, one = (
        graph.constant(np.float64(value), name)
        for name, value in (("root", np.sqrt(0.5)), ("half", 0.5), ("1", 1.0))
    )
    erf = graph.node("Erf", graph.node("Mul", z, root))
    return graph.node("Mul", graph.node("Mul", z, half), graph.node("Add", erf, one))


def _hard(low: float, factor: float, offset: float) -> Callable[[Graph, str, Activation], str]:
    """factor z + offset within [low, 1].

    Not ONNX's Clip, which ONNX Runtime joins with a Relu before it, and fails to in float64.
    """

    def node(graph: Graph, z: str, activation: Activation) -> str:
        least, most = (
            graph.constant(np.float64(value), name) for name, value in (("low", low), ("1", 1))
        )
        by, plus = (
            graph.constant(np.float64(value), name)
            for name, value in (("factor", factor), ("offset", offset))
        )
        line = graph.node("Add", graph.node("Mul", z, by), plus)
        return graph.node("Min", graph.node("Max", line, least), most)

    return node


def _softmax(graph: Graph, z: str, activation: Activation) -> str:
    if activation.groups is None:
        return graph.node("Softmax", z, axis=1)
    ends = np.cumsum(activation.groups)
    axis = graph.constant(np.array([1]), "axis")
    parts = []
    for units, end in zip(activation.groups, ends, strict=True):
        at = (graph.constant(np.array([place]), "place") for place in (end - units, end))
        parts.append(graph.node("Softmax", graph.node("Slice", z, *at, axis), axis=1))
    return graph.node("Concat", *parts, axis=1)


ACTIVATIONS: dict[str, Callable[[Graph, str, Activation], str]] = {
    "identity": _identity,
    "sigmoid": _node("Sigmoid"),
    "tanh": _node("Tanh"),
    "relu": _node("Relu"),
    "leaky_relu": _leaky_relu,
    "softmax": _softmax,
    "exp": _node("Exp"),
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "mish": _mish,
    "hard_sigmoid": _hard(0.0, 1 / 6, 0.5),
    "hard_tanh": _hard(-1.0, 1.0, 0.0),
}
