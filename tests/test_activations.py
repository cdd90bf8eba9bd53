"""Activations one by one: exact values and derivatives, ends, ranges, and PyTorch's."""

import importlib.util

import mpmath
import numpy as np
import pytest

from chainrule import Activation, _core, ops, reference

NAMES = [name for name in _core.activations() if name != "softmax"]
BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
INF, NAN = np.inf, np.nan
SELU = ("1.0507009873554804934193349852946", "1.6732632423543772848170429916717")


def exact(name, z):
    """g(z) by mpmath; the slope of elu is 1, of leaky_relu 0.01."""
    mp = mpmath.mp
    sigmoid = 1 / (1 + mp.exp(-z))
    if name == "selu":
        scale, slope = map(mp.mpf, SELU)
        return scale * (z if z > 0 else slope * mp.expm1(z))
    return {
        "identity": z,
        "sigmoid": sigmoid,
        "tanh": mp.tanh(z),
        "relu": max(z, 0),
        "leaky_relu": z if z > 0 else mp.mpf(0.01) * z,
        "exp": mp.exp(z),
        "elu": z if z > 0 else mp.expm1(z),
        "gelu": z * mp.ncdf(z),
        "silu": z * sigmoid,
        "softplus": mp.log1p(mp.exp(z)),
        "mish": z * mp.tanh(mp.log1p(mp.exp(z))),
        "hard_sigmoid": min(max((z + 3) / 6, 0), 1),
        "hard_tanh": min(max(z, -1), 1),
    }[name]


POINTS = [-36.5, -30.0, -20.0, -12.5, -8.0, -5.0, -2.9, -2.0, -1.3, -0.8, -0.5, -0.1, -1e-3, -1e-9]
POINTS += [1e-9, 1e-3, 0.05, 0.3, 0.7, 0.99, 1.5, 2.9, 4.0, 6.0, 9.0, 17.0, 25.0, 36.0]


def of_mpmath(name):
    """(g, g') at POINTS, rounded once."""
    with mpmath.workdps(40):
        values = [exact(name, mpmath.mpf(z)) for z in POINTS]
        slopes = [mpmath.diff(lambda z: exact(name, z), mpmath.mpf(z), h=1e-16) for z in POINTS]
        return np.array(values, float), np.array(slopes, float)


