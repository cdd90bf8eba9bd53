"""Initializers: variance, bounds, orthogonality, and that the generator alone decides."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.activations import Activation
from chainrule.initializers import INITIALIZERS, Initializer, as_initializer, initialize

N_IN, N_OUT = 300, 200  # unlike, and far enough apart that a mix-up shows in the variance

# Variance of one weight, from the sources.
NORMAL = {
    "he_normal": 2 / N_IN,
    "glorot_normal": 2 / (N_IN + N_OUT),
    "lecun_normal": 1 / N_IN,
    "normal": 0.01**2,
}
UNIFORM = {
    "he_uniform": 2 / N_IN,
    "glorot_uniform": 2 / (N_IN + N_OUT),
    "lecun_uniform": 1 / N_IN,
}
VARIANCE = NORMAL | UNIFORM


def draw(initializer, seed=0, shape=(N_IN, N_OUT), activation="identity"):
    return initialize(initializer, np.random.default_rng([seed, 1]), *shape, activation)


def standard_errors_off(W, variance, uniform):
    """How far mean(W^2) is from the variance, in standard deviations of mean(W^2).

    For N independent values of mean 0, Var(mean(W^2)) = (mu_4 - sigma^4) / N, with
    mu_4 = 3 sigma^4 for a normal and 9/5 sigma^4 for a uniform distribution.
    """
    excess = 0.8 if uniform else 2.0
    return abs(np.mean(W**2) - variance) / (variance * np.sqrt(excess / W.size))


@pytest.mark.parametrize("name", VARIANCE)
def test_variance_is_that_of_the_source(name):
    W = draw(name)
    assert standard_errors_off(W, VARIANCE[name], name in UNIFORM) < 4.5  # chance: 7e-6
    assert abs(W.mean()) < 4.5 * np.sqrt(VARIANCE[name] / W.size)


@pytest.mark.parametrize("name", VARIANCE)
def test_variance_bound_catches_a_factor_of_two(name):
    for wrong in (2.0, 0.5):
        W = draw(name) * np.sqrt(wrong)
        assert standard_errors_off(W, VARIANCE[name], name in UNIFORM) > 50


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_fills_its_interval(name):
    limit = np.sqrt(3 * UNIFORM[name])
    W = draw(name)
    # The largest of N values of |W| / limit is below 1 - 20 / N with probability e^-20.
    assert (1 - 20 / W.size) * limit < np.abs(W).max() <= limit
    quarters, _ = np.histogram(W, bins=4, range=(-limit, limit))
    assert np.abs(quarters / W.size - 0.25).max() < 4.5 * np.sqrt(0.25 * 0.75 / W.size)


@pytest.mark.parametrize("name", NORMAL)
def test_normal_has_the_tails_of_a_normal_distribution(name):
    share = np.mean(np.abs(draw(name)) > 2 * np.sqrt(NORMAL[name]))
    expected = 0.0455002639  # P(|z| > 2); 0 for a distribution truncated there, 0 for a uniform one
    assert abs(share - expected) < 4.5 * np.sqrt(expected / (N_IN * N_OUT))


@pytest.mark.parametrize("kind", ["he_normal", "he_uniform"])
def test_slope_of_leaky_relu_narrows_he(kind):
    W = draw(Initializer(kind, {"slope": 0.5}))
    assert standard_errors_off(W, 2 / (1.25 * N_IN), kind == "he_uniform") < 4.5


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (25, 25), (1, 7), (7, 1), (1, 1)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape):
    W = draw(Initializer("orthogonal", {"gain": 3.0}), shape=shape) / 3.0
    gram = W @ W.T if shape[0] < shape[1] else W.T @ W
    # Householder QR leaves |Q^T Q - I| <= c m n u, c a small constant (Higham, ch. 19).
    assert np.abs(gram - np.eye(min(shape))).max() < 10 * W.size * np.finfo(float).eps


def test_orthogonal_is_drawn_uniformly_over_signs():
    positive = np.mean([draw("orthogonal", seed, (3, 3))[0, 0] > 0 for seed in range(400)])
    assert abs(positive - 0.5) < 4.5 * 0.5 / np.sqrt(400)  # without the signs of R: always 0 or 1


def test_zeros_are_zero():
    assert not draw("zeros").any()


@pytest.mark.parametrize("shape", [(7, 5), (5, 7)])
@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_are_float64_and_contiguous(name, shape):
    W = draw(name, shape=shape)
    assert W.shape == shape
    assert W.dtype == np.float64
    assert W.flags.c_contiguous


@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_are_decided_by_the_generator(name):
    W = draw(name)
    assert np.array_equal(W, draw(name))
    assert name == "zeros" or not np.array_equal(W, draw(name, seed=1))


@pytest.mark.parametrize(
    ("activation", "chosen"),
    [
        ("relu", Initializer("he_normal")),
        ("leaky_relu", Initializer("he_normal", {"slope": 0.01})),
        (Activation("leaky_relu", 0.5), Initializer("he_normal", {"slope": 0.5})),
        ("sigmoid", Initializer("glorot_uniform")),
        ("tanh", Initializer("glorot_uniform")),
        ("softmax", Initializer("glorot_uniform")),
        ("hard_tanh", Initializer("glorot_uniform")),
        ("elu", Initializer("he_normal")),
        ("gelu", Initializer("he_normal")),
        ("silu", Initializer("he_normal")),
        ("softplus", Initializer("he_normal")),
        ("mish", Initializer("he_normal")),
        ("selu", Initializer("lecun_normal")),
        ("identity", Initializer("glorot_uniform")),
    ],
)
def test_auto_follows_the_activation(activation, chosen):
    assert np.array_equal(draw("auto", activation=activation), draw(chosen))


def test_activation_does_not_change_a_named_initializer():
    assert np.array_equal(draw("lecun_normal", activation="relu"), draw("lecun_normal"))


def test_parameters_take_their_defaults_and_are_saved():
    assert Initializer("orthogonal") == Initializer("orthogonal", {"gain": 1})
    assert Initializer("normal").parameters == {"std": 0.01}
    assert Initializer("he_normal").parameters == {"slope": 0.0}
    assert Initializer("glorot_normal").parameters == {}
    saved = {"name": "normal", "parameters": {"std": 0.5}}
    assert as_initializer(saved) == Initializer("normal", {"std": 0.5})


def test_given_parameters_are_copied():
    given = {"std": 0.5}
    initializer = Initializer("normal", given)
    given["std"] = 9.0
    assert initializer.parameters == {"std": 0.5}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("he_norm",), ValueError, "got 'he_norm' (did you mean 'he_normal'?)"),
        (("zeros", {"std": 1}), ValueError, "[Initializer zeros] parameters: expected none"),
        (("normal", {"gain": 1}), ValueError, "expected only 'std', got 'gain'"),
        (("normal", {"std": -1}), ValueError, "[Initializer normal] std: expected a finite number"),
        (("normal", {"std": np.nan}), ValueError, "std: expected a finite number >= 0, got nan"),
        (("normal", {"std": True}), TypeError, "std: expected a finite number >= 0, got True"),
        (("normal", 0.5), TypeError, "parameters: expected a dict of numbers, got 0.5"),
    ],
)
def test_refusals(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Initializer(*arguments)


@pytest.mark.parametrize("blocks", [20, 100])
def test_blocks_whose_last_layer_starts_at_zero_begin_as_the_identity(blocks, rng):
    """As the docstring of Residual has it; with the default the values grow from block to block."""

    def net(last):
        block = cr.Residual([cr.Dense(64, "relu"), cr.Dense(64, initializer=last)])
        return cr.Network([block] * blocks, 64, "float64")

    X = rng.normal(size=(10, 64))
    np.testing.assert_array_equal(net("zeros").predict(X), X)
    assert np.abs(net("auto").predict(X)).max() > 100 * np.abs(X).max()
