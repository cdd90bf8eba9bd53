"""A step with one row never forms the gradients of weights; its bits are those of any step."""

import warnings

import numpy as np
import pytest

import chainrule as cr

# Weights as they lie and transposed (the last layer's), whose inputs fill their panels or do not.
SHAPES = [(30, 64, 1), (5, 33, 3), (16, 7, 16, 2), (70, 50, 2)]
OPTIMIZERS = [
    cr.SGD(0.001),
    cr.SGD(0.001, momentum=0.9),
    cr.SGD(0.001, momentum=0.9, nesterov=True),
    cr.RMSProp(0.01),
    cr.AdamW(0.01, weight_decay=0.1),
    cr.NAdam(0.01),
    cr.RAdam(0.01),
    cr.Adagrad(0.01),
    cr.Lion(0.01),
    cr.Rprop(0.01),
]


def trained(shape, dtype, optimizer, single, **options):
    """Parameters and costs after 70 steps, over one in which states are flushed.

    Of one row each, or of that row and another without weight.
    """
    n_in, *hidden, n_out = shape
    rng = np.random.default_rng(7)
    X, Y = rng.normal(size=(70, n_in)), rng.normal(size=(70, n_out))
    X[:, ::5] = 0
    weights = np.ones(70)
    if not single:
        X, Y = (np.stack([a, rng.normal(size=a.shape)], 1).reshape(140, -1) for a in (X, Y))
        weights = np.tile([1.0, 0.0], 70)
    layers = [*(cr.Dense(n, "sigmoid") for n in hidden), cr.Dense(n_out)]
    net = cr.Network(layers, n_in, dtype, seed=3)
    trainer = cr.Trainer(net, "squared_error", optimizer, **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*Rprop follows the signs", UserWarning)
        batch_size = 1 if single else 2
        history = trainer.fit(X, Y, 1, batch_size, shuffle=False, sample_weight=weights)
    return list(net.parameters.values()), history.last()["loss"]


def check(*case, **options):
    (one, loss), (two, other) = (trained(*case, single, **options) for single in (True, False))
    for ours, expected in zip(one, two, strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert loss == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_bits_of_any_step(shape, optimizer, dtype, isa):
    check(shape, dtype, optimizer)


@pytest.mark.parametrize(
    "options",
    [{"l2": 0.1}, {"l1": 0.01, "l2": 0.1}, {"clip_value": 0.1}, {"clip_norm": 0.5}, {"ema": 0.9}],
    ids=repr,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(30, 64, 1), (5, 33, 3)], ids=repr)
def test_with_penalties_clipping_and_averages(shape, options, dtype, isa):
    check(shape, dtype, cr.Adam(0.01), **options)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_last_row_alone(threads):
    """A batch of one row after larger ones, whose rows lie far apart in memory."""
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=(9, 30)), rng.normal(size=(9, 2))
    before = cr.get_num_threads()
    ends = []
    try:
        for count in (1, threads):
            cr.set_num_threads(count)
            net = cr.Network([cr.Dense(40, "tanh"), cr.Dense(2)], 30, seed=3)
            trainer = cr.Trainer(net, "squared_error", cr.Adam(0.01))
            trainer.fit(X, Y, 20, 8, shuffle=False)
            by_hand = cr.Network([cr.Dense(40, "tanh"), cr.Dense(2)], 30, seed=3)
            other = cr.Trainer(by_hand, "squared_error", cr.Adam(0.01))
            for _ in range(20):
                other.step(X[:8], Y[:8])
                other.step(np.vstack([X[8:], X[:1]]), np.vstack([Y[8:], Y[:1]]), [1, 0])
            ends += [list(net.parameters.values()), list(by_hand.parameters.values())]
    finally:
        cr.set_num_threads(before)
    for end in ends[1:]:
        for ours, expected in zip(end, ends[0], strict=True):
            np.testing.assert_array_equal(ours, expected)
