"""Functions and callbacks of the user's: their arguments are looked at before the first step."""

import functools
import inspect
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import short, takes

from .doors import TARGETS, X, build, refusal, trainer_at_work

Y = TARGETS["cross_entropy"]
OCCASIONS = {
    "on_fit_begin": "trainer, epochs, steps_per_epoch",
    "on_epoch_begin": "trainer, epoch",
    "on_steps_end": "trainer, steps, loss",
    "on_epoch_end": "trainer, epoch, logs",
    "on_fit_end": "trainer",
    "state": "",
    "restore": "state",
}


def never(self, *, trainer):
    """Cannot be called by position."""


def no_self():
    """Not a method at all."""


@pytest.mark.parametrize("occasion", OCCASIONS)
def test_a_callback_with_other_arguments_is_refused(occasion):
    trainer, right = trainer_at_work(), f"Mine.{occasion}({OCCASIONS[occasion]})"
    for method, got in (
        (never, f"Mine.{occasion}(*, trainer)"),
        (no_self, f"Mine.{occasion}(), without self"),
        (None, None),
    ):
        mine = type("Mine", (cr.Callback,), {occasion: method})()
        text = f"[Trainer.fit] callbacks: expected {right}, got {got}"
        if method is None:
            text = text.replace(", got", ", a function, got")
        with refusal(trainer, TypeError, text):
            trainer.fit(X, Y, epochs=3, callbacks=[mine])


def test_a_callback_may_take_its_arguments_as_it_likes():
    calls = []

    class Mine(cr.Callback):
        def on_epoch_end(self, *arguments):
            calls.append(len(arguments))

        @staticmethod
        def on_epoch_begin(trainer, number, more=None):
            calls.append(number)

    mine = Mine()
    mine.on_fit_end = calls.append
    trainer = trainer_at_work()
    trainer.fit(X, Y, callbacks=mine)
    assert calls == [2, 3, trainer]
    mine.on_fit_end = lambda: None
    text = "[Trainer.fit] callbacks: expected Mine.on_fit_end(trainer), got Mine.on_fit_end()"
    with refusal(trainer, TypeError, text):
        trainer.fit(X, Y, callbacks=mine)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shuffle": lambda: None}, "shuffle: expected shuffle(epoch), got shuffle()"),
        ({"shuffle": lambda epoch, n: None}, "shuffle: expected shuffle(epoch), got shuffle(epoch"),
        (
            {"rows": [[0], [1, 2]]},
            "rows: expected a list of integers from 0 to 7, 8 booleans or None, got list",
        ),
        ({"rows": np.ma.array([0, 1], mask=[0, 1])}, "rows: expected an array without a mask"),
        ({"callbacks": np.array(3)}, "callbacks: expected a list of callbacks, got array(3)"),
    ],
)
def test_fit_refuses_them(options, text):
    trainer = trainer_at_work()
    with pytest.raises((TypeError, ValueError), match=re.escape(f"[Trainer.fit] {text}")):
        trainer.fit(X, Y, **options)
    assert trainer.epoch == 2


def test_an_order_that_is_no_array_is_refused_by_its_name():
    trainer = trainer_at_work()
    text = re.escape("[Trainer.fit] shuffle: expected shuffle(epoch) to return 8 integers from 0")
    with pytest.raises(ValueError, match=text):
        trainer.fit(X, Y, shuffle=lambda epoch: [[0], [1, 2]])
    assert (trainer.epoch, trainer.steps) == (2, 6)


# ---- metrics ------------------------------------------------------------------------------------


def one(Y):
    return 0.0


def two(Y, prediction):
    return 0.0


def three(Y, prediction, weights):
    return 0.5


@functools.wraps(two)
def wraps_two(*arguments):
    return float(len(arguments))


@functools.wraps(three)
def wraps_three(*arguments):
    return float(len(arguments))


def test_a_metric_takes_targets_and_prediction():
    text = "[Trainer] metrics: expected one(Y, prediction), got one(Y)"
    for metric in (one, cr.Metric("one", one)):
        with pytest.raises(TypeError, match=re.escape(text)):
            cr.Trainer(build(), "cross_entropy", metrics=[metric])


def test_a_metric_gets_weights_where_it_takes_them():
    metrics = [two, three, cr.Metric("w2", wraps_two), cr.Metric("w3", wraps_three)]
    trainer = cr.Trainer(build(), "cross_entropy", metrics=metrics)
    values = {"two": 0.0, "three": 0.5, "w2": 2.0, "w3": 3.0}
    assert trainer.evaluate(X, Y) | {"loss": 0} == values | {"loss": 0}
    reason = "because rows have weights (sample_weight or class_weight)"
    text = f"function: expected two(Y, prediction, sample_weight), {reason}, got two(Y, prediction)"
    with pytest.raises(ValueError, match=re.escape(f"[metric 'two'] {text}")):
        trainer.evaluate(X, Y, sample_weight=np.ones(len(X)))


@pytest.mark.parametrize("result", [None, "3", 1j, [1.0], np.zeros(2), 10**400], ids=repr)
def test_a_metric_that_gives_no_number_is_named(result):
    trainer = cr.Trainer(
        build(), "cross_entropy", metrics=[cr.Metric("mine", lambda Y, p, w: result)]
    )
    text = "[metric 'mine'] result: expected a number, got "
    with refusal(trainer, TypeError, text + short(repr(result))):
        trainer.fit(X, Y)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((None, three), "[Metric] name: expected a name, got None"),
        (("", three), "[Metric] name: expected a name, got ''"),
        (("mine", None), "[Metric] function: expected a function of Y and prediction, and of"),
        (("mine", three, 1), "[Metric] larger_is_better: expected True or False, got 1"),
    ],
)
def test_a_metric_s_description_is_checked(arguments, text):
    with pytest.raises(TypeError, match=re.escape(text)):
        cr.Metric(*arguments)


@pytest.mark.parametrize("occasion", ["on_epoch_begin", "on_steps_end", "on_epoch_end"])
def test_a_callback_that_raises_stop_iteration_is_heard(occasion):
    def method(self, *arguments):
        next(iter(()))

    mine = type("Mine", (cr.Callback,), {occasion: method})()
    with pytest.raises(
        RuntimeError, match=rf"^\[Trainer.fit\] callbacks: Mine.{occasion} raised Sto"
    ):
        trainer_at_work().fit(X, Y, epochs=3, callbacks=[mine])


def test_cached_methods_are_functions_of_their_arguments():
    class Orders:
        @functools.cache  # noqa: B019
        def order(self, epoch):
            return np.arange(len(X))

    trainer_at_work().fit(X, Y, epochs=2, shuffle=Orders().order)


def only_by_name(epoch, *, other):
    return epoch


only_by_name.__signature__ = inspect.Signature([])  # which is asked first

FUNCTIONS = [
    *(lambda: 0, lambda a: 0, lambda a, b: 0, lambda a, b=1: 0, lambda a=0, b=1: 0),
    *(lambda *a: 0, lambda a, *b: 0, lambda a, *, b: 0, lambda a, *, b=1: 0, lambda **a: 0),
    *(lambda a, /, b: 0, lambda a, /, b=2, *c, d=3, **e: 0, lambda *a, b: 0, only_by_name),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("count", range(4))
def test_what_a_function_takes_is_what_its_signature_says(function, count):
    try:
        inspect.signature(function).bind(*[None] * count)
        expected = True
    except TypeError:
        expected = False
    assert takes(function, count) == expected
