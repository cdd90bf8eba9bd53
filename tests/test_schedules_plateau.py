"""The schedule that waits for a plateau: drops by hand, states, directions, warm-up."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

import chainrule as cr
from chainrule.metrics import Metric
from chainrule.schedules import START, ScheduleState, constant, reduce_on_plateau, warmup


def plateau_factors(schedule, values):
    """The factor after each epoch that ended with these values."""
    state, factors = START, []
    for value in values:
        state = schedule.advance(state, value)
        factors.append(schedule.factor(state.epochs, state))
    return factors


def test_plateau_does_not_count_the_epochs_of_the_warmup():
    schedule = warmup(reduce_on_plateau(0.5, patience=2), 3)
    # Three epochs of warm-up, then the best value 1.0, two bad epochs, the drop.
    values = [0.1, 0.1, 0.1, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert plateau_factors(schedule, values) == [1 / 3, 2 / 3, 1, 1, 1, 0.5, 0.5, 0.25]


@pytest.mark.parametrize(
    ("arguments", "values", "factors"),
    [
        # improves always: never a drop
        ({"patience": 1}, [4, 3, 2, 1], [1, 1, 1, 1]),
        # best 3 in the second epoch; drop at the second bad epoch, again two later
        ({"patience": 2}, [4, 3, 3, 3.5, 3, 3], [1, 1, 1, 0.5, 0.5, 0.25]),
        # one good epoch starts the count anew
        ({"patience": 2}, [4, 5, 3, 5, 5], [1, 1, 1, 1, 0.5]),
        # the best value stays after a drop: 3.9 is no improvement on 3
        ({"patience": 1}, [3, 4, 3.9, 2.9, 3], [1, 0.5, 0.25, 0.25, 0.125]),
        # threshold is relative to the best: 100 -> 95 is not more than 10 %, 89 is
        ({"patience": 1, "threshold": 0.1}, [100, 95, 89], [1, 0.5, 0.5]),
        # and of its size: -1 -> -1.05 is not more than 10 %, -1.2 is
        ({"patience": 1, "threshold": 0.1}, [-1, -1.05, -1.2], [1, 0.5, 0.5]),
        # never below the least factor
        ({"patience": 1, "min_factor": 0.3}, [1, 1, 1, 1], [1, 0.5, 0.3, 0.3]),
        # larger is better for accuracy
        ({"patience": 1, "monitor": "val_accuracy"}, [0.5, 0.6, 0.55, 0.7], [1, 1, 0.5, 0.5]),
        ({"patience": 1, "monitor": "f1", "larger_is_better": True}, [0.5, 0.6], [1, 1]),
        ({"patience": 1, "monitor": "f1", "larger_is_better": False}, [0.5, 0.6], [1, 0.5]),
        # values that are not finite never improve, and nothing is compared with them
        ({"patience": 2}, [math.nan, math.inf, 5, 4, math.nan, 5], [1, 0.5, 0.5, 0.5, 0.5, 0.25]),
    ],
)
def test_plateau_drops_when_worked_out_by_hand(arguments, values, factors):
    assert plateau_factors(reduce_on_plateau(0.5, **arguments), values) == factors


def test_plateau_state_is_plain_and_training_can_be_resumed_from_it():
    schedule = reduce_on_plateau(0.5, patience=2)
    values = [4, 3, 3, 3.5, 3, 3, 2, 2, 2]
    whole = plateau_factors(schedule, values)
    state = START
    for value, expected in zip(values, whole, strict=True):
        state = schedule.advance(ScheduleState(**json.loads(json.dumps(asdict(state)))), value)
        assert schedule.factor(0, state) == expected
    assert state == ScheduleState(epochs=9, factor=0.125, best=2, bad_epochs=0)
    assert ScheduleState() == START


def test_schedules_tell_what_they_monitor():
    plateau = reduce_on_plateau(monitor="val_accuracy")
    assert constant().monitor is None
    assert plateau.monitor == warmup(plateau, 3).monitor == "val_accuracy"


def test_plateau_must_know_which_direction_is_better():
    for monitor, better in ((None, False), ("val_r2", True), ("val_log_loss", False)):
        assert reduce_on_plateau(monitor=monitor).knowing([]).larger_is_better is better
    schedule, nobody = reduce_on_plateau(monitor="f1"), Metric("f1", lambda Y, P, w: 0.0)
    for one in (schedule, warmup(schedule, 3)):
        with pytest.raises(
            ValueError, match=r"larger_is_better: expected True or False for monitor='f1'"
        ):
            one.knowing([nobody])
    with pytest.raises(TypeError, match=r"monitor: expected a key of the history or None, got 3"):
        reduce_on_plateau(monitor=3)


@pytest.mark.parametrize("better", [True, False])
@pytest.mark.parametrize("within", [False, True], ids=["alone", "behind a warm-up"])
def test_plateau_goes_by_the_direction_of_a_metric(better, within):
    metric = Metric("f1", lambda Y, P, w: trainer.epoch, larger_is_better=better)  # rises
    schedule = reduce_on_plateau(0.5, patience=1, monitor="f1")
    schedule = warmup(schedule, 1, start=1.0) if within else schedule
    net = cr.Network([cr.Dense(1)], 2)
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1.0), schedule, metrics=[metric])
    rates = trainer.fit(np.zeros((3, 2)), np.zeros(3), epochs=4)["learning_rate"]
    drops = 0.5 ** np.maximum(0, np.arange(4) - 1 - within)
    assert rates == (np.ones(4) if better else drops).tolist()


def test_a_plateau_without_a_direction_is_refused_before_the_first_step():
    schedule = reduce_on_plateau(monitor="f1")
    metric = Metric("f1", lambda Y, P, w: 0.0)
    trainer = cr.Trainer(
        cr.Network([cr.Dense(1)], 2), "squared_error", schedule=schedule, metrics=[metric]
    )
    with pytest.raises(ValueError, match=r"\[reduce_on_plateau\] larger_is_better: expected"):
        trainer.fit(np.zeros((3, 2)), np.zeros(3))
    assert trainer.steps == 0
