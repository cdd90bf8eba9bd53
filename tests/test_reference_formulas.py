"""The reference's activations and losses: values in plain Python, extreme numbers, clipping."""

import math

import numpy as np
import pytest

from chainrule import reference as ref


def test_softmax_and_cross_entropy_worked_by_hand():
    Z = np.array([[0.0], [math.log(3)]])
    A = ref.softmax(Z)
    np.testing.assert_allclose(A, [[0.25], [0.75]], rtol=1e-15)
    Y = np.array([[1.0], [0.0]])
    np.testing.assert_allclose(
        ref.loss_forward(A, Z, Y, "cross_entropy", "softmax"), [math.log(4)], rtol=1e-15
    )
    np.testing.assert_allclose(
        ref.loss_backward(A, Z, Y, "cross_entropy", "softmax"), [[-0.75], [0.75]], rtol=1e-15
    )


def test_softmax_backward_is_the_product_with_the_jacobian():
    rng = np.random.default_rng(6)
    Z, dA = rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
    A = ref.softmax(Z)
    for i in range(6):
        a = A[:, i]
        jacobian = np.diag(a) - np.outer(a, a)
        np.testing.assert_allclose(
            ref.softmax_backward(dA, Z, A)[:, i], jacobian @ dA[:, i], atol=1e-15
        )


@pytest.mark.parametrize("z", [-800.0, -40.0, -3.0, -1e-9, 0.0, 1e-9, 0.5, 3.0, 40.0, 800.0])
def test_activations_match_the_formulas_in_plain_python(z):
    e = math.exp(-abs(z))
    expected = {
        "identity": z,
        "sigmoid": 1 / (1 + e) if z >= 0 else e / (1 + e),
        "tanh": math.tanh(z),
        "relu": z if z > 0 else 0.0,
        "leaky_relu": z if z > 0 else 0.01 * z,
        "elu": z if z > 0 else math.expm1(z),
        "selu": 1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * math.expm1(z)),
        "gelu": z * math.erfc(-z / math.sqrt(2)) / 2,
        "silu": z / (1 + e) if z >= 0 else z * e / (1 + e),
        "softplus": max(z, 0.0) + math.log1p(e),
        "mish": z * math.tanh(max(z, 0.0) + math.log1p(e)),
        "hard_sigmoid": min(max(z / 6 + 0.5, 0.0), 1.0),
        "hard_tanh": min(max(z, -1.0), 1.0),
    }
    if z < 700:
        expected["exp"] = math.exp(z)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for name, a in expected.items():
            assert ref.activation_forward(np.array([[z]]), name).item() == pytest.approx(
                a, rel=1e-14, abs=0
            ), name
        assert ref.softmax(np.array([[z], [0.0]]))[0, 0] == pytest.approx(
            expected["sigmoid"], rel=1e-14, abs=1e-300
        )


def test_relu_and_leaky_relu_have_the_lower_slope_at_zero():
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    assert ref.relu_backward(one, zero, zero).item() == 0.0
    assert ref.leaky_relu_backward(one, zero, zero, 0.25).item() == 0.25


