"""Gradient clipping, by value and by the norm of all gradients; steps that are not taken."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import reference

from .helpers import (
    build,
    needs_fma,
    reference_activations,
    reference_loss,
    reference_parameters,
    targets,
)

LIMITS = [{"clip_value": 0.01}, {"clip_norm": 0.05}, {"clip_value": 0.02, "clip_norm": 0.05}]
# The second takes several units, the third several chunks of rows.
SHAPES = [(5, (7,), 40, 16), (70, (130, 90), 300, 100), (6, (9,), 2600, 2600)]


def new_trainer(shape, dtype="float64", **options):
    n_inputs, hidden, rows, _ = shape
    rng = np.random.default_rng(4)
    net = build(n_inputs, [*((n, "tanh", 0) for n in hidden), (3, "softmax", 0)], dtype)
    X, Y = rng.normal(size=(rows, n_inputs)), targets(rng, "cross_entropy", rows, 3)
    return cr.Trainer(net, "cross_entropy", cr.SGD(0.5, momentum=0.5), l2=0.2, **options), X, Y


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_training_agrees_with_the_reference(shape, limits):
    trainer, X, Y = new_trainer(shape, **limits)
    net, batch = trainer.net, shape[3]
    expected, costs = reference.optimize(
        X.T,
        Y.T if Y.ndim == 2 else Y,
        reference_parameters(net),
        reference_activations(net),
        reference_loss("cross_entropy"),
        epochs=3,
        batch_size=batch,
        learning_rate=0.5,
        momentum=0.5,
        shuffle=False,
        l2=0.2,
        **limits,
    )
    history = trainer.fit(X, Y, 3, batch, shuffle=False)
    np.testing.assert_allclose(history["loss"], costs, rtol=1e-12)
    for name, value in reference_parameters(net).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("limits", LIMITS)
def test_gradients_that_were_accumulated_are_clipped_too(limits):
    by_step, X, Y = new_trainer(SHAPES[0], **limits)
    by_hand, *_ = new_trainer(SHAPES[0], **limits)
    for _ in range(3):
        by_step.step(X, Y)
        by_hand.net.backward(X, Y, "cross_entropy", l2=0.2)
        by_hand.apply_gradients()
    for name, value in by_step.net.parameters.items():
        np.testing.assert_allclose(by_hand.net.parameters[name], value, rtol=1e-12)


def test_limits_beyond_every_gradient_change_no_bit():
    plain, X, Y = new_trainer(SHAPES[1])
    wide, *_ = new_trainer(SHAPES[1], clip_value=1e9, clip_norm=1e9)
    for trainer in (plain, wide):
        trainer.fit(X, Y, 2, 50)
    for name, value in plain.net.parameters.items():
        assert value.tobytes() == wide.net.parameters[name].tobytes()


@needs_fma
@pytest.mark.parametrize("l2", [0.0, 1e-10])
def test_a_gradient_of_minus_zero_keeps_its_sign(l2):
    net = cr.Network([cr.Dense(1)], 1, "float32")
    net.parameters["1.weight"] = [[-1e-40]]
    trainer = cr.Trainer(net, "squared_error", cr.SGD(0.1), l2=l2, clip_norm=1.0)
    net.backward([[1e-30]], [[1e-36]], "squared_error")
    assert np.signbit(net.gradients["1.weight"])
    trainer.apply_gradients()
    assert np.signbit(net.gradients["1.weight"])


def test_a_penalty_that_overflows_is_infinite():
    net = cr.Network([cr.Dense(2, "sigmoid"), cr.Dense(1)], 2, "float32")
    net.parameters["1.weight"] = np.full((2, 2), 3e38)
    assert net.cost(np.ones((4, 2)), np.zeros((4, 1)), "squared_error", l2=0.1) == np.inf


def test_the_norm_is_the_same_on_any_number_of_threads(threads):
    bits = set()
    for n in (1, 2, 3, 7):
        cr.set_num_threads(n)
        trainer, X, Y = new_trainer((317, (211, 97), 400, 77), "float32", clip_norm=0.05)
        trainer.fit(X, Y, 2, 77)
        bits.add(b"".join(value.tobytes() for value in trainer.net.parameters.values()))
    assert len(bits) == 1


def test_gradients_whose_squares_overflow_float32_are_scaled():
    net = cr.Network([cr.Dense(1)], 2, "float32", seed=1)
    before = net.W[1].copy()
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1.0), clip_norm=1.0)
    trainer.step(np.full((1, 2), 1e15), np.array([[1e6]]))  # the gradient is about 1e30
    moved = net.W[1] - before
    assert np.isfinite(moved).all()
    assert np.linalg.norm(moved) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("argument", ["clip_value", "clip_norm"])
@pytest.mark.parametrize("limit", [0, -1.0, np.nan, "1"])
def test_limits_are_numbers_above_zero(argument, limit):
    with pytest.raises((TypeError, ValueError), match=rf"\[Trainer\] {argument}: expected"):
        new_trainer(SHAPES[0], **{argument: limit})


@pytest.mark.parametrize("limits", [{}, {"clip_norm": 1e30}])
def test_a_step_whose_cost_is_not_finite_is_not_taken(limits, rng):
    X, Y = rng.normal(size=(40, 5)), rng.normal(size=(40, 2))

    def fitted(rows):
        net = cr.Network([cr.Dense(7, "tanh"), cr.Dense(2)], 5, "float32", seed=1)
        trainer = cr.Trainer(net, "squared_error", cr.SGD(1e-3), **limits)
        trainer.fit(X[:rows], Y[:rows], 1, 10, shuffle=False)
        return trainer

    expected = fitted(20)
    Y[25] = 1e30  # its square is no float32
    with pytest.warns(RuntimeWarning, match="the cost became inf"):
        trainer = fitted(40)
    assert trainer.steps == expected.steps == 2
    assert trainer.step_costs[:2].tolist() == expected.step_costs.tolist()
    assert trainer.step_costs[2:].tolist() == [np.inf, np.inf]
    for name, value in expected.net.parameters.items():
        assert value.tobytes() == trainer.net.parameters[name].tobytes()


@pytest.mark.parametrize("limits", LIMITS)
def test_estimators_clip_as_a_trainer_does(limits, rng):
    pytest.importorskip("sklearn")
    X, y = rng.normal(size=(40, 5)), rng.normal(size=40)
    options = {"hidden_layer_sizes": 7, "solver": "sgd", "batch_size": 10, "shuffle": False}
    est = cr.MLPRegressor(random_state=0, **options, **limits)
    net = cr.Network([cr.Dense(7, "relu"), cr.Dense(1)], 5, "float64")
    sgd = cr.SGD(0.001, momentum=0.9, nesterov=True)
    trainer = cr.Trainer(net, "squared_error", sgd, l2=1e-4, penalize="sum", **limits)
    est.partial_fit(X, y)
    unclipped = cr.MLPRegressor(random_state=0, **options).partial_fit(X, y)
    # The first weights: such a limit moves nothing.
    start = cr.MLPRegressor(random_state=0, **options, clip_value=1e-300).partial_fit(X, y)
    for number in (1, 2):
        net.parameters[f"{number}.weight"] = start.coefs_[number - 1]
        net.parameters[f"{number}.bias"] = start.intercepts_[number - 1]
    trainer.fit(X, y[:, None], 1, 10, shuffle=False)
    for got, expected, other in zip(
        est.coefs_,
        [net.parameters["1.weight"], net.parameters["2.weight"]],
        unclipped.coefs_,
        strict=True,
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
        assert not np.allclose(got, other, rtol=1e-6)


def test_lbfgs_does_not_clip():
    pytest.importorskip("sklearn")
    with pytest.raises(ValueError, match=r"\[MLPRegressor.fit\] clip_norm: expected None with"):
        cr.MLPRegressor(solver="lbfgs", clip_norm=1.0).fit([[0.0], [1.0]], [0, 1])
