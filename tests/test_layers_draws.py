"""Batch normalization and dropout: running statistics, and random numbers of each step."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.reference import layers as reference_layers

from . import networks
from .networks import NETWORKS, built, reference_pass

data = pytest.fixture(networks.samples, name="data")

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
