"""How functions are called as metrics: with weights of rows, without them, or not at all."""

import functools
import re

import numpy as np
import pytest
from sklearn.metrics import max_error, mean_squared_error

import chainrule as cr
from chainrule.metrics import Metric, accuracy

from .doors import TARGETS, X, build, refusal, trainer_at_work

Y = TARGETS["cross_entropy"]
W = np.linspace(0.5, 2, len(X))
TWO, P = [1.0, 2.0], [[4.0], [0.0]]  # targets and predictions of two rows


def sum_of(weights):
    return 0.0 if weights is None else float(sum(weights))


def handing_on(function):
    @functools.wraps(function)
    def handed_on(*arguments, **options):
        return function(*arguments, **options)

    return handed_on


# ---- Functions, and what they return without weights and with weights of 1 and 2 ----------------


def two(Y, prediction):
    return 10.0


def three(Y, prediction, weights):
    return sum_of(weights)


def documented(Y, prediction, sample_weight=None):
    return sum_of(sample_weight)


def fourth(Y, prediction, threshold=0.5, sample_weight=None):
    return threshold + sum_of(sample_weight)


def squared(Y, prediction, squared=True):
    return 20.0 if squared is True else np.nan


def array_third(Y, prediction, edges=np.arange(3)):  # noqa: B008
    return float(len(edges))


def options(Y, prediction, **options):
    return float(len(options)) + sum_of(options.get("sample_weight"))


def own_weights(Y, prediction, sample_weight=(5,)):
    return sum_of(sample_weight)


@functools.wraps(three)
def takes_two_of_three(Y, prediction):
    return three(Y, prediction, None)


@functools.wraps(two)
def takes_weights_of_its_own(Y, prediction, sample_weight=None):
    return sum_of(sample_weight)


@functools.wraps(max_error)
def weighted_max_error(Y, prediction, sample_weight=None):
    return sum_of(sample_weight)


@functools.wraps(accuracy)
def looks_like_ours(Y, prediction):
    return 30.0


class Callable:
    def __call__(self, Y, prediction, sample_weight=None):
        return sum_of(sample_weight)

    def method(self, Y, prediction):
        return 40.0


CALLS = [
    (two, 10, None),
    (three, 0, 3),
    (documented, 0, 3),
    (fourth, 0.5, 3.5),
    (squared, 20, None),
    (array_third, 3, None),
    (options, 0, 4),
    (own_weights, 5, 3),
    (lambda *arguments: len(arguments), 2, 3),
    (lambda *arguments, **options: len(arguments), 2, 3),
    (lambda Y, p, /, sample_weight=None: sum_of(sample_weight), 0, 3),
    (lambda Y, p, sample_weight=None, /: sum_of(sample_weight), 0, 3),
    (handing_on(two), 10, None),
    (handing_on(three), 0, 3),
    (handing_on(fourth), 0.5, 3.5),
    (handing_on(options), 0, 4),
    (takes_two_of_three, 0, None),
    (takes_weights_of_its_own, 0, 3),
    (weighted_max_error, 0, 3),
    (looks_like_ours, 30, None),
    (Callable(), 0, 3),
    (Callable().method, 40, None),
    (functools.partial(fourth, threshold=0.25), 0.25, 3.25),
    (functools.partial(lambda k, Y, p: k, 7), 7, None),
    (max_error, 3, None),
    (mean_squared_error, 6.5, 17 / 3),
    (handing_on(max_error), 3, None),
    (handing_on(mean_squared_error), 6.5, 17 / 3),
    (functools.partial(mean_squared_error, multioutput="uniform_average"), 6.5, 17 / 3),
]


@pytest.mark.parametrize(("function", "plain", "weighted"), CALLS, ids=range(len(CALLS)))
def test_a_function_is_called_as_it_can_be(function, plain, weighted):
    assert Metric("mine", function)(TWO, P) == plain
    if weighted is not None:
        assert Metric("mine", function)(TWO, P, [1, 2]) == pytest.approx(weighted, rel=1e-15)
        return
    expected = r"function: expected mine\(Y, prediction, sample_weight\), because rows have weights"
    with pytest.raises(ValueError, match=rf"^\[metric 'mine'\] {expected}.*, got mine\("):
        Metric("mine", function)(TWO, P, [1, 2])


