"""Schedules against values worked out by hand and against the formulas of their sources."""

import json
import math
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.schedules import (
    SCHEDULES,
    as_schedule,
    constant,
    cosine,
    exponential,
    inverse_time,
    one_cycle,
    reduce_on_plateau,
    step,
    warmup,
)

EXAMPLES = [
    constant(),
    step(10, 0.5),
    exponential(0.95),
    inverse_time(0.1),
    cosine(20, end=0.1),
    one_cycle(20),
    reduce_on_plateau(0.5, patience=3, monitor="val_accuracy"),
    warmup(cosine(20), 5),
    warmup(reduce_on_plateau(), 2.5, start=0.1),
]


# ---- values by hand ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "epoch", "factor"),
    [
        (constant(), 1e6, 1.0),
        (step(3, 0.5), 2.999, 1.0),
        (step(3, 0.5), 3, 0.5),  # the drop comes with the first step of the fourth epoch
        (step(3, 0.5), 9, 0.125),
        (step(2.5, 0.5), 2.5, 0.5),
        (exponential(0.5), 0.999, 1.0),
        (exponential(0.5), 1, 0.5),
        (exponential(0.5), 3.5, 0.125),
        (inverse_time(1.0), 0.999, 1.0),
        (inverse_time(1.0), 1, 0.5),
        (inverse_time(1.0), 4.2, 0.2),
        (cosine(8), 0, 1.0),
        (cosine(8), 2, (2 + math.sqrt(2)) / 4),
        (cosine(8), 4, 0.5),
        (cosine(8), 6, (2 - math.sqrt(2)) / 4),
        (cosine(8), 8, 0.0),
        (cosine(8, end=0.2), 4, 0.6),
        (cosine(8, end=0.2), 9, 0.2),
        (one_cycle(20), 0, 1.0),
        (one_cycle(20), 4.5, 5.5),
        (one_cycle(20), 9, 10.0),
        (one_cycle(20), 13.5, 5.5),
        (one_cycle(20), 18, 1.0),
        (one_cycle(20), 19, 0.505),
        (one_cycle(20), 20, 0.01),
        (one_cycle(20), 99, 0.01),
        (one_cycle(10, peak=1.0, start=0.1, end=0.0), 9.5, 0.05),
    ],
)
def test_factor_has_the_value_worked_out_by_hand(schedule, epoch, factor):
    assert schedule.factor(epoch) == pytest.approx(factor, rel=1e-14, abs=1e-16)


@pytest.mark.parametrize(
    ("schedule", "epoch", "factor"),
    [
        (step(3, 0.5), 3, 0.5),
        (cosine(7), 0, 1.0),
        (cosine(7), 7, 0.0),
        (cosine(7, end=0.3), 7, 0.3),
        (one_cycle(7, peak=3.7, start=0.9, end=0.1), 0, 0.9),
        (one_cycle(7, peak=3.7, start=0.9, end=0.1), 7, 0.1),
        (warmup(cosine(7), 3), 0, 0.0),
        (warmup(cosine(7), 3), 3, 1.0),
        (warmup(cosine(7), 3), 10, 0.0),
    ],
)
def test_ends_are_exact(schedule, epoch, factor):
    assert schedule.factor(epoch) == factor


def test_step_drops_at_the_step_that_begins_the_epoch():
    steps_per_epoch = 7
    factors = [step(2, 0.1).factor(n / steps_per_epoch) for n in range(6 * steps_per_epoch)]
    assert factors == [0.1**k for k in (0, 1, 2) for _ in range(2 * steps_per_epoch)]


# ---- formulas of the sources ---------------------------------------------------------------------

PROGRESS = np.linspace(0, 30, 1201)


def test_decays_follow_the_course():
    epochs = np.floor(PROGRESS)
    for schedule, expected in [
        (step(10, 0.3), 0.3 ** np.floor(PROGRESS / 10)),
        (exponential(0.95), 0.95**epochs),
        (inverse_time(0.7), 1 / (1 + 0.7 * epochs)),
    ]:
        assert [schedule.factor(t) for t in PROGRESS] == pytest.approx(expected, rel=1e-13)


