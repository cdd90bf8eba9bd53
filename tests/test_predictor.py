"""Predictors: the bits of `predict` at one moment, from any thread, in any form and memory."""

import copy
import json
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

import chainrule as cr
from chainrule import _core

from .helpers import OUTPUTS, grouped
from .test_doors_arrays import every_other, misaligned, read_only, reversed_twice
from .test_layers import NETWORKS
from .test_memory import python

N_INPUTS, N_OUTPUTS, M = 7, 3, 600  # rows: more than two tiles
DTYPES = ("float32", "float64")
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


@pytest.fixture
def X(rng):
    return rng.normal(size=(M, N_INPUTS))


def trained(layers, dtype="float32", n_inputs=N_INPUTS):
    """After some steps, so that running statistics are not those of the first day."""
    net = cr.Network(layers, n_inputs, dtype)
    rng = np.random.default_rng(5)
    X, Y = rng.normal(1, 2, size=(64, n_inputs)), rng.random((64, net.n_outputs))
    cr.Trainer(net, "squared_error", cr.SGD(0.01)).fit(X, Y, epochs=3, batch_size=16)
    return net


def small(dtype="float32"):
    return trained([cr.Dense(5, "tanh"), cr.Dense(N_OUTPUTS, "softmax")], dtype)


# ---- the bits of predict ------------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=list(NETWORKS))
def test_every_kind_of_layer_gives_the_bits_of_predict(layers, dtype, isa, X):
    net = trained(layers, dtype)
    predictor, expected = net.predictor(), net.predict(X)
    out = predictor(X)
    assert (out.dtype, out.shape) == (dtype, (M, N_OUTPUTS))
    np.testing.assert_array_equal(out, expected, strict=True)
    np.testing.assert_array_equal(predictor(X[-1]), expected[-1], strict=True)


@every_dtype
@pytest.mark.parametrize("activation", OUTPUTS)
def test_every_activation_gives_the_bits_of_predict(activation, dtype, X):
    net = trained([cr.Dense(9, "tanh"), cr.Dense(4, activation)], dtype)
    np.testing.assert_array_equal(net.predictor()(X), net.predict(X), strict=True)


def test_groups_of_softmax_give_the_bits_of_predict(X):
    net = grouped(N_INPUTS, [(9, "tanh", 0)], (3, 2, 20))
    np.testing.assert_array_equal(net.predictor()(X), net.predict(X), strict=True)


@pytest.mark.parametrize("rows_at_once", [1, 2, 17, 263, 264, 265, 599])
def test_splits_into_calls_change_no_bit(rows_at_once, X):
    predictor = trained([cr.Dense(40, "relu"), cr.Dense(17, "softmax")]).predictor()
    starts = range(0, M, rows_at_once)
    parts = [predictor(X[i : i + rows_at_once]) for i in starts]
    np.testing.assert_array_equal(np.concatenate(parts), predictor(X))


@every_dtype
def test_numbers_of_threads_change_no_bit(dtype, threads, rng):
    net = trained([cr.Dense(64, "relu"), cr.Dense(64, "relu"), cr.Dense(2, "softmax")], dtype, 20)
    X = rng.normal(size=(4001, 20))  # 44 MFLOP
    expected = net.predict(X)
    cr.set_num_threads(8)
    for n_threads in (None, 1, 2, 5, 1024):
        np.testing.assert_array_equal(net.predictor(n_threads)(X), expected)


FORMS = {
    "Fortran": np.asfortranarray,
    "with gaps": every_other,
    "negative strides": reversed_twice,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": read_only,
    "misaligned": misaligned,
    "list": lambda a: a.tolist(),
}


@every_dtype
@pytest.mark.parametrize("given", ["float32", "float64", "float16", "int64"])
@pytest.mark.parametrize("form", FORMS)
def test_a_row_and_rows_of_any_form_give_the_bits_of_predict(form, given, dtype, X):
    net = small(dtype)
    predictor, plain = net.predictor(), (2 * X).astype(given)
    expected = net.predict(plain)
    np.testing.assert_array_equal(predictor(FORMS[form](plain)), expected)
    np.testing.assert_array_equal(predictor(FORMS[form](plain[2])), expected[2])
    np.testing.assert_array_equal(predictor(np.asfortranarray(plain)[2]), expected[2])


