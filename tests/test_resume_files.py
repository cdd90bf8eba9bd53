"""Fits that were cut off go on from files, pickles and copies, and end with the same bits."""

import copy
import pickle
import threading

import numpy as np
import pytest

import chainrule as cr

from . import resuming
from .helpers import build
from .resuming import BATCH, EPOCHS, OCCASIONS, Cut, Log, middle, new_trainer, outcome

pytestmark = pytest.mark.usefixtures("one_step_per_call")
data = pytest.fixture(resuming.data, scope="module", name="data")


def test_callbacks_may_save_at_every_occasion(data, tmp_path):
    class Saver(Log):
        def __init__(self, where):
            super().__init__()
            self.where, self.files = where, []

        def occasion(self, trainer, *arguments):
            self.files.append(self.where / f"{len(self.files)}")
            trainer.save(self.files[-1])

        on_fit_begin = on_epoch_begin = on_steps_end = on_epoch_end = on_fit_end = occasion

    expected, saver, log = new_trainer("adam"), Saver(tmp_path), Log()
    expected.fit(**data, epochs=EPOCHS, batch_size=BATCH, callbacks=[saver, log])
    assert len(saver.files) == OCCASIONS + 2
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for n, path in enumerate(saver.files[1:-1], start=1):
        again, rest, loaded = Log(), Saver(elsewhere), cr.Trainer.load(path)
        loaded.fit(**data, callbacks=[again, rest])
        assert len(rest.files) == OCCASIONS - n + 2  # of all after that one, and of begin and end
        assert outcome(loaded) == outcome(expected)
        assert again.heard == log.heard
    first, last = (cr.Trainer.load(saver.files[i]) for i in (0, -1))
    assert not first.is_unfinished
    assert not last.is_unfinished
    assert outcome(last) == outcome(expected)
    assert first.steps == 0


def test_a_trainer_saved_between_two_fits_is_the_same_trainer(data, tmp_path):
    expected, trainer = new_trainer("float64"), new_trainer("float64")
    trainer.step(data["X"], data["Y"])
    expected.step(data["X"], data["Y"])
    for t in (expected, trainer):
        t.fit(**data, epochs=2)
        t.net.backward(data["X"], data["Y"], "cross_entropy")
        t.apply_gradients()
    trainer.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    assert repr(loaded) == repr(trainer)
    for name in ("l2", "l1", "penalize", "clip_value", "clip_norm", "metrics", "_single_steps"):
        assert getattr(loaded, name) == getattr(trainer, name)
    assert outcome(loaded) == outcome(trainer)
    for t in (expected, loaded):
        t.fit(**data, epochs=2)
        t.step(data["X"], data["Y"])
    assert outcome(loaded) == outcome(expected)


def test_the_same_trainer_is_the_same_file(data, tmp_path):
    trainer = new_trainer("adam")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, callbacks=[Log(), Cut(3), cr.EarlyStopping()])
    trainer.save(tmp_path / "a")
    cr.Trainer.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_trainer_that_never_trained_can_be_saved(tmp_path):
    new_trainer("adam").save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    assert outcome(loaded) == outcome(new_trainer("adam"))
    assert loaded._fit.expected_data is None


def test_trainers_are_pickled_and_copied(data):
    def half(epoch):
        return 0.5**epoch

    net = build(6, [(3, "softmax", 0)], "float32")
    trainer = cr.Trainer(net, "cross_entropy", schedule=half, metrics=[middle])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**data, epochs=2, callbacks=[Cut(7)])
    twin = copy.deepcopy(trainer)
    trainer.fit(**data, resume=True)
    assert twin.epoch == 1
    twin.fit(**data)
    assert outcome(twin) == outcome(trainer)
    other = new_trainer("adam")
    other.fit(**data)
    assert outcome(pickle.loads(pickle.dumps(other))) == outcome(other)


def test_a_fit_at_work_in_another_thread_is_not_saved(data, tmp_path):
    trainer, refusals = new_trainer("adam"), []

    class Elsewhere(cr.Callback):
        def on_steps_end(self, trainer, steps, loss):
            thread = threading.Thread(target=self.save, args=[trainer])
            thread.start()
            thread.join()

        def save(self, trainer):
            try:
                trainer.save(tmp_path / "run")
            except RuntimeError as error:
                refusals.append(str(error))

    trainer.fit(**data, batch_size=50, callbacks=[Elsewhere()])
    assert refusals == ["[Trainer.save] the network is at work in another thread"] * 2


def test_training_that_diverged_is_not_saved_and_diverges_again(data, tmp_path):
    X, Y = data["X"], data["X"][:, :2] * 1e3

    def trainer():
        return cr.Trainer(build(6, [(2, "identity", 0)], "float32"), "squared_error", cr.SGD(10.0))

    expected, path = trainer(), tmp_path / "run"
    with pytest.warns(RuntimeWarning, match="became"):
        expected.fit(X, Y, 9, 50, callbacks=[cr.Checkpoint(path, every=1)])
    loaded = cr.Trainer.load(path)
    assert loaded.net.is_finite()
    with pytest.warns(RuntimeWarning, match="became"):
        loaded.fit(X, Y)
    np.testing.assert_equal(
        [record | {"seconds": 0} for record in loaded.history],
        [record | {"seconds": 0} for record in expected.history],
    )
    assert loaded.stop_reason == expected.stop_reason


def test_an_optimizer_whose_mean_of_squares_overflowed_goes_on(data, tmp_path):
    def trainer():
        net = build(6, [(2, "identity", 0)], "float32")
        return cr.Trainer(net, "squared_error", cr.Adam(1e-3))

    X, Y = 1e12 * data["X"], 1e12 * data["X"][:, :2]
    expected, cut = trainer(), trainer()
    expected.fit(X, Y, 2, 50)
    assert np.isinf(expected._state.state(expected.net._core, 1, 0)).any()
    with pytest.raises(KeyboardInterrupt):
        cut.fit(X, Y, 2, 50, callbacks=[Cut(3)])
    cut.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    loaded.fit(X, Y)
    assert outcome(loaded) == outcome(expected)
