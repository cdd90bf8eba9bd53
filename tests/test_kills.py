"""A training process that is killed, again and again, ends with the bits of one that was not.

`CHAINRULE_EXHAUSTIVE=1` kills 200 times and not 15.
"""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

import chainrule as cr

TIMES = 200 if os.environ.get("CHAINRULE_EXHAUSTIVE") else 15

TRAIN = """
import hashlib, signal, sys
import os, time
import numpy as np, chainrule as cr
from chainrule import _files
from chainrule import _stepping

def slow_write(handle, data, write=os.write):  # a disk on which half of the time goes
    time.sleep(1e-4)
    return write(handle, data[:1024])

_files.os.write = slow_write
path, keep, threads, saves_on_ctrl_c = sys.argv[1], *map(int, sys.argv[2:])
_stepping.SECONDS_PER_CALL = 0.002  # of an epoch of some 5 ms
cr.set_num_threads(threads)
X = np.random.default_rng(0).normal(size=(2500, 20))
Y = (X[:, :4] + np.sin(3 * X[:, 4:8])).argmax(axis=1)
newest = cr.Checkpoint.newest(path)
if newest is None:
    net = cr.Network([cr.Dense(32, "relu"), cr.Dense(4, "softmax")], 20)
    schedule = cr.warmup(cr.reduce_on_plateau(0.5, patience=2), 3)
    options = {"metrics": ["accuracy"], "l2": 1e-4}
    trainer = cr.Trainer(net, "cross_entropy", cr.Adam(0.002), schedule, **options)
else:
    trainer = cr.Trainer.load(newest)
callbacks = [] if saves_on_ctrl_c else [cr.Checkpoint(path, every=25, keep=keep)]
try:
    print("ready", flush=True)
    trainer.fit(
        X[:2000], Y[:2000], epochs=60, batch_size=16, validation_data=(X[2000:], Y[2000:]),
        callbacks=[*callbacks, cr.EarlyStopping(patience=12)],
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if trainer.is_unfinished or trainer.epoch == 0:  # else it came at the very end
        trainer.save(path)
        sys.exit(3)
h = hashlib.sha256()
for record in trainer.history:
    h.update(repr(record | {"seconds": 0}).encode())
for w in trainer.net.parameters.values():
    h.update(w.tobytes())
print(h.hexdigest(), trainer.steps, trainer.stop_reason)
"""


SAVES_HIT = []  # temporaries that a kill has left


def start(path, keep, threads, saves_on_ctrl_c=0):
    arguments = map(str, (path, keep, threads, saves_on_ctrl_c))
    command = [sys.executable, "-W", "error", "-c", TRAIN, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def end(process, *statuses):
    """What it printed after "ready", little enough for a pipe; `communicate` would lose lines."""
    with process:
        assert process.wait() in statuses, process.stderr.read()
        return process.stdout.read()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What the training prints, and how long it takes from "ready" on."""
    process = start(tmp_path_factory.mktemp("undisturbed") / "run", 1, 1)
    begin = time.perf_counter()
    out = end(process, 0)
    return out, time.perf_counter() - begin


def disturbed(path, keep, wait, send, saves_on_ctrl_c=0):
    """Runs to the end, with a signal after each `wait()` until None; (output, signals sent)."""
    sent = 0
    while True:
        process = start(path, keep, 1 + sent % 3, saves_on_ctrl_c)
        seconds = wait()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(send)
            sent += 1
        out = end(process, 0, 3, -send)
        if process.returncode == 0:
            return out, sent
        check_whole(path)


def check_whole(path):
    """No moment leaves a file that does not load, under any of its names."""
    for file in path.parent.iterdir():
        if ".part-" in file.name:
            SAVES_HIT.append(file)
        else:
            assert cr.Trainer.load(file).net.is_finite()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("keep", [1, 3])
def test_a_training_that_is_killed_at_any_moment_ends_with_the_same_bits(
    keep, undisturbed, tmp_path
):
    expected, seconds = undisturbed
    rng, kills, runs = random.Random(keep), 0, 0
    SAVES_HIT.clear()
    times = -(-TIMES // 2)
    while kills < times:
        path = tmp_path / f"{runs}" / "run.safetensors"
        path.parent.mkdir()
        out, sent = disturbed(path, keep, lambda: rng.random() * seconds / 2, signal.SIGKILL)
        assert out == expected
        assert len(list(path.parent.iterdir())) == keep  # no temporary is left
        kills, runs = kills + sent, runs + 1
    hit = f"{len(SAVES_HIT)} of them in a save"
    print(f"{kills} kills, {hit}, in {runs} runs of {seconds:.2f} s each undisturbed")


@pytest.mark.timeout(600)
def test_a_training_that_sees_ctrl_c_at_any_moment_is_saved_and_ends_with_the_same_bits(
    undisturbed, tmp_path
):
    expected, _ = undisturbed
    rng, sent, runs = random.Random(9), 0, 0
    while sent < TIMES // 2:
        path = tmp_path / f"{runs}" / "run"
        path.parent.mkdir()
        out, more = disturbed(path, 1, lambda: rng.random() * 0.3, signal.SIGINT, 1)
        assert out == expected
        sent, runs = sent + more, runs + 1
