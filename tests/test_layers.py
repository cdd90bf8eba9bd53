"""Normalization, dropout, residual blocks, activations as layers: against the reference."""

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule.reference import layers as reference_layers

from . import networks
from .helpers import relative_difference
from .networks import NETWORKS, A, built, every_network, reference_pass

data = pytest.fixture(networks.samples, name="data")


@every_network
@pytest.mark.parametrize("weighted", [False, True])
def test_cost_and_gradients_agree_with_the_reference(layers, weighted, data, rng, isa):
    X, y = data
    weights = rng.integers(0, 3, len(X)) / 2 if weighted else None
    net = built(layers, seed=3)
    draws = reference_layers.Draws(3, 0)
    cost, gradients, *_ = reference_pass(net, X, y, weights, draws)
    assert net.cost(X, y, "cross_entropy", weights, training=True) == pytest.approx(cost, rel=1e-12)
    assert net.backward(X, y, "cross_entropy", weights) == pytest.approx(cost, rel=1e-12)
    scale = max(float(np.abs(g).max()) for g in gradients.values())
    for name, expected in gradients.items():
        assert relative_difference(net.gradients[name], expected, 1e-3 * scale) < 1e-12, name


@every_network
def test_gradient_check(layers, data):
    X, y = data
    check = cr.check_gradients(built(layers), X, y, "cross_entropy")
    assert check.relative_difference < 1e-8
    assert not check.worst[0].startswith("running")


@every_network
def test_float32_follows_float64(layers, data):
    X, y = data
    costs = [
        built(layers, dtype).backward(X, y, "cross_entropy") for dtype in ("float32", "float64")
    ]
    assert costs[0] == pytest.approx(costs[1], rel=2e-6)


@every_network
def test_batches_beyond_the_workspace_s_chunk(layers, rng):
    X, y = rng.normal(size=(2100, 7)), rng.integers(0, 3, 2100)
    net = built(layers, seed=1)
    cost, gradients, *_ = reference_pass(net, X, y, None, reference_layers.Draws(1, 0))
    assert net.backward(X, y, "cross_entropy") == pytest.approx(cost, rel=1e-12)
    scale = max(float(np.abs(g).max()) for g in gradients.values())
    for name, expected in gradients.items():
        assert relative_difference(net.gradients[name], expected, 1e-3 * scale) < 1e-11, name


@every_network
def test_prediction_does_not_depend_on_the_other_rows(layers, data):
    X, y = data
    net = built(layers)
    cr.Trainer(net, "cross_entropy").fit(X, y, epochs=3, batch_size=11)
    whole = net.predict(X)
    assert np.array_equal(whole, np.vstack([net.predict(X[i : i + 1]) for i in range(len(X))]))
    assert np.array_equal(whole[::-1], net.predict(X[::-1]))
    expected = float(np.mean(-np.log(whole[np.arange(len(y)), y])))
    assert net.cost(X, y, "cross_entropy") == pytest.approx(expected, rel=1e-12)


@every_network
def test_saved_and_copied(layers, data, tmp_path):
    X, y = data
    net = built(layers, "float32")
    cr.Trainer(net, "cross_entropy").fit(X, y, batch_size=11)
    net.save(tmp_path / "net.safetensors")
    for twin in (cr.Network.load(tmp_path / "net.safetensors"), copy.deepcopy(net)):
        assert twin.layers == net.layers
        assert np.array_equal(twin.predict(X), net.predict(X))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: cr.Dropout(1.0), ValueError, "[Dropout] rate: expected"),
        (lambda: cr.Dropout(-0.1), ValueError, "[Dropout] rate: expected"),
        (lambda: cr.Dropout("half"), TypeError, "[Dropout] rate: expected"),
        (lambda: cr.BatchNorm(momentum=1), ValueError, "[BatchNorm] momentum: expected"),
        (lambda: cr.BatchNorm(epsilon=0), ValueError, "[BatchNorm] epsilon: expected"),
        (lambda: cr.LayerNorm(-1), ValueError, "[LayerNorm] epsilon: expected"),
        (lambda: cr.LayerNorm(64), ValueError, "[LayerNorm] epsilon: expected"),  # the width
        (lambda: cr.Residual([]), TypeError, "[Residual] layers: expected a list of at least"),
        (lambda: cr.Residual(cr.Dense(3)), TypeError, "[Residual] layers: expected a list of"),
        (lambda: cr.Residual([3]), TypeError, "[Residual, layer 1] layer: expected a layer such"),
        (
            lambda: cr.Network([cr.Residual([cr.Dense(5)], projection=False)], 7),
            ValueError,
            "[Network, layer 1 (Residual)] layers: expected a branch that ends with the 7 columns "
            "it began with, got 5",
        ),
        (
            lambda: cr.Network([cr.Dense(3), A("softmax"), cr.Dense(2)], 7),
            ValueError,
            "[Network, layer 2 (Activation)] activation: softmax is for the last layer",
        ),
        (
            lambda: cr.Network([cr.Residual([cr.Dense(3, "softmax")])], 3),
            ValueError,
            "[Network, layer 1.1 (Dense)] activation: softmax is for the last layer",
        ),
        (
            lambda: cr.Network([cr.Dense(3), A("softmax", groups=(2, 2))], 7),
            ValueError,
            "[Network, layer 2 (Activation)] activation: expected groups that add up to 3 units",
        ),
        (
            lambda: cr.Network([cr.Dense(3), A("reluu")], 7),
            ValueError,
            "[Network, layer 2 (Activation)] activation: expected one of",
        ),
    ],
)
def test_bad_layers_are_named(make, error, text):
    with pytest.raises(error) as caught:
        make()
    assert text in str(caught.value)