def test_cosine_follows_sgdr():
    # eta_t = eta_min + (eta_max - eta_min) / 2 (1 + cos(pi T_cur / T_i)), eq. 5
    t = np.minimum(PROGRESS / 24, 1)
    expected = 0.05 + 0.5 * (1 - 0.05) * (1 + np.cos(np.pi * t))
    assert [cosine(24, 0.05).factor(e) for e in PROGRESS] == pytest.approx(expected, rel=1e-13)


def test_one_cycle_is_two_lines_of_equal_length_and_a_short_third():
    corners = [0, 0.45 * 24, 0.9 * 24, 24]
    expected = np.interp(PROGRESS, corners, [1.0, 8.0, 1.0, 0.001])
    schedule = one_cycle(24, peak=8.0, end=0.001)
    assert [schedule.factor(e) for e in PROGRESS] == pytest.approx(expected, rel=1e-11)


# ---- warm-up -------------------------------------------------------------------------------------


def test_warmup_is_a_line_and_the_schedule_starts_after_it():
    inner = step(2, 0.5)
    schedule = warmup(inner, 4, start=0.2)
    assert [schedule.factor(e) for e in (0, 1, 2, 3)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert [schedule.factor(4 + e) for e in PROGRESS] == [inner.factor(e) for e in PROGRESS]


def test_warmup_leads_to_the_first_factor_of_the_schedule():
    schedule = warmup(one_cycle(10, peak=2.0, start=0.5), 4)
    assert [schedule.factor(e) for e in (0, 2, 4)] == [0.0, 0.25, 0.5]


def test_warmup_of_a_plain_function_and_of_nothing():
    assert warmup(lambda epoch: 1 / (1 + epoch), 2).factor(3) == 0.5
    assert [warmup(None, 2).factor(e) for e in (0, 1, 2, 9)] == [0, 0.5, 1, 1]


def test_warmup_of_a_warmup_is_refused():
    with pytest.raises(ValueError, match=r"\[warmup\] schedule: expected one without warm-up"):
        warmup(warmup(constant(), 1), 1)


# ---- the door ------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_schedule_comes_back_from_json(schedule):
    saved = json.loads(json.dumps(schedule.to_dict()))
    loaded = as_schedule(saved)
    assert loaded == schedule
    assert loaded.monitor == schedule.monitor
    assert [loaded.factor(t) for t in PROGRESS] == [schedule.factor(t) for t in PROGRESS]


def test_examples_cover_every_schedule():
    assert {one.name for one in EXAMPLES} == set(SCHEDULES)


def test_plain_function_of_the_epoch_is_a_schedule_that_cannot_be_saved():
    schedule = as_schedule(lambda epoch: 1 / (1 + epoch))
    assert schedule.factor(3.0) == 0.25
    with pytest.raises(
        TypeError, match="function: expected a number, a string or None to be saved"
    ):
        schedule.to_dict()


@pytest.mark.parametrize("result", [math.nan, -0.1, math.inf, None, "1"])
def test_plain_function_must_give_a_factor(result):
    with pytest.raises(
        (ValueError, TypeError), match=r"\[schedule\] result at epoch 2.5: expected"
    ):
        as_schedule(lambda epoch: result).factor(2.5)


@pytest.mark.parametrize("result", [math.nan, -0.1, math.inf, None, "1"])
def test_a_function_that_gives_no_factor_is_refused_before_anything_happens(result):
    class Heard(cr.Callback):
        def on_fit_begin(self, trainer, epochs, steps_per_epoch):
            raise AssertionError

    net = cr.Network([cr.Dense(1)], 1)
    trainer = cr.Trainer(net, "squared_error", schedule=lambda epoch: result)
    before = net.parameters["1.weight"]
    with pytest.raises((ValueError, TypeError), match=r"^\[schedule\] result at epoch 0: expected"):
        trainer.fit([[1.0]], [1.0], callbacks=[Heard()])
    assert not trainer.is_unfinished
    assert (trainer.epoch, trainer.steps, len(trainer.history)) == (0, 0, 0)
    assert net.parameters["1.weight"] == before


def test_a_schedule_without_its_parentheses_is_refused():
    expected = (
        r"^\[Trainer\] schedule: expected cosine\(...\), with its numbers, got <function cosine"
    )
    with pytest.raises(TypeError, match=expected):
        as_schedule(cosine, "Trainer")
    with pytest.raises(TypeError, match=r"expected Cosine\(...\), with its numbers, got <class"):
        as_schedule(SCHEDULES["cosine"])


@pytest.mark.parametrize("function", [lambda: 1.0, lambda epoch, steps: 1.0, dict.fromkeys([1])])
def test_what_cannot_be_called_with_the_epoch_is_refused(function):
    with pytest.raises((TypeError, ValueError), match=r"^\[Trainer\] schedule: expected "):
        as_schedule(function, "Trainer")
    assert as_schedule(lambda epoch, slope=0.5: slope).factor(3) == 0.5
    assert as_schedule(math.hypot).factor(3) == 3.0  # a built-in that does not say what it takes


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: step(0), "[step] every: expected a finite number > 0, got 0"),
        (lambda: step(3, 1.0), "[step] factor: expected a finite number > 0 and < 1, got 1.0"),
        (lambda: exponential(0.0), "[exponential] rate: expected a finite number > 0 and <= 1"),
        (lambda: exponential(1.1), "[exponential] rate"),
        (lambda: inverse_time(-1), "[inverse_time] decay: expected a finite number >= 0, got -1"),
        (lambda: cosine(math.nan), "[cosine] epochs: expected a finite number > 0, got nan"),
        (lambda: cosine(3, end=1.5), "[cosine] end: expected a finite number >= 0 and <= 1"),
        (lambda: one_cycle(3, peak=0), "[one_cycle] peak"),
        (lambda: warmup(constant(), 0), "[warmup] epochs: expected a finite number > 0, got 0"),
        (lambda: reduce_on_plateau(1.0), "[reduce_on_plateau] factor"),
        (
            lambda: reduce_on_plateau(patience=0),
            "[reduce_on_plateau] patience: expected an integer",
        ),
        (lambda: as_schedule({"kind": "cosin"}), "(did you mean 'cosine'?)"),
        (lambda: as_schedule({"epochs": 3}), "got {'epochs': 3}"),
        (lambda: as_schedule({"kind": ["cosine"]}), "got ['cosine']"),
        (lambda: as_schedule({"kind": "cosine", "epochs": 3}), "end: missing"),
    ],
)
def test_refusals(build, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


def test_what_is_no_schedule_is_a_type_error():
    with pytest.raises(TypeError, match=r"\[Trainer\] schedule: expected a schedule, a function"):
        as_schedule("cosine", "Trainer")


@pytest.mark.parametrize("schedule", [cosine(2), warmup(cosine(1), 1)], ids=["cosine", "warmup"])
def test_a_schedule_that_has_ended_at_0_is_warned_of_once_in_a_fit(schedule):
    X, Y = np.zeros((3, 2)), np.zeros(3)
    trainer = cr.Trainer(cr.Network([cr.Dense(1)], 2), "squared_error", schedule=schedule)
    trainer.fit(X, Y, epochs=2)  # the warm-up begins at 0, which is nothing to warn of
    said = re.escape(f"[Trainer.fit] schedule: {schedule!r} makes the learning rate 0 in epoch 2;")
    with pytest.warns(UserWarning, match=said) as warned:
        trainer.fit(X, Y, epochs=3)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    for other in (cosine(9), lambda epoch: 0.0):
        trainer.schedule = other
        trainer.fit(X, Y, epochs=2)
