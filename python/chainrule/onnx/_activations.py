"""The nodes of activations, by chainrule's formulas (EXACT) or as operations of ONNX (NATIVE).

Programs compute ONNX's own Sigmoid, Tanh or Erf as they like: ONNX Runtime's in float32 are off by
some units of the last place of 1, far more of small values. Built from Exp, which is good to one,
and by the formulas of cpp/kernels, most results are chainrule's bits. What would lose digits in
float32 is computed in float64.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from chainrule import _core
from chainrule._errors import message
from chainrule.activations import Activation
from chainrule.onnx._graph import Graph

Nodes = Callable[[Graph, str, Activation], str]

LAMBDA, LAMBDA_ALPHA = 1.0507009873554805, 1.7580993408473768  # of selu
# Below the first e^z is 0, from the second on e^-z is nothing beside 1, from the third on P(Z > z).
LIMITS = {"float32": (-104, 20, 16), "float64": (-746, 42, 40)}


def activate(graph: Graph, z: str, activation: Activation) -> str:
    """The name of g(z). Raises ValueError for an activation of one's own."""
    if activation.name not in EXACT:
        expected = "activations that are built in, of which ONNX has the operations"
        raise ValueError(message("export_onnx", "model", expected, activation.name))
    nodes = EXACT[activation.name]
    if graph.native:
        nodes = NATIVE.get(activation.name, nodes)
    return nodes(graph, z, activation)


# ---- chainrule's formulas: (graph, z, activation) -> g(z) ----------------------------------------


def _identity(graph: Graph, z: str, activation: Activation) -> str:
    return z


def _node(kind: str, **attributes: Any) -> Nodes:
    return lambda graph, z, activation: graph.node(kind, z, **attributes)


def _slope(graph: Graph, activation: Activation) -> str:
    return graph.number(cast(float, activation.slope), "slope")


def _exp_of_minus_size(graph: Graph, z: str) -> str:
    """e^-|z|, which never overflows."""
    return graph.node("Exp", graph.node("Neg", graph.node("Abs", z)))


def _expm1(graph: Graph, z: str) -> str:
    """e^z - 1 = 2 t / (1 - t), t = tanh(z / 2), with all digits for small z, too."""

    def nodes(wide: Graph, x: str) -> str:
        t = wide.node("Tanh", wide.node("Mul", x, wide.number(0.5)))
        return wide.node("Div", wide.node("Add", t, t), wide.node("Sub", wide.number(1), t))

    return graph.in_float64(z, nodes)


def _log1p(graph: Graph, x: str) -> str:
    """log(1 + x) = x log(u) / (u - 1), u = 1 + x, or x itself if u is 1 (Goldberg 1991)."""

    def nodes(wide: Graph, x: str) -> str:
        one = wide.number(1)
        u = wide.node("Add", x, one)
        ratio = wide.node("Div", wide.node("Log", u), wide.node("Sub", u, one))
        return wide.node("Where", wide.node("Equal", u, one), x, wide.node("Mul", x, ratio))

    return graph.in_float64(x, nodes)


def _at_least(graph: Graph, z: str, limit: float) -> str:
    """z, or the limit below it, so that no infinity meets a 0."""
    return graph.node("Max", z, graph.number(limit))


def _leaky_relu(graph: Graph, z: str, activation: Activation) -> str:
    # z, or s z below zero, with s in the graph's type; ONNX's LeakyRelu has it in float32.
    is_negative = graph.node("Less", z, graph.number(0))
    return graph.node("Where", is_negative, graph.node("Mul", z, _slope(graph, activation)), z)


def _tanh(graph: Graph, z: str, activation: Activation) -> str:
    return graph.in_float64(z, lambda wide, x: wide.node("Tanh", x))


def _sigmoid(graph: Graph, z: str, activation: Activation) -> str:
    # 1 / (1 + e) or e / (1 + e), e = e^-|z|
    e, one = _exp_of_minus_size(graph, z), graph.number(1)
    numerator = graph.node("Where", graph.node("Less", z, graph.number(0)), e, one)
    return graph.node("Div", numerator, graph.node("Add", e, one))


