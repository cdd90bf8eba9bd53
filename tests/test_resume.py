"""Fits that were cut off go on in memory, and end with the same bits."""

import contextlib
import sys

import pytest

import chainrule as cr

from . import resuming
from .resuming import (
    BATCH,
    EPOCHS,
    OCCASIONS,
    SETTINGS,
    Cut,
    Log,
    new_trainer,
    outcome,
    same_weights,
)

pytestmark = pytest.mark.usefixtures("one_step_per_call")
data = pytest.fixture(resuming.data, scope="module", name="data")


def own(order):
    callbacks = {"log": Log(), "stopping": cr.EarlyStopping(2, restore_best=True)}
    return [callbacks[name] for name in order]


ORDERS = [("log", "stopping"), ("stopping", "log")]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_fit_cut_off_anywhere_goes_on_to_the_same_end(name, data, tmp_path, threads):
    order = ORDERS[len(name) % 2]
    expected, heard = new_trainer(name), own(order)
    expected.fit(**data, epochs=EPOCHS, batch_size=BATCH, callbacks=heard)
    cuts = 0
    for n in range(1, OCCASIONS + 1):
        trainer, callbacks = new_trainer(name), own(order)
        callbacks.insert(n % 3, Cut(n))
        cr.set_num_threads(1 + n % 3)
        try:
            trainer.fit(**data, epochs=EPOCHS, batch_size=BATCH, callbacks=callbacks)
            assert not trainer.is_unfinished
            break
        except KeyboardInterrupt:
            cuts += 1
        assert trainer.is_unfinished
        trainer.save(tmp_path / "run")
        loaded, again = cr.Trainer.load(tmp_path / "run"), own(order)
        assert loaded.is_unfinished
        same_weights(loaded, trainer)
        cr.set_num_threads(1 + (n + 1) % 3)
        history = loaded.fit(**data, callbacks=again)
        assert history is loaded.history
        assert outcome(loaded) == outcome(expected)
        for one, other in zip(again, heard, strict=True):
            if isinstance(one, Log):
                assert (one.heard, one.sum.tolist()) == (other.heard, other.sum.tolist())
            else:
                assert (one.best, one.best_epoch) == (other.best, other.best_epoch)
        if n % 3 == 0:
            trainer.fit(**data, resume=True)
            assert outcome(trainer) == outcome(expected)
        assert not loaded.is_unfinished
    assert cuts >= 3 * 6


def test_the_best_weights_are_there_after_ctrl_c_and_the_latest_go_on(data, tmp_path):
    """Early stopping has put the best weights back, which a fit does not go on from."""
    expected, trainer = new_trainer("plateau"), new_trainer("plateau")
    kwargs = {**data, "epochs": 30, "batch_size": BATCH}
    expected.fit(**kwargs, callbacks=[cr.EarlyStopping(5)])
    assert expected.stop_reason
    callbacks = [Cut(6 * (len(expected.history) - 2)), cr.EarlyStopping(5)]
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**kwargs, callbacks=callbacks)
    same_weights(trainer, expected)
    assert trainer._fit.unfinished.weights is not None
    trainer.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    same_weights(loaded, trainer)
    for t in (trainer, loaded):  # without a word about the callbacks
        t.fit(**data, resume=True)
        assert outcome(t) == outcome(expected)


