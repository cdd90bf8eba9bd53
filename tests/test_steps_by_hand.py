"""Steps by hand, `net.backward` and `trainer.apply_gradients`: what dropout draws in them."""

import copy
from itertools import pairwise

import numpy as np
import pytest

import chainrule as cr

from .helpers import bits

LAYERS = [cr.Dense(40, "tanh"), cr.Dropout(0.4), cr.Dense(3, "softmax")]
LOSS = "cross_entropy"


@pytest.fixture
def data(rng):
    return rng.normal(size=(45, 6)), rng.integers(0, 3, 45)


def new_trainer(layers=LAYERS, dtype="float64", seed=5):
    net = cr.Network(layers, 6, dtype, seed=seed)
    return cr.Trainer(net, LOSS, cr.SGD(0.1, momentum=0.9), seed=seed)


def dropped(net, data):
    """Which elements the dropout of a batch has made zero."""
    return net.trace(*data, LOSS).A[2] == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_by_hand_are_those_of_step(dtype, data):
    by_hand, expected = new_trainer(dtype=dtype), new_trainer(dtype=dtype)
    for _ in range(4):
        cost = by_hand.net.backward(*data, LOSS)
        assert by_hand.net.cost(*data, LOSS, training=True) == cost
        assert by_hand.net.backward(*data, LOSS) == cost  # the same until the step is taken
        assert by_hand.net.trace(*data, LOSS).cost == cost
        by_hand.apply_gradients()
        assert expected.step(*data) == cost
        assert bits(by_hand.net) == bits(expected.net)


def test_every_step_draws_anew(data):
    trainer = new_trainer()
    first = dropped(trainer.net, data)
    assert (dropped(trainer.net, data) == first).all()
    trainer.net.backward(*data, LOSS)
    trainer.apply_gradients()
    second = dropped(trainer.net, data)
    trainer.step(*data)
    third = dropped(trainer.net, data)
    for one, other in ((first, second), (second, third), (first, third)):
        assert 0.3 < (one != other).mean() < 0.66  # 2 * 0.4 * 0.6 = 0.48
    cr.Trainer(trainer.net, LOSS)
    assert (dropped(trainer.net, data) == first).all()


@pytest.mark.parametrize("cuts", [(0, 45), (0, 8, 45), (0, 1, 14, 30, 45)], ids=str)
def test_chunks_that_are_added_up_draw_what_one_batch_draws(cuts, data):
    X, Y = data
    whole, chunks = new_trainer(), new_trainer()
    for _ in range(3):
        whole.net.backward(X, Y, LOSS)
        sums = dict.fromkeys(whole.net.parameters, 0.0)
        for begin, end in pairwise(cuts):
            before = {name: g * (begin > 0) for name, g in chunks.net.gradients.items()}
            chunks.net.backward(X[begin:end], Y[begin:end], LOSS, accumulate=begin > 0)
            for name, g in chunks.net.gradients.items():  # a mean of its chunk alone
                sums[name] += (g - before[name]) * (end - begin) / len(X)
        for name, g in whole.net.gradients.items():
            np.testing.assert_allclose(sums[name], g, rtol=1e-9, atol=1e-14)
        for trainer in (whole, chunks):
            trainer.net.backward(X, Y, LOSS)
            trainer.apply_gradients()


@pytest.mark.parametrize("again", [lambda t, p: cr.Trainer.load(p), lambda t, p: copy.copy(t)])
def test_steps_by_hand_are_resumed_exactly(again, data, tmp_path):
    layers = [*LAYERS[:2], cr.BatchNorm(), LAYERS[-1]]
    trainer = new_trainer(layers)

    def go_on(trainer):
        trainer.net.backward(*data, LOSS)
        trainer.net.backward(*data, LOSS, accumulate=True)
        trainer.apply_gradients()

    for _ in range(3):
        go_on(trainer)
    trainer.save(tmp_path / "run")
    other = again(trainer, tmp_path / "run")
    for _ in range(3):
        go_on(trainer)
        go_on(other)
        assert bits(other.net) == bits(trainer.net)


def test_steps_beyond_32_bits_are_counted_on(data):
    """The core counts as far for dropout, and begins again."""
    trainer = new_trainer()
    costs = [trainer.net.backward(*data, LOSS)]
    for steps in (2**32, 2**32 + 1):
        trainer.net._set_step(steps)
        costs.append(trainer.net.backward(*data, LOSS))
    assert costs[0] == costs[1] != costs[2]
