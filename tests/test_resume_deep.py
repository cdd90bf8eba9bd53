"""Exact resume of all that trains: layers with a memory or random numbers, averages, optimizers."""

import random

import numpy as np
import pytest

import chainrule as cr
from chainrule import _stepping

from .resuming import Cut, outcome

pytestmark = pytest.mark.usefixtures("one_step_per_call")

ROWS, BATCH, EPOCHS = 90, 25, 4
OCCASIONS = EPOCHS * (1 + 4 + 1)
_rng = np.random.default_rng(4)
X, Y = _rng.normal(size=(ROWS + 40, 6)), _rng.integers(0, 3, ROWS + 40)
DATA = {"X": X[:ROWS], "Y": Y[:ROWS], "validation_data": (X[ROWS:], Y[ROWS:])}
A = cr.Activation
LAYERS = {
    "plain": [cr.Dense(9, "tanh")],
    "batch_norm": [cr.Dense(9), cr.BatchNorm(momentum=0.8), A("relu")],
    "dropout": [cr.Dropout(0.1), cr.Dense(40, "gelu"), cr.Dropout(0.5)],
    "residual": [
        cr.Dense(8, "silu"),
        cr.Residual([cr.LayerNorm(), cr.Dense(12), cr.BatchNorm(), A("elu"), cr.Dropout(0.3)]),
        cr.Residual([cr.Dense(5, "mish")], projection=True),
    ],
}
CASES = {
    "batch_norm": {"optimizer": "adam"},
    "batch_norm averages": {"ema": 0.7, "optimizer": cr.SGD(0.1, 0.9), "clip_norm": 0.5},
    "dropout": {"optimizer": "rmsprop", "seed": 2**40},
    "dropout averages": {"ema": 0.99, "l2": 0.01},
    "residual": {"optimizer": cr.AdamW(0.01)},
    "residual averages": {
        **{"ema": 0.8, "optimizer": cr.NAdam(0.01, weight_decay=0.1), "frozen": ["1", "2.1"]},
        **{"learning_rate_factors": {"2": 0.5}, "decay_factors": {"3": False, "3.1.bias": 1}},
    },
    "plain frozen": {"frozen": ("1.weight",), "learning_rate_factors": {"2": 3}},
    "plain nadam": {"optimizer": cr.NAdam(0.01, momentum_decay=0.1)},
    "plain radam": {"optimizer": cr.RAdam(0.01)},
    "plain adagrad": {"optimizer": "adagrad"},
    "plain lion": {"optimizer": cr.Lion(0.01, weight_decay=0.1), "ema": 0.5},
    "plain rprop": {"optimizer": "rprop"},
}


def new_trainer(case, dtype, **options):
    layers = [*LAYERS[case.split()[0]], cr.Dense(3, "softmax")]
    return cr.Trainer(cr.Network(layers, 6, dtype), "cross_entropy", **CASES[case], **options)


def plan(case):
    return {**DATA, "epochs": EPOCHS, "batch_size": ROWS if "rprop" in case else BATCH}


def all_of(trainer):
    with trainer.averaged() as net:
        averages = [w.tobytes() for w in net.parameters.values()]
    return outcome(trainer) | {"averages": averages}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_fits_cut_off_again_and_again_end_with_the_same_bits(case, dtype, tmp_path, threads):
    expected, stopping = new_trainer(case, dtype), cr.EarlyStopping(2)
    expected.fit(**plan(case), callbacks=[stopping])
    chance, cuts = random.Random(f"{case} {dtype}"), 0
    for _ in range(4):
        trainer, again = new_trainer(case, dtype), cr.EarlyStopping(2)
        options = plan(case)
        while True:
            callbacks = [again, Cut(chance.randint(1, 8))]
            chance.shuffle(callbacks)
            cr.set_num_threads(chance.randint(1, 3))
            try:
                trainer.fit(**options, callbacks=callbacks)
                break
            except KeyboardInterrupt:
                cuts += 1
            again, options = cr.EarlyStopping(2), {**DATA, "resume": True}
            if chance.random() < 0.8:
                trainer.save(tmp_path / "run")
                trainer = cr.Trainer.load(tmp_path / "run")
        assert all_of(trainer) == all_of(expected)
        assert (again.best, again.best_epoch) == (stopping.best, stopping.best_epoch)
    assert cuts >= 4


