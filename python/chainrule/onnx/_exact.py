"""Functions in float32 to the bit: the operations of cpp/kernels, each rounded where it is there.

Most are done in float64 and rounded to float32. The product of two float32 is exact in float64, so
that fma(a, b, c) is a product and a sum there; both roundings give another float32 than fma's one
about once in 10^9 times. A sum, product, quotient or root always is what float32 has. The sign of a
zero may differ. Formulas are those of math.inl.h, normal.inl.h, softmax.inl.h and normalize.inl.h.
"""

from collections.abc import Sequence
from math import factorial

import numpy as np

from chainrule.onnx._close import CONSTANTS
from chainrule.onnx._graph import Array, Graph

OURS = CONSTANTS["float32"]
PANEL = 16  # interleaved parts of a sum over a row


def _float32(value: float) -> float:
    return float(np.float32(value))


EXPM1_OVER_R = [_float32(1 / factorial(k)) for k in range(1, OURS["exp_terms"] + 1)]
LOG_SERIES = [_float32(2 / (2 * k - 1)) for k in range(2, OURS["log_terms"] + 1)]


class Exact:
    """The methods of Close, for float32. Private ones take and give float64 that hold float32."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self._wide = graph, graph.of_dtype("float64")

    def exp(self, z: str) -> str:
        return self._narrowed(self._exp(self._widened(z)))

    def expm1(self, z: str) -> str:
        """For z <= 0."""
        low = self._number(-OURS["vanishes"])
        return self._narrowed(self._expm1(self._wide.node("Max", self._widened(z), low)))

    def log1p(self, x: str) -> str:
        """Of x in [0, 1]: log(1 + f) + n ln 2, 1 + f within [sqrt(1/2), sqrt(2)]."""
        x, two = self._widened(x), self._number(2)
        above = self._wide.node("Greater", x, self._number(OURS["root_2_less_1"]))
        half = self._fma(x, self._number(0.5), self._number(-0.5))
        n, f = self._wide.cast(above, "float64"), self._wide.node("Where", above, half, x)
        s = self._do("Div", f, self._do("Add", f, two))  # log(1 + f) = 2 atanh(s)
        z = self._do("Mul", s, s)
        rest = self._fma(self._negative(z), self._polynomial(LOG_SERIES, z), f)
        tail = self._fma(n, self._number(OURS["ln2_low"]), self._negative(self._do("Mul", s, rest)))
        return self._narrowed(
            self._fma(n, self._number(OURS["ln2_high"]), self._do("Add", f, tail))
        )

    def tanh(self, z: str) -> str:
        """e / (e + 2) with e = e^(2|z|) - 1, and the sign of z"""
        z, two = self._widened(z), self._number(2)
        twice = self._do("Mul", self._wide.node("Abs", z), two)
        e = self._expm1(self._wide.node("Min", twice, self._number(OURS["vanishes"])))
        size = self._wide.node("Div", e, self._do("Add", e, two))
        return self._narrowed(self._wide.node("Mul", size, self._wide.node("Sign", z)))

    def normal_below(self, z: str) -> str:
        z = self._widened(z)
        u = self._wide.node("Min", self._wide.node("Abs", z), self._number(OURS["normal_high"]))
        half, one, four = (self._number(number) for number in (-0.5, 1, 4))
        exact = self._wide.node("Mul", u, u)
        square = self._rounded(exact)
        e = self._exp(self._wide.node("Mul", square, half))
        # The rounding of u^2 comes back as a factor.
        bell = self._fma(e, self._wide.node("Mul", self._wide.node("Sub", exact, square), half), e)
        t = self._do("Div", self._do("Sub", u, four), self._do("Add", u, four))
        above = self._do("Mul", bell, self._polynomial(OURS["normal_tail"], t))
        above = self._do("Div", above, self._do("Add", one, u))
        is_negative = self._wide.node("Less", z, self._number(0))
        below = self._wide.node("Where", is_negative, above, self._wide.node("Sub", one, above))
        return self._narrowed(below)

    def column(self, x: str, weight: Array, bias: Array, names: Sequence[str]) -> str:
        """x W + b for W (n, 1), b last."""
        w = self._wide.constant(weight[:, 0], names[0])
        total = self._total(self._widened(x), len(weight), times=w)
        return self._narrowed(self._do("Add", total, self._wide.constant(bias, names[1])))

    def softmax(self, z: str, n: int) -> str:
        axis = self.graph.constant([1], "axis")
        top = self.graph.node("ReduceMax", z, axis)
        e = self._exp(self._widened(self.graph.node("Sub", z, top)))
        factor = self._do("Div", self._number(1), self._total(e, n))
        return self._narrowed(self._wide.node("Mul", e, factor))

    def normalize_rows(self, x: str, n: int, epsilon: float, gamma: str, beta: str) -> str:
        x, count, one = self._widened(x), self._number(n), self._number(1)
        near = self._do("Sub", x, self._do("Div", self._total(x, n), count))
        centred = self._do("Sub", near, self._do("Div", self._total(near, n), count))
        variance = self._do("Div", self._total(centred, n, times=centred), count)
        deviation = self._do("Sqrt", self._do("Add", variance, self._number(epsilon)))
        normal = self._do("Mul", centred, self._do("Div", one, deviation))
        return self._narrowed(self._fma(normal, gamma, beta))

    # ---- arithmetic ------------------------------------------------------------------------------

    def _number(self, value: float) -> str:
        return self._wide.number(value)

    def _widened(self, x: str) -> str:
        return self._wide.cast(x, "float64")

    def _narrowed(self, x: str) -> str:
        return self._wide.cast(x, "float32")

    def _do(self, kind: str, *inputs: str) -> str:
        """An operation of float32."""
        return self._rounded(self._wide.node(kind, *inputs))

    def _rounded(self, x: str) -> str:
        return self._widened(self._narrowed(x))

    def _fma(self, a: str, b: str, c: str) -> str:
        return self._do("Add", self._wide.node("Mul", a, b), c)

    def _negative(self, x: str) -> str:
        return self._wide.node("Neg", x)

    def _polynomial(self, terms: Sequence[float], x: str) -> str:
        """terms[0] + x (terms[1] + x (..))"""
        *others, p = [self._number(term) for term in terms]
        for term in reversed(others):
            p = self._fma(p, x, term)
        return p

    # ---- functions of wide values ----------------------------------------------------------------

    def _reduce(self, x: str) -> tuple[str, str]:
        """2^n, r with x = n ln 2 + r, |r| <= ln 2 / 2."""
        n = self._wide.node("Round", self._wide.node("Mul", x, self._number(OURS["log2_e"])))
        minus_n = self._negative(n)
        r = self._fma(minus_n, self._number(OURS["ln2_high"]), x)
        r = self._fma(minus_n, self._number(OURS["ln2_low"]), r)
        return self._wide.node("Pow", self._number(2), n), r

    def _exp(self, x: str) -> str:
        x = self._wide.node("Max", x, self._number(OURS["exp_low"]))
        scale, r = self._reduce(self._wide.node("Min", x, self._number(OURS["exp_high"])))
        p = self._fma(self._polynomial(EXPM1_OVER_R, r), r, self._number(1))
        return self._do("Mul", p, scale)

    def _expm1(self, x: str) -> str:
        """For |x| <= OURS["vanishes"]: 2^n (e^r - 1) + (2^n - 1)."""
        scale, r = self._reduce(x)
        p = self._do("Mul", self._polynomial(EXPM1_OVER_R, r), r)
        return self._fma(scale, p, self._do("Sub", scale, self._number(1)))

    def _total(self, x: str, n: int, times: str | None = None) -> str:
        """The sum (rows, 1) of rows x (rows, n), or of the products with others, or with one row.

        Panels of columns are added one after another, then the halves of their sum, until a column
        is left. Products, which float64 holds, are added without rounding them before.
        """
        node, constant = self._wide.node, self._wide.constant
        terms = x if times is None else node("Mul", x, times)
        n_panels = -(-n // PANEL)
        padding = constant([0, 0, 0, n_panels * PANEL - n], "padding")
        panels = node(
            "Reshape", node("Pad", terms, padding), constant([0, n_panels, PANEL], "shape")
        )
        total = ""
        for p in range(n_panels):
            term = node("Gather", panels, constant(p, "panel"), axis=1)
            total = self._do("Add", total, term) if total else self._rounded(term)
        half = PANEL // 2
        while half > 0:
            halves = node("Reshape", total, constant([0, 2, half], "shape"))
            total = self._do("ReduceSum", halves, constant([1], "axis"))
            half //= 2
        return node("Reshape", total, constant([0, 1], "shape"))
