"""Registering activations and losses of one's own: what is checked, and what is refused how."""

import re

import numpy as np
import pytest

import chainrule as cr

from .custom import (
    log_cosh,
    log_cosh_derivative,
    names_free_afterwards,
    squareplus,
    squareplus_derivative,
    squares,
    squares_derivative,
    tanh_derivative,
)


@pytest.fixture(autouse=True)
def names_are_free_afterwards():
    with names_free_afterwards():
        yield


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


RIGHT = {
    "my_tanh": (np.tanh, tanh_derivative),
    "squareplus": (squareplus, squareplus_derivative),
    "cube": (lambda z: z**3, lambda z: 3 * z**2),
    "wave": (np.sin, np.cos),
    "steep": (lambda z: np.tanh(50 * z), lambda z: 50 / np.cosh(np.clip(50 * z, -40, 40)) ** 2),
    "swish": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z)))),
    "small": (lambda z: 1e-9 * z, lambda z: np.full_like(z, 1e-9)),
    "hinge": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
    "absolute": (np.abs, np.sign),
    "same": (lambda z: z, np.ones_like),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name):
    cr.register_activation(name, *RIGHT[name])


@pytest.mark.parametrize("name", ["my_tanh", "squareplus", "cube", "wave", "swish", "absolute"])
def test_derivatives_that_are_little_off_are_refused(name):
    value, derivative = RIGHT[name]
    with pytest.raises(ValueError, match=rf"\[register_activation, '{name}'\] derivative"):
        cr.register_activation(name, value, lambda z: derivative(z) * (1 + 1e-5))


def test_a_wrong_derivative_is_refused_at_its_worst_point():
    def derivative(z):  # one bump, highest at 3
        return 2 * z + np.maximum(0, 1 - np.abs(z - 3)) * 0.1

    with pytest.raises(ValueError, match="where it is worst") as caught:
        cr.register_activation("square", np.square, derivative)
    expected, z, got = map(float, re.findall(r"-?\d+\.\d+", str(caught.value)))
    assert abs(z - 3) < 0.2
    assert expected == pytest.approx(2 * z, rel=1e-8)
    assert got == pytest.approx(derivative(z), rel=1e-8)


@pytest.mark.parametrize("at_kink", [0.0, 0.3, 1.0])
def test_at_a_kink_any_slope_between_those_of_its_sides_is_right(at_kink):
    def derivative(z):
        return np.where(z == 0, at_kink, z > 0).astype(z.dtype)

    cr.register_activation("kinked", lambda z: np.maximum(z, 0), derivative)


@pytest.mark.parametrize("at_kink", [-0.1, 1.1])
def test_at_a_kink_other_slopes_are_refused(at_kink):
    def derivative(z):
        return np.where(z == 0, at_kink, z > 0).astype(z.dtype)

    with pytest.raises(ValueError, match=r"at z = 0\.0"):
        cr.register_activation("kinked", lambda z: np.maximum(z, 0), derivative)


def writes(z):
    z *= 2
    return z


def raises(z):
    return np.tanh(z) / {}["nothing"]


REFUSED = [
    (lambda z: float(z.sum()), r"value: expected a floating-point array of shape \(\d+,\), got"),
    (lambda z: z.ravel()[1:], r"value: expected a floating-point array of shape"),
    (lambda z: z > 0, r"value: expected a floating-point array .* got bool"),
    (lambda z: z.astype(int), r"value: expected a floating-point array .* got int64"),
    (lambda z: z.astype(complex), r"value: expected a floating-point array .* got complex128"),
    (lambda z: np.where(z == 0, np.nan, z), r"value: expected finite numbers, got nan at 0.0"),
    (lambda z: np.where(z == z.max(), np.inf, z), r"value: expected finite numbers, got inf at"),
    (writes, r"value: expected a new array, got one that writes to its argument"),
    (raises, r"value: expected a function of NumPy arrays, got KeyError: 'nothing'"),
    (lambda z: z - z.mean(), r"value: expected a function of each element by itself"),
    (lambda z: z / np.abs(z).max(), r"value: expected a function of each element by itself"),
    (lambda z: np.cumsum(z).reshape(z.shape), r"value: expected a function of each element by its"),
]


@pytest.mark.parametrize(("value", "text"), REFUSED)
def test_values_that_are_no_elementwise_functions_are_refused(value, text):
    with pytest.raises(ValueError, match=r"\[register_activation, 'bad'\] " + text):
        cr.register_activation("bad", value, np.ones_like)
    with pytest.raises(ValueError, match=text.replace("value", "derivative", 1)):
        cr.register_activation("bad", np.tanh, value)
    with pytest.raises(ValueError, match="one of"):
        cr.Network([cr.Dense(2, "bad")], 3)


