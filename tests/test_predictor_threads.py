"""Predictors in many threads and in other processes; how long a call takes."""

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

from .predictors import DTYPES, every_dtype, small, trained
from .processes import printed


@every_dtype
def test_numbers_of_threads_change_no_bit(dtype, threads, rng):
    net = trained([cr.Dense(64, "relu"), cr.Dense(64, "relu"), cr.Dense(2, "softmax")], dtype, 20)
    X = rng.normal(size=(4001, 20))  # 44 MFLOP
    expected = net.predict(X)
    cr.set_num_threads(8)
    for n_threads in (None, 1, 2, 5, 1024):
        np.testing.assert_array_equal(net.predictor(n_threads)(X), expected)


ALONE = """
import os
import numpy as np, chainrule as cr
cr.set_num_threads(2)
predictor = cr.Network([cr.Dense(64, "relu"), cr.Dense(2)], 20).predictor(n_threads=1)
X, before = np.ones((200_000, 20), "float32"), len(os.listdir("/proc/self/task"))
predictor(X)
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux's /proc")
def test_a_predictor_for_one_thread_starts_none():
    assert printed(ALONE) == ["0"]


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
    predictor = net.predictor(n_threads)
    predictor(X), predictor(X)  # the second one by a team
    seen.append(len(os.listdir("/proc/self/task")))
print(json.dumps(seen))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux's /proc")
def test_a_call_takes_as_many_threads_as_it_may():
    one, two, three, all_four = json.loads(printed(TEAMS)[-1])
    assert (two - one, three - one, all_four - one) == (1, 2, 3)


FORK = """
import hashlib, os, signal
import numpy as np, chainrule as cr

cr.set_num_threads(2)
X = np.random.default_rng(0).normal(size=(4000, 64))
net = cr.Network([cr.Dense(64, "relu"), cr.Dense(64, "relu"), cr.Dense(2)], 64)
predictor = net.predictor()
predictor(X), predictor(X)  # the second one by a team
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
    parent, child = printed(FORK)
    assert parent == child


def test_its_time_without_python_can_be_measured():
    """A row through 7-5-3, whose products are 50 of 10^9 a second; the shortest of many times, as
    other programs hold the cores, too. `bench/inference.py` has the figure that README promises.
    """
    for dtype in DTYPES:
        predictor = small(dtype).predictor()._core
        seconds = min(_core.timing.predictor(predictor, 1, 0.001) for _ in range(30))
        assert 0 < seconds < 20e-6
