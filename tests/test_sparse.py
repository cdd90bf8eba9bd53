"""Sparse features: the bits of the same matrix made dense, and never its memory."""

import json
import os

import numpy as np
import pytest
from scipy import sparse

import chainrule as cr

from .helpers import build, targets
from .processes import printed
from .sparse_forms import FORMS, blocks, results, with_gaps

M, N = 700, 83  # two threads have several tiles each, and the last panel is not full


@pytest.fixture(scope="module")
def dense():
    return with_gaps(M, N, 0.1)


def arrays_of(matrix):
    """Every array that the matrix holds, with its bytes."""
    attributes = {name: getattr(matrix, name, None) for name in ("data", "indices", "indptr")}
    attributes |= {name: getattr(matrix, name, None) for name in ("row", "col", "rows", "offsets")}
    return {
        name: (a.dtype, a.shape, a.tolist() if a.dtype == object else a.tobytes())
        for name, a in attributes.items()
        if isinstance(a, np.ndarray)
    }


def network(dtype, n_inputs=N):
    return build(n_inputs, [(33, "tanh", 0), (3, "softmax", 0)], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS)
def test_sparse_features_give_the_bits_of_dense_ones(form, dtype, dense):
    X = FORMS[form](dense)
    assert sparse.issparse(X)
    before = arrays_of(X)
    unusual = form in ("room at the end", "in gaps", "other byte order")  # for scipy
    with np.errstate(all="raise"):
        same = results(network(dtype), dense if unusual else X.toarray())
        assert results(network(dtype), X) == same
    assert arrays_of(X) == before


def test_blocks_give_the_bits_of_dense_features(dense):
    X = blocks(dense)
    assert results(network("float32", N + 1), X) == results(network("float32", N + 1), X.toarray())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [(211, 97), (2,)])  # of (2,), W is stored transposed
def test_sparse_features_give_the_same_bits_on_any_number_of_threads(
    units, dtype, dense, isa, threads
):
    layers = [(n, "relu", 0) for n in units] + [(3, "softmax", 0)]
    runs = []
    for n in (1, 2, 3):
        cr.set_num_threads(n)
        runs += [results(build(N, layers, dtype), X) for X in (sparse.csr_array(dense), dense)]
    assert all(run == runs[0] for run in runs)


@pytest.mark.parametrize("n_inputs", [1, 7, 8, 9, 15, 16, 17, 32, 33])
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "squared_error"])
def test_widths_around_a_panel(n_inputs, loss, dense):
    X = np.ascontiguousarray(dense[:, 1 : n_inputs + 1])
    output = "sigmoid" if loss == "binary_cross_entropy" else "identity"
    nets = [build(n_inputs, [(5, "relu", 0), (1, output, 0)], "float32") for _ in range(2)]
    Y = targets(np.random.default_rng(1), loss, M, 1)
    for net, features in zip(nets, (X, sparse.csr_array(X)), strict=True):
        cr.Trainer(net, loss).fit(features, Y, 1, 37)
    for name, value in nets[0].parameters.items():
        assert nets[1].parameters[name].tobytes() == value.tobytes()


def test_rows_may_be_predicted_alone(dense):
    net, X = network("float32"), sparse.csr_array(dense)
    together = net.predict(X)
    assert np.concatenate([net.predict(X[[i]]) for i in range(0, M, 7)]).tobytes() == (
        together[::7].tobytes()
    )
    assert net.predict(X[::-1]).tobytes() == together[::-1].tobytes()


def test_a_stored_minus_zero_is_the_zero_of_the_dense_matrix():
    net = cr.Network([cr.Dense(2)], 1, "float64")
    net.parameters["1.weight"], net.parameters["1.bias"] = [[1.0, 1.0]], [-0.0, -0.0]
    X = sparse.csr_array(([-0.0], [0], [0, 1]), (1, 1))
    assert not np.signbit(X.toarray()[0, 0])
    assert not np.signbit(net.predict(X)[0, 0])
    assert np.signbit(net.predict([[-0.0]])[0, 0])


def test_gradients_of_sparse_features_are_right(dense):
    X = sparse.csc_array(dense[:20])
    check = cr.check_gradients(network("float64"), X, np.arange(20) % 3, "cross_entropy")
    assert check.relative_difference < 1e-7


def test_out_may_overlap_with_the_values(dense):
    net = cr.Network([cr.Dense(3, "tanh")], N, "float64")
    X = sparse.csr_array(dense)
    right = net.predict(X)
    out = X.data[-3 * M :].reshape(M, 3)  # of later rows
    assert net.predict(X, out=out) is out
    np.testing.assert_array_equal(out, right)


def test_a_matrix_changed_while_it_is_trained_on_leads_nowhere_else(dense):
    """Elements that then lie outside count as zero. (Sanitizers see more.)"""
    net, X = network("float32"), sparse.csr_array(dense)

    class Spoil(cr.Callback):
        def on_epoch_begin(self, trainer, epoch):
            if epoch == 1:
                X.indices[::2] = 10**9
                X.indices[1::2] = -(10**9)
            if epoch == 2:
                X.indptr[::2] = 10**9
                X.indptr[1::2] = -(10**9)

    cr.Trainer(net, "cross_entropy").fit(X, np.arange(M) % 3, 3, callbacks=[Spoil()])
    assert all(np.isfinite(value).all() for value in net.parameters.values())


PEAK = """
import json, sys
import numpy as np, chainrule as cr
from scipy import sparse

def memory(key):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])

rows, columns, stored = 20000, 5000, 100000
rng = np.random.default_rng(0)
X = sparse.coo_array(
    (rng.normal(size=stored), (rng.integers(0, rows, stored), rng.integers(0, columns, stored))),
    (rows, columns),
).asformat(sys.argv[1])
Y = rng.integers(0, 2, rows)
net = cr.Network([cr.Dense(8, "relu"), cr.Dense(2, "softmax")], columns)
trainer = cr.Trainer(net, "cross_entropy", metrics=["accuracy"])
trainer.step(X[:64] if sys.argv[1] == "csr" else X.tocsr()[:64], Y[:64])
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak is counted from here
before = memory("VmRSS")
trainer.fit(X, Y, 2, 64, validation_data=(X, Y))
net.predict(X)
print(json.dumps([memory("VmHWM") - before, 4 * rows * columns]))
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's /proc")
@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_training_takes_far_less_memory_than_the_dense_matrix(form):
    peak, dense = json.loads(printed(PEAK, form)[-1])
    assert peak < dense / 6, f"{peak / 2**20:.0f} MiB, dense {dense / 2**20:.0f} MiB"


def test_importing_and_predicting_loads_no_scipy():
    code = """
import sys, numpy as np, chainrule as cr
net = cr.Network([cr.Dense(2)], 3)
net.predict([[1, 2, 3]])
cr.Trainer(net, "squared_error").step([[1, 2, 3]], [[1, 2]])
print(*(name for name in sys.modules if name.split(".")[0] == "scipy"))
"""
    assert printed(code) == [""]
