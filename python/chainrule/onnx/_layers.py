"""The nodes of layers: one entry for each in LAYERS.

The values are (rows, units), a weight matrix is (n_in, n_out) as everywhere. They are chosen so
that ONNX Runtime rounds where chainrule does; a native graph has ONNX's operations instead.
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
from chainrule.onnx._activations import activate
from chainrule.onnx._graph import Graph

Array = NDArray[Any]
Parameters = Mapping[str, Array]


def add_network(graph: Graph, x: str, net: Network, where: str) -> str:
    """The name of the prediction for x.

    Raises ValueError if a parameter is not finite, and for a native graph of float64.
    """
    if graph.native and graph.dtype != np.float32:
        expected = "False for float64, in which ONNX Runtime lacks many of ONNX's operations"
        raise ValueError(message(where, "native", expected, True))
    parameters = network_tensors(net, where)
    for number, layer in enumerate(net.layers, start=1):
        x = LAYERS[layer.name](graph, x, layer, parameters, str(number))
    return x


# ---- Layers: (graph, x, layer, parameters, the prefix of their names) -> what x becomes ----------


def _linear(graph: Graph, x: str, parameters: Parameters, prefix: str) -> str:
    names = (f"{prefix}.weight", f"{prefix}.bias")
    weight, bias = (parameters[name] for name in names)
    if graph.native:
        constants = zip((weight, bias), names, strict=True)
        return graph.node("Gemm", x, *(graph.constant(value, name) for value, name in constants))
    # (1, x) times b over W: sums that start from the bias, as chainrule's do; ONNX's Gemm adds it
    # to the sum. Where ONNX Runtime uses fma, those of up to 255 products are chainrule's bits.
    rows = graph.constant(np.concatenate([bias[np.newaxis], weight]), f"{prefix}.bias_and_weight")
    one_before = graph.constant(np.array([0, 1, 0, 0]), "one_before")
    return graph.node("Gemm", graph.node("Pad", x, one_before, graph.number(1)), rows)


def _dense(graph: Graph, x: str, layer: Layer, parameters: Parameters, prefix: str) -> str:
    activation = cast(Activation, cast(Dense, layer).activation)
    return activate(graph, _linear(graph, x, parameters, prefix), activation)


def _batch_norm(graph: Graph, x: str, layer: Layer, parameters: Parameters, prefix: str) -> str:
    names = [f"{prefix}.{name}" for name in ("gamma", "beta", "running_mean", "running_variance")]
    epsilon = graph.dtype.type(cast(BatchNorm, layer).epsilon)
    if graph.native:
        constants = (graph.constant(parameters[name], name) for name in names)
        return graph.node("BatchNormalization", x, *constants, epsilon=float(epsilon))
    # y = (x - mean) factor + beta, where chainrule rounds the product and sum once
    gamma, beta, mean, variance = (parameters[name].astype(graph.dtype) for name in names)
    factor = graph.dtype.type(1) / np.sqrt(variance + epsilon) * gamma

    def line(wide: Graph, off: str) -> str:
        scaled = wide.node("Mul", off, wide.constant(factor, f"{prefix}.factor"))
        return wide.node("Add", scaled, wide.constant(beta, names[1]))

    return graph.in_float64(graph.node("Sub", x, graph.constant(mean, names[2])), line)


def _layer_norm(graph: Graph, x: str, layer: Layer, parameters: Parameters, prefix: str) -> str:
    names = (f"{prefix}.gamma", f"{prefix}.beta")
    epsilon = graph.dtype.type(cast(LayerNorm, layer).epsilon)
    if graph.native:
        gamma, beta = (graph.constant(parameters[name], name) for name in names)
        return graph.node("LayerNormalization", x, gamma, beta, epsilon=float(epsilon))

    # A small deviation would magnify the rounding of the mean, whence twice.
    def normalized(wide: Graph, x: str) -> str:
        axis = wide.constant(np.array([1]), "axis")
        near = wide.node("Sub", x, wide.node("ReduceMean", x, axis))
        centred = wide.node("Sub", near, wide.node("ReduceMean", near, axis))
        variance = wide.node("ReduceMean", wide.node("Mul", centred, centred), axis)
        deviation = wide.node("Sqrt", wide.node("Add", variance, wide.number(epsilon, "epsilon")))
        gamma, beta = (wide.constant(parameters[name], name) for name in names)
        scaled = wide.node("Mul", wide.node("Div", centred, deviation), gamma)
        return wide.node("Add", scaled, beta)

    return graph.in_float64(x, normalized)


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