def test_what_a_function_raised_is_the_cause():
    with pytest.raises(ValueError, match="KeyError") as caught:
        cr.register_activation("bad", raises, np.ones_like)
    assert isinstance(caught.value.__cause__, KeyError)


def test_numbers_beyond_float32_are_refused():
    def large(z):
        with np.errstate(over="ignore"):
            return z * z.dtype.type(1e38)

    with pytest.raises(ValueError, match=r"expected finite numbers, got -?inf at .* in float32"):
        cr.register_activation("large", large, np.ones_like)


def test_built_in_names_cannot_be_unregistered():
    with pytest.raises(ValueError, match=r"\[unregister_loss\] name: .* no built-in one, got 'hub"):
        cr.unregister_loss("huber")
    with pytest.raises(ValueError, match=r"\[unregister_activation\] name: .*, got 'relu'"):
        cr.unregister_activation("relu")
    for name in (None, ["relu"]):
        with pytest.raises(TypeError, match=r"\[unregister_loss\] name: expected a string, got"):
            cr.unregister_loss(name)


@pytest.mark.parametrize("name", ["two words", "", "1st", "a-b", "relu", "softmax", "logistic"])
def test_names_that_cannot_be_are_refused(name):
    expected = r"^\[register_activation\] name: expected "
    with pytest.raises(ValueError, match=expected):
        cr.register_activation(name, np.tanh, tanh_derivative)


def test_arguments_of_wrong_types_are_refused():
    with pytest.raises(TypeError, match=r"name: expected a string, got 3"):
        cr.register_activation(3, np.tanh, tanh_derivative)
    with pytest.raises(TypeError, match=r"derivative: expected a function, got None"):
        cr.register_activation("mine", np.tanh, None)
    with pytest.raises(TypeError, match=r"replace: expected True or False"):
        cr.register_activation("mine", np.tanh, tanh_derivative, replace=1)
    with pytest.raises(TypeError, match=r"domain: expected a pair"):
        cr.register_activation("mine", np.tanh, tanh_derivative, domain=3)
    with pytest.raises(ValueError, match=r"domain\[1\]: expected a finite number > 1.01, got 0"):
        cr.register_activation("mine", np.tanh, tanh_derivative, domain=(1, 0))
    with pytest.raises(ValueError, match=r"\[register_loss\] name: .* built-in loss"):
        cr.register_loss("huber", squares, squares_derivative)
    with pytest.raises(ValueError, match=r"\[register_loss\] targets: expected one of 'any'"):
        cr.register_loss("mine", squares, squares_derivative, targets="numbers")


def test_a_domain_is_where_functions_are_tried():
    def root(z):
        with np.errstate(invalid="ignore"):
            return np.sqrt(z)

    def derivative(z):
        with np.errstate(all="ignore"):
            return 0.5 / np.sqrt(z)

    with pytest.raises(ValueError, match="expected finite numbers, got nan"):
        cr.register_activation("root", root, derivative)
    cr.register_activation("root", root, derivative, domain=(0.1, 100))


def test_other_functions_under_a_name_need_replace():
    cr.register_activation("mine", np.tanh, tanh_derivative)
    cr.register_activation("mine", np.tanh, tanh_derivative)
    net = cr.Network([cr.Dense(3, "mine")], 2)
    X = np.ones((4, 2))
    before = net.predict(X)
    with pytest.raises(ValueError, match="or replace=True for other functions under this name"):
        cr.register_activation("mine", squareplus, squareplus_derivative)
    with pytest.raises(ValueError, match="derivative: expected"):
        cr.register_activation("mine", squareplus, tanh_derivative, replace=True)
    assert np.array_equal(net.predict(X), before)
    cr.register_activation("mine", squareplus, squareplus_derivative, replace=True)
    assert not np.array_equal(net.predict(X), before)


def test_after_unregistering_networks_say_what_is_missing():
    cr.register_activation("mine", np.tanh, tanh_derivative)
    cr.register_loss("log_cosh", squares, squares_derivative)
    net = cr.Network([cr.Dense(3, "mine")], 2)
    X, Y = np.ones((4, 2)), np.ones((4, 3))
    cost = net.cost(X, Y, "log_cosh")
    trainer = cr.Trainer(net, "log_cosh")
    cr.unregister_activation("mine")
    with pytest.raises(ValueError, match="the activation 'mine' is not registered here; do so fi"):
        net.predict(X)
    with pytest.raises(ValueError, match=r"one of 'identity', .*; one of your own: call"):
        cr.Network([cr.Dense(3, "mine")], 2)
    with pytest.raises(ValueError, match="is not registered here"):
        cr.unregister_activation("mine")
    cr.register_activation("mine", np.tanh, tanh_derivative)
    assert net.cost(X, Y, "log_cosh") == cost
    cr.unregister_loss("log_cosh")
    with pytest.raises(ValueError, match="the loss 'log_cosh' is not registered here"):
        trainer.step(X, Y)
    with pytest.raises(
        ValueError, match=r"loss: expected one of 'binary_cross_entropy', .*register"
    ):
        net.cost(X, Y, "log_cosh")


