"""Early stopping, and the base of all callbacks, driven by a small stand-in for the trainer."""

import inspect
import math
import re

import pytest

from chainrule import callbacks
from chainrule.callbacks import Callback, CSVLogger, EarlyStopping, ProgressBar
from chainrule.metrics import Metric

from .fake_trainer import FakeTrainer, losses


@pytest.fixture
def trainer():
    return FakeTrainer()


def weights_are(trainer, epoch):
    return all((w == epoch).all() for w in trainer.net.parameters.values())


# ---- Callback ------------------------------------------------------------------------------------


def test_base_class_does_nothing_at_every_occasion(trainer):
    trainer.fit(losses(2, 1), Callback())
    assert len(trainer.history) == 2


def test_callbacks_override_only_occasions_that_exist():
    occasions = {name: method for name, method in vars(Callback).items() if name.startswith("on_")}
    for kind in (ProgressBar, EarlyStopping, CSVLogger):
        for name, method in vars(kind).items():
            if name.startswith("on_"):
                assert inspect.signature(method) == inspect.signature(occasions[name])


def test_callbacks_need_neither_trainer_nor_core():
    names = vars(callbacks)
    assert "Trainer" not in names
    assert not any(getattr(value, "__name__", "").endswith("_core") for value in names.values())


# ---- EarlyStopping -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "values", "epochs", "best_epoch"),
    [
        ({"patience": 1}, [3, 2, 1, 1, 0], 4, 3),  # equal is no improvement
        ({"patience": 2}, [3, 2, 4, 1, 2, 2, 0], 6, 4),  # one good epoch starts the count anew
        ({"patience": 2}, [3, 2, 1], 3, 3),  # never stopped
        ({"patience": 1, "min_delta": 0.5}, [3, 2, 1.5, 0], 3, 2),  # must beat by more than 0.5
        ({"patience": 1, "min_delta": 0.5}, [3, 2, 1.4, 0], 4, 4),
        ({"patience": 2}, [math.nan, 3, math.nan, 2, math.inf, 5, 0], 6, 4),
        ({"patience": 2}, [math.nan, math.nan, 1], 2, None),
        ({"patience": 1, "larger_is_better": True}, [1, 2, 1.5, 3], 3, 2),
    ],
)
def test_early_stopping_ends_where_worked_out_by_hand(
    trainer, arguments, values, epochs, best_epoch
):
    stopping = EarlyStopping(**arguments)
    trainer.fit(losses(*values), stopping)
    assert (len(trainer.history), stopping.best_epoch) == (epochs, best_epoch)
    assert stopping.best == (None if best_epoch is None else values[best_epoch - 1])
    assert bool(trainer.stopped) == (epochs < len(values))


def test_early_stopping_says_why(trainer):
    trainer.fit(losses(0.5, 0.25, 0.5, 0.5), EarlyStopping(patience=2))
    assert trainer.stopped == "loss did not improve for 2 epochs (best 0.25 in epoch 2)"


def test_early_stopping_watches_the_validation_loss_if_there_is_one(trainer):
    stopping = EarlyStopping(patience=1)
    trainer.fit([{"loss": 1, "val_loss": 5}, {"loss": 2, "val_loss": 4}], stopping)
    assert stopping.best == 4
    assert trainer.stopped is None


def test_early_stopping_knows_that_more_accuracy_is_better(trainer):
    stopping = EarlyStopping(patience=1, monitor="val_accuracy")
    trainer.fit(losses(0.5, 0.75, 0.625, 1.0, key="val_accuracy"), stopping)
    assert (stopping.best, stopping.best_epoch, len(trainer.history)) == (0.75, 2, 3)


@pytest.mark.parametrize("records", [losses(3, 1, 2, 2), losses(3, 1, 2)], ids=["stopped", "ended"])
def test_best_weights_come_back(trainer, records):
    trainer.fit(records, EarlyStopping(patience=2))
    assert weights_are(trainer, 2)


def test_best_weights_come_back_after_an_exception(trainer):
    with pytest.raises(KeyboardInterrupt):
        trainer.fit([*losses(3, 1, 2), KeyboardInterrupt()], EarlyStopping())
    assert weights_are(trainer, 2)


def test_interrupted_before_any_epoch_the_weights_stay(trainer):
    with pytest.raises(KeyboardInterrupt):
        trainer.fit([KeyboardInterrupt()], EarlyStopping())
    assert weights_are(trainer, 99)


def test_latest_weights_stay_if_asked(trainer):
    trainer.fit(losses(3, 1, 2), EarlyStopping(restore_best=False))
    assert weights_are(trainer, 3)


def test_each_fit_starts_anew(trainer):
    stopping = EarlyStopping(patience=2)
    trainer.fit(losses(1, 0.5, 0.75), stopping)
    trainer.fit(losses(9, 8, 8.5), stopping)
    assert (stopping.best, stopping.best_epoch) == (8, 5)
    assert trainer.stopped is None
    assert weights_are(trainer, 5)


def test_unknown_monitor_lists_the_keys(trainer):
    message = "[EarlyStopping] monitor: expected one of 'epoch', 'loss', got 'val_accuracy'"
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}$"):
        trainer.fit(losses(1, 2), EarlyStopping(monitor="val_accuracy"))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"patience": 0}, ValueError, "[EarlyStopping] patience: expected an integer >= 1, got 0"),
        ({"min_delta": -1}, ValueError, "[EarlyStopping] min_delta"),
        ({"restore_best": 1}, TypeError, "[EarlyStopping] restore_best"),
        ({"monitor": 3}, TypeError, "[EarlyStopping] monitor: expected a key of the history"),
        ({"larger_is_better": "no"}, TypeError, "[EarlyStopping] larger_is_better: expected True"),
    ],
)
def test_early_stopping_refuses(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        EarlyStopping(**arguments)


@pytest.mark.parametrize(("direction", "best_epoch"), [(True, 2), (False, 1)])
def test_early_stopping_goes_by_the_direction_of_a_metric(trainer, direction, best_epoch):
    trainer.metrics = (Metric("f1", lambda Y, P, w: 0.0, larger_is_better=direction),)
    stopping = EarlyStopping(patience=3, monitor="val_f1")
    trainer.fit([{"loss": 1, "val_f1": f1} for f1 in (0.5, 0.7, 0.6)], stopping)
    assert stopping.best_epoch == best_epoch
    told = EarlyStopping(patience=3, monitor="val_f1", larger_is_better=not direction)
    trainer.fit([{"loss": 1, "val_f1": f1} for f1 in (0.5, 0.7, 0.6)], told)
    assert told.best_epoch - 3 == 3 - best_epoch


def test_early_stopping_asks_for_a_direction_that_nothing_tells(trainer):
    trainer.metrics = (Metric("f1", lambda Y, P, w: 0.0),)
    message = "[EarlyStopping] larger_is_better: expected True or False for monitor='f1'"
    with pytest.raises(ValueError, match=re.escape(message)):
        trainer.fit(losses(1, 2), EarlyStopping(monitor="f1"))
