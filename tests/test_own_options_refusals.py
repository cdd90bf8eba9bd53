"""Options by the names of parameters and layers: what is refused."""

import re

import pytest

import chainrule as cr

NAMES = (
    "one of '1', '1.weight', '1.bias', '2', '2.weight', '2.bias', '3', '3.weight', '3.bias', got"
)
REFUSED = [
    ({"frozen": ["4"]}, ValueError, f"frozen: expected {NAMES} '4'"),
    ({"frozen": ["1.weights"]}, ValueError, f"frozen: expected {NAMES} '1.weights' (did you mean"),
    ({"frozen": [1]}, ValueError, f"frozen: expected {NAMES} 1"),
    ({"frozen": [["1"]]}, ValueError, f"frozen: expected {NAMES} ['1']"),
    ({"frozen": {"1": 0.1}}, TypeError, "frozen: expected a list of names or None, got {'1': 0.1}"),
    ({"frozen": "1"}, TypeError, "frozen: expected a list of names or None, got '1'"),
    ({"frozen": 1}, TypeError, "frozen: expected a list of names or None, got 1"),
    (
        {"frozen": ["1", "2", "3"]},
        ValueError,
        "frozen: expected at least one parameter that is not, got ['1', '2', '3']",
    ),
    (
        {"learning_rate_factors": {"1.": 0.1}},
        ValueError,
        f"learning_rate_factors: expected {NAMES} '1.'",
    ),
    (
        {"learning_rate_factors": {"1": 0}},
        ValueError,
        "learning_rate_factors['1']: expected a finite number > 0, got 0",
    ),
    (
        {"learning_rate_factors": {"1": "fast"}},
        TypeError,
        "learning_rate_factors['1']: expected a finite number > 0, got 'fast'",
    ),
    (
        {"learning_rate_factors": [0.1]},
        TypeError,
        "learning_rate_factors: expected a dict {name: factor} or None, got [0.1]",
    ),
    (
        {"optimizer": "adamw", "decay_factors": {"1": -1}},
        ValueError,
        "decay_factors['1']: expected a finite number >= 0, got -1",
    ),
    (
        {"learning_rate_factors": {"2": 1, "1": 1e-50}},
        ValueError,
        "learning_rate_factors['1']: expected a number that float32 can hold, got 1e-50",
    ),
    (
        {"optimizer": "adamw", "decay_factors": {"2": 0, "1": 1e39}},
        ValueError,
        "decay_factors['1']: expected a number that float32 can hold, got 1e+39",
    ),
    (
        {"optimizer": "adam", "decay_factors": {"1": 0}},
        ValueError,
        "decay_factors: expected None with an optimizer without weight_decay, got {'1': 0}",
    ),
    (
        {"optimizer": "lion", "decay_factors": {"1": 0}},
        ValueError,
        "decay_factors: expected None with an optimizer without weight_decay, got {'1': 0}",
    ),
    ({"ema": 1.0}, ValueError, "ema: expected a finite number > 0 and < 1, got 1.0"),
    ({"ema": 0}, ValueError, "ema: expected a finite number > 0 and < 1, got 0"),
    ({"ema": True}, TypeError, "ema: expected a finite number > 0 and < 1, got True"),
]


@pytest.mark.parametrize(("options", "error", "text"), REFUSED, ids=lambda case: str(case)[:50])
def test_bad_options_are_refused(options, error, text):
    with pytest.raises(error, match=re.escape(f"[Trainer] {text}")):
        cr.Trainer(
            cr.Network([cr.Dense(3), cr.Dense(3), cr.Dense(1)], 2), "squared_error", **options
        )


def test_factors_that_the_parameters_can_hold_are_taken():
    for dtype, factor in (("float64", 1e-50), ("float64", 1e39), ("float32", 1e-30)):
        net = cr.Network([cr.Dense(3)], 2, dtype)
        options = {"learning_rate_factors": {"1": factor}, "decay_factors": {"1": factor}}
        trainer = cr.Trainer(net, "squared_error", "adamw", **options)
        assert trainer.learning_rate_factors == trainer.decay_factors == {"1": factor}


@pytest.mark.parametrize("layers", [[cr.Dropout(0.5)], [cr.Activation("relu")]], ids=str)
def test_a_network_with_nothing_to_train_is_refused(layers):
    net = cr.Network(layers, 6)
    expected = "[Trainer] net: expected at least one parameter to train, got none"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        cr.Trainer(net, "squared_error")