def test_losses_of_every_kind_of_targets_pass():
    cr.register_loss("any_loss", log_cosh, log_cosh_derivative)
    cr.register_loss(
        "distance", lambda A, Y: np.abs(A - Y).sum(axis=1), lambda A, Y: np.sign(A - Y)
    )
    cr.register_loss(
        "rate", lambda A, Y: (A - Y * np.log(A)).sum(1), lambda A, Y: 1 - Y / A, targets="counts"
    )
    cr.register_loss("brier", squares, squares_derivative, targets="labels")
    cr.register_loss(
        "surprise",
        lambda A, Y: -np.log((A * Y).sum(1)),
        lambda A, Y: -Y / (A * Y).sum(1, keepdims=True),
        targets="classes",
    )


def test_a_loss_may_be_for_so_many_outputs():
    """A normal distribution's mean and logarithm of the deviation; the second target counts not."""

    def surprise(A, Y):
        return A[:, 1] + (A[:, 0] - Y[:, 0]) ** 2 * np.exp(-2 * A[:, 1]) / 2

    def derivative(A, Y):
        e, share = A[:, 0] - Y[:, 0], np.exp(-2 * A[:, 1])
        return np.stack([e * share, 1 - e**2 * share], axis=1)

    with pytest.raises(ValueError, match=r"value: expected a function .* got IndexError"):
        cr.register_loss("normal", surprise, derivative, domain=(-2, 2))
    cr.register_loss("normal", surprise, derivative, n_outputs=2, domain=(-2, 2))
    X = np.random.default_rng(0).normal(size=(9, 4))
    two, three = (cr.Network([cr.Dense(n)], 4, "float64") for n in (2, 3))
    assert cr.check_gradients(two, X, X[:, :2], "normal").relative_difference < 1e-7
    with pytest.raises(ValueError, match=r"\[Network.cost, layer 1 .Dense.\] loss: expected 2 out"):
        three.cost(X, X[:, :3], "normal")
    expected = r"\[Trainer, layer 1 \(Dense\)\] loss: expected 2 outputs for 'normal', got 3"
    with pytest.raises(ValueError, match=expected):
        cr.Trainer(three, "normal")
    with pytest.raises(ValueError, match=r"\[Network.summary, layer 1 .Dense.\] loss: expected 2"):
        three.summary(loss="normal")
    for n in (0, 2**63):
        with pytest.raises(
            ValueError, match=r"n_outputs: expected an integer from 1 to 1048576, got"
        ):
            cr.register_loss("normal", surprise, derivative, n_outputs=n)


def mean_of_rows(A, Y):
    return ((A - Y) ** 2).sum(axis=1) / 2 / len(A)


REFUSED_LOSSES = [
    (lambda A, Y: float(squares(A, Y).mean()), squares_derivative, r"value: .*shape \(24,\), got"),
    (lambda A, Y: (A - Y) ** 2, squares_derivative, r"value: .*got float64 of shape \(24, 1\)"),
    (squares, lambda A, Y: (A - Y).sum(axis=1), r"derivative: .*got float64 of shape \(24,\)"),
    (mean_of_rows, squares_derivative, "value: expected a function of each row by itself"),
    (squares, lambda A, Y: (A - Y) / len(A), "derivative: expected a function of each row by its"),
    (squares, lambda A, Y: 2 * (A - Y), r"derivative: expected .* at A\[\.\., 0\] = .*, Y = \["),
    (squares, lambda A, Y: Y - A, "derivative: expected"),
    (lambda A, Y: np.log(A - Y).sum(1), squares_derivative, "value: expected finite numbers"),
    (lambda A, Y: np.add(A, Y, out=A).sum(1), squares_derivative, "value: expected a new array"),
    (lambda A: A, squares_derivative, "value: expected a function of NumPy arrays, got TypeError"),
]


@pytest.mark.parametrize(("value", "derivative", "text"), REFUSED_LOSSES)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_losses_that_are_wrong_are_refused(value, derivative, text):
    with pytest.raises(ValueError, match=r"\[register_loss, 'bad'\] " + text):
        cr.register_loss("bad", value, derivative)
    with pytest.raises(ValueError, match="one of"):
        cr.Trainer(cr.Network([cr.Dense(2)], 3), "bad")