def test_summary_names_inner_layers_and_counts_what_is_trained():
    net = cr.Network(NETWORKS["nested"], 7)
    shown = repr(net.summary())
    assert "2.2.1 BatchNorm" in shown
    assert "2.2.projection Dense" in shown  # from 5 columns to 6
    assert net.n_parameters == sum(
        value.size for name, value in net.parameters.items() if "running" not in name
    )
    assert net.summary().n_parameters == net.n_parameters


def test_summary_counts_the_work_of_every_kind_of_layer():
    """Per sample and column: a batch norm 2, a layer norm 6, a sum 1; dropout and activations 0."""
    inner = [cr.BatchNorm(), cr.LayerNorm(), cr.Dropout(0.5), A("tanh")]
    summary = cr.Network([cr.Dense(9), cr.Residual(inner), cr.Dense(3)], 7).summary()
    first, others = 2 * 7 * 9, 2 * 9 * 3 + (2 + 6 + 1) * 9
    assert summary.flops_per_sample == first + others
    assert summary.training_flops_per_sample == 2 * first + 3 * others


def test_course_views_are_of_dense_layers():
    net = cr.Network(NETWORKS["batch norm"], 7)
    assert net.W[1].shape == (9, 7)
    with pytest.raises(KeyError, match="expected one with a weight, got 'BatchNorm 2'"):
        net.W[2]


@every_network
def test_trace_gives_each_layer_its_values(layers, data):
    X, y = data
    net = built(layers)
    trace = net.trace(X, y, "cross_entropy")
    assert trace.cost == pytest.approx(net.cost(X, y, "cross_entropy", training=True), rel=1e-12)
    A_prev = X
    for number, layer in enumerate(net.layers, start=1):
        assert trace.A[number].shape == (len(X), layer.n_outputs(A_prev.shape[1]))
        if isinstance(layer, cr.Dense):
            Z = A_prev @ net.parameters[f"{number}.weight"] + net.parameters[f"{number}.bias"]
            assert trace.Z[number] == pytest.approx(Z, rel=1e-10, abs=1e-12)
            expected = trace.dZ[number].T @ A_prev / len(X)
            assert trace.dW[number] == pytest.approx(expected, rel=1e-9, abs=1e-12)
        else:
            assert trace.dW[number] is None
        A_prev = trace.A[number]


@pytest.mark.parametrize("n", [2, 3, 17, 64])
def test_layer_norm_keeps_the_digits_of_nearby_units(n, rng):
    """A mean rounded to its own size would cost four digits here, of values and gradients."""
    X = (1000 + 0.01 * rng.normal(size=(50, n))).astype(np.float32)
    y = rng.integers(0, 3, 50)
    found = {}
    for dtype in ("float32", "float64"):
        layers = [cr.Dense(n), cr.LayerNorm(1e-8), cr.Dense(3, "softmax")]
        net = cr.Network(layers, n, dtype, seed=0)
        net.parameters["1.weight"] = np.eye(n)
        cost = net.backward(X.astype(dtype), y, "cross_entropy")
        found[dtype] = {**net.gradients, "cost": cost, "prediction": net.predict(X.astype(dtype))}
    for name, exact in found["float64"].items():
        assert relative_difference(np.asarray(found["float32"][name]), exact) < 1e-5, name
