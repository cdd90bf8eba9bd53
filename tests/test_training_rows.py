"""Which rows take part in training, in which order; penalties of sums; what steps cost."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule import reference


@pytest.fixture
def data(rng):
    return rng.standard_normal((50, 4)), rng.standard_normal((50, 2))


def new_trainer(**options):
    net = cr.Network([cr.Dense(5, "tanh"), cr.Dense(2)], 4, "float64", seed=1)
    return cr.Trainer(net, "squared_error", cr.SGD(0.1, momentum=0.9), **options)


def weights_of(trainer):
    return [value.tobytes() for value in trainer.net.parameters.values()]


@pytest.mark.parametrize("shuffle", [True, False, lambda epoch: np.arange(30)[::-1]])
def test_training_on_some_rows_is_training_on_a_copy_of_them(data, shuffle, rng):
    X, Y = data
    weights = rng.uniform(1, 2, 50)
    rows = rng.permutation(50)[:30]
    some, copy = new_trainer(), new_trainer()
    options = {"epochs": 3, "batch_size": 8, "shuffle": shuffle}
    some.fit(X, Y, rows=rows, sample_weight=weights, **options)
    copy.fit(X[rows], Y[rows], sample_weight=weights[rows], **options)
    assert weights_of(some) == weights_of(copy)
    assert some.history["loss"] == copy.history["loss"]


def test_a_mask_of_rows_is_their_indices(data):
    X, Y = data
    mask = X[:, 0] > 0
    masked, listed = new_trainer(), new_trainer()
    masked.fit(X, Y, rows=mask, epochs=2)
    listed.fit(X, Y, rows=np.flatnonzero(mask), epochs=2)
    assert weights_of(masked) == weights_of(listed)
    for wrong in (mask[1:], np.zeros(50, bool)):
        with pytest.raises(ValueError, match=r"rows: .*from 0 to 49, 50 booleans or None, got"):
            masked.fit(X, Y, rows=wrong)


def test_rows_without_any_weight_are_refused(data):
    trainer, rows = new_trainer(), np.arange(30)
    weights = np.r_[np.zeros(30), np.ones(20)]
    before = weights_of(trainer)
    for some in (rows, np.arange(50) < 30):
        expected = r"rows: expected at least one of positive weight, got all zero$"
        with pytest.raises(ValueError, match=rf"^\[Trainer.fit\] {expected}"):
            trainer.fit(*data, sample_weight=weights, rows=some)
    assert weights_of(trainer) == before
    assert not trainer.is_unfinished
    trainer.fit(*data, sample_weight=weights, rows=np.append(rows, 30))
    assert trainer.epoch == 1


def test_a_function_gives_the_order_of_each_epoch(data):
    X, Y = data
    orders = [np.random.default_rng(epoch).integers(0, 50, 50) for epoch in range(3)]
    by_function, by_hand = new_trainer(), new_trainer()
    by_function.fit(X, Y, epochs=3, batch_size=16, shuffle=lambda epoch: orders[epoch])
    for order in orders:
        for first in range(0, 50, 16):
            batch = order[first : first + 16]
            by_hand.step(X[batch], Y[batch])
    assert weights_of(by_function) == weights_of(by_hand)


@pytest.mark.parametrize(
    ("order", "got"),
    [
        ([0], "int64 of shape (1,)"),
        (np.arange(50.0), "float64 of shape (50,)"),
        (np.arange(1, 51), "some from 1 to 50"),
        (np.arange(-1, 49), "some from -1 to 48"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(order, got, data):
    trainer = new_trainer()
    before = weights_of(trainer)
    expected = "expected shuffle(epoch) to return 50 integers from 0 to 49"
    with pytest.raises(
        ValueError, match=re.escape(f"[Trainer.fit] shuffle: {expected}, got {got}")
    ):
        trainer.fit(*data, shuffle=lambda epoch: order)
    assert weights_of(trainer) == before


@pytest.mark.parametrize("weighted", [False, True])
def test_a_penalty_of_the_sum_is_divided_by_the_weight_of_each_batch(data, weighted, rng):
    X, Y = data
    weights = rng.uniform(0.5, 3, 50) if weighted else np.ones(50)
    trainer = new_trainer(l2=0.3, l1=0.2, penalize="sum")
    by_hand = new_trainer()
    order = np.arange(50)
    trainer.fit(X, Y, batch_size=16, shuffle=False, sample_weight=weights)
    for step, first in enumerate(range(0, 50, 16)):
        batch = order[first : first + 16]
        share = 1 / weights[batch].sum()
        plain = by_hand.net.cost(X[batch], Y[batch], "squared_error", weights[batch])
        cost = by_hand.net.backward(
            X[batch], Y[batch], "squared_error", weights[batch], l2=0.3 * share, l1=0.2 * share
        )
        by_hand.apply_gradients()
        assert trainer.step_costs[step] == pytest.approx(cost, rel=1e-12)
        assert trainer.step_penalties[step] == pytest.approx(cost - plain, rel=1e-9)
    assert len(trainer.step_costs) == 4
    for a, b in zip(trainer.net.parameters.values(), by_hand.net.parameters.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    J = trainer.evaluate(X, Y, weights)["loss"]
    plain = trainer.net.cost(X, Y, "squared_error", weights)
    squares = sum((trainer.net.W[l] ** 2).sum() for l in (1, 2))
    sizes = sum(abs(trainer.net.W[l]).sum() for l in (1, 2))
    share = 1 / weights.sum()
    assert pytest.approx(plain + share * (0.15 * squares + 0.2 * sizes), rel=1e-12) == J


def test_penalize_is_mean_or_sum():
    with pytest.raises(ValueError, match=r"\[Trainer\] penalize: expected one of 'mean', 'sum'"):
        new_trainer(penalize="both")


def test_epsilon_hat_stands_beside_the_uncorrected_root(data):
    X, Y = data
    net = cr.Network([cr.Dense(2)], 4, "float64", seed=1)
    trainer = cr.Trainer(net, "squared_error", cr.Adam(0.01, epsilon=0.1, epsilon_hat=True))
    parameters = {"W1": net.W[1].copy(), "b1": net.b[1].copy()}
    options, state = {"optimizer": "adam", "epsilon": 0.1, "epsilon_hat": True}, None
    for _ in range(3):
        net.backward(X, Y, "squared_error")
        grads = {"dW1": net.gradients["1.weight"].T, "db1": net.gradients["1.bias"][:, None]}
        parameters, state = reference.update_parameters(
            parameters, grads, 0.01, state=state, **options
        )
        trainer.apply_gradients()
        np.testing.assert_allclose(net.W[1], parameters["W1"], rtol=1e-12)
    m, v = (1 - 0.9) * 2.0, (1 - 0.999) * 4.0  # one step with the gradient 2
    w, zero, two = np.array([[1.0]]), np.array([[0.0]]), np.array([[2.0]])
    adam = reference.OPTIMIZERS["adam"].step
    moved, *_ = adam(w, two, 1, 0.01, zero, zero, epsilon=0.1, epsilon_hat=True)
    rate = 0.01 * np.sqrt(1 - 0.999) / (1 - 0.9)  # Kingma & Ba, the remark after algorithm 1
    assert moved[0, 0] == pytest.approx(1 - rate * m / (np.sqrt(v) + 0.1), rel=1e-12)