def test_sparse_rows_give_the_bits_of_the_dense_ones(X):
    predictor, X = small().predictor(), np.where(X > 0, X, 0)
    for matrix in (sparse.csr_array(X), sparse.csc_array(X), sparse.coo_matrix(X)):
        np.testing.assert_array_equal(predictor(matrix), predictor(X), strict=True)


# ---- frozen -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=list(NETWORKS))
def test_training_changes_the_network_and_not_its_predictor(layers, X):
    net = trained(layers)
    predictor, before = net.predictor(), net.predict(X)
    cr.Trainer(net, "squared_error", cr.SGD(0.1)).fit(X, np.zeros((M, N_OUTPUTS)), 1, 50)
    for name, value in net.parameters.items():
        net.parameters[name] = value + np.float32(0.25)
    assert (net.predict(X) != before).any(axis=1).all()
    np.testing.assert_array_equal(predictor(X), before)
    del net
    np.testing.assert_array_equal(predictor(X), before)


@pytest.mark.parametrize("way", ["pickle", "copy", "deepcopy"])
def test_copies_give_the_same_bits(way, X):
    net = trained(NETWORKS["nested"])
    predictor = net.predictor(n_threads=2)
    expected = predictor(X)
    copied = {
        "pickle": lambda p: pickle.loads(pickle.dumps(p)),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
    }[way](predictor)
    np.testing.assert_array_equal(copied(X), expected, strict=True)
    assert repr(copied) == repr(predictor)
    assert pickle.dumps(copied) == pickle.dumps(predictor)


@every_dtype
def test_a_network_comes_back_with_its_parameters_and_bits(dtype, X):
    net = trained(NETWORKS["batch norm"], dtype)
    again = net.predictor().network()
    assert repr(again) == repr(net)
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], value, strict=True)
    np.testing.assert_array_equal(again.predict(X), net.predict(X))


def test_it_tells_what_it_is():
    net = small("float64")
    predictor = net.predictor(n_threads=3)
    assert isinstance(predictor, cr.Predictor)
    like_net = repr(net).replace("Network(", "Predictor(").replace("seed=0", "n_threads=3")
    assert repr(predictor) == like_net
    assert (predictor.n_inputs, predictor.n_outputs, predictor.n_threads) == (7, 3, 3)
    assert predictor.dtype == np.dtype("float64")
    assert net.predictor().n_threads is None


def test_its_attributes_are_read_only():
    predictor = small().predictor()
    names = [
        name for name in dir(cr.Predictor) if isinstance(getattr(cr.Predictor, name), property)
    ]
    assert {"layers", "n_inputs", "n_outputs", "dtype", "seed", "n_threads", "nbytes"} == {*names}
    before = repr(predictor)
    for name in (*names, "anything"):
        with pytest.raises(AttributeError):
            setattr(predictor, name, 3)
    assert isinstance(predictor.layers, tuple)
    assert repr(predictor) == before


