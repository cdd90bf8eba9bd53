"""The same bits: on any number of threads, on every path with fma, in any split of rows."""

import hashlib

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

from .helpers import WITH_FMA, build, targets

OPTIMIZERS = [
    cr.SGD(0.05, momentum=0.9),
    cr.Adam(0.01),
    cr.RMSProp(0.003),
    cr.AdamW(0.01),
    cr.Adam(0.003),
    cr.NAdam(0.003),
    cr.Adam(0.003),
]
# (n_inputs, hidden layers, loss, rows, batch): large enough for several threads, and odd. Steps of
# the fourth try two sizes of team, so that training goes on with another one in mid-epoch. The X of
# the last has 4.5 MB: rows of the next batch are fetched during a step.
CONFIGURATIONS = [
    (317, [(211, "relu", 0), (97, "tanh", 0)], "cross_entropy", 400, 77),
    (64, [(256, "leaky_relu", 0.1), (130, "sigmoid", 0)], "squared_error", 1500, 1500),
    (20, [(64, "relu", 0), (64, "relu", 0)], "binary_cross_entropy", 2500, 1100),
    (64, [(128, "relu", 0)], "cross_entropy", 6007, 64),
    (90, [(200, "exp", 0)], "poisson", 700, 99),
    (50, [(100, "gelu", 0)], "binary_cross_entropy", 2500, 1100),
    (333, [(128, "relu", 0)], "cross_entropy", 1700, 77),
]


def digest(net):
    h = hashlib.sha256()
    for value in net.parameters.values():
        h.update(value.tobytes())
    return h.hexdigest()


def train(configuration, dtype, optimizer):
    n_inputs, hidden, loss, rows, batch = configuration
    rng = np.random.default_rng(1)
    output = _core.losses()[loss]
    net = build(n_inputs, [*hidden, (5, output, 0)], dtype)
    X, Y = rng.normal(size=(rows, n_inputs)), targets(rng, loss, rows, 5)
    trainer = cr.Trainer(net, loss, optimizer, l2=1e-3)
    history = trainer.fit(X, Y, 2, batch, sample_weight=rng.random(rows))
    return digest(net), history["loss"], net, X


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", range(len(CONFIGURATIONS)))
def test_training_gives_the_same_bits_on_any_number_of_threads(case, dtype, threads):
    runs = set()
    for n in (1, 2, 3, 7):
        cr.set_num_threads(n)
        bits, losses, *_ = train(CONFIGURATIONS[case], dtype, OPTIMIZERS[case])
        runs.add((bits, tuple(losses)))
    assert len(runs) == 1


HIDDEN = [
    [(100, "silu", 0)],
    [(70, "relu", 0), (70, "relu", 0)],
    [(150, "relu", 0), (40, "tanh", 0)],
]
OPTIONS = [
    {},
    {"frozen": ["1"], "l2": 0.1},
    {"frozen": ["1.weight"], "clip_norm": 0.2},
    {"ema": 0.9, "l1": 0.01, "clip_value": 0.01},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("hidden", HIDDEN, ids=str)
def test_the_number_of_threads_and_of_rows_may_change(hidden, options, dtype, threads, rng):
    X, Y, weights = rng.normal(size=(4000, 64)), rng.integers(0, 3, 4000), rng.random(4000)
    alike = set()
    for numbers in ([1] * 6, [7, 2, 3, 1, 4, 2]):
        net = build(64, [*hidden, (3, "softmax", 0)], dtype)
        trainer = cr.Trainer(net, "cross_entropy", cr.Adam(0.003), **options)
        for n, rows in zip(numbers, [300, 200, 400, 3000, 300, 500], strict=True):
            cr.set_num_threads(n)
            trainer.fit(X, Y, 3, rows, sample_weight=weights)
        alike.add((digest(net), *trainer.history["loss"]))
    assert len(alike) == 1


@pytest.mark.skipif(len(WITH_FMA) < 2, reason="this CPU has one path with fma")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", range(len(CONFIGURATIONS)))
def test_training_gives_the_same_bits_on_every_path_with_fma(case, dtype):
    before, runs = _core.isa(), set()
    for isa in WITH_FMA:
        _core.use_isa(isa)
        bits, losses, net, X = train(
            CONFIGURATIONS[case], dtype, OPTIMIZERS[(case + 2) % len(OPTIMIZERS)]
        )
        runs.add((bits, tuple(losses), net.predict(X).tobytes()))
    _core.use_isa(before)
    assert len(runs) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_is_predicted_alike_wherever_it_stands(dtype, isa, threads, rng):
    net = build(37, [(100, "relu", 0), (33, "tanh", 0), (7, "softmax", 0)], dtype)
    X = rng.normal(size=(1000, 37))
    cr.set_num_threads(1)
    together = net.predict(X)
    order = rng.permutation(1000)
    assert net.predict(X[order]).tobytes() == together[order].tobytes()
    assert net.predict(X[::-1]).tobytes() == together[::-1].tobytes()
    for size in (1, 2, 5, 6, 7, 13, 14, 15, 97, 501):
        parts = [net.predict(X[i : i + size]) for i in range(0, 1000, size)]
        assert np.concatenate(parts).tobytes() == together.tobytes()
    for n in (2, 3, 7):
        cr.set_num_threads(n)
        assert net.predict(X).tobytes() == together.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_outputs", [1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 18, 22, 28, 33, 100])
@pytest.mark.parametrize("n_inputs", [1, 7, 16, 33, 64, 300])
def test_any_number_of_outputs_is_predicted_alike_in_any_number_of_rows(
    n_inputs, n_outputs, dtype, isa, rng
):
    net = cr.Network([cr.Dense(n_outputs), cr.Dense(3, "tanh")], n_inputs, dtype)
    net.parameters["1.bias"] = rng.normal(size=n_outputs)
    X = rng.normal(size=(150, n_inputs))
    one_by_one = np.concatenate([net.predict(row[np.newaxis]) for row in X])
    for size in (4, 16, 21, 47, 150):
        parts = [net.predict(X[i : i + size]) for i in range(0, 150, size)]
        assert np.concatenate(parts).tobytes() == one_by_one.tobytes()
    expected = (X @ net.parameters["1.weight"] + net.parameters["1.bias"]).astype(dtype)
    expected = np.tanh(expected @ net.parameters["2.weight"] + net.parameters["2.bias"])
    tolerance = 300 * np.finfo(dtype).eps
    np.testing.assert_allclose(one_by_one, expected, rtol=tolerance, atol=tolerance)


def test_chunks_of_the_batch_do_not_show(rng):
    """2048 rows go through in two chunks; four quarters add up to the same sums, times 4."""
    X, Y = rng.normal(size=(2048, 9)), rng.normal(size=(2048, 2))
    whole, quarters = (build(9, [(30, "tanh", 0), (2, "identity", 0)], "float32") for _ in range(2))
    whole.backward(X, Y, "squared_error")
    for i in range(0, 2048, 512):
        quarters.backward(X[i : i + 512], Y[i : i + 512], "squared_error", accumulate=i > 0)
    for name in whole.gradients:
        assert (4 * whole.gradients[name]).tobytes() == quarters.gradients[name].tobytes()


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    layers = [cr.Dense(8, "relu"), cr.Dense(8, "relu")]
    first, again, other = (cr.Network(layers, 8, seed=s) for s in (3, 3, 4))
    assert digest(first) == digest(again) != digest(other)
    assert not np.array_equal(first.parameters["1.weight"], first.parameters["2.weight"])
