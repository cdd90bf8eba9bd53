"""Rprop's own: full batches, steps that a schedule scales, signs of the smallest gradients."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import ops


@pytest.fixture
def data(rng):
    return rng.normal(size=(50, 4)), rng.normal(size=50)


def new_trainer(*arguments):
    net = cr.Network([cr.Dense(6, "tanh"), cr.Dense(1)], 4, "float64", seed=3)
    return cr.Trainer(net, "squared_error", *arguments)


def test_auto_is_a_batch_of_all_rows(data):
    trainer = new_trainer(cr.Rprop())
    trainer.fit(*data, epochs=3)
    assert trainer.steps == 3
    trainer = new_trainer("adam")
    trainer.fit(*data, epochs=3)
    assert trainer.steps == 6


def test_smaller_batches_are_warned_of_and_done(data):
    trainer = new_trainer("rprop")
    text = (
        r"\[Trainer.fit\] batch_size: Rprop follows the signs of successive gradients, which need "
        r"all 50 rows \(batch_size='auto'\), got 20$"
    )
    with pytest.warns(UserWarning, match=text):
        trainer.fit(*data, batch_size=20)
    assert trainer.steps == 3
    for all_rows in (None, 50):
        trainer.fit(*data, batch_size=all_rows)


def test_estimators_take_all_rows_too(data):
    pytest.importorskip("sklearn")
    options = {"hidden_layer_sizes": 6, "optimizer": "rprop", "random_state": 0}
    X, y = (np.tile(array.T, 8).T for array in data)
    est = cr.MLPRegressor(**options).partial_fit(X, y).partial_fit(X, y)
    assert est._engine.trainer.steps == 2
    with pytest.warns(UserWarning, match=r"\[MLPRegressor.partial_fit\] batch_size: Rprop follows"):
        cr.MLPRegressor(**options, batch_size=100).partial_fit(X, y)


def test_a_schedule_scales_every_step(data):
    """Half the rate is half of each step, as long as the signs, and so the sizes, are the same."""
    (X, Y), moved = data, []
    for schedule in (None, lambda epoch: 1.0 if epoch < 2 else 0.5):
        trainer = new_trainer(cr.Rprop(1e-9), schedule)
        trainer.fit(X, Y, 2)
        before = trainer.net.W[1]
        trainer.fit(X, Y, 1)
        moved.append(trainer.net.W[1] - before)
    np.testing.assert_allclose(moved[0], np.sign(moved[0]) * 1.2**2 * 1e-9, rtol=1e-5)
    np.testing.assert_allclose(moved[1], moved[0] / 2, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_signs_of_gradients_whose_product_underflows_count(dtype, isa):
    w, state = np.zeros(9, dtype), {}
    smallest = np.finfo(dtype).smallest_subnormal
    for sign in (1, 1, -1, 1):
        gradient = np.full(9, sign * smallest, dtype)
        ops.optimizer_step(cr.Rprop(1.0), {"w": w}, {"w": gradient}, state)
    expected = -1 - 1.2 + 0 - 0.6
    np.testing.assert_allclose(w, expected, rtol=1e-6 if dtype == "float32" else 1e-15)


def test_a_regression_converges_in_few_steps(data):
    X, _ = data
    y = np.tanh(X @ [0.5, -0.25, 0.1, 0.3])
    losses = new_trainer("rprop").fit(X, y, 300)["loss"]
    assert losses[-1] < 1e-4 * losses[0]
