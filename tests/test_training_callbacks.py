"""Callbacks of a fit, and fits that end early: by them, by divergence, by Ctrl-C."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import chainrule as cr

from . import on_digits
from .helpers import build
from .on_digits import new_trainer, weights_of

digits = pytest.fixture(on_digits.digits, scope="module", name="digits")


class Recorder(cr.Callback):
    def __init__(self):
        self.calls, self.steps = [], 0

    def on_fit_begin(self, trainer, epochs, steps_per_epoch):
        self.calls.append(("fit begin", epochs, steps_per_epoch))

    def on_epoch_begin(self, trainer, epoch):
        self.calls.append(("epoch begin", epoch))

    def on_steps_end(self, trainer, steps, loss):
        self.steps += steps
        assert np.isfinite(loss)

    def on_epoch_end(self, trainer, epoch, logs):
        self.calls.append(("epoch end", epoch, self.steps, sorted(logs)))

    def on_fit_end(self, trainer):
        self.calls.append("fit end")


def test_callbacks_are_called_in_order(digits):
    X, y, *_ = digits
    recorder = Recorder()
    new_trainer().fit(X, y, 2, 100, callbacks=[recorder])
    keys = ["epoch", "learning_rate", "loss", "seconds"]
    assert recorder.calls == [
        ("fit begin", 2, 14),
        ("epoch begin", 0),
        ("epoch end", 0, 14, keys),
        ("epoch begin", 1),
        ("epoch end", 1, 28, keys),
        "fit end",
    ]


def test_a_method_that_nothing_calls_is_warned_of_once(digits):
    X, y, *_ = digits

    class Other:
        def on_predict(self): ...

    class Mine(cr.Callback, Other):
        def on_batch_end(self, batch, logs=None): ...

    class Mines(Mine):
        def on_epoch_end(self, trainer, epoch, logs): ...

    text = (
        r"^\[Trainer.fit, Mines?\] method: expected one of 'on_fit_begin', .*, got 'on_batch_end'"
    )
    trainer = new_trainer()
    for kind in (Mine, Mines):
        with pytest.warns(UserWarning, match=text) as caught:
            trainer.fit(X, y, callbacks=[kind()])
        assert len(caught) == 1
        assert str(caught[0].message).endswith("nothing calls it")
        assert caught[0].filename == __file__
        trainer.fit(X, y, callbacks=[kind()])  # warnings are errors


def test_early_stopping_restores_the_best_weights(digits):
    X, y, X_val, y_val = digits
    trainer = new_trainer(optimizer=cr.SGD(0.5, momentum=0.9))
    stopper = cr.EarlyStopping(patience=3)
    history = trainer.fit(X, y, 200, 32, validation_data=(X_val, y_val), callbacks=[stopper])
    best = int(np.argmin(history["val_loss"]))
    assert stopper.best_epoch == best
    assert len(history) == best + 4 < 200
    assert trainer.evaluate(X_val, y_val)["loss"] == min(history["val_loss"]) == stopper.best
    assert "did not improve" in trainer.stop_reason


def test_progress_bar_and_csv(digits, tmp_path, capsys):
    X, y, *_ = digits
    trainer = new_trainer()
    path = tmp_path / "log.csv"
    trainer.fit(X, y, 3, 100, callbacks=[cr.ProgressBar(), cr.CSVLogger(path)])
    assert "42/42" in capsys.readouterr().err
    lines = path.read_text().splitlines()
    assert lines[0] == "epoch,loss,learning_rate,seconds"
    assert len(lines) == 4
    assert float(lines[-1].split(",")[1]) == trainer.history["loss"][-1]


def test_plateau_schedule_watches_the_validation_loss(digits):
    X, y, X_val, y_val = digits
    trainer = new_trainer(optimizer=cr.SGD(0.5), schedule=cr.reduce_on_plateau(0.5, patience=1))
    history = trainer.fit(X, y, 40, 32, validation_data=(X_val, y_val))
    rates, losses = history["learning_rate"], history["val_loss"]
    best, rate = np.inf, 0.5
    for epoch, loss in enumerate(losses):
        assert rates[epoch] == rate
        if loss < best * (1 - 1e-4):
            best = loss
        else:
            rate *= 0.5
    assert rates[-1] < 0.5


def test_diverging_training_stops_with_a_warning(digits):
    X, y, *_ = digits
    net = build(64, [(20, "relu", 0), (1, "identity", 0)], "float32")
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1e6))
    with pytest.warns(
        RuntimeWarning, match=r"\[Trainer.fit\] epoch \d+: the cost became (nan|inf)"
    ):
        history = trainer.fit(X, y, 50, 32)
    assert len(history) < 50
    assert "became" in trainer.stop_reason


def test_an_exception_in_a_callback_leaves_complete_steps(digits):
    X, y, *_ = digits

    class Failing(Recorder):
        def on_epoch_end(self, trainer, epoch, logs):
            raise ZeroDivisionError

    trainer, recorder, failing = new_trainer(), Recorder(), Failing()
    with pytest.raises(ZeroDivisionError):
        trainer.fit(X, y, 5, 100, callbacks=[recorder, failing])
    assert recorder.calls[-1] == failing.calls[-1] == "fit end"
    assert trainer.steps == 14
    assert len(trainer.history) == 1
    other = new_trainer()
    other.fit(X, y, 1, 100)
    assert weights_of(trainer.net) == weights_of(other.net)


@pytest.fixture
def listens_to_ctrl_c():
    """As a process in the foreground does; a shell's background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listens_to_ctrl_c")
def test_ctrl_c_comes_through_within_a_fraction_of_a_second_after_a_whole_step(rng):
    n = 6_000_000  # an epoch takes half a second or more, so a call of the core must end before it
    X, y = np.broadcast_to(rng.normal(size=(1, 64)), (n, 64)), np.zeros(n, np.int64)
    trainer = new_trainer()

    class Interrupt(cr.Callback):
        def on_epoch_begin(self, trainer, epoch):
            self.timer = threading.Timer(0.1, self.interrupt)
            self.timer.start()

        def interrupt(self):
            self.at = time.perf_counter()
            os.kill(os.getpid(), signal.SIGINT)

    interrupt = Interrupt()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, y, epochs=1, batch_size=32, callbacks=[interrupt])
    late = time.perf_counter() - interrupt.at
    interrupt.timer.join()
    assert trainer.epoch == 0
    assert late < 0.5  # 50 ms of the core, and a busy machine

    other = new_trainer()
    for _ in range(trainer.steps):  # all rows are alike
        other.step(X[:32], y[:32])
    assert weights_of(trainer.net) == weights_of(other.net)
    trainer.fit(X[:64], y[:64])  # still works


def test_parameters_that_overflow_in_the_last_step_are_noticed(rng):
    net = build(4, [(2, "identity", 0)], "float32")
    trainer = cr.Trainer(net, "squared_error", cr.SGD(3e38))
    with pytest.warns(RuntimeWarning, match="a parameter became infinite or NaN"):
        trainer.fit(rng.normal(size=(8, 4)), 1e3 * rng.normal(size=(8, 2)), 1, None)


def test_a_fit_waits_for_predictions_of_another_thread(digits):
    X, y, *_ = digits
    trainer, stop, refused = new_trainer(), threading.Event(), []

    def serve():
        while not stop.is_set():
            try:
                trainer.net.predict(X)
            except RuntimeError as error:  # the latecomer is told
                refused.append(str(error))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        trainer.fit(X, y, epochs=30, batch_size=50)
    finally:
        stop.set()
        thread.join()
    assert trainer.epoch == 30
    assert all("at work in another thread" in text for text in refused)
