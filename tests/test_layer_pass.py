"""Steps of wide layers on several threads, of which some go by layers: the bits of one thread."""

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr

from .helpers import build
from .test_same_bits import digest

# On several threads steps try both ways, by rows and by layers, and then go the faster one
# (cpp/base/team_size.h).
NETWORKS = {
    "narrow at the end": (300, [(256, "relu", 0), (130, "tanh", 0), (5, "softmax", 0)]),
    "wide throughout": (150, [(200, "leaky_relu", 0.1), (140, "gelu", 0), (300, "softmax", 0)]),
    "narrow in between": (
        200,
        [(160, "silu", 0), (9, "relu", 0), (200, "elu", 1), (150, "tanh", 0)],
    ),
    "narrow at the start": (40, [(30, "relu", 0), (600, "relu", 0), (300, "sigmoid", 0)]),
    "softmax of another loss": (160, [(150, "relu", 0), (170, "softmax", 0)]),
}
LOSSES = {"softmax of another loss": "squared_error", "narrow in between": "squared_error"}
OPTIONS = [
    {},
    {"frozen": ["1"], "l2": 0.1},
    {"clip_norm": 0.2, "ema": 0.9},
    {"frozen": ["1.weight", "2"], "l1": 0.01, "clip_value": 0.01},
]
ROWS, BATCH = 301, 33  # the last batch has 4 rows


def samples(rng, n_inputs, n_outputs, loss):
    X = rng.normal(size=(ROWS, n_inputs))
    if loss == "cross_entropy":
        return X, rng.integers(0, n_outputs, ROWS)
    return X, rng.random((ROWS, n_outputs))


def alike(fit):
    """Whether `fit` returns the same on several numbers of threads."""
    seen = []
    for n in (1, 2, 3, 7, 16):
        cr.set_num_threads(n)
        seen.append(fit())
    assert np.isfinite(seen[0][1:]).all()
    return len(set(seen)) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_wide_layers_train_alike_on_any_number_of_threads(name, options, dtype, threads, rng):
    n_inputs, layers = NETWORKS[name]
    n_outputs, output, _ = layers[-1]
    loss = LOSSES.get(name, "binary_cross_entropy" if output == "sigmoid" else "cross_entropy")
    X, y = samples(rng, n_inputs, n_outputs, loss)
    weights = rng.random(ROWS) * (rng.random(ROWS) < 0.8)

    def fit():
        net = build(n_inputs, layers, dtype)
        trainer = cr.Trainer(net, loss, cr.Adam(0.003), seed=0, **options)
        history = trainer.fit(X, y, 3, BATCH, sample_weight=weights)
        return digest(net), *history["loss"]

    assert alike(fit)


def test_layers_in_between_go_by_rows(threads, rng):
    X, y = samples(rng, 200, 3, "cross_entropy")
    layers = [cr.Dense(300), cr.LayerNorm(), cr.Activation("relu"), cr.Dropout(0.3)]

    def fit():
        net = cr.Network([*layers, cr.Dense(200, "relu"), cr.Dense(3, "softmax")], 200)
        history = cr.Trainer(net, "cross_entropy", cr.Adam(0.003), seed=0).fit(X, y, 3, BATCH)
        return digest(net), *history["loss"]

    assert alike(fit)


def test_a_sparse_first_layer_goes_by_rows(threads, rng):
    X, y = samples(rng, 500, 3, "cross_entropy")
    X = scipy.sparse.csr_array(X * (rng.random(X.shape) < 0.03))

    def fit():
        net = cr.Network(
            [cr.Dense(200, "relu"), cr.Dense(200, "relu"), cr.Dense(3, "softmax")], 500
        )
        history = cr.Trainer(net, "cross_entropy", cr.Adam(0.003), seed=0).fit(X, y, 3, BATCH)
        return digest(net), *history["loss"]

    assert alike(fit)


def test_a_batch_without_weight_and_a_loss_that_is_not_finite_take_no_step(threads, rng):
    X, y = samples(rng, 300, 3, "cross_entropy")
    X, y = np.tile(X, (3, 1)), np.tile(y, 3)
    weights = np.ones(3 * ROWS)
    without = range(1, 28, 2)  # batches
    for batch in without:
        weights[batch * BATCH : (batch + 1) * BATCH] = 0
    X[8 * BATCH + 5] = (
        1e38  # in the second of the first three steps by layers, after 4 on one thread
    )

    def fit():
        net = cr.Network(
            [cr.Dense(256, "relu"), cr.Dense(256, "relu"), cr.Dense(3, "softmax")], 300
        )
        net.parameters["1.weight"] = 10 * net.parameters["1.weight"]
        trainer = cr.Trainer(net, "cross_entropy", cr.Adam(0.003), seed=0)
        with pytest.warns(RuntimeWarning, match="the cost became"):
            trainer.fit(X, y, 1, BATCH, sample_weight=weights, shuffle=False)
        assert trainer.steps == 4
        return digest(net), trainer.steps

    assert alike(fit)
