"""Normalization, dropout, residual blocks, activations as layers: against the reference."""

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import reference
from chainrule.layers import Activate
from chainrule.reference import layers as reference_layers

from .helpers import relative_difference

A = cr.Activation
NETWORKS = {
    "batch norm": [cr.Dense(9), cr.BatchNorm(), A("tanh"), cr.Dense(3, "softmax")],
    "batch norm first": [
        cr.BatchNorm(),
        cr.Dense(20, "tanh"),
        cr.BatchNorm(),
        cr.Dense(3, "softmax"),
    ],
    "batch norm last": [cr.Dense(3), cr.BatchNorm(0.5, 1e-2), A("softmax")],
    "layer norm": [cr.Dense(19), cr.LayerNorm(), A("tanh"), cr.Dense(3, "softmax")],
    "layer norm first": [cr.LayerNorm(1e-2), cr.Dense(3, "softmax")],
    "dropout": [cr.Dropout(0.3), cr.Dense(19, "tanh"), cr.Dropout(0.5), cr.Dense(3, "softmax")],
    "residual": [
        cr.Residual([cr.Dense(11, "tanh"), cr.Dense(7)]),
        A("tanh"),
        cr.Dense(3, "softmax"),
    ],
    "projection": [
        cr.Dense(5, "sigmoid"),
        cr.Residual([cr.Dense(17, "tanh")]),
        cr.Dense(3, "softmax"),
    ],
    "activations": [
        A("tanh"),
        A("sigmoid"),
        cr.Dense(4, "tanh"),
        A("sigmoid"),
        cr.Dense(3, "softmax"),
    ],
    "nested": [
        cr.Dense(5, "sigmoid"),
        cr.Residual(
            [
                A("tanh"),
                cr.Residual([cr.BatchNorm(), A("sigmoid"), cr.Dropout(0.2), cr.Dense(6)]),
                cr.LayerNorm(),
                cr.BatchNorm(),
                cr.Dense(5),
            ]
        ),
        cr.BatchNorm(),
        cr.Dropout(0.1),
        cr.Dense(3),
        A("softmax"),
    ],
}
every_network = pytest.mark.parametrize("layers", NETWORKS.values(), ids=list(NETWORKS))


def as_tuples(layers):
    """The layers as the reference takes them."""
    described = []
    for layer in layers:
        if isinstance(layer, cr.Dense):
            described.append(("dense", layer.activation.name))
        elif isinstance(layer, Activate):
            described.append(("activation", layer.activation.name))
        elif isinstance(layer, cr.Dropout):
            described.append(("dropout", layer.rate))
        elif isinstance(layer, cr.Residual):
            described.append(("residual", *as_tuples(layer.layers)))
        else:
            kind = "batch_norm" if isinstance(layer, cr.BatchNorm) else "layer_norm"
            described.append((kind, layer.epsilon))
    return described


SYMBOLS = {"weight": "W", "bias": "b", "gamma": "gamma", "beta": "beta"}


def course_name(name):
    path, kind = name.rsplit(".", 1)
    return SYMBOLS[kind] + path


def reference_pass(net, X, y, weights, draws):
    """Cost and gradients by the network's names, the outputs, and the caches, in training."""
    parameters = {
        course_name(name): value.T if value.ndim == 2 else value[:, np.newaxis]
        for name, value in net.parameters.items()
        if "running" not in name
    }
    c = (np.ones(len(X)) if weights is None else weights)[np.newaxis]
    c = c / c.sum()
    tuples = as_tuples(net.layers)
    AL, caches = reference_layers.layers_forward(X.T, tuples, parameters, c, draws)
    Y = np.eye(AL.shape[0])[y].T
    cost = float(np.sum(c * reference.cross_entropy(AL, Y)))
    _, grads = reference_layers.layers_backward(
        c * (AL - Y), tuples, parameters, c, caches, at_Z=True
    )
    gradients = {
        name: grads[course_name(name)].T if value.ndim == 2 else grads[course_name(name)].ravel()
        for name, value in net.parameters.items()
        if "running" not in name
    }
    return cost, gradients, AL.T, caches


