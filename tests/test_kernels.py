"""The core's own functions: special values and symmetry; their accuracy is in test_accuracy.py."""

import numpy as np
import pytest
from scipy.special import expit

from chainrule import _core, reference


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


def test_measured_peak_is_plausible():
    one = _core.kernels.fma_peak("float32", 1, 0.02)
    assert 1e9 < one < 1e12
    assert _core.kernels.fma_peak("float64", 1, 0.02) < one


def test_sigmoid_agrees_with_two_independent_implementations(rng):
    x = rng.normal(0, 3, 1000)
    np.testing.assert_allclose(_core.kernels.sigmoid(x), expit(x), rtol=1e-15)
    np.testing.assert_allclose(_core.kernels.sigmoid(x), reference.sigmoid(x), rtol=1e-15)
