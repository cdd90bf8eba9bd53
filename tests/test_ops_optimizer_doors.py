"""ops.optimizer_step: everything is checked before the first array changes."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import ops

from .layouts import read_only

_rng = np.random.default_rng(5)
W, b = _rng.normal(size=(4, 3)), _rng.normal(size=3)


PARAMETER = "expected a writable, contiguous float64 array of shape"
GRADIENT = "expected a contiguous float64 array of shape"
NO_FLOATS = "expected an array of float32 or float64, got"
BAD_STEPS = {  # name: (what is added to good arguments, error, message)
    "list of parameters": ({"parameters": [1]}, TypeError, "parameters: expected a dict, got [1]"),
    "no gradients": ({"gradients": None}, TypeError, "gradients: expected a dict, got None"),
    "no state": ({"state": None}, TypeError, "state: expected a dict, got None"),
    "a gradient too few": (
        {"parameters": {"c": b}},
        ValueError,
        "gradients: expected an array 'c', got ['first', 'W', 'b']",
    ),
    "a gradient's shape": (
        {"gradients": {"b": W}},
        ValueError,
        f"gradients['b']: {GRADIENT} (3,), got float64 of shape (4, 3)",
    ),
    "a gradient's type": (
        {"gradients": {"b": b.astype("f4")}},
        ValueError,
        f"gradients['b']: {GRADIENT} (3,), got float32 of shape (3,)",
    ),
    "a gradient as a list": (
        {"gradients": {"b": [1.0, 2.0, 3.0]}},
        TypeError,
        f"gradients['b']: {NO_FLOATS} [1.0, 2.0, 3.0]",
    ),
    "a gradient with gaps": (
        {"gradients": {"b": W[:3, 0]}},
        ValueError,
        f"gradients['b']: {GRADIENT} (3,), got strided float64 of shape (3,)",
    ),
    "integers": (
        {"parameters": {"b": np.arange(3)}},
        TypeError,
        f"parameters['b']: {NO_FLOATS} an array of int64",
    ),
    "other byte order": (
        {"parameters": {"b": b.astype(">f8")}},
        TypeError,
        f"parameters['b']: {NO_FLOATS} an array of >f8",
    ),
    "Fortran": (
        {"parameters": {"W": np.asfortranarray(W)}},
        ValueError,
        f"parameters['W']: {PARAMETER} (4, 3), got strided float64 of shape (4, 3)",
    ),
    "read-only": (
        {"parameters": {"b": read_only(b)}},
        ValueError,
        f"parameters['b']: {PARAMETER} (3,), got read-only float64 of shape (3,)",
    ),
    "a state's shape": (
        {"state": {"arrays": {"b": [np.zeros(4), np.zeros(4)]}}},
        ValueError,
        f"state['arrays']['b']: {PARAMETER} (3,), got float64 of shape (4,)",
    ),
    "another optimizer's state": (
        {"state": {"kind": "rmsprop"}},
        ValueError,
        "state: expected an empty dict, or the state of 'adam', got 'rmsprop'",
    ),
    "negative steps": (
        {"state": {"steps": -1}},
        ValueError,
        "state['steps']: expected an integer >= 0, got -1",
    ),
    "rate NaN": (
        {"learning_rate": np.nan},
        ValueError,
        "learning_rate: expected a finite number >= 0, got nan",
    ),
    "negative rate": (
        {"learning_rate": -0.1},
        ValueError,
        "learning_rate: expected a finite number >= 0, got -0.1",
    ),
    "unknown optimizer": (
        {"optimizer": "adm"},
        ValueError,
        "optimizer: expected one of 'sgd', 'rmsprop', 'adam', 'adamw', 'nadam', 'radam', "
        "'adagrad', 'lion', 'rprop', got 'adm' "
        "(did you mean 'adam'?)",
    ),
}


@pytest.mark.parametrize("case", BAD_STEPS)
def test_all_arguments_are_checked_before_the_first_array_changes(case):
    added, error, message = BAD_STEPS[case]
    good = {
        "optimizer": "adam",
        "parameters": {"first": np.ones(20), "W": W.copy(), "b": b.copy()},
        "gradients": {"first": np.ones(20), "W": W, "b": b},
        "state": {},
    }
    arguments = good | {
        name: good[name] | value if isinstance(value, dict) else value
        for name, value in added.items()
    }
    before = repr(arguments)
    with pytest.raises(error) as caught:
        ops.optimizer_step(**arguments)
    assert (caught.type, str(caught.value)) == (error, f"[ops.optimizer_step] {message}")
    assert repr(arguments) == before


def test_read_only_gradients_are_no_obstacle():
    one, other = b.copy(), b.copy()
    ops.optimizer_step("adam", {"b": one}, {"b": read_only(b)}, {})
    ops.optimizer_step("adam", {"b": other}, {"b": b}, {})
    np.testing.assert_array_equal(one, other)


def test_scalars_and_empty_arrays_are_parameters_too():
    parameters = {"scalar": np.array(1.0), "none": np.zeros((0, 3))}
    gradients = {"scalar": np.array(2.0), "none": np.zeros((0, 3))}
    ops.optimizer_step(cr.SGD(0.25), parameters, gradients, {})
    assert parameters["scalar"] == 0.5


@pytest.mark.parametrize("n", [0, 1, 3])
def test_state_with_another_number_of_arrays_is_refused(n):
    w, g = np.ones((2, 3)), np.ones((2, 3))
    state = {"kind": "adam", "steps": 1, "arrays": {"W": [np.zeros((2, 3))] * n}}
    with pytest.raises(ValueError, match=r"state\['arrays'\]\['W'\]: expected 2 arrays"):
        ops.optimizer_step("adam", {"W": w}, {"W": g}, state)
    assert (w == 1).all()