def _elu(graph: Graph, z: str, activation: Activation) -> str:
    # z, or s (e^z - 1) below zero
    zero = graph.number(0)
    below = graph.node("Mul", _expm1(graph, graph.node("Min", z, zero)), _slope(graph, activation))
    return graph.node("Add", graph.node("Max", z, zero), below)


def _selu(graph: Graph, z: str, activation: Activation) -> str:
    # lambda z, or lambda alpha (e^z - 1) below zero
    zero = graph.number(0)
    above = graph.node("Mul", graph.node("Max", z, zero), graph.number(LAMBDA, "lambda"))
    below = _expm1(graph, graph.node("Min", z, zero))
    scale = graph.number(LAMBDA_ALPHA, "lambda_alpha")
    return graph.node("Add", above, graph.node("Mul", below, scale))


def _gelu(graph: Graph, z: str, activation: Activation) -> str:
    # z P(Z < z), Z normal
    _, _, high = LIMITS[graph.dtype.name]
    tail = _core.normal_tail(graph.dtype == np.float64)
    below = graph.in_float64(z, lambda wide, x: _normal_below(wide, x, high, tail))
    return graph.node("Mul", _at_least(graph, z, -high), below)


def _normal_below(graph: Graph, z: str, high: float, tail: list[float]) -> str:
    # P(Z < z) of P(Z > u) = e^(-u^2 / 2) p(t) / (1 + u), t = (u - 4) / (u + 4), u = |z|
    u = graph.node("Min", graph.node("Abs", z), graph.number(high))
    half_square = graph.node("Mul", graph.node("Mul", u, u), graph.number(-0.5))
    four, one = graph.number(4), graph.number(1)
    t = graph.node("Div", graph.node("Sub", u, four), graph.node("Add", u, four))
    *others, p = [graph.number(term, "p") for term in tail]
    for term in reversed(others):
        p = graph.node("Add", graph.node("Mul", p, t), term)
    bell = graph.node("Mul", graph.node("Exp", half_square), p)
    above = graph.node("Div", bell, graph.node("Add", u, one))
    is_negative = graph.node("Less", z, graph.number(0))
    return graph.node("Where", is_negative, above, graph.node("Sub", one, above))


def _silu(graph: Graph, z: str, activation: Activation) -> str:
    low, _, _ = LIMITS[graph.dtype.name]
    return graph.node("Mul", _at_least(graph, z, low), _sigmoid(graph, z, activation))


def _softplus(graph: Graph, z: str, activation: Activation) -> str:
    # log(1 + e^z) = max(z, 0) + log(1 + e^-|z|)
    log = _log1p(graph, _exp_of_minus_size(graph, z))
    return graph.node("Add", graph.node("Max", z, graph.number(0)), log)


def _mish(graph: Graph, z: str, activation: Activation) -> str:
    # z tanh(softplus(z)) = z n / (n + 2), n = e (e + 2), e = e^z
    low, vanishes, _ = LIMITS[graph.dtype.name]
    two = graph.number(2)
    e = graph.node("Exp", graph.node("Min", z, graph.number(vanishes)))
    n = graph.node("Mul", e, graph.node("Add", e, two))
    tanh = graph.node("Div", n, graph.node("Add", n, two))
    return graph.node("Mul", _at_least(graph, z, low), tanh)


def _within(graph: Graph, z: str, low: float, high: float) -> str:
    # Not ONNX's Clip, which ONNX Runtime joins with a Relu before it, and fails to in float64.
    return graph.node("Min", _at_least(graph, z, low), graph.number(high))


def _hard_sigmoid(graph: Graph, z: str, activation: Activation) -> str:
    # (z + 3) / 6 within [0, 1]
    moved = graph.node("Add", z, graph.number(3))
    return graph.node("Div", _within(graph, moved, 0, 6), graph.number(6))


def _hard_tanh(graph: Graph, z: str, activation: Activation) -> str:
    return _within(graph, z, -1, 1)


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


EXACT: dict[str, Nodes] = {
    "identity": _identity,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
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
