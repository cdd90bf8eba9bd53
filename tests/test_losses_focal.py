"""Focal losses: exact for any logit, weighed by alpha, as automatic differentiation has them."""

import importlib.util
from itertools import starmap

import mpmath
import numpy as np
import pytest

import chainrule as cr
from chainrule import ops, reference


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_focal_losses_are_exact_for_any_logit(gamma, isa):
    """Of one yes, by mpmath: (value, gradient) to 1e-13 of their own size, however small."""
    binary, several = cr.BinaryFocal(gamma, alpha=None), cr.Focal(gamma)
    for z in (-300.0, -37.0, -5.0, -0.3, 0.0, 1e-3, 2.0, 9.0, 36.0, 60.0):
        with mpmath.workdps(60):
            x = mpmath.mpf(z)
            p, q = 1 / (1 + mpmath.exp(-x)), 1 / (1 + mpmath.exp(x))
            L = -(q**gamma) * mpmath.log(p)
            slope = q**gamma * (gamma * p * mpmath.log(p) - q)
            expected = [float(L), float(slope)]
        value, dZ = ops.loss_and_gradient([[z]], [1], binary)
        np.testing.assert_allclose([value, dZ[0, 0]], expected, rtol=1e-13, atol=1e-300)
        value, dZ = ops.loss_and_gradient([[-z]], [0], binary)
        np.testing.assert_allclose([value, -dZ[0, 0]], expected, rtol=1e-13, atol=1e-300)
        value, dZ = ops.loss_and_gradient([[0.5, z + 0.5]], [1], several)
        np.testing.assert_allclose([value, dZ[0, 1]], expected, rtol=1e-12, atol=1e-300)
        assert dZ[0, 0] == pytest.approx(-expected[1], rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("gamma", [0.0, 0.01, 1.0, 2.0])
def test_the_reference_has_what_the_core_has_of_logits_however_far_apart(gamma):
    Z = np.array([[1000.0, 0, -1000], [0, -744, -746], [-2000, 5, 5], [0, 0.1, -800]])
    ends = [np.eye(3)[[k] * 4] for k in range(3)]
    for Y in (*ends, np.tile([0.5, 0.2, 0.3], (4, 1))):
        for rows, labels in ((Z, Y), (Z[:, :1], np.ones((4, 1)))):  # or a single class
            each = [(rows[[i]], labels[[i]], cr.Focal(gamma)) for i in range(4)]
            values, slopes = zip(*starmap(ops.loss_and_gradient, each), strict=True)
            given = reference.softmax(rows.T), rows.T, labels.T, ("focal", gamma), "softmax"
            with np.errstate(divide="raise", invalid="raise"):
                L, slope = reference.loss_forward(*given), reference.loss_backward(*given)
            np.testing.assert_allclose(L, values, rtol=1e-12, atol=1e-300)
            np.testing.assert_allclose(slope.T, np.concatenate(slopes), rtol=1e-12, atol=1e-15)


def test_focal_losses_without_gamma_are_cross_entropies(rng, isa):
    Z, Y = rng.normal(size=(20, 5)), rng.integers(0, 2, (20, 5))
    for focal, plain, labels in (
        (cr.BinaryFocal(0, alpha=None), "binary_cross_entropy", Y),
        (cr.Focal(0), "cross_entropy", rng.integers(0, 5, 20)),
        (cr.Focal(0), "cross_entropy", np.eye(5)[rng.integers(0, 5, 20)]),
    ):
        for output in (None, "sigmoid"):
            one, other = (ops.loss_and_gradient(Z, labels, loss, output) for loss in (focal, plain))
            assert one[0] == pytest.approx(other[0], rel=1e-14)
            np.testing.assert_allclose(one[1], other[1], rtol=1e-13, atol=1e-16)


def test_alpha_weighs_the_yes_and_the_rest_the_no(rng):
    Z = rng.normal(size=(9, 1))
    for y, share in ((1, 0.3), (0, 0.7)):
        Y = np.full(9, y)
        weighted = ops.loss_and_gradient(Z, Y, cr.BinaryFocal(2, alpha=0.3))
        plain = ops.loss_and_gradient(Z, Y, cr.BinaryFocal(2, alpha=None))
        assert weighted[0] == pytest.approx(share * plain[0], rel=1e-14)
        np.testing.assert_allclose(weighted[1], share * plain[1], rtol=1e-14)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
def test_focal_losses_are_those_of_automatic_differentiation(rng):
    import torch

    Z, Y, classes = 2 * rng.normal(size=(30, 4)), rng.integers(0, 2, (30, 4)), None
    z, y = torch.tensor(Z, requires_grad=True), torch.tensor(Y, dtype=torch.float64)
    p = torch.sigmoid(z)
    p_y = p * y + (1 - p) * (1 - y)
    terms = (0.25 * y + 0.75 * (1 - y)) * (1 - p_y) ** 2 * -torch.log(p_y)
    terms.sum(dim=1).mean().backward()
    value, dZ = ops.loss_and_gradient(Z, Y, "binary_focal")
    assert value == pytest.approx(float(terms.sum(dim=1).mean().detach()), rel=1e-12)
    np.testing.assert_allclose(dZ, z.grad, rtol=1e-11, atol=1e-15)

    classes, z = rng.integers(0, 4, 30), torch.tensor(Z, requires_grad=True)
    log_p = torch.log_softmax(z, dim=1)[torch.arange(30), torch.tensor(classes)]
    L = (-((1 - log_p.exp()) ** 1.5) * log_p).mean()
    L.backward()
    for labels in (classes, np.eye(4)[classes]):
        value, dZ = ops.loss_and_gradient(Z, labels, cr.Focal(1.5))
        assert value == pytest.approx(float(L.detach()), rel=1e-12)
        np.testing.assert_allclose(dZ, z.grad, rtol=1e-11, atol=1e-15)
