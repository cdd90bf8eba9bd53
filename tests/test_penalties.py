"""The penalty in a cost is that of its own batch, by numbers that the network's type can hold."""

import re

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr

LOSS = "squared_error"


def new_data(rows, dtype="float64"):
    X = np.random.default_rng(4).normal(size=(rows, 3)).astype(dtype)
    return X, X.sum(axis=1)


def new_trainer(dtype="float64", **options):
    net = cr.Network([cr.Dense(20, "tanh"), cr.BatchNorm(), cr.Dense(1)], 3, dtype)
    return cr.Trainer(net, LOSS, cr.SGD(0.01), **options)


def spoil(trainer):
    """Leaves the workspace of the network with a large penalty."""
    X, Y = new_data(4)
    trainer.net.cost(X, Y, LOSS, l2=1e6)


def penalty_of(net, l2, l1=0.0):
    weights = [value for name, value in net.parameters.items() if name.endswith("weight")]
    return sum(l2 / 2 * (w.astype(float) ** 2).sum() + l1 * abs(w).sum() for w in weights)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_batch_without_weight_has_no_penalty_of_the_sum(dtype):
    X, Y = new_data(8, dtype)
    trainer = new_trainer(dtype, l2=0.3, penalize="sum")
    spoil(trainer)
    trainer.fit(X, Y, 1, 4, sample_weight=[0, 0, 0, 0, 1, 1, 1, 1], shuffle=False)
    assert (trainer.step_costs[0], trainer.step_penalties[0]) == (0, 0)
    assert trainer.step_penalties[1] > 0


@pytest.mark.parametrize("options", [{}, {"clip_norm": 1.0}, {"frozen": ["1"]}], ids=str)
def test_a_share_of_the_penalty_that_float32_rounds_to_zero_is_none(options):
    X, Y = new_data(1024, "float32")
    trainer = new_trainer("float32", l2=1e-44, penalize="sum", **options)
    plain = trainer.net.cost(X, Y, LOSS)
    spoil(trainer)
    assert trainer.evaluate(X, Y)["loss"] == plain
    spoil(trainer)
    trainer.fit(X, Y, batch_size=None)
    assert trainer.step_penalties[0] == 0
    assert trainer.step_costs[0] == trainer.history["loss"][0] < 100


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"clip_norm": 1.0}, {"frozen": ["1"]}], ids=str)
def test_a_step_whose_cost_is_not_finite_has_the_penalty_before_it(
    options, dtype, n_threads, threads
):
    cr.set_num_threads(n_threads)
    X, Y = new_data(3000, dtype)
    Y[2000:] = 1e30 if dtype == "float32" else 1e200
    trainer = new_trainer(dtype, l2=0.3, l1=0.2, **options)
    spoil(trainer)
    with pytest.warns(RuntimeWarning, match="the cost became inf"):
        trainer.fit(X, Y, batch_size=1000, shuffle=False)
    assert trainer.steps == 2
    expected = penalty_of(trainer.net, 0.3, 0.2)  # the third step was not taken
    assert trainer.step_penalties[2] == pytest.approx(expected, rel=1e-6)
    assert trainer.step_penalties[1] != trainer.step_penalties[2]
    assert trainer.step_costs[2] == np.inf


LIMITS = ["clip_value", "clip_norm"]


@pytest.mark.parametrize("name", ["l2", "l1", *LIMITS])
@pytest.mark.parametrize("value", [1e39, 1e-50])
def test_numbers_that_float32_cannot_hold_are_refused(name, value):
    text = f"{name}: expected a number that float32 can hold, got {value}"
    with pytest.raises(ValueError, match=f"^{re.escape(f'[Trainer] {text}')}$"):
        new_trainer("float32", **{name: value})
    trainer = new_trainer("float32")
    kept = getattr(trainer, name)
    with pytest.raises(ValueError, match=f"^{re.escape(f'[Trainer] {text}')}$"):
        setattr(trainer, name, value)
    assert getattr(trainer, name) == kept
    assert getattr(new_trainer(**{name: value}), name) == value
    if name in LIMITS:
        return
    X, Y = new_data(4)
    for function in (trainer.net.cost, trainer.net.backward):
        where = f"[Network.{function.__name__}] {text}"
        with pytest.raises(ValueError, match=f"^{re.escape(where)}$"):
            function(X, Y, LOSS, **{name: value})
    assert np.isfinite(new_trainer().net.cost(X, Y, LOSS, **{name: value}))


def test_small_numbers_that_float32_can_hold_count():
    X, Y = new_data(4)
    trainer = new_trainer("float32", l2=1e-30, l1=1e-44, clip_value=1e-30, clip_norm=3e38)
    before = penalty_of(trainer.net, 1e-30, 1e-44)
    trainer.step(X, Y)
    trainer.l2, trainer.l1, trainer.clip_value, trainer.clip_norm = 0, 0, None, None
    trainer.fit(X, Y)
    assert trainer.step_penalties.tolist() == [0]
    trainer.l2, trainer.l1 = 1e-30, 1e-44
    trainer.fit(X, Y)
    assert 0 < trainer.step_penalties[0] < 2 * before


def test_an_estimator_takes_an_alpha_that_its_steps_round_to_zero():
    X, Y = new_data(40, "float32")
    tiny, none = (
        cr.MLPRegressor(hidden_layer_sizes=4, alpha=alpha, max_iter=3, solver="sgd", random_state=0)
        for alpha in (1e-50, 0.0)
    )
    with pytest.warns(ConvergenceWarning):
        assert np.array_equal(tiny.fit(X, Y).predict(X), none.fit(X, Y).predict(X))
