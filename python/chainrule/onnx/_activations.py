"""The nodes of activations, by chainrule's formulas or, NATIVE, as operations of ONNX."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from chainrule.activations import Activation
from chainrule.onnx._close import CONSTANTS, Close
from chainrule.onnx._exact import Exact
from chainrule.onnx._graph import Graph

Nodes = Callable[[Graph, str, Activation], str]


def activate(graph: Graph, z: str, n: int, activation: Activation) -> str:
    """The name of g(z), z of n units."""
    if activation.name == "softmax":
        return _softmax(graph, z, activation.groups or (n,))
    nodes = FORMULAS[activation.name]
    if graph.nodes == "native":
        nodes = NATIVE.get(activation.name, nodes)
    return nodes(graph, z, activation)


def arithmetic(graph: Graph) -> Close | Exact:
    """What formulas are built from, as near to chainrule's as the graph is to be."""
    return Exact(graph) if graph.nodes == "exact" else Close(graph)


def _softmax(graph: Graph, z: str, groups: Sequence[int]) -> str:
    if len(groups) == 1:
        return arithmetic(graph).softmax(z, groups[0])
    axis, parts, end = graph.constant([1], "axis"), [], 0
    for n in groups:
        at = (graph.constant([place], "place") for place in (end, end + n))
        parts.append(arithmetic(graph).softmax(graph.node("Slice", z, *at, axis), n))
        end += n
    return graph.node("Concat", *parts, axis=1)


# ---- chainrule's formulas: (graph, z, activation) -> g(z) ----------------------------------------


def _identity(graph: Graph, z: str, activation: Activation) -> str:
    return z


def _node(kind: str, **attributes: Any) -> Nodes:
    return lambda graph, z, activation: graph.node(kind, z, **attributes)


def _slope(graph: Graph, activation: Activation) -> str:
    return graph.number(cast(float, activation.slope), "slope")


def _exp_of_minus_size(graph: Graph, z: str) -> str:
    """e^-|z|, which never overflows."""
    return arithmetic(graph).exp(graph.node("Neg", graph.node("Abs", z)))


def _at_least(graph: Graph, z: str, limit: float) -> str:
    """z, or the limit below it, so that no infinity meets a 0."""
    return graph.node("Max", z, graph.number(limit))


def _leaky_relu(graph: Graph, z: str, activation: Activation) -> str:
    # z, or s z below zero, with s in the graph's type; ONNX's LeakyRelu has it in float32.
    is_negative = graph.node("Less", z, graph.number(0))
    return graph.node("Where", is_negative, graph.node("Mul", z, _slope(graph, activation)), z)


def _tanh(graph: Graph, z: str, activation: Activation) -> str:
    return arithmetic(graph).tanh(z)


def _exp(graph: Graph, z: str, activation: Activation) -> str:
    return arithmetic(graph).exp(z)


def _sigmoid(graph: Graph, z: str, activation: Activation) -> str:
    # 1 / (1 + e) or e / (1 + e), e = e^-|z|
    e, one = _exp_of_minus_size(graph, z), graph.number(1)
    numerator = graph.node("Where", graph.node("Less", z, graph.number(0)), e, one)
    return graph.node("Div", numerator, graph.node("Add", e, one))


def _elu(graph: Graph, z: str, activation: Activation) -> str:
    # z, or s (e^z - 1) below zero
    zero = graph.number(0)
    below = arithmetic(graph).expm1(graph.node("Min", z, zero))
    below = graph.node("Mul", below, _slope(graph, activation))
    return graph.node("Add", graph.node("Max", z, zero), below)


def _selu(graph: Graph, z: str, activation: Activation) -> str:
    # lambda z, or lambda alpha (e^z - 1) below zero
    zero, constants = graph.number(0), CONSTANTS[graph.dtype.name]
    scale = graph.number(constants["selu_scale"], "lambda")
    above = graph.node("Mul", graph.node("Max", z, zero), scale)
    below = arithmetic(graph).expm1(graph.node("Min", z, zero))
    scale = graph.number(constants["selu_scale_slope"], "lambda_alpha")
    return graph.node("Add", above, graph.node("Mul", below, scale))


def _gelu(graph: Graph, z: str, activation: Activation) -> str:
    # z P(Z < z), Z normal
    at_least = _at_least(graph, z, -CONSTANTS[graph.dtype.name]["normal_high"])
    return graph.node("Mul", at_least, arithmetic(graph).normal_below(z))


def _silu(graph: Graph, z: str, activation: Activation) -> str:
    low = CONSTANTS[graph.dtype.name]["exp_low"]
    return graph.node("Mul", _at_least(graph, z, low), _sigmoid(graph, z, activation))


def _softplus(graph: Graph, z: str, activation: Activation) -> str:
    # log(1 + e^z) = max(z, 0) + log(1 + e^-|z|)
    log = arithmetic(graph).log1p(_exp_of_minus_size(graph, z))
    return graph.node("Add", graph.node("Max", z, graph.number(0)), log)


def _mish(graph: Graph, z: str, activation: Activation) -> str:
    # z tanh(softplus(z)) = z n / (n + 2), n = e (e + 2), e = e^z
    constants, two = CONSTANTS[graph.dtype.name], graph.number(2)
    e = arithmetic(graph).exp(graph.node("Min", z, graph.number(constants["vanishes"])))
    n = graph.node("Mul", e, graph.node("Add", e, two))
    tanh = graph.node("Div", n, graph.node("Add", n, two))
    return graph.node("Mul", _at_least(graph, z, constants["exp_low"]), tanh)


def _within(graph: Graph, z: str, low: float, high: float) -> str:
    # Not ONNX's Clip, which ONNX Runtime joins with a Relu before it, and fails to in float64.
    return graph.node("Min", _at_least(graph, z, low), graph.number(high))


def _hard_sigmoid(graph: Graph, z: str, activation: Activation) -> str:
    # (z + 3) / 6 within [0, 1]
    moved = graph.node("Add", z, graph.number(3))
    return graph.node("Div", _within(graph, moved, 0, 6), graph.number(6))


def _hard_tanh(graph: Graph, z: str, activation: Activation) -> str:
    return _within(graph, z, -1, 1)


FORMULAS: dict[str, Nodes] = {
    "identity": _identity,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "relu": _node("Relu"),
    "leaky_relu": _leaky_relu,
    "exp": _exp,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "mish": _mish,
    "hard_sigmoid": _hard_sigmoid,
    "hard_tanh": _hard_tanh,
}

# ---- operations of ONNX, where others than above -------------------------------------------------


def _with_alpha(kind: str) -> Nodes:
    return lambda graph, z, activation: graph.node(kind, z, alpha=activation.slope)


def _native_silu(graph: Graph, z: str, activation: Activation) -> str:
    return graph.node("Mul", z, graph.node("Sigmoid", z))


NATIVE: dict[str, Nodes] = {
    "sigmoid": _node("Sigmoid"),
    "tanh": _node("Tanh"),
    "leaky_relu": _with_alpha("LeakyRelu"),
    "elu": _with_alpha("Elu"),
    "selu": _node("Selu"),
    "gelu": _node("Gelu"),
    "silu": _native_silu,
    "softplus": _node("Softplus"),
    "mish": _node("Mish"),
    "hard_sigmoid": _node("HardSigmoid", alpha=1 / 6, beta=0.5),
}
