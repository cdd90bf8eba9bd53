"""A few rows of wide layers, whose columns threads share in prediction."""

import os

import numpy as np
import pytest

import chainrule as cr

from .processes import output
from .sparse_forms import csr

WIDE = {
    "chain": [cr.Dense(640, "relu"), cr.Dense(530, "tanh"), cr.Dense(10, "softmax")],
    "ends wide": [cr.Dense(640, "gelu"), cr.Dense(601)],
    "softmax is whole": [cr.Dense(640, "relu"), cr.Dense(700, "softmax")],
    "other layers between": [
        cr.Dense(20, "relu"),
        cr.Dense(800, "sigmoid"),
        cr.LayerNorm(),
        cr.Residual([cr.Dense(512, "relu"), cr.Dense(700), cr.BatchNorm()]),
        cr.Dense(1),
    ],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layers", WIDE.values(), ids=WIDE)
def test_the_bits_are_those_of_one_thread(layers, dtype, isa, rng):
    net = cr.Network(layers, 900, dtype, seed=1)
    predictor = net.predictor()
    X = rng.normal(size=(40, 900)).astype(dtype)
    before = cr.get_num_threads()
    try:
        cr.set_num_threads(1)
        expected = net.predict(X)
        for threads in (2, 3, 7):
            cr.set_num_threads(threads)
            for rows in (1, 2, 3, 5, 8, 12, 13, 28, 1):
                np.testing.assert_array_equal(net.predict(X[:rows]), expected[:rows])
                np.testing.assert_array_equal(predictor(X[-1:]), expected[-1:])
            for sparse in (csr(X[:2]), csr(np.where(rng.random(X.shape) < 0.03, X, 0)[:2])):
                dense = np.asarray(sparse.todense())
                np.testing.assert_array_equal(net.predict(sparse), net.predict(dense))
    finally:
        cr.set_num_threads(before)


ALONE = """
import os, time
import numpy as np
import chainrule as cr
cr.set_num_threads(2)
net = cr.Network([cr.Dense(1000, "relu"), cr.Dense(10, "softmax")], 800)
narrow = cr.Network([cr.Dense(2)], 800)
X, many = np.ones((1, 800), "float32"), np.ones((5000, 800), "float32")  # looked at before
before = len(os.listdir("/proc/self/task"))
def begun(model, rows, pause):
    time.sleep(pause)
    model.predict(rows)
    return len(os.listdir("/proc/self/task")) - before
alone = [begun(model, rows, 0.02) for model, rows in ((net, X), (narrow, many), (net, X))]
print(alone, [begun(net, X, 0) for _ in range(20)][-1])
"""
IN_A_ROW = """
import os, time
import numpy as np
import chainrule as cr
cr.set_num_threads(2)
net = cr.Network([cr.Dense(256, "relu"), cr.Dense(256, "relu"), cr.Dense(2)], 64)
X = np.ones((2000, 64), "float32")
before = len(os.listdir("/proc/self/task"))
for _ in range(8):
    time.sleep(pause)
    net.predict(X)
print(len(os.listdir("/proc/self/task")) - before)
"""
counts_threads = pytest.mark.skipif(
    not os.path.isdir("/proc/self/task") or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and two cores",
)


@counts_threads
def test_short_calls_that_come_alone_wake_nobody():
    """The thread is begun by a call that follows another."""
    assert output(ALONE) == "[0, 0, 0] 1"


@counts_threads
@pytest.mark.parametrize(("pause", "begun"), [(0, "1"), (0.02, "0")])
def test_long_calls_in_a_row_have_helpers(pause, begun):
    """Of more than 10 ms each, without vectors: what counts is the pause between them."""
    assert output(f"pause = {pause}\n{IN_A_ROW}", CHAINRULE_ISA="baseline") == begun