@pytest.mark.parametrize("at", range(1, 9))
def test_ctrl_c_inside_early_stopping_loses_nothing(at, data, monkeypatch):
    """While it reads the best weights, while it stops training, while it puts them back."""
    kwargs = {**data, "epochs": 30, "batch_size": BATCH}
    expected, trainer = new_trainer("plateau"), new_trainer("plateau")
    expected.fit(**kwargs, callbacks=[cr.EarlyStopping(5)])
    names, calls = ("items", "__setitem__"), []

    def interrupting(real):
        def call(*arguments):
            calls.append(real)
            if len(calls) == at:
                raise KeyboardInterrupt
            return real(*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in names:
            patch.setattr(
                type(trainer.net.parameters),
                name,
                interrupting(getattr(type(trainer.net.parameters), name)),
            )
        with contextlib.suppress(KeyboardInterrupt):
            trainer.fit(**kwargs, callbacks=[cr.EarlyStopping(5)])
    if trainer.is_unfinished:
        trainer.fit(**data, resume=True)
    assert outcome(trainer) == outcome(expected)


def test_a_resume_that_fails_before_the_first_step_loses_no_weights(data, tmp_path):
    class Fails(cr.Callback):
        optional = True

        def state(self):
            return {}

        def restore(self, state):
            raise ZeroDivisionError

        def on_steps_end(self, trainer, steps, loss):
            if trainer.steps == 30:
                trainer.save(tmp_path / "run")

    expected = new_trainer("plateau")
    callbacks = [cr.EarlyStopping(9), Fails()]
    expected.fit(**data, epochs=9, batch_size=BATCH, callbacks=callbacks)
    loaded = cr.Trainer.load(tmp_path / "run")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            loaded.fit(**data, callbacks=[cr.EarlyStopping(9), Fails()])
        assert loaded.is_unfinished
        loaded.save(tmp_path / "run")
        loaded = cr.Trainer.load(tmp_path / "run")
    loaded.fit(**data)
    assert outcome(loaded) == outcome(expected)


class Fails(cr.Callback):
    """At one occasion, once."""

    optional = True

    def __init__(self, occasion):
        def fail(trainer, *_):
            delattr(self, occasion)
            raise ZeroDivisionError

        setattr(self, occasion, fail)


class Stops(cr.Callback):
    optional = True

    def __init__(self, occasion):
        setattr(self, occasion, lambda trainer, *_: trainer.stop("enough"))


@pytest.mark.parametrize("before", [[], [Stops("on_fit_begin")]], ids=["alone", "after a stop"])
def test_a_fit_that_fails_before_it_begins_leaves_the_stop_of_the_one_to_go_on(before, data):
    for stops, reason in (([], None), ([Stops("on_epoch_begin")], "enough")):
        trainer = new_trainer("plateau")
        with pytest.raises(ZeroDivisionError):
            trainer.fit(**data, epochs=9, callbacks=[*stops, Fails("on_steps_end")])
        for resume in (False, True):
            failing = [*before, Fails("on_fit_begin")]
            with pytest.raises(ZeroDivisionError):
                trainer.fit(**data, epochs=9, resume=resume, callbacks=failing)
            assert (trainer.is_unfinished, trainer.stop_reason) == (True, reason)
        trainer.fit(**data, resume=True, callbacks=[])
        assert (trainer.epoch, trainer.stop_reason) == (1 if stops else 9, reason)


def test_a_callback_may_stop_a_fit_as_it_begins(data):
    trainer = new_trainer("plateau")
    trainer.fit(**data, epochs=9, callbacks=[Stops("on_fit_begin")])
    assert (trainer.epoch, trainer.stop_reason) == (0, "enough")
    trainer.fit(**data, epochs=2)
    assert (trainer.epoch, trainer.stop_reason) == (2, None)


def test_a_fit_after_the_last_epoch_has_nothing_left_to_do(data, tmp_path):
    expected, path = new_trainer("adam"), tmp_path / "run"
    expected.fit(**data, epochs=EPOCHS, callbacks=[cr.Checkpoint(path)])
    for options in ({}, {"epochs": EPOCHS}):
        loaded = cr.Trainer.load(path)
        assert loaded.is_unfinished
        loaded.fit(**data, **options)
        assert outcome(loaded) == outcome(expected)
    longer, other = cr.Trainer.load(path), new_trainer("adam")
    longer.fit(**data, epochs=EPOCHS + 2)
    other.fit(**data, epochs=EPOCHS + 2)
    assert outcome(longer) == outcome(other)


def test_the_cursor_is_kept_where_ctrl_c_comes_right_after_the_core(data, monkeypatch):
    """Where Python looks for signals first: after the call, before its result has a name."""
    expected, trainer = new_trainer("adam"), new_trainer("adam")
    expected.fit(**data, epochs=2, batch_size=BATCH)
    real, calls = cr.Trainer._train, []

    def interrupted(self, *arguments):
        result = real(self, *arguments)
        calls.append(result)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(cr.Trainer, "_train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, epochs=2, batch_size=BATCH)
    trainer.fit(**data, resume=True)
    assert outcome(trainer) == outcome(expected)


def test_an_epoch_ends_as_a_whole_where_ctrl_c_comes_in_its_last_lines(data, monkeypatch):
    expected, trainer = new_trainer("adam"), new_trainer("adam")
    expected.fit(**data, epochs=2, batch_size=BATCH)
    real = cr.History.append

    def interrupted(self, record):
        real(self, record)
        if len(self) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cr.History, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(**data, epochs=2, batch_size=BATCH)
    assert len(trainer.history) == trainer.epoch == 0
    trainer.fit(**data, resume=True)
    assert outcome(trainer) == outcome(expected)


def test_a_second_ctrl_c_while_the_first_is_dealt_with_loses_nothing(data):
    class Twice(Log):
        def state(self):
            if not presses:
                return super().state()
            raise presses.pop()

    expected, trainer, presses = new_trainer("adam"), new_trainer("adam"), []
    expected.fit(**data, epochs=3, batch_size=BATCH)
    log, cut = Twice(), Cut(9)
    presses.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, epochs=3, batch_size=BATCH, callbacks=[log, cut])
    assert presses == []
    assert trainer.is_unfinished
    trainer.fit(**data, resume=True)
    assert outcome(trainer) == outcome(expected)


def test_ctrl_c_as_a_callback_returns_does_not_tell_it_twice(data, tmp_path):
    def callbacks(name):
        return [cr.CSVLogger(tmp_path / name), cr.EarlyStopping(3)]

    def interrupt(frame, event, function):
        is_told = event == "c_return" and function.__name__ == "extend"
        is_told = is_told and frame.f_locals.get("occasion") == "on_epoch_end"
        if is_told and trainer.epoch == 2:
            sys.setprofile(None)
            raise KeyboardInterrupt

    expected, trainer = new_trainer("adam"), new_trainer("adam")
    expected.fit(**data, epochs=4, batch_size=BATCH, callbacks=callbacks("expected"))
    try:
        sys.setprofile(interrupt)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(**data, epochs=4, batch_size=BATCH, callbacks=callbacks("found"))
    finally:
        sys.setprofile(None)
    trainer.fit(**data, resume=True)
    assert outcome(trainer) == outcome(expected)
    found = (tmp_path / "found").read_text().splitlines()
    assert [line.split(",")[0] for line in found] == ["epoch", "0", "1", "2", "3"]