def test_an_activation_of_ones_own_is_held_by_its_name(X):
    """As the docstring has it: neither pickles nor networks hold the functions, either."""
    cr.register_activation("of_a_predictor", np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    try:
        net = cr.Network([cr.Dense(N_OUTPUTS, "of_a_predictor")], N_INPUTS, "float64")
        predictor, Z = net.predictor(), np.arctanh(net.predict(X / 50))
        cr.register_activation("of_a_predictor", np.arctan, lambda z: 1 / (1 + z * z), replace=True)
        np.testing.assert_array_equal(predictor(X / 50), net.predict(X / 50))
        np.testing.assert_allclose(predictor(X / 50), np.arctan(Z), atol=1e-12)
    finally:
        cr.unregister_activation("of_a_predictor")


@every_dtype
def test_it_takes_the_memory_of_its_parameters(dtype):
    """A network has twice as much for its weights, and gradients."""
    net = cr.Network([cr.Dense(256, "relu"), cr.Dense(256, "relu"), cr.Dense(2)], 256, dtype)
    sizes = net._core.sizes(1)
    nbytes = net.predictor().nbytes
    assert sizes["parameter_bytes"] <= nbytes < 1.1 * sizes["parameter_bytes"]
    assert sizes["mirror_bytes"] > 0.4 * sizes["parameter_bytes"]


# ---- threads and processes ----------------------------------------------------------------------


def test_many_threads_at_once_get_the_right_bits(threads, rng):
    """Of two predictors, with calls that keep the GIL and calls that do not, while one trains."""
    cr.set_num_threads(2)
    layers = [cr.Dense(64, "relu"), cr.BatchNorm(), cr.Dense(64, "relu"), cr.Dense(2, "softmax")]
    nets = [trained(layers, dtype, 20) for dtype in DTYPES]
    X = rng.normal(size=(3000, 20))
    predictors = [net.predictor() for net in nets]
    expected = [net.predict(X) for net in nets]
    stop = threading.Event()

    def train():
        trainer = cr.Trainer(nets[0], "squared_error")
        while not stop.is_set():
            trainer.fit(X, expected[0], epochs=1, batch_size=100)

    def hammer(seed):
        mine, wrong = np.random.default_rng(seed), 0
        for call in range(150):
            which, rows = call % 2, int(mine.choice([1, 2, 7, 100, 300, 3000]))
            first = int(mine.integers(0, 3001 - rows))
            out = np.full((rows, 2), np.nan, DTYPES[which])
            predictors[which](X[first : first + rows], out)
            wrong += not np.array_equal(out, expected[which][first : first + rows])
            wrong += not np.array_equal(predictors[which](X[first]), expected[which][first])
        return wrong

    trainer = threading.Thread(target=train)
    trainer.start()
    try:
        with ThreadPoolExecutor(12) as pool:
            assert sum(pool.map(hammer, range(12))) == 0
    finally:
        stop.set()
        trainer.join()


def test_a_long_call_lets_other_threads_run(rng):
    predictor = trained([cr.Dense(64, "relu"), cr.Dense(64, "relu"), cr.Dense(2)], n_inputs=20)
    predictor, X = predictor.predictor(n_threads=1), rng.random((400_000, 20), np.float32)
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.wait(0.001):
            ticks.append(time.perf_counter())

    other = threading.Thread(target=tick)
    other.start()
    start = time.perf_counter()
    predictor(X)
    end = time.perf_counter()
    stop.set()
    other.join()
    assert sum(start < at < end for at in ticks) >= 5


TEAMS = """
import json, os
import numpy as np, chainrule as cr

cr.set_num_threads(4)
net = cr.Network([cr.Dense(64, "relu"), cr.Dense(64, "relu")], 64)
X = np.ones((4000, 64))  # worth more than four threads
seen = []
for n_threads in (1, 2, 3, None):
    net.predictor(n_threads)(X)
    seen.append(len(os.listdir("/proc/self/task")))
print(json.dumps(seen))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux's /proc")
def test_a_call_takes_as_many_threads_as_it_may():
    one, two, three, all_four = json.loads(python(TEAMS)[-1])
    assert (two - one, three - one, all_four - one) == (1, 2, 3)


FORK = """
import hashlib, os, signal
import numpy as np, chainrule as cr

cr.set_num_threads(2)
X = np.random.default_rng(0).normal(size=(4000, 64))
net = cr.Network([cr.Dense(64, "relu"), cr.Dense(64, "relu"), cr.Dense(2)], 64)
predictor = net.predictor()
predictor(X)  # by a team
child = os.fork()
if child == 0:
    signal.alarm(30)  # ends a child that hangs
elif os.wait()[1] != 0:  # until it is done, so that lines do not mix
    raise SystemExit("the child failed")
print(hashlib.sha256(predictor(X).tobytes() + predictor(X[0]).tobytes()).hexdigest(), flush=True)
if child == 0:
    os._exit(0)
"""


def test_it_works_in_a_forked_process():
    parent, child = python(FORK)
    assert parent == child


def test_its_time_without_python_can_be_measured():
    """A row through 7-5-3, whose products are 50 of 10^9 a second; the shortest of many times, as
    other programs hold the cores, too. `bench/inference.py` has the figure that README promises.
    """
    for dtype in DTYPES:
        predictor = small(dtype).predictor()._core
        seconds = min(_core.timing.predictor(predictor, 1, 0.001) for _ in range(30))
        assert 0 < seconds < 20e-6