def built(layers, dtype="float64", seed=0):
    """A network none of whose parameters is zero or one."""
    net = cr.Network(layers, 7, dtype, seed)
    rng = np.random.default_rng(seed + 1)
    for name, value in net.parameters.items():
        net.parameters[name] = value + rng.uniform(0.05, 0.4, value.shape)
    return net


@pytest.fixture
def data(rng):
    return rng.normal(size=(77, 7)), rng.integers(0, 3, 77)


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


# ---- Batch normalization -------------------------------------------------------------------------


def test_running_statistics_are_those_of_the_batches(data):
    X, y = data
    net = cr.Network([cr.BatchNorm(momentum=0.8), cr.Dense(3, "softmax")], 7, "float64")
    assert np.array_equal(net.parameters["1.running_variance"], np.ones(7))
    trainer = cr.Trainer(net, "cross_entropy")
    mean, variance = np.zeros(7), np.ones(7)
    for rows in (X[:40], X[40:]):
        mean = 0.8 * mean + 0.2 * rows.mean(axis=0)
        variance = 0.8 * variance + 0.2 * rows.var(axis=0, ddof=1)
        trainer.step(rows, y[: len(rows)])
    assert net.parameters["1.running_mean"] == pytest.approx(mean, rel=1e-13)
    assert net.parameters["1.running_variance"] == pytest.approx(variance, rel=1e-13)
    normal = (X - mean) / np.sqrt(variance + 1e-5)
    z = (normal * net.parameters["1.gamma"] + net.parameters["1.beta"]) @ net.parameters["2.weight"]
    e = np.exp(z + net.parameters["2.bias"])
    assert net.predict(X) == pytest.approx(e / e.sum(axis=1, keepdims=True), rel=1e-12)


def test_rows_without_weight_do_not_count(data):
    X, y = data
    nets = [built(NETWORKS["batch norm"]) for _ in range(2)]
    weights = np.ones(len(X))
    weights[30:] = 0
    costs = [
        nets[0].backward(X, y, "cross_entropy", weights),
        nets[1].backward(X[:30], y[:30], "cross_entropy"),
    ]
    assert costs[0] == pytest.approx(costs[1], rel=1e-13)
    for name in nets[0].parameters:
        one, other = (net.parameters[name] for net in nets)
        assert one == pytest.approx(other, rel=1e-13), name


def test_a_large_mean_does_not_drown_the_variance(rng):
    """Moments are joined from those of blocks, not from sums of squares."""
    X = rng.normal(size=(200, 4)) + 1e4
    net = cr.Network([cr.BatchNorm(), cr.Dense(2, "softmax")], 4, "float32")
    cr.Trainer(net, "cross_entropy").step(X, rng.integers(0, 2, 200))
    exact = 0.9 + 0.1 * X.astype(np.float32).astype(np.float64).var(axis=0, ddof=1)
    assert net.parameters["1.running_variance"] == pytest.approx(exact, rel=1e-4)


def test_a_cost_that_is_not_finite_leaves_the_running_statistics(rng):
    X, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    net = cr.Network([cr.BatchNorm(), cr.Dense(2, "softmax")], 3, "float32")
    net.parameters["2.weight"] = np.full((3, 2), 3e38)
    with pytest.warns(RuntimeWarning, match="became"):
        cr.Trainer(net, "squared_error").fit(1e30 * X, np.eye(2)[y], batch_size=20)
    assert np.array_equal(net.parameters["1.running_mean"], np.zeros(3))


@pytest.mark.parametrize(
    ("call", "argument", "got"),
    [
        (lambda t, X, y: t.fit(X, y, batch_size=1), "batch_size", "got one$"),
        (lambda t, X, y: t.fit(X, y, batch_size=8), "batch_size", "one in the last batch, 9 rows"),
        (lambda t, X, y: t.fit(X[:1], y[:1]), "batch_size", "got one$"),
        (lambda t, X, y: t.step(X[:1], y[:1]), "X", "got one$"),
        (lambda t, X, y: t.net.backward(X[:1], y[:1], "cross_entropy"), "X", "got one$"),
    ],
)
def test_a_batch_of_one_is_refused(call, argument, got, rng):
    X, y = rng.normal(size=(9, 7)), rng.integers(0, 3, 9)
    layers = [cr.Dense(5), cr.Residual([cr.Dense(5), cr.BatchNorm()]), cr.Dense(3, "softmax")]
    trainer = cr.Trainer(cr.Network(layers, 7), "cross_entropy")
    before = dict(trainer.net.parameters)
    where = r"layer 2\.2 \(BatchNorm\)\] "
    with pytest.raises(ValueError, match=f"{where}{argument}: expected at least two rows.*{got}"):
        call(trainer, X, y)
    assert all(np.array_equal(before[name], trainer.net.parameters[name]) for name in before)


