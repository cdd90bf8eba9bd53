"""The nodes of layers: one entry for each in LAYERS.

The values are (rows, units), a weight matrix is (n_in, n_out) as everywhere. Except in a native
graph, and for the one output of a layer in a close one, they are chosen so that ONNX Runtime rounds
where chainrule does.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import message
from chainrule._network_checks import check_built_in
from chainrule.activations import Activation
from chainrule.checkpoint import network_tensors
from chainrule.layers import Activate, BatchNorm, Dense, Layer, LayerNorm, Residual
from chainrule.network import Network
from chainrule.onnx._activations import activate, arithmetic
from chainrule.onnx._exact import Exact
from chainrule.onnx._graph import Graph

Array = NDArray[Any]
Parameters = Mapping[str, Array]

MOST_TERMS = 255  # of a sum of Gemm's that goes in one piece


def add_network(graph: Graph, x: str, net: Network, where: str) -> str:
    """The name of the prediction for x.

    Raises ValueError if a parameter is not finite, for activations that are registered, and in
    float64 for other nodes than "close".
    """
    check_built_in(where, net)
    if graph.nodes != "close" and graph.dtype != np.float32:
        expected = "'close' for float64, for which the others lack digits or operations"
        raise ValueError(message(where, "nodes", expected, graph.nodes))
    parameters = network_tensors(net, where)
    n = net.n_inputs
    for number, layer in enumerate(net.layers, start=1):
        x, n = _layer(graph, x, n, layer, parameters, str(number)), layer.n_outputs(n)
    return x


def _layer(graph: Graph, x: str, n: int, layer: Layer, parameters: Parameters, prefix: str) -> str:
    return LAYERS[layer.name](graph, x, n, layer, parameters, prefix)


# ---- (graph, x, its units, layer, parameters, the prefix of their names) -> what x becomes -------


def _linear(graph: Graph, x: str, parameters: Parameters, prefix: str) -> str:
    names = (f"{prefix}.weight", f"{prefix}.bias")
    weight, bias = (parameters[name] for name in names)
    n, n_out = weight.shape
    is_column = n_out == 1
    if graph.nodes == "exact" and is_column and n <= MOST_TERMS:
        return Exact(graph).column(x, weight, bias, names)
    if graph.nodes == "native" or is_column:
        constants = zip((weight, bias), names, strict=True)
        return graph.node("Gemm", x, *(graph.constant(value, name) for value, name in constants))
    # (1, x) times b over W: sums that start from the bias, as chainrule's do; ONNX's Gemm adds it
    # to the sum. Where ONNX Runtime uses fma, and weights that it has packed before, as it usually
    # does, those of up to MOST_TERMS products are chainrule's bits.
    rows = graph.constant(np.concatenate([bias[np.newaxis], weight]), f"{prefix}.bias_and_weight")
    one_before = graph.constant([0, 1, 0, 0], "one_before")
    return graph.node("Gemm", graph.node("Pad", x, one_before, graph.number(1)), rows)


def _dense(graph: Graph, x: str, n: int, layer: Layer, parameters: Parameters, prefix: str) -> str:
    activation = cast(Activation, cast(Dense, layer).activation)
    return activate(graph, _linear(graph, x, parameters, prefix), layer.n_outputs(n), activation)


def _batch_norm(
    graph: Graph, x: str, n: int, layer: Layer, parameters: Parameters, prefix: str
) -> str:
    names = [f"{prefix}.{name}" for name in ("gamma", "beta", "running_mean", "running_variance")]
    epsilon = graph.dtype.type(cast(BatchNorm, layer).epsilon)
    if graph.nodes == "native":
        constants = (graph.constant(parameters[name], name) for name in names)
        return graph.node("BatchNormalization", x, *constants, epsilon=float(epsilon))
    # y = (x - mean) factor + beta, where chainrule rounds the product and sum once
    gamma, beta, mean, variance = (parameters[name].astype(graph.dtype) for name in names)
    factor = graph.dtype.type(1) / np.sqrt(variance + epsilon) * gamma

    def line(wide: Graph, off: str) -> str:
        scaled = wide.node("Mul", off, wide.constant(factor, f"{prefix}.factor"))
        return wide.node("Add", scaled, wide.constant(beta, names[1]))

    return graph.in_float64(graph.node("Sub", x, graph.constant(mean, names[2])), line)


def _layer_norm(
    graph: Graph, x: str, n: int, layer: Layer, parameters: Parameters, prefix: str
) -> str:
    names = (f"{prefix}.gamma", f"{prefix}.beta")
    epsilon = graph.dtype.type(cast(LayerNorm, layer).epsilon)
    if graph.nodes == "native":
        gamma, beta = (graph.constant(parameters[name], name) for name in names)
        return graph.node("LayerNormalization", x, gamma, beta, epsilon=float(epsilon))
    wide = graph.of_dtype("float64")
    gamma, beta = (wide.constant(parameters[name], name) for name in names)
    return arithmetic(graph).normalize_rows(x, n, epsilon, gamma, beta)


def _dropout(
    graph: Graph, x: str, n: int, layer: Layer, parameters: Parameters, prefix: str
) -> str:
    return x


def _activate(
    graph: Graph, x: str, n: int, layer: Layer, parameters: Parameters, prefix: str
) -> str:
    return activate(graph, x, n, cast(Activation, cast(Activate, layer).activation))


def _residual(
    graph: Graph, x: str, n: int, layer: Layer, parameters: Parameters, prefix: str
) -> str:
    y, bypass = x, x
    for number, inner in enumerate(cast(Residual, layer).layers, start=1):
        y = _layer(graph, y, n, inner, parameters, f"{prefix}.{number}")
        n = inner.n_outputs(n)
    if f"{prefix}.projection.weight" in parameters:
        bypass = _linear(graph, x, parameters, f"{prefix}.projection")
    return graph.node("Add", y, bypass)


LAYERS: dict[str, Callable[[Graph, str, int, Layer, Parameters, str], str]] = {
    "Dense": _dense,
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "Dropout": _dropout,
    "Activation": _activate,
    "Residual": _residual,
}