@pytest.mark.parametrize("case", CASES)
def test_files_hold_all_options(case, tmp_path):
    trainer = new_trainer(case, "float32")
    trainer.fit(**plan(case))
    trainer.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    assert repr(loaded) == repr(trainer)
    for name in ("ema", "frozen", "learning_rate_factors", "decay_factors", "seed"):
        assert getattr(loaded, name) == getattr(trainer, name)
    assert all_of(loaded) == all_of(trainer)
    for t in (trainer, loaded):
        t.fit(**plan(case))
        t.step(X, Y)
    assert all_of(loaded) == all_of(trainer)
    loaded.save(tmp_path / "one")
    trainer.history._records[:] = loaded.history._records[:]  # of other seconds
    trainer.save(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_best_averages_are_there_after_ctrl_c_and_the_latest_go_on(tmp_path):
    """The worst epoch comes last: early stopping has put others in the place of its weights."""
    case, options = "residual averages", {"epochs": 12, "batch_size": BATCH}
    expected, trainer = new_trainer(case, "float64"), new_trainer(case, "float64")
    expected.fit(**DATA, **options, callbacks=[cr.EarlyStopping(12, "loss", larger_is_better=True)])
    callbacks = [Cut(6 * 8 + 3), cr.EarlyStopping(12, "loss", larger_is_better=True)]
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**DATA, **options, callbacks=callbacks)
    assert "average/4.weight" in trainer._fit.unfinished.weights
    trainer.save(tmp_path / "run")
    loaded = cr.Trainer.load(tmp_path / "run")
    assert all_of(loaded)["averages"] == all_of(trainer)["averages"]
    for t in (trainer, loaded):
        t.fit(**DATA, resume=True)
        assert all_of(t) == all_of(expected)


class Calls:
    """A metric, of which one call meets a Ctrl-C."""

    __name__ = "calls"

    def __init__(self, at):
        self.left = at

    def __call__(self, Y, prediction, sample_weight=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return float(prediction[0, 0])


@pytest.mark.parametrize("inside", ["metric", "return"])
@pytest.mark.parametrize("at", range(1, EPOCHS + 1))
def test_ctrl_c_while_the_averages_are_shown_loses_nothing(at, inside, monkeypatch):
    """While a metric looks at them, or before the network gets its own weights again."""
    case, calls = "batch_norm averages", iter(range(1, 9))
    expected = new_trainer(case, "float32", metrics=[Calls(0)])
    in_metric = 2 + at * 2 if inside == "metric" else 0  # after two that try the metric
    trainer = new_trainer(case, "float32", metrics=[Calls(in_metric)])
    real = _stepping.Stepping._show_own_weights

    def late(self):
        if self._state.shows_averages and next(calls) == at:
            raise KeyboardInterrupt
        real(self)

    with monkeypatch.context() as patch:
        if inside == "return":
            patch.setattr(_stepping.Stepping, "_show_own_weights", late)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(**plan(case), callbacks=[cr.EarlyStopping(9)])
    assert not trainer._state.shows_averages
    expected.fit(**plan(case), callbacks=[cr.EarlyStopping(9)])
    trainer.fit(**DATA, resume=True)
    assert all_of(trainer) == all_of(expected)


def test_nothing_is_saved_while_the_network_shows_its_averages(tmp_path):
    trainer = new_trainer("plain lion", "float32")
    trainer.step(X, Y)
    message = r"^\[Trainer.save\] the network shows its averages: leave trainer.averaged\(\)$"
    with trainer.averaged(), pytest.raises(RuntimeError, match=message):
        trainer.save(tmp_path / "run")
    trainer.save(tmp_path / "run")
    assert all_of(cr.Trainer.load(tmp_path / "run")) == all_of(trainer)


def test_a_cut_that_came_after_divergence_is_not_saved(tmp_path):
    """Early stopping has put finite weights back; a fit does not go on from those."""
    net = cr.Network([cr.Dense(1)], 1, "float32")
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1e30), ema=0.5)

    class Diverges(cr.Callback):
        def on_epoch_begin(self, trainer, epoch):
            if epoch == 1:
                trainer.step([[1e10]], [0.0])
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.fit([[0.0]], [0.0], 3, callbacks=[Diverges(), cr.EarlyStopping()])
    assert net.is_finite()
    message = r"^\[Trainer.save\] parameters: expected finite numbers where the fit was cut"
    with pytest.raises(ValueError, match=message):
        trainer.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_other_data_must_leave_batch_normalization_two_rows():
    trainer = new_trainer("batch_norm", "float32")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**DATA, batch_size=BATCH, callbacks=[Cut(3)])
    with pytest.raises(
        ValueError, match=r"^\[Trainer.fit, layer 2 \(BatchNorm\)\] batch_size: exp"
    ):
        trainer.fit(X[: BATCH + 1], Y[: BATCH + 1], resume="other data")
    assert trainer.is_unfinished


def test_rprop_goes_on_with_all_of_other_rows():
    trainer = new_trainer("plain rprop", "float32")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(**DATA, epochs=3, callbacks=[Cut(5)])
    trainer.fit(X, Y, resume="other data")
    assert (trainer.steps, trainer.epoch) == (4, 3)  # one per epoch, and the one that starts over
