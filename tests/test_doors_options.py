"""Bad options of fit, of calls, bad parameters, unknown names: refused before anything changes."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

from .doors import NUMBERS, TARGETS, X, build, refusal, state_of, trainer_at_work

Y = TARGETS["cross_entropy"]
NAN, INF = math.nan, math.inf

EPOCHS = "[Trainer.fit] epochs: expected an integer >= 1, got"
BATCH = "[Trainer.fit] batch_size: expected an integer >= 1, 'auto' or None, got"
VALIDATION = "[Trainer.fit] validation_data: expected (X, Y) or (X, Y, sample_weight), got"
CALLBACKS = "[Trainer.fit] callbacks: expected an object of Callback, got"
SHUFFLE = "[Trainer.fit] shuffle: expected True, False or a function of the epoch, got"
ROWS = "[Trainer.fit] rows: expected a list of integers from 0 to 7, 8 booleans or None, got"

BAD_FIT = [
    ("epochs", 0, ValueError, f"{EPOCHS} 0"),
    ("epochs", -1, ValueError, f"{EPOCHS} -1"),
    ("epochs", 1.5, TypeError, f"{EPOCHS} 1.5"),
    ("epochs", True, TypeError, f"{EPOCHS} True"),
    ("epochs", "two", TypeError, f"{EPOCHS} 'two'"),
    ("epochs", NAN, TypeError, f"{EPOCHS} nan"),
    ("batch_size", 0, ValueError, f"{BATCH} 0"),
    ("batch_size", -1, ValueError, f"{BATCH} -1"),
    ("batch_size", 1.5, TypeError, f"{BATCH} 1.5"),
    ("batch_size", 4.0, TypeError, f"{BATCH} 4.0"),
    ("batch_size", True, TypeError, f"{BATCH} True"),
    ("batch_size", "all", TypeError, f"{BATCH} 'all'"),
    ("batch_size", [4], TypeError, f"{BATCH} [4]"),
    ("validation_data", X, TypeError, f"{VALIDATION} ndarray"),
    ("validation_data", (X,), TypeError, f"{VALIDATION} tuple of 1"),
    ("validation_data", [X, Y, None, None], TypeError, f"{VALIDATION} list of 4"),
    ("validation_data", {"X": X, "Y": Y}, TypeError, f"{VALIDATION} dict"),
    ("validation_data", "Xy", TypeError, f"{VALIDATION} str"),
    ("callbacks", [print], TypeError, f"{CALLBACKS} <built-in function print>"),
    ("callbacks", [None], TypeError, f"{CALLBACKS} None"),
    ("callbacks", "ab", TypeError, f"{CALLBACKS} 'a'"),
    (
        "callbacks",
        [cr.ProgressBar],
        TypeError,
        f"{CALLBACKS} <class 'chainrule.callbacks.ProgressBar'>",
    ),
    ("shuffle", 1, TypeError, f"{SHUFFLE} 1"),
    ("shuffle", "no", TypeError, f"{SHUFFLE} 'no'"),
    ("rows", [], ValueError, f"{ROWS} []"),
    ("rows", [0.5], ValueError, f"{ROWS} [0.5]"),
    ("rows", [[1]], ValueError, f"{ROWS} [[1]]"),
    ("rows", "all", ValueError, f"{ROWS} 'all'"),
    ("rows", [0, 8], ValueError, f"{ROWS} some from 0 to 8"),
    ("rows", [-1, 3], ValueError, f"{ROWS} some from -1 to 3"),
]


def short(value):
    return value if isinstance(value, str | int | float | bool | None) else type(value).__name__


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD_FIT, ids=short)
def test_fit_refuses(name, value, error, message):
    trainer, calls = trainer_at_work(), []

    class Recorder(cr.Callback):
        def on_fit_begin(self, trainer, epochs, steps_per_epoch):
            calls.append(epochs)

    callbacks = [Recorder(), *value] if name == "callbacks" else [Recorder()]
    options = {"callbacks": callbacks} | ({} if name == "callbacks" else {name: value})
    with refusal(trainer, error, message):
        trainer.fit(X, Y, **options)
    assert calls == []


@pytest.mark.parametrize("callbacks", [3, cr.EarlyStopping])
def test_callbacks_that_are_no_list_are_refused(callbacks):
    trainer = trainer_at_work()
    message = f"[Trainer.fit] callbacks: expected a list of callbacks, got {callbacks!r}"
    with refusal(trainer, TypeError, message):
        trainer.fit(X, Y, callbacks=callbacks)


def test_numpy_integers_are_integers():
    trainer = trainer_at_work()
    trainer.fit(X, Y, epochs=np.int64(2), batch_size=np.uint8(4))
    assert trainer.epoch == 4


NUMBER = "expected a finite number"
LOSSES = "one of " + ", ".join(map(repr, _core.losses()))
BAD_CALLS = [
    (
        lambda t: t.net.cost(X, Y, "hinges"),
        ValueError,
        f"[Network.cost] loss: expected {LOSSES}, got 'hinges' (did you mean 'hinge'?)",
    ),
    (
        lambda t: t.net.backward(X, Y, "cross_entropy", l2=-1),
        ValueError,
        f"[Network.backward] l2: {NUMBER} >= 0, got -1",
    ),
    (
        lambda t: t.net.backward(X, Y, "cross_entropy", accumulate=1),
        TypeError,
        "[Network.backward] accumulate: expected True or False, got 1",
    ),
    (
        lambda t: t.net.summary(0),
        ValueError,
        "[Network.summary] batch_size: expected an integer from 1 to 2147483648, got 0",
    ),
    (
        lambda t: t.net.summary(2**63),
        ValueError,
        f"[Network.summary] batch_size: expected an integer from 1 to 2147483648, got {2**63}",
    ),
    (
        lambda t: cr.check_gradients(None, X, Y, "cross_entropy"),
        TypeError,
        "[check_gradients] net: expected an object of Network, got None",
    ),
    (
        lambda t: cr.Predictor(None),
        TypeError,
        "[Network.predictor] net: expected an object of Network, got None",
    ),
    (
        lambda t: cr.learning_rate_range_test(t, X, Y, steps=2**63),
        ValueError,
        f"[learning_rate_range_test] steps: expected an integer from 10 to 1000000, got {2**63}",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_calls_refuse_bad_options(call, error, message):
    trainer = trainer_at_work()
    with refusal(trainer, error, message):
        call(trainer)


ADVICE = [
    (
        lambda t: t.net.cost(X, Y, cr.Quantile),
        TypeError,
        "got <class 'chainrule.losses.Quantile'>; an object is Quantile(..)",
    ),
    (
        lambda t: cr.Trainer(t.net, "cross_entropy", cr.Adam),
        TypeError,
        "got <class 'chainrule.optimizers.Adam'>; an object is Adam(..)",
    ),
    (
        lambda t: t.net.cost(X, Y, short),
        TypeError,
        "; one of your own: call chainrule.register_loss first",
    ),
]


@pytest.mark.parametrize(("call", "error", "end"), ADVICE)
def test_what_is_nearly_right_gets_advice(call, error, end):
    trainer = trainer_at_work()
    with pytest.raises(error) as caught:
        call(trainer)
    assert str(caught.value).endswith(end)


PARAMETERS = "one of '1.weight', '1.bias', '2.weight', '2.bias'"
BAD_PARAMETERS = [
    ("1.weight", np.zeros((5, 4)), ValueError, "1.weight: expected shape (4, 5), got (5, 4)"),
    ("1.weight", np.zeros(20), ValueError, "1.weight: expected shape (4, 5), got (20,)"),
    ("1.bias", np.zeros((1, 5)), ValueError, "1.bias: expected shape (5,), got (1, 5)"),
    ("1.bias", 0.0, ValueError, "1.bias: expected shape (5,), got ()"),
    (
        "1.bias",
        [0, 0, NAN, 0, 0],
        ValueError,
        "1.bias: expected finite numbers, got nan at 1.bias[2]",
    ),
    (
        "2.weight",
        np.full((5, 3), -INF),
        ValueError,
        "2.weight: expected finite numbers, got -inf at 2.weight[0, 0]",
    ),
    (
        "2.weight",
        np.full((5, 3), 1e39),
        ValueError,
        "2.weight: expected numbers that float32 can hold, got 1e+39 at 2.weight[0, 0]",
    ),
    ("2.bias", "abc", TypeError, f"2.bias: {NUMBERS} str of dtype <U3"),
    ("2.bias", None, TypeError, f"2.bias: {NUMBERS} NoneType of dtype object"),
]


@pytest.mark.parametrize(("name", "value", "error", "problem"), BAD_PARAMETERS, ids=short)
def test_parameters_are_checked_when_they_are_set(name, value, error, problem):
    trainer = trainer_at_work()
    with refusal(trainer, error, f"[Network.parameters] {problem}"):
        trainer.net.parameters[name] = value


def test_unknown_parameters_are_errors_that_list_the_known():
    trainer = trainer_at_work()
    net, before = trainer.net, state_of(trainer)
    for name, hint in [("1.weights", " (did you mean '1.weight'?)"), ("x", ""), (1, ""), ([], "")]:
        message = f"[Network.parameters] name: expected {PARAMETERS}, got {name!r}{hint}"
        for use in (
            lambda name=name: net.parameters[name],
            lambda name=name: net.parameters.__setitem__(name, 0.0),
        ):
            with pytest.raises(KeyError) as caught:
                use()
            assert caught.value.args == (message,)
    with pytest.raises(KeyError, match=r"\[Network.gradients\] name: expected one of '1.weight', "):
        net.gradients["x"]
    with pytest.raises(TypeError, match=r"\[Network.gradients\] read only"):
        net.gradients["1.bias"] = np.zeros(5)
    assert state_of(trainer) == before


def test_the_course_s_views_are_checked_too():
    trainer = trainer_at_work()
    net, before = trainer.net, state_of(trainer)
    for layer in (0, 3, -1):
        with pytest.raises(IndexError, match=rf"\[Network\] layer: expected 1 to 2, got {layer}"):
            net.W[layer]
    for layer in ("1", 1.0, True, slice(1, 2)):
        with pytest.raises(TypeError, match=r"\[Network\] layer: expected 1 to 2, got"):
            net.b[layer]
    shape = r"\[Network\] W\[1\]: expected shape \(5, 4\), got \(4, 5\)"
    with pytest.raises(ValueError, match=shape):
        net.W[1] = np.zeros((4, 5))
    with pytest.raises(ValueError, match=r"b\[2\]: expected shape \(3, 1\), got \(3,\)"):
        net.b[2] = np.zeros(3)
    with pytest.raises(ValueError, match=r"W\[1\]: expected shape \(5, 4\), got list, which is no"):
        net.W[1] = [[0.0], [1.0, 2.0]]
    with pytest.raises(TypeError, match=r"W\[1\]: expected an array without a mask, got a masked"):
        net.W[1] = np.ma.zeros((5, 4))
    with pytest.raises(ValueError, match=r"1\.weight: expected finite numbers, got nan"):
        net.W[1] = np.full((5, 4), NAN)
    assert state_of(trainer) == before


@pytest.mark.parametrize("factor", [NAN, -1.0, INF, "1", None])
def test_a_schedule_s_bad_factor_is_refused_before_the_epoch(factor):
    trainer = cr.Trainer(build(), "cross_entropy", schedule=lambda epoch: factor)
    trainer_state = state_of(trainer)
    with pytest.raises((ValueError, TypeError), match=rf"expected {NUMBER[9:]} >= 0, got"):
        trainer.fit(X, Y)
    assert state_of(trainer) == trainer_state


def test_layers_of_a_trace_are_counted_as_those_of_a_network():
    trace = build().trace(X, Y, "cross_entropy")
    assert trace.Z[np.int64(2)] is trace.Z[2]
    for layer in (0, 3, -1):
        with pytest.raises(IndexError, match=rf"^\[Trace\] layer: expected 1 to 2, got {layer}$"):
            trace.Z[layer]
    for layer in (True, 1.0, "1"):
        with pytest.raises(
            TypeError, match=rf"^\[Trace\] layer: expected an integer, got {layer!r}"
        ):
            trace.Z[layer]


def test_an_object_whose_repr_raises_is_refused_like_any():
    class Shy:
        def __repr__(self):
            raise RuntimeError("not today")

    got = "got a Shy, whose repr raises RuntimeError"
    trainer = trainer_at_work()
    with refusal(trainer, TypeError, f"[Trainer.fit] epochs: expected an integer >= 1, {got}"):
        trainer.fit(X, Y, epochs=Shy())
    with pytest.raises(ValueError, match=f"^.Trainer. penalize: expected one of .*, {got}$"):
        trainer.penalize = Shy()