def test_losses_of_pairs_are_exact_for_any_logit():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        Z = np.array([[1000.0, -1000.0, 1000.0, -1000.0, -40.0, 0.0]])
        Y = np.array([[0.0, 1.0, 1.0, 0.0, 0.0, 0.25]])
        expected = [1000.0, 1000.0, 0.0, 0.0, math.log1p(math.exp(-40)), math.log(2)]
        np.testing.assert_allclose(ref.binary_cross_entropy_from_Z(Z, Y), expected, rtol=1e-15)
        Z = np.array([[1000.0, 0.0, -1000.0]] * 3).T
        np.testing.assert_allclose(
            ref.cross_entropy_from_Z(Z, np.eye(3)), [0.0, 1000.0, 2000.0], rtol=1e-15
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_general_pairs_clip_probabilities_and_do_not_learn_where_clipped(dtype):
    eps = np.finfo(dtype).eps
    A = np.array([[-2.0, 0.0, eps / 2, eps, 0.25, 1 - eps, 1.0, 3.0]], dtype=dtype)
    inside = np.array([False, False, False, True, True, True, False, False])
    p = np.clip(A.astype(np.float64), float(eps), 1 - float(eps))[0]
    for y in (0.0, 1.0):
        Y = np.full_like(A, y)
        L = ref.loss_forward(A, A, Y, "binary_cross_entropy", "identity")
        np.testing.assert_allclose(L, -np.log(p) if y else -np.log1p(-p), rtol=4 * eps, atol=eps)
        dZ = ref.loss_backward(A, A, Y, "binary_cross_entropy", "identity")[0]
        np.testing.assert_allclose(
            dZ, np.where(inside, -1 / p if y else 1 / (1 - p), 0), rtol=4 * eps
        )
        L = ref.loss_forward(A, A, Y, "cross_entropy", "identity")
        np.testing.assert_allclose(L, -y * np.log(p), rtol=4 * eps)
        dZ = ref.loss_backward(A, A, Y, "cross_entropy", "identity")[0]
        np.testing.assert_allclose(dZ, np.where(inside, -y / p, 0), rtol=4 * eps)


def test_losses_of_errors_worked_by_hand():
    Y = np.array([[1.0, 1.0, 1.0, 1.0, 1.0]])
    A = np.array([[-3.0, 0.5, 1.0, 1.5, 5.0]])
    expected = {
        "absolute_error": ([4, 0.5, 0, 0.5, 4], [-1, -1, 0, 1, 1]),
        ("huber", 2.0): ([6, 0.125, 0, 0.125, 6], [-2, -0.5, 0, 0.5, 2]),
        "huber": ([3.5, 0.125, 0, 0.125, 3.5], [-1, -0.5, 0, 0.5, 1]),
        ("quantile", 0.25): ([1, 0.125, 0, 0.375, 3], [-0.25, -0.25, 0, 0.75, 0.75]),
        "quantile": ([2, 0.25, 0, 0.25, 2], [-0.5, -0.5, 0, 0.5, 0.5]),
    }
    for loss, (L, dZ) in expected.items():
        assert ref.loss_forward(A, A, Y, loss, "identity").tolist() == L, loss
        assert ref.loss_backward(A, A, Y, loss, "identity").tolist() == [dZ], loss


def test_poisson_and_smoothed_labels_worked_by_hand():
    Z, Y = np.log([[2.0, 2.0, 3.0]]), np.array([[0.0, 2.0, 1.0]])
    L = ref.loss_forward(np.exp(Z), Z, Y, "poisson", "exp")
    np.testing.assert_allclose(L, [2, 0, 2 - math.log(3)], rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(
        ref.loss_backward(np.exp(Z), Z, Y, "poisson", "exp"), [[2, 0, 2]], atol=1e-15
    )
    A = np.array([[-1.0, 0.0, 0.5]])  # below eps there is nothing to learn
    np.testing.assert_array_equal(
        ref.loss_backward(A, A, np.ones((1, 3)), "poisson", "identity"), [[0, 0, -1]]
    )
    Z, Y = np.log([[0.25], [0.75]]), np.array([[1.0], [0.0]])
    for name, A in (("softmax", np.exp(Z)), ("identity", np.exp(Z))):
        L = ref.loss_forward(A, Z, Y, ("cross_entropy", 0.2), name)
        np.testing.assert_allclose(L, [-0.9 * math.log(0.25) - 0.1 * math.log(0.75)], rtol=1e-14)
    np.testing.assert_allclose(
        ref.loss_backward(np.exp(Z), Z, Y, ("cross_entropy", 0.2), "softmax"),
        [[0.25 - 0.9], [0.75 - 0.1]],
        rtol=1e-14,
    )