@pytest.mark.parametrize("call", ["trace", "cost", "predict"])
def test_looking_at_a_network_moves_no_running_statistics(call, data):
    X, y = data
    net = built([cr.BatchNorm(), cr.Residual([cr.BatchNorm()]), cr.Dense(3, "softmax")])
    before = {name: value.tobytes() for name, value in net.parameters.items()}
    calls = {
        "trace": lambda: net.trace(X, y, "cross_entropy"),
        "cost": lambda: net.cost(X, y, "cross_entropy", training=True),
        "predict": lambda: net.predict(X),
    }
    calls[call]()
    assert before == {name: value.tobytes() for name, value in net.parameters.items()}
    net.backward(X, y, "cross_entropy")
    assert before != {name: value.tobytes() for name, value in net.parameters.items()}


# ---- Dropout -------------------------------------------------------------------------------------


def dropped(rate, seed=0, step=0, n=200, rows=300):
    """What dropout makes of ones."""
    net = cr.Network([cr.Dropout(rate), cr.Dense(1)], n, "float64", seed)
    trace = net.trace(np.ones((rows, n)), np.zeros((rows, 1)), "squared_error")
    return trace.A[1]


def test_dropout_keeps_the_mean_and_its_rate():
    A = dropped(0.3)
    assert set(np.unique(A)) == {0.0, 65536 / (65536 - round(0.3 * 65536))}
    share = np.mean(A == 0)
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / A.size)
    # No row and no column is favoured (chi-squared with 299 and 199 degrees of freedom).
    for axis in (0, 1):
        counts, m = (A == 0).sum(axis=axis), A.shape[axis]
        chi = np.sum((counts - 0.3 * m) ** 2) / (0.3 * 0.7 * m)
        assert abs(chi - len(counts)) < 4.5 * np.sqrt(2 * len(counts))
    pairs = np.mean((A[:, 1:] == 0) & (A[:, :-1] == 0))
    assert pairs == pytest.approx(0.09, abs=0.005)


def test_dropout_draws_anew_in_every_step_and_for_every_seed(rng):
    assert not np.array_equal(dropped(0.5), dropped(0.5, seed=1))
    X, y = rng.normal(size=(40, 7)), rng.integers(0, 3, 40)
    ones = [cr.Trainer(built(NETWORKS["dropout"]), "cross_entropy", seed=s) for s in (0, 0, 1)]
    costs = [trainer.fit(X, y, 3, None, shuffle=False)["loss"] for trainer in ones]
    assert costs[0] == costs[1] != costs[2]
    still = cr.Trainer(built(NETWORKS["dropout"]), "cross_entropy", cr.SGD(1e-300))
    assert len(set(still.fit(X, y, 5, None, shuffle=False)["loss"])) == 5


def test_dropout_is_the_reference_s_in_every_step(data):
    X, y = data
    net = built(NETWORKS["dropout"], seed=5)
    trainer = cr.Trainer(net, "cross_entropy", cr.SGD(0.1), seed=11)
    for step in range(3):
        draws = reference_layers.Draws(11, step)
        cost, *_ = reference_pass(net, X, y, None, draws)
        assert trainer.step(X, y) == pytest.approx(cost, rel=1e-12)


# ---- Descriptions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: cr.Dropout(1.0), ValueError, "[Dropout] rate: expected"),
        (lambda: cr.Dropout(-0.1), ValueError, "[Dropout] rate: expected"),
        (lambda: cr.Dropout("half"), TypeError, "[Dropout] rate: expected"),
        (lambda: cr.BatchNorm(momentum=1), ValueError, "[BatchNorm] momentum: expected"),
        (lambda: cr.BatchNorm(epsilon=0), ValueError, "[BatchNorm] epsilon: expected"),
        (lambda: cr.LayerNorm(-1), ValueError, "[LayerNorm] epsilon: expected"),
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
