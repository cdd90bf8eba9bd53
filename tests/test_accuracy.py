"""Errors of the core's own functions, in units in the last place; exhaustively on demand.

`CHAINRULE_EXHAUSTIVE=1 pytest -s tests/test_accuracy.py -k exhaustive` goes through every float32
between the limits of `golden/accuracy.txt`, some minutes, and prints the largest errors.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

from chainrule import _core

from .golden import read_functions

Array = NDArray[Any]


def expm1_below_zero(x: Array) -> Array:
    return np.expm1(np.minimum(x, 0))


def softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def normal_below(x: Array) -> Array:
    """P(Z < x), Z standard normal; in the widest type from its density d: for |x| <= 2.5
    `1/2 + d (x + x^3 / 3 + x^5 / (3 5) + ..)`, for larger |x| Laplace's continued fraction
    `P(Z > |x|) = d / (|x| + 1 / (|x| + 2 / (|x| + ..)))`."""
    if x.dtype == np.float64:
        return ndtr(x)
    u = np.abs(x)
    high = u.astype(np.float32).astype(x.dtype)  # whose square is exact
    d = np.exp(-high * high / 2) * np.exp(-(u - high) * (u + high) / 2)
    d /= np.sqrt(8 * np.arctan(x.dtype.type(1)))
    series = fraction = np.zeros_like(u)
    near, far = np.minimum(u, 2.5), np.maximum(u, 2.5)
    for n in range(80, 0, -1):
        series = near * near / (2 * n + 1) * (1 + series)
        fraction = n / (far + fraction)
    tail = np.where(u <= 2.5, 0.5 - d * near * (1 + series), d / (far + fraction))
    return np.where(x < 0, tail, 1 - tail)


SELU = [np.longdouble(text) for text in ("1.0507009873554804934", "1.6732632423543772848")]
EXACT = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "elu": lambda x: np.where(x > 0, x, expm1_below_zero(x)),
    "selu": lambda x: SELU[0] * np.where(x > 0, x, SELU[1] * expm1_below_zero(x)),
    "gelu": lambda x: x * normal_below(x),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": softplus,
    "mish": lambda x: x * np.tanh(softplus(x)),
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
}
WIDER = {np.float32: np.float64, np.float64: np.longdouble}


# name -> ({type: (lowest, highest argument)}, bound)
TABLE: dict[str, tuple[dict[type, tuple[float, float]], float]] = {}
for f in read_functions():
    TABLE.setdefault(f.name, ({}, f.bound))[0][f.dtype] = (f.low, f.high)
every_function = pytest.mark.parametrize("name", EXACT)
both_types = pytest.mark.parametrize("dtype", WIDER)


def errors_in_ulp(got: Array, exact: Array) -> Array:
    """|got - exact| in units of the last place of the exact value."""
    spacing = np.spacing(np.abs(exact).astype(got.dtype)).astype(exact.dtype)
    return np.abs(got.astype(exact.dtype) - exact) / spacing


def worst(name: str, x: Array) -> tuple[float, float]:
    """The largest error on x, and where."""
    got, wider = getattr(_core.kernels, name)(x), WIDER[x.dtype.type]
    assert got.dtype == x.dtype
    errors = errors_in_ulp(got, EXACT[name](x.astype(wider)).astype(wider))
    at = int(np.argmax(errors))  # a NaN counts as the largest
    return float(errors[at]), float(x[at])


def within(name: str, x: Array) -> Array:
    low, high = TABLE[name][0][x.dtype.type]
    return x[(x >= low) & (x <= high)]


def samples(name: str, dtype: type, rng: np.random.Generator) -> Array:
    """Uniform ones, ones of every magnitude of either sign, and all near a point of change."""
    low, high = TABLE[name][0][dtype]
    n = 200_000
    sizes = np.exp(rng.uniform(np.log(np.finfo(dtype).tiny), np.log(max(abs(low), abs(high))), n))
    x = np.concatenate([rng.uniform(low, high, n), sizes, -sizes]).astype(dtype)
    return within(
        name,
        np.concatenate(
            [x, near_points_of_change(dtype), around(np.array([low, high], dtype), 200)]
        ),
    )


def around(values: Array, steps: int) -> Array:
    """Each value with its neighbours, `steps` on either side."""
    integers = np.int32 if values.dtype == np.float32 else np.int64
    offsets = np.arange(-steps, steps + 1, dtype=integers)
    return (values.view(integers)[:, np.newaxis] + offsets).ravel().view(values.dtype)


def near_points_of_change(dtype: type) -> Array:
    """Where an argument reduction rounds the other way, and where a function leaves a branch."""
    k = np.arange(-1080, 1080)
    halves = (k + 0.5) * np.log(2)  # exp and sigmoid; of twice the argument: tanh
    powers = np.concatenate([2.0 ** k[60:1000], np.sqrt(0.5) * 2.0 ** k[60:1000]])  # log
    points = [*halves, *halves / 2, *powers, np.sqrt(2) - 1, 10.0, 21.0, -10.0, -21.0, 0.5, 1.0]
    with np.errstate(over="ignore", under="ignore"):
        held = np.array(points, dtype)
    held = held[np.isfinite(held) & (np.abs(held) >= np.finfo(dtype).tiny)]
    return around(held, 20)


def of_every_4097th_pattern() -> Iterator[Array]:
    yield from np.array_split(np.arange(0, 2**32, 4097, dtype=np.uint32).view(np.float32), 4)


def check(name: str, x: Array, isa: str) -> None:
    error, at = worst(name, x)
    bound = TABLE[name][1] + (isa == "baseline")  # a product and a sum round twice without fma
    assert error <= bound, f"{error:.2f} ULP at {at!r}"


@both_types
@every_function
def test_error_stays_below_the_documented_bound(name, dtype, isa, rng):
    x = samples(name, dtype, rng)
    assert x.dtype == dtype
    check(name, x, isa)


@every_function
def test_error_stays_below_the_bound_on_every_4097th_float32(name, isa):
    for x in of_every_4097th_pattern():
        if len(x := within(name, x)):
            check(name, x, isa)


@pytest.mark.skipif(
    not os.environ.get("CHAINRULE_EXHAUSTIVE"), reason="takes minutes: CHAINRULE_EXHAUSTIVE=1"
)
@pytest.mark.timeout(3600)
@every_function
def test_exhaustive_error_stays_below_the_bound_on_every_float32(name):
    """On the path in use; those with fma give the same bits."""
    largest = (0.0, 0.0)
    for first in range(0, 2**32, 2**22):
        x = within(
            name,
            np.arange(first, first + 2**22, dtype=np.uint64).astype(np.uint32).view(np.float32),
        )
        if len(x):
            largest = max(largest, worst(name, x))
    print(f"{name}: {largest[0]:.4f} ULP at {largest[1]!r} on {_core.isa()}")
    assert largest[0] <= TABLE[name][1]


@both_types
@every_function
def test_the_bound_is_close_to_the_error(name, dtype, rng):
    """A bound that allows much more than there is would notice little."""
    if _core.isa() == "baseline":
        pytest.skip("the bounds are those of fused multiply-add")
    assert worst(name, samples(name, dtype, rng))[0] > 0.7 * TABLE[name][1]


@both_types
@every_function
def test_every_path_with_fma_gives_the_same_bits(name, dtype, rng):
    x = samples(name, dtype, rng)
    before, bits = _core.isa(), set()
    for isa in _core.available_isas():
        if isa != "baseline":
            _core.use_isa(isa)
            bits.add(getattr(_core.kernels, name)(x).tobytes())
    _core.use_isa(before)
    assert len(bits) <= 1


def test_the_documented_bounds_are_those_tested():
    text = (Path(__file__).parent.parent / "docs" / "same_bits.md").read_text()
    documented = dict(re.findall(r"^\| `(\w+)` .*\| ([\d.]+) \|$", text, re.M))
    assert documented == {name: str(bound) for name, (_, bound) in TABLE.items()}


def test_an_error_of_one_unit_is_seen():
    exact = np.array([1.5, 2.0**-100, 3e8])
    got = np.nextafter(exact.astype(np.float32), np.float32(np.inf))
    np.testing.assert_allclose(errors_in_ulp(got, exact.astype(np.float32).astype(float)), 1)
