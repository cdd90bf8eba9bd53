"""Ctrl-C at any moment of a save or a step: nothing waits for it then, and no half file is left."""

import itertools
import sys
import threading

import pytest

import chainrule as cr

from .doors import TARGETS, X, trainer_at_work

Y = TARGETS["cross_entropy"]
FILES = ("contextlib.py", "checkpoint.py", "trainer_file.py")
OF_STEPS = ("contextlib.py", "network.py", "_stepping.py", "trainer.py")


def interrupted_at(n, call, files=FILES):
    """Ctrl-C as a function of the files that hold the network begins or ends, the n-th time.

    Python looks for signals there, and in loops; not between the lines of a function.
    """
    steps = itertools.count(1)

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.endswith(files):
            return None
        frame.f_trace_lines = False
        if next(steps) == n:
            del argument  # what is returned, which the traceback would hold
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("what", ["network", "trainer"])
def test_the_network_is_free_after_a_save_that_was_interrupted(what, tmp_path):
    trainer, path = trainer_at_work(), tmp_path / "file"
    bias = trainer.net.parameters["1.bias"]
    save = trainer.save if what == "trainer" else trainer.net.save
    for n in itertools.count(1):
        try:
            interrupted_at(n, lambda: save(path))
            break
        except KeyboardInterrupt:  # whose traceback still holds whatever was at work
            trainer.net.parameters["1.bias"] = bias
    assert n > 10
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    (cr.Trainer if what == "trainer" else cr.Network).load(path)
    trainer.step(X, Y)


@pytest.mark.parametrize("what", ["step", "fit", "apply_gradients"])
def test_other_threads_may_train_after_a_step_that_was_interrupted(what):
    trainer, done = trainer_at_work(), []
    calls = {
        "step": lambda: trainer.step(X, Y),
        "fit": lambda: trainer.fit(X, Y, resume=False),
        "apply_gradients": trainer.apply_gradients,
    }
    for n in itertools.count(1):
        try:
            interrupted_at(n, calls[what], OF_STEPS)
            break
        except KeyboardInterrupt:  # whose traceback still holds whatever was at work
            other = threading.Thread(target=lambda: done.append(trainer.step(X, Y)))
            other.start()
            other.join()
        assert len(done) == n
    assert n > 5