@pytest.mark.parametrize("name", NAMES)
def test_reference_and_core_have_the_exact_values_and_derivatives(name, isa):
    values, slopes = of_mpmath(name)
    Z = np.array([POINTS])
    A, ones = reference.activation_forward(Z, name), np.ones_like(Z)
    np.testing.assert_allclose(A[0], values, rtol=2e-13, atol=1e-16)
    backward = reference.activation_backward(ones, Z, A, name)
    np.testing.assert_allclose(backward[0], slopes, rtol=1e-13, atol=4e-16)
    np.testing.assert_allclose(ops.activation(Z, name)[0], values, rtol=1e-15, atol=1e-16)
    derivative = ops.activation_derivative(Z, name)[0]
    np.testing.assert_allclose(derivative, slopes, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish"])
def test_derivatives_from_z_keep_their_last_bits_in_float32(name, isa, rng):
    """Within 4 of 2^-24, the last bit below 1, wherever z lies."""
    Z = np.concatenate([rng.normal(0, 3, 20_000), rng.uniform(-30, 30, 20_000)])[None]
    Z = Z.astype(np.float32)
    slopes = ops.activation_derivative(Z.astype(np.float64), name)
    error = np.abs(ops.activation_derivative(Z, name) - slopes)
    assert error.max() <= 4 * 2.0**-24, Z[0, error.argmax()]


# ---- ends ----------------------------------------------------------------------------------------

# name: g and g' at -infinity, 0 and infinity. Where g' depends on the side, it is that from below.
ENDS = {
    "identity": ((-INF, 0, INF), (1, 1, 1)),
    "sigmoid": ((0, 0.5, 1), (0, 0.25, 0)),
    "tanh": ((-1, 0, 1), (0, 1, 0)),
    "relu": ((0, 0, INF), (0, 0, 1)),
    "leaky_relu": ((-INF, 0, INF), (0.01, 0.01, 1)),
    "exp": ((0, 1, INF), (0, 1, INF)),
    "elu": ((-1, 0, INF), (0, 1, 1)),
    "selu": ((-1.7580993408473768, 0, INF), (0, 1.7580993408473768, 1.0507009873554805)),
    "gelu": ((0, 0, INF), (0, 0.5, 1)),
    "silu": ((0, 0, INF), (0, 0.5, 1)),
    "softplus": ((0, np.log(2), INF), (0, 0.5, 1)),
    "mish": ((0, 0, INF), (0, 0.6, 1)),
    "hard_sigmoid": ((0, 0.5, 1), (0, 1 / 6, 0)),
    "hard_tanh": ((-1, 0, 1), (0, 1, 0)),
}


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_values_and_derivatives_at_the_ends(name, dtype, isa):
    """Infinities come from within a network only; from outside they are refused."""
    kernel, rtol = getattr(_core.kernels, name), float(2 * np.finfo(dtype).eps)
    largest, (values, slopes) = np.finfo(dtype).max, ENDS[name]
    np.testing.assert_allclose(kernel(np.array([-INF, 0, INF], dtype)), values, rtol=rtol)
    ends = kernel(np.array([-largest, largest], dtype))
    for value, limit in zip(ends, values[::2], strict=True):
        assert value == pytest.approx(limit, rel=rtol, abs=0) or abs(value) >= largest
    Z = np.array([[-largest, 0, largest]], dtype)
    derivative = ops.activation_derivative(Z, name)[0]
    np.testing.assert_allclose(derivative, np.array(slopes, dtype), rtol=rtol)


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_not_a_number_stays_one(name, dtype, isa):
    assert np.isnan(getattr(_core.kernels, name)(np.full(3, NAN, dtype))).all()


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_values_fill_the_range_that_is_listed(name, dtype, isa):
    low, high, *_ = _core.activations()[name]
    lowest_at = [-0.7517915246935645, -1.278464542761074, -1.1924312145154955]  # gelu, silu, mish
    Z = np.concatenate([np.linspace(-40, 40, 400_001), lowest_at, [-INF, INF]]).astype(dtype)
    A = getattr(_core.kernels, name)(Z)
    assert A.max() == high
    assert A.min() == pytest.approx(low, rel=float(2 * np.finfo(dtype).eps), abs=0)


def test_slope_of_elu():
    Z = np.array([[-1e9, -1.0, 0.0, 2.0]])
    elu = Activation("elu", 0.5)
    np.testing.assert_allclose(ops.activation(Z, elu), [[-0.5, 0.5 * np.expm1(-1), 0, 2]])
    np.testing.assert_allclose(
        ops.activation_derivative(Z, elu), [[0, 0.5 * np.exp(-1), 0.5, 1]], rtol=1e-15
    )
    np.testing.assert_array_equal(ops.activation(Z, Activation("elu", 0)), [[0, 0, 0, 2]])


# ---- other libraries -----------------------------------------------------------------------------

TORCH = {  # the same definitions; torch's gelu with approximate="tanh" is another one
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "selu": "selu",
    "gelu": "gelu",
    "silu": "silu",
    "softplus": "softplus",
    "mish": "mish",
    "hard_sigmoid": "hardsigmoid",
    "hard_tanh": "hardtanh",
}


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
@pytest.mark.parametrize("name", TORCH)
def test_values_and_gradients_are_those_of_pytorch(name, rng):
    import torch

    Z = np.concatenate([rng.normal(0, 3, (50, 9)), [[-3.0, -1, 0, 1, 3, 0.5, -0.5, 7, -7]]])
    dA = rng.normal(size=Z.shape)
    z = torch.tensor(Z, requires_grad=True)
    options = (
        {"threshold": 40} if name == "softplus" else {}
    )  # from where it takes log(1 + e^z) = z
    a = getattr(torch.nn.functional, TORCH[name])(z, **options)
    a.backward(torch.tensor(dA))
    np.testing.assert_allclose(ops.activation(Z, name), a.detach(), rtol=1e-13, atol=1e-15)
    rtol = 3.1e-8 if name == "hard_sigmoid" else 1e-12  # PyTorch's 1/6 there is one of float32
    np.testing.assert_allclose(ops.activation_backward(dA, Z, name), z.grad, rtol=rtol, atol=1e-14)
