"""The schedule that waits for a plateau: drops by hand, states, directions, warm-up."""

import json
import math
from dataclasses import asdict

import pytest

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
    assert reduce_on_plateau().larger_is_better is False
    assert reduce_on_plateau(monitor="val_r2").larger_is_better is True
    assert reduce_on_plateau(monitor="val_log_loss").larger_is_better is False
    with pytest.raises(
        ValueError, match=r"larger_is_better: expected True or False for monitor='f1'"
    ):
        reduce_on_plateau(monitor="f1")
    with pytest.raises(TypeError, match=r"monitor: expected a key of the history or None, got 3"):
        reduce_on_plateau(monitor=3)
