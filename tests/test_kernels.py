"""Accuracy of the core's own functions, in units in the last place, and their special values."""

import numpy as np
import pytest
from scipy.special import expit

from chainrule import _core, reference

# name: (function in longdouble, lowest and highest argument in float32 and float64, bound in ULP)
FUNCTIONS = {
    "exp": (np.exp, (-87.3, 88.7), (-708.0, 709.0), 1.0),
    "log": (np.log, (1e-37, 3e38), (1e-307, 1e308), 2.0),
    "log1p": (np.log1p, (0.0, 1.0), (0.0, 1.0), 2.0),
    "tanh": (np.tanh, (-12.0, 12.0), (-25.0, 25.0), 3.0),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), (-87.0, 60.0), (-700.0, 100.0), 3.0),
}


def arguments(rng, low, high, dtype):
    """Uniform ones, and ones of every magnitude of either sign, within [low, high]."""
    n = 200_000
    smallest = np.log(np.finfo(dtype).tiny)
    sizes = np.exp(rng.uniform(smallest, np.log(max(abs(low), abs(high))), n))
    x = np.concatenate([rng.uniform(low, high, n), sizes, -sizes]).astype(dtype)
    return x[(x >= low) & (x <= high)]


def errors_in_ulp(got, exact):
    """|got - exact| in units of the last place of the exact value."""
    spacing = np.spacing(np.abs(exact).astype(got.dtype)).astype(np.longdouble)
    return np.abs(got.astype(np.longdouble) - exact) / spacing


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_stays_below_the_documented_bound(name, dtype, isa, rng):
    function, single, double, bound = FUNCTIONS[name]
    x = arguments(rng, *(single if dtype is np.float32 else double), dtype)
    got = getattr(_core.kernels, name)(x)
    assert got.dtype == dtype
    errors = errors_in_ulp(got, function(x.astype(np.longdouble)))
    worst = int(np.argmax(errors))
    if isa == "baseline":
        bound += 1  # a product and a sum round twice without fma
    assert errors[worst] <= bound, f"{errors[worst]:.2f} ULP at {x[worst]!r}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype, isa):
    nan, inf = np.nan, np.inf
    table = {
        "exp": [(0, 1), (-0.0, 1), (inf, inf), (-inf, 0), (nan, nan), (1e4, inf), (-1e4, 0)],
        "log": [(1, 0), (0, -inf), (inf, inf), (-1, nan), (nan, nan)],
        "log1p": [(0, 0), (nan, nan)],
        "tanh": [(0, 0), (inf, 1), (-inf, -1), (nan, nan), (50, 1), (-50, -1)],
        "sigmoid": [(0, 0.5), (inf, 1), (-inf, 0), (nan, nan)],
    }
    for name, rows in table.items():
        x, expected = np.array(rows, dtype).T
        np.testing.assert_array_equal(getattr(_core.kernels, name)(x.copy()), expected, name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_is_odd_and_sigmoid_is_symmetric(dtype, isa, rng):
    x = rng.normal(0, 5, 10_000).astype(dtype)
    np.testing.assert_array_equal(_core.kernels.tanh(-x), -_core.kernels.tanh(x))
    total = _core.kernels.sigmoid(x) + _core.kernels.sigmoid(-x)
    assert np.abs(total - 1).max() <= 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_path_with_fma_gives_the_same_bits(name, dtype, rng):
    _, single, double, _ = FUNCTIONS[name]
    x = arguments(rng, *(single if dtype is np.float32 else double), dtype)
    before, bits = _core.isa(), set()
    for isa in _core.available_isas():
        if isa != "baseline":
            _core.use_isa(isa)
            bits.add(getattr(_core.kernels, name)(x).tobytes())
    _core.use_isa(before)
    assert len(bits) == 1


def test_measured_peak_is_plausible():
    one = _core.kernels.fma_peak("float32", 1, 0.02)
    assert 1e9 < one < 1e12
    assert _core.kernels.fma_peak("float64", 1, 0.02) < one


def test_sigmoid_agrees_with_two_independent_implementations(rng):
    x = rng.normal(0, 3, 1000)
    np.testing.assert_allclose(_core.kernels.sigmoid(x), expit(x), rtol=1e-15)
    np.testing.assert_allclose(_core.kernels.sigmoid(x), reference.sigmoid(x), rtol=1e-15)
