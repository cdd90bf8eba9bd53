"""Sparse features of few elements in each row, which the first layer takes as they are stored."""

import json

import numpy as np
import pytest

import chainrule as cr

from .helpers import build
from .processes import printed
from .sparse_forms import csr, results, unsorted, wide, with_gaps

M, N = 300, 333  # the last panel of W's inputs is not full


@pytest.fixture(scope="module")
def dense():
    """At most an eighth of each row."""
    X = with_gaps(M, N, 0.04)
    X[7, :41] = np.arange(41) % 9 - 4
    X[7, 41:] = 0
    assert (X != 0).sum(axis=1).max() * 8 <= N
    return X


# Of few units W is stored transposed.
LAYERS = {
    "one tile of panels": [(33, "relu", 0), (3, "softmax", 0)],
    "all widths of tiles": [(250, "tanh", 0), (3, "softmax", 0)],
    "transposed": [(2, "relu", 0), (3, "softmax", 0)],
    "of one unit": [(1, "relu", 0), (3, "softmax", 0)],
    "of one unit with exp": [(1, "exp", 0), (3, "softmax", 0)],
    "alone": [(3, "softmax", 0)],
    "gelu, which needs z": [(64, "gelu", 0), (3, "softmax", 0)],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_the_bits_of_dense_features_on_any_number_of_threads(layers, dtype, dense, isa, threads):
    runs = []
    for n in (1, 2, 3):
        cr.set_num_threads(n)
        runs += [results(build(N, layers, dtype), X) for X in (csr(dense), dense)]
    assert all(run == runs[0] for run in runs)


@pytest.mark.parametrize(
    "options", [{"l2": 0.1}, {"clip_norm": 0.05}, {"clip_value": 0.01}, {"ema": 0.9}], ids=repr
)
@pytest.mark.parametrize("units", [2, 40])
def test_with_penalties_clipping_and_averages(units, options, dense):
    ends = []
    for X in (dense, csr(dense), wide(csr(dense)), unsorted(csr(dense)), csr(dense, np.float32)):
        X = X if X.dtype == np.float64 else X.astype(np.float64)
        net = build(N, [(units, "relu", 0), (3, "softmax", 0)], "float64")
        trainer = cr.Trainer(net, "cross_entropy", cr.Adam(0.01), seed=1, **options)
        losses = trainer.fit(X, np.arange(M) % 3, 3, 16)["loss"]
        ends.append([losses, [value.tobytes() for value in net.parameters.values()]])
    assert all(end == ends[0] for end in ends[1:4])


def test_gradients_that_are_added_up_and_batches_of_several_chunks(dense):
    X = np.tile(dense, (8, 1))
    Y = np.arange(len(X)) % 3
    for units in (2, 40):
        ends = []
        for features in (X, csr(X)):
            net = build(N, [(units, "relu", 0), (3, "softmax", 0)], "float32")
            net.backward(features, Y, "cross_entropy")
            net.backward(features[:50], Y[:50], "cross_entropy", accumulate=True)
            trainer = cr.Trainer(net, "cross_entropy", cr.Adam(0.01))
            trainer.fit(features, Y, 3, None)
            trainer.fit(features[:9], Y[:9], 1, 1)
            ends.append(
                [a.tobytes() for of in (net.gradients, net.parameters) for a in of.values()]
            )
        assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "layers",
    [
        [cr.Residual([cr.Dense(20, "relu")]), cr.Dense(3, "softmax")],
        [cr.BatchNorm(), cr.Dense(20, "relu"), cr.Dense(3, "softmax")],
        [cr.Dense(20), cr.BatchNorm(), cr.Activation("relu"), cr.Dense(3, "softmax")],
        [cr.Dropout(0.5), cr.Dense(3, "softmax")],
    ],
    ids=repr,
)
def test_other_layers(layers, dense):
    features = dense, csr(dense)
    assert len({str(results(cr.Network(layers, N, seed=1), X)) for X in features}) == 1


def test_one_long_row_makes_all_dense_with_the_same_bits(dense):
    X = np.vstack([dense, np.ones((1, N))])
    net = build(N, LAYERS["alone"], "float32")
    np.testing.assert_array_equal(net.predict(csr(X)), net.predict(X))
    np.testing.assert_array_equal(net.predict(csr(X)[:-1]), net.predict(csr(dense)))


def test_a_matrix_changed_while_it_is_trained_on_leads_nowhere_else(dense):
    """Elements that then lie outside, and more of them than there were, are passed over."""
    net, X = build(N, LAYERS["one tile of panels"], "float32"), csr(dense)

    class Spoil(cr.Callback):
        def on_epoch_begin(self, trainer, epoch):
            if epoch == 1:
                X.indices[::2], X.indices[1::4] = 10**9, -(10**9)
            if epoch == 2:
                X.indptr[::2], X.indptr[1::2] = 0, X.nnz
            if epoch == 3:
                X.indptr[::2], X.indptr[1::2] = 10**9, -(10**9)

    cr.Trainer(net, "cross_entropy").fit(X, np.arange(M) % 3, 4, callbacks=[Spoil()])
    assert all(np.isfinite(value).all() for value in net.parameters.values())


def test_a_network_that_diverges_is_told_of(dense):
    """Zeros times infinite weights are not computed; the end of the epoch sees those."""
    trainer = cr.Trainer(cr.Network([cr.Dense(3)], N), "absolute_error", cr.SGD(3e36))
    with pytest.warns(RuntimeWarning, match=r"the cost became|a parameter became infinite or NaN"):
        trainer.fit(1e3 * csr(dense), np.ones((M, 3)), 3, 16)


def test_a_frozen_first_layer(dense):
    ends = []
    for X in (dense, csr(dense)):
        net = build(N, LAYERS["one tile of panels"], "float32")
        before = net.parameters["1.weight"]
        cr.Trainer(net, "cross_entropy", frozen=["1"]).fit(X, np.arange(M) % 3, 2)
        np.testing.assert_array_equal(net.parameters["1.weight"], before)
        ends.append([value.tobytes() for value in net.parameters.values()])
    assert ends[0] == ends[1]


TIMES = """
import json, time
import numpy as np, chainrule as cr
from scipy import sparse

cr.set_num_threads(1)
rng = np.random.default_rng(0)
X = sparse.random_array((2000, 5000), density=0.003, format="csr", rng=rng)
Y = rng.integers(0, 2, 2000)
times = {}
for name, features in (("sparse", X), ("dense", X.toarray())):
    net = cr.Network([cr.Dense(64, "relu"), cr.Dense(2, "softmax")], 5000)
    trainer = cr.Trainer(net, "cross_entropy")
    calls = (lambda: trainer.fit(features, Y, 1, 200)), (lambda: net.predict(features))
    times[name] = []
    for call in calls:
        call()
        best = np.inf
        for _ in range(5):
            start = time.perf_counter()
            call()
            best = min(best, time.perf_counter() - start)
        times[name].append(best)
print(json.dumps(times))
"""


def test_zeros_take_no_time():
    """A fifteenth and a ninetieth of the time on an idle machine."""
    times = json.loads(printed(TIMES)[-1])
    fit, predict = np.divide(times["sparse"], times["dense"])
    assert fit < 0.4, times
    assert predict < 0.15, times