def test_built_ins_that_do_not_say_are_tried():
    assert Metric("most", max)(1, 2) == 2
    assert Metric("most", max)(1, 2, 3) == 3


# ---- Refused at the door -------------------------------------------------------------------------


def one(Y):
    return 0.0


@functools.wraps(two)
def one_of_two(Y):
    return 0.0


@functools.wraps(two)
def by_name_besides(*arguments, beta):
    return 0.0


def required(Y, prediction, *, beta):
    return beta


def weights_out_of_reach(Y, prediction, threshold, sample_weight=None):
    return 0.0


class Forgetful:
    def forgot():
        return 0.0


NEVER = [
    (one, "one(Y)"),
    (handing_on(one), "one(Y)"),
    (one_of_two, "two(Y)"),
    (by_name_besides, "two(*arguments, beta)"),
    (required, "required(Y, prediction, *, beta)"),
    (weights_out_of_reach, "weights_out_of_reach(Y, prediction, threshold, sample_weight=None)"),
    (Forgetful().forgot, "forgot(), without self"),
]


@pytest.mark.parametrize(("function", "got"), NEVER, ids=[got for _, got in NEVER])
def test_a_function_that_cannot_be_called_is_refused(function, got):
    name = function.__name__
    for metric in (function, Metric(name, function)):
        with pytest.raises(TypeError) as caught:
            cr.Trainer(build(), "cross_entropy", metrics=[metric])
        expected = f"[Trainer] metrics: expected {name}(Y, prediction), got {got}"
        assert str(caught.value) == expected
    with pytest.raises(TypeError, match=re.escape(f"[metric {name!r}] function: expected {name}(")):
        Metric(name, function)(TWO, P)


# ---- In fit --------------------------------------------------------------------------------------

TAKES_NONE = (
    "[Trainer.fit] metrics: expected two(Y, prediction, sample_weight), because rows have weights "
    "(sample_weight or class_weight), got two(Y, prediction)"
)


@pytest.mark.parametrize(
    "given",
    [
        {"sample_weight": W},
        {"validation_data": (X, Y, W)},
        {"class_weight": "balanced"},
        {"class_weight": {0: 2}, "validation_data": (X, Y)},
    ],
    ids=["rows", "validation", "balanced", "classes"],
)
def test_weights_that_a_metric_cannot_take_are_refused_before_the_first_step(given):
    for trainer in (cr.Trainer(build(), "cross_entropy"), trainer_at_work()):
        trainer.metrics = [two]
        with refusal(trainer, ValueError, TAKES_NONE):
            trainer.fit(X, Y, epochs=3, **given)
        assert not trainer.is_unfinished
        trainer.fit(X, Y, validation_data=(X, Y))
        assert trainer.history.last()["two"] == trainer.history.last()["val_two"] == 10
        with refusal(trainer, ValueError, TAKES_NONE):
            trainer.fit(X, Y, epochs=3, **given)


def mean_of_classes(Y, prediction, *, sample_weight=None):
    return float(np.average(Y, weights=sample_weight))


def test_a_metric_gets_the_weights_of_its_data():
    trainer = cr.Trainer(build(), "cross_entropy", metrics=[documented, three, mean_of_classes])
    trainer.fit(X, Y, sample_weight=W, validation_data=(X, Y, 2 * W))
    trainer.fit(X, Y, sample_weight=W, validation_data=(X, Y))
    trainer.fit(X, Y, validation_data=(X, Y, W))
    for name in ("documented", "three"):
        assert trainer.history[name] == [W.sum(), W.sum(), 0]
        assert trainer.history[f"val_{name}"] == [2 * W.sum(), 0, W.sum()]
    weighted, plain = np.average(Y, weights=W), Y.mean()
    assert weighted != plain
    assert trainer.history["mean_of_classes"] == [weighted, weighted, plain]
    assert trainer.history["val_mean_of_classes"] == [weighted, plain, weighted]
