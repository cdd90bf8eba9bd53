"""ONNX files of exact nodes: ONNX Runtime gives the bits of `predict`."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

from .helpers import build, grouped, relative_difference
from .onnx_runtime import run
from .test_onnx import HIDDEN, SLOPES, random_network, random_network_of_any_layers

pytestmark = pytest.mark.skipif(
    _core.isa() == "baseline", reason="chainrule then rounds without fma"
)
ELEMENTWISE = [*HIDDEN, "exp", *SLOPES, cr.Activation("elu", 0.3)]


def assert_same_bits(net, X, tmp_path):
    """NaN is like NaN, and 0 like -0."""
    X = np.asarray(X, np.float32)
    cr.export_onnx(net, tmp_path / "net.onnx", nodes="exact")
    np.testing.assert_array_equal(run(tmp_path / "net.onnx", X)[0], net.predict(X))


@pytest.mark.parametrize("random", [random_network, random_network_of_any_layers])
def test_200_random_networks_are_equal(random, tmp_path):
    for seed in range(200):
        net, rng = random(seed)
        assert_same_bits(net, rng.normal(size=(64, net.n_inputs)), tmp_path)


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_each_activation_of_a_hundred_thousand_numbers(activation, tmp_path, rng):
    """Of every size, and where functions become constant."""
    sizes = rng.choice([1e-40, 1e-20, 1e-6, 0.01, 1, 1, 10, 10, 100, 1e30], 100_000)
    limits = np.array([0, 1e-45, 16, 20, 40, 87.5, 88.8, 89, 104, 3e38])
    z = np.concatenate([sizes * rng.normal(size=sizes.size), limits, -limits])
    if isinstance(activation, str):
        activation = cr.Activation(activation)
    assert_same_bits(cr.Network([activation], 1), z[:, np.newaxis], tmp_path)


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_where_z_overflows(activation, tmp_path):
    net = cr.Network([cr.Dense(2, activation)], 1)
    net.W[1] = [[-1e30], [1e30]]
    assert_same_bits(net, [[1e30]], tmp_path)


def test_where_inputs_of_one_output_overflow(tmp_path):
    net = cr.Network([cr.Dense(2), cr.Dense(1, "sigmoid")], 1)
    net.W[1], net.W[2] = [[1e30], [1e-10]], [[1, -1]]
    assert_same_bits(net, [[1e30], [1], [-1e30]], tmp_path)


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 33, 255])
def test_one_output(n, rows, tmp_path, rng):
    net = build(n, [(1, "tanh", 0.1), (1, "identity", 0)], "float32")
    assert_same_bits(net, rng.normal(size=(rows, n)), tmp_path)


@pytest.mark.parametrize("n", [1, 2, 3, 15, 16, 17, 33, 64, 200, 500])
def test_layer_norm_of_any_width(n, tmp_path, rng):
    net = cr.Network([cr.LayerNorm()], n)
    for name in ("gamma", "beta"):
        net.parameters[f"1.{name}"] = rng.normal(size=n)
    X = np.concatenate([rng.normal(size=(40, n)), 1000 + 0.01 * rng.normal(size=(40, n))])
    assert_same_bits(net, X, tmp_path)


@pytest.mark.parametrize("groups", [(1,), (2,), (5,), (16,), (17,), (100,), (3, 40, 2), (1, 5)])
@pytest.mark.parametrize("rows", [1, 2, 77])
def test_softmax_of_any_width_and_groups(rows, groups, tmp_path, rng):
    net = grouped(5, [(7, "relu", 0)], groups, "float32")
    assert_same_bits(net, 3 * rng.normal(size=(rows, 5)), tmp_path)


def test_there_may_be_no_rows(tmp_path):
    net = cr.Network([cr.Dense(4, "gelu"), cr.LayerNorm(), cr.Dense(3, "softmax")], 2)
    cr.export_onnx(net, tmp_path / "net.onnx", nodes="exact")
    assert run(tmp_path / "net.onnx", np.zeros((0, 2), np.float32))[0].shape == (0, 3)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_up_to_255_inputs(rows, tmp_path, rng):
    net = build(255, [(255, "relu", 0.1), (255, "gelu", 0.1), (5, "softmax", 0)], "float32")
    assert_same_bits(net, rng.normal(size=(rows, 255)), tmp_path)


@pytest.mark.parametrize("n", [97, 1])
def test_wider_products_differ_in_the_last_bits(n, tmp_path, rng):
    net = build(700, [(n, "tanh", 0.1), (33, "gelu", 0.1), (5, "softmax", 0)], "float32")
    X = rng.normal(size=(77, 700)).astype(np.float32)
    cr.export_onnx(net, tmp_path / "net.onnx", nodes="exact")
    assert 0 < relative_difference(run(tmp_path / "net.onnx", X)[0], net.predict(X)) < 1e-6
