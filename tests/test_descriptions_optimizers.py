"""Optimizers' numbers and switches: ranges, and what they refuse."""

import re
from dataclasses import fields

import numpy as np
import pytest

from chainrule.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Rprop

HYPERPARAMETERS = [
    (kind, field.name)
    for kind in OPTIMIZERS.values()
    for field in fields(kind)
    if field.name not in ("nesterov", "epsilon_hat")
]


@pytest.mark.parametrize(("kind", "name"), HYPERPARAMETERS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_every_hyperparameter_refuses_values_that_make_no_sense(kind, name, value):
    with pytest.raises(ValueError, match=rf"\[{kind.__name__}\] {name}: expected a finite number"):
        kind(**{name: value})


@pytest.mark.parametrize(("kind", "name"), HYPERPARAMETERS)
@pytest.mark.parametrize("value", [True, "0.1", None, [0.1]])
def test_every_hyperparameter_refuses_what_is_no_number(kind, name, value):
    with pytest.raises(TypeError, match=rf"\[{kind.__name__}\] {name}: expected a finite number"):
        kind(**{name: value})


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("learning_rate", [5e-324, 1e9], [0.0]),
        ("beta1", [0.0, 0.999999], [1.0]),
        ("beta2", [0.0, 0.999999], [1.0]),
        ("epsilon", [1e-300, 1.0], [0.0]),
        ("weight_decay", [0.0, 10.0], [-1e-9]),
    ],
)
def test_ranges_are_open_and_closed_where_they_should_be(name, inside, outside):
    for value in inside:
        assert getattr(AdamW(**{name: value}), name) == value
    for value in outside:
        with pytest.raises(ValueError, match=name):
            AdamW(**{name: value})


def test_numbers_of_numpy_are_stored_as_plain_ones():
    adam = Adam(np.float32(0.5), beta1=np.float64(0.25), epsilon=1)
    assert adam == Adam(0.5, beta1=0.25, epsilon=1.0)
    assert {type(value) for value in (adam.learning_rate, adam.beta1, adam.epsilon)} == {float}


def test_nesterov_needs_momentum_and_is_a_switch():
    with pytest.raises(
        ValueError, match=r"\[SGD\] momentum: expected a number > 0 with nesterov=True"
    ):
        SGD(nesterov=True)
    with pytest.raises(TypeError, match=r"\[SGD\] nesterov: expected True or False, got 1"):
        SGD(momentum=0.9, nesterov=1)


def test_factors_and_limits_of_rprop_s_steps():
    for bad, expected in [
        ({"eta_minus": 1.0}, "eta_minus: expected a finite number > 0 and < 1, got 1.0"),
        ({"eta_plus": 1.0}, "eta_plus: expected a finite number > 1, got 1.0"),
        ({"largest_step": 1e-7}, "largest_step: expected a number >= smallest_step, 1e-06, got"),
    ]:
        with pytest.raises(ValueError, match=re.escape(f"[Rprop] {expected}")):
            Rprop(**bad)


def test_epsilon_hat_is_a_switch():
    with pytest.raises(TypeError, match=r"\[Adam\] epsilon_hat: expected True or False, got 1"):
        Adam(epsilon_hat=1)
