"""Back-propagation against central differences: every output x loss, every pair of layers."""

from itertools import product

import numpy as np
import pytest

import chainrule as cr

from .helpers import HIDDEN, LOSSES, OUTPUTS, build, forms, targets

HALF = {"exp": np.log(0.5), "softplus": np.log(np.expm1(0.5))}  # z of an output of 1/2


def distance_to_kink(A, Y, loss):
    """Of the margins to 1 and, where there are several, of the two highest rivals."""
    if loss.name == "hinge":
        return np.abs(1 - np.where(Y > 0, A, -A)).min()
    classes = Y if Y.ndim == 1 else Y.argmax(axis=1)
    rows = np.arange(len(A))
    rivals = A.copy()
    rivals[rows, classes] = -np.inf
    second, first = np.sort(rivals, axis=1)[:, -2:].T
    is_active = 1 + first - A[rows, classes] > 0
    ties = np.where(is_active & (first != second), first - second, np.inf)
    return min(np.abs(1 + first - A[rows, classes]).min(), ties.min())


def hidden_pair(output, loss):
    """Activations of two hidden layers, with which each meets each, every output and every loss.

    The second one is shifted by one with the next output or loss, and there are more of these than
    hidden ones; (o, l) -> (2 o + l, o + l) has an inverse, so all pairs come up.
    """
    o, l = OUTPUTS.index(output), LOSSES.index(loss)
    return HIDDEN[(2 * o + l) % len(HIDDEN)], HIDDEN[(o + l) % len(HIDDEN)]


def test_all_pairs_of_layers_are_there():
    cases = [(*hidden_pair(output, loss), output, loss) for output in OUTPUTS for loss in LOSSES]
    assert {case[:2] for case in cases} == {*product(HIDDEN, HIDDEN)}
    assert {case[1:3] for case in cases} == {*product(HIDDEN, OUTPUTS)}
    assert {case[1::2] for case in cases} == {*product(HIDDEN, LOSSES)}


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("output", OUTPUTS)
def test_gradients_agree_with_central_differences(output, loss, rng):
    first, second = hidden_pair(output, loss)
    net = build(4, [(6, first, 0.1), (5, second, 0.1), (3, output, 0.1)], "float64")
    logarithm = loss.name.endswith(("cross_entropy", "focal", "poisson"))
    if logarithm and output not in ("sigmoid", "softmax"):
        # Logarithms of outputs that are no probabilities: inside (0, 1), away from the kink of the
        # clipping and from 0, where the error of a central difference grows as 1 / p^3.
        net.parameters["3.weight"] = 0.05 * net.parameters["3.weight"]
        net.parameters["3.bias"] = np.full(3, HALF.get(output, 0.5))
    X, weights = rng.normal(size=(9, 4)), rng.random(9)
    for form in forms(loss):
        Y = targets(rng, loss, 9, 3, form)
        while loss.name.endswith("hinge") and distance_to_kink(net.predict(X), Y, loss) < 1e-3:
            X, Y = rng.normal(size=(9, 4)), targets(rng, loss, 9, 3, form)
        for options in ({}, {"sample_weight": weights, "l2": 0.1, "l1": 0.01}):
            check = cr.check_gradients(net, X, Y, loss, **options)
            assert check.n_checked == net.n_parameters
            assert check.relative_difference < 1e-7, check


def test_check_finds_a_gradient_that_is_wrong_in_one_element(rng, monkeypatch):
    net = build(4, [(6, "tanh", 0), (3, "softmax", 0)], "float64")
    right = cr.Network.backward

    def wrong(self, *arguments):
        """Gradients of another network: one weight differs."""
        changed = self.parameters["1.weight"]
        changed[2, 3] += 0.01
        self.parameters["1.weight"] = changed
        cost = right(self, *arguments)
        changed[2, 3] -= 0.01
        self.parameters["1.weight"] = changed
        return cost

    monkeypatch.setattr(cr.Network, "backward", wrong)
    check = cr.check_gradients(net, rng.normal(size=(9, 4)), rng.integers(0, 3, 9), "cross_entropy")
    assert check.relative_difference > 1e-4


def test_check_leaves_the_network_alone_and_draws_from_large_ones(rng):
    net = build(50, [(40, "tanh", 0), (10, "softmax", 0)], "float32")
    before = {name: value.tobytes() for name, value in net.parameters.items()}
    X, Y = rng.normal(size=(5, 50)), rng.integers(0, 10, 5)
    check = cr.check_gradients(net, X, Y, "cross_entropy", max_elements=100)
    assert 90 <= check.n_checked <= 110
    assert check.relative_difference < 1e-7
    assert before == {name: value.tobytes() for name, value in net.parameters.items()}
    assert "worst" in repr(check)


def test_dead_network_has_gradient_zero():
    """Both gradients are zero: agreement, not 0/0."""
    net = cr.Network([cr.Dense(3, "relu"), cr.Dense(1)], 2, "float64")
    net.parameters["1.weight"] = np.zeros((2, 3))
    net.parameters["1.bias"] = -np.ones(3)
    net.parameters["2.weight"] = np.ones((3, 1))
    check = cr.check_gradients(net, np.ones((4, 2)), np.zeros(4), "squared_error")
    assert check.relative_difference == 0


def test_a_network_without_parameters_has_no_gradients_to_check():
    net = cr.Network([cr.Dropout(0.5)], 2)
    with pytest.raises(ValueError, match=r"^\[check_gradients\] net: expected at least one param"):
        cr.check_gradients(net, np.ones((4, 2)), np.ones((4, 2)), "squared_error")


def test_what_does_not_fit_is_refused_by_the_name_of_the_check(rng):
    net = cr.Network([cr.BatchNorm(), cr.Dense(2)], 3)
    X, Y = rng.normal(size=(5, 3)), np.zeros((5, 2))
    for argument, arguments in (
        ("X", (X[:, :2], Y, "squared_error")),
        ("Y", (X, Y[1:], "squared_error")),
        ("loss", (X, Y, "hinges")),
        ("sample_weight", (X, Y, "squared_error", -np.ones(5))),
        ("l2", (X, Y, "squared_error", None, -1)),
        ("l1", (X, Y, "squared_error", None, 0, np.nan)),
    ):
        with pytest.raises(ValueError, match=rf"^\[check_gradients\] {argument}: expected"):
            cr.check_gradients(net, *arguments)
    with pytest.raises(
        ValueError, match=r"^\[check_gradients, layer 1 \(BatchNorm\)\] X: expected"
    ):
        cr.check_gradients(net, X[:1], Y[:1], "squared_error")


def test_gradients_that_are_not_numbers_are_no_agreement(rng):
    net = build(3, [(4, "identity", 0), (2, "identity", 0)], "float64")
    for name, value in net.parameters.items():
        net.parameters[name] = np.full(value.shape, 1e300)
    with np.errstate(all="ignore"):
        check = cr.check_gradients(net, rng.normal(size=(5, 3)), np.zeros((5, 2)), "squared_error")
        assert np.isnan(check.relative_difference)
        assert np.isnan(cr.reference.relative_difference([np.nan], [1.0]))
