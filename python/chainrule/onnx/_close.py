"""Functions by chainrule's formulas, in nodes that round nearly where it does.

Programs compute ONNX's own Sigmoid, Tanh or Erf as they like: ONNX Runtime's in float32 are off by
some units of the last place of 1, far more of small values. Its Exp is good to one. What would lose
digits in float32 is computed in float64.
"""

from chainrule import _core
from chainrule.onnx._graph import Graph

# The numbers in the core's formulas, by the dtype of a graph; cpp/kernels/constants.h tells them.
CONSTANTS = {"float32": _core.constants(False), "float64": _core.constants(True)}


class Close:
    """For float32 and float64. Values are (rows, units)."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def exp(self, z: str) -> str:
        """e^z"""
        return self.graph.node("Exp", z)

    def expm1(self, z: str) -> str:
        """e^z - 1 = 2 t / (1 - t), t = tanh(z / 2), with all digits for small z <= 0, too."""

        def nodes(wide: Graph, x: str) -> str:
            t = wide.node("Tanh", wide.node("Mul", x, wide.number(0.5)))
            return wide.node("Div", wide.node("Add", t, t), wide.node("Sub", wide.number(1), t))

        return self.graph.in_float64(z, nodes)

    def log1p(self, x: str) -> str:
        """log(1 + x) = x log(u) / (u - 1), u = 1 + x, or x itself if u is 1 (Goldberg 1991)."""

        def nodes(wide: Graph, x: str) -> str:
            one = wide.number(1)
            u = wide.node("Add", x, one)
            ratio = wide.node("Div", wide.node("Log", u), wide.node("Sub", u, one))
            return wide.node("Where", wide.node("Equal", u, one), x, wide.node("Mul", x, ratio))

        return self.graph.in_float64(x, nodes)

    def tanh(self, z: str) -> str:
        return self.graph.in_float64(z, lambda wide, x: wide.node("Tanh", x))

    def normal_below(self, z: str) -> str:
        """P(Z < z) of P(Z > u) = e^(-u^2 / 2) p(t) / (1 + u), t = (u - 4) / (u + 4), u = |z|"""
        constants = CONSTANTS[self.graph.dtype.name]

        def nodes(wide: Graph, x: str) -> str:
            u = wide.node("Min", wide.node("Abs", x), wide.number(constants["normal_high"]))
            half_square = wide.node("Mul", wide.node("Mul", u, u), wide.number(-0.5))
            four, one = wide.number(4), wide.number(1)
            t = wide.node("Div", wide.node("Sub", u, four), wide.node("Add", u, four))
            *others, p = [wide.number(term, "p") for term in constants["normal_tail"]]
            for term in reversed(others):
                p = wide.node("Add", wide.node("Mul", p, t), term)
            bell = wide.node("Mul", wide.node("Exp", half_square), p)
            above = wide.node("Div", bell, wide.node("Add", u, one))
            is_negative = wide.node("Less", x, wide.number(0))
            return wide.node("Where", is_negative, above, wide.node("Sub", one, above))

        return self.graph.in_float64(z, nodes)

    def softmax(self, z: str, n: int) -> str:
        """Of each row of n units."""
        return self.graph.node("Softmax", z, axis=1)

    def normalize_rows(self, x: str, n: int, epsilon: float, gamma: str, beta: str) -> str:
        """Of n units (x - mean) / sqrt(variance + epsilon) gamma + beta; both float64.

        A small deviation would magnify the rounding of the mean, whence twice.
        """

        def nodes(wide: Graph, x: str) -> str:
            axis = wide.constant([1], "axis")
            near = wide.node("Sub", x, wide.node("ReduceMean", x, axis))
            centred = wide.node("Sub", near, wide.node("ReduceMean", near, axis))
            variance = wide.node("ReduceMean", wide.node("Mul", centred, centred), axis)
            deviation = wide.node("Sqrt", wide.node("Add", variance, wide.number(epsilon)))
            scaled = wide.node("Mul", wide.node("Div", centred, deviation), gamma)
            return wide.node("Add", scaled, beta)

        return self.graph.in_float64(x, nodes)
