"""States of optimizers fade where gradients are zero; none stays subnormal there."""

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import ops
from chainrule._optimizer import read_state

FADING = [
    cr.SGD(0.1, momentum=0.3),
    cr.SGD(0.1, momentum=0.3, nesterov=True),
    cr.RMSProp(0.01, rho=0.3),
    cr.Adam(0.01, beta1=0.3, beta2=0.3),
    cr.NAdam(0.01, beta1=0.3, beta2=0.3),
    cr.RAdam(0.01, beta1=0.3, beta2=0.7),
    cr.Lion(0.01, beta1=0.3, beta2=0.3),
]
KEEPING = [cr.Adagrad(0.1), cr.Rprop(0.01)]


def subnormal(array):
    return (array != 0) & (abs(array) < np.finfo(array.dtype).tiny)


def states_after(t, optimizer, dtype, gradient=0.0):
    """The arrays after step t with that gradient, from numbers next to the smallest normal."""
    tiny, n = np.finfo(dtype).tiny, 45
    parameters, gradients, state = {"w": np.ones(n, dtype)}, {"w": np.ones(n, dtype)}, {}
    ops.optimizer_step(optimizer, parameters, gradients, state)
    for array in state["arrays"]["w"]:
        array[:] = tiny * np.linspace(0, 8, n) * (-1.0) ** np.arange(n)
    gradients["w"][:] = gradient
    state["steps"] = t - 1
    ops.optimizer_step(optimizer, parameters, gradients, state)
    return state["arrays"]["w"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", FADING, ids=repr)
def test_subnormal_numbers_become_zero(optimizer, dtype, isa):
    for faded, plain in zip(
        states_after(128, optimizer, dtype), states_after(127, optimizer, dtype), strict=True
    ):
        assert subnormal(plain).any()
        expected = np.where(subnormal(plain), np.copysign(0, plain), plain)
        np.testing.assert_array_equal(faded, expected)
        np.testing.assert_array_equal(np.signbit(faded), np.signbit(plain))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", KEEPING, ids=repr)
def test_states_that_do_not_fade_keep_theirs(optimizer, dtype, isa):
    faded, plain = states_after(128, optimizer, dtype), states_after(127, optimizer, dtype)
    assert any(subnormal(a).any() for a in faded)
    np.testing.assert_array_equal(faded, plain)


@pytest.mark.parametrize("optimizer", FADING, ids=repr)
def test_they_stay_where_there_is_a_gradient(optimizer, isa):
    """So that a mean of small squares is one, however small epsilon may be."""
    faded, plain = (states_after(t, optimizer, "float32", gradient=1e-39) for t in (128, 127))
    assert any(subnormal(a).any() for a in faded)
    np.testing.assert_array_equal(faded, plain)


HOW = {"in steps": {}, "by norm": {"clip_norm": 1e3}, "by hand": {}}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("optimizer", FADING, ids=repr)
def test_a_trainer_takes_the_steps_of_a_script(optimizer, how, rng, isa):
    """Inputs that were there once fade from the states."""
    net = cr.Network([cr.Dense(3)], 40, "float32")
    trainer = cr.Trainer(net, "squared_error", optimizer, **HOW[how])
    parameters, state = copy.deepcopy(net.parameters), {}
    seen = 0
    for t in range(300):
        X = rng.normal(size=(5, 40))
        X[:, t + 1 :] = 0
        if t > 40:
            X[:, :20] = 0
        Y = rng.normal(size=(5, 3))
        net.backward(X, Y, "squared_error")
        ops.optimizer_step(optimizer, parameters, net.gradients, state)
        if how == "by hand":
            trainer.apply_gradients()
        else:
            trainer.step(X, Y)
        for name, value in net.parameters.items():
            np.testing.assert_array_equal(value, parameters[name])
        arrays = list(zip(*state["arrays"].values(), strict=True))
        for mine, by_script in zip(read_state(trainer)["arrays"], arrays, strict=True):
            for one, other in zip(mine, by_script, strict=True):
                np.testing.assert_array_equal(one, other)
                seen += subnormal(one).any()
                assert trainer.steps % 64 or not subnormal(one).any()
    assert seen > 0


@pytest.mark.parametrize("optimizer", [cr.RMSProp(), cr.Adam(), cr.NAdam()], ids=repr)
def test_a_square_may_be_infinite_where_the_mean_is_not(optimizer, isa):
    state = {}
    parameters = {"w": np.ones(20, "float32")}
    ops.optimizer_step(optimizer, parameters, {"w": np.full(20, 2e19, "float32")}, state)
    assert np.isfinite(state["arrays"]["w"][-1]).all() or isa == "baseline"
    assert np.isfinite(parameters["w"]).all()
