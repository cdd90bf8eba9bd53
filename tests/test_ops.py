"""chainrule.ops against the reference, in float64 to 1e-12 and in float32 within derived bounds.

Bounds count roundings, gamma(k) = k u / (1 - k u) (Higham, ch. 3). The core's sigmoid and tanh are
right to 3 ULP and its exp and log to 2, and one ULP is at most 2 roundings.
"""

import numpy as np
import pytest

from chainrule import Activation, CrossEntropy, SquaredError, _core, ops, reference
from chainrule.activations import SLOPES

from .helpers import LOSSES, gamma, reference_loss, relative_difference, targets

SIZES = [1, 7, 8, 9, 15, 16, 17, 33]  # around the vector widths and panels
SHAPES = [(m, SIZES[i - 3], SIZES[i - 6]) for i, m in enumerate(SIZES)] + [(40, 300, 20)]
ACTIVATIONS = list(_core.activations())
SLOPE = 0.2


def described(name):
    return Activation(name, SLOPE) if name in SLOPES else name


def oracle(name):
    """As the reference takes it."""
    return (name, SLOPE) if name in SLOPES else name


# (Largest slope, roundings of the value) of the others.
OWN = {
    "identity": (1, 0),
    "relu": (1, 0),
    "leaky_relu": (1, 2),
    "sigmoid": (1, 6),
    "tanh": (1, 6),
    "elu": (1, 6),
    "selu": (1.76, 6),
    "gelu": (1.13, 6),
    "silu": (1.1, 8),
    "softplus": (1, 6),
    "mish": (1.09, 8),
    "hard_sigmoid": (1 / 6, 2),
    "hard_tanh": (1, 0),
}


def draw(rng, dtype, *shape):
    return rng.normal(size=shape).astype(dtype)


def exactly(*arrays):
    return [np.asarray(a, np.float64) for a in arrays]


def assert_within(result, expected, bound):
    """|result - expected| <= bound, element by element; shows the worst."""
    error = np.abs(np.asarray(result, np.float64) - expected)
    assert (error <= bound).all(), f"{np.max(error / np.maximum(bound, 1e-300)):.3g} x the bound"


def spread(Z):
    """max_k z_k - z_j, which softmax subtracts first, and so loses that many u of e^z_j."""
    return np.max(np.max(Z, axis=1, keepdims=True) - Z)


def activation_bound(name, Z, A, z_error):
    """Of A = g(Z): what an error in Z becomes, and own roundings."""
    if name == "softmax":  # an error of every z moves a_j by up to 2 a_j of it
        return A * (2 * np.max(z_error) + gamma(Z.shape[1] + 10 + 2 * spread(Z)))
    if name == "exp":
        return A * (np.expm1(z_error) + gamma(2))
    slope, own = OWN[name]
    shift = 3 * (name == "hard_sigmoid")  # whose rounding is one of z + 3
    return slope * (z_error + gamma(1) * shift) + gamma(own) * np.abs(A)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dense_forward(name, shape, rng, isa):
    m, n_in, n_out = shape
    for dtype in (np.float64, np.float32):
        X, W, b = draw(rng, dtype, m, n_in), draw(rng, dtype, n_in, n_out), draw(rng, dtype, n_out)
        result = ops.dense_forward(X, W, b, described(name))
        assert result.dtype == dtype
        X, W, b = exactly(X, W, b)
        A, cache = reference.linear_activation_forward(X.T, W.T, b[:, None], oracle(name))
        if dtype == np.float64:
            assert relative_difference(result, A.T) < 1e-12
        else:
            z_error = gamma(n_in + 1) * (np.abs(X) @ np.abs(W) + np.abs(b))
            assert_within(result, A.T, activation_bound(name, cache.Z.T, A.T, z_error))
        if name == "identity":
            np.testing.assert_array_equal(
                ops.dense_forward(X.astype(dtype), W), ops.dense_forward(X.astype(dtype), W, 0 * b)
            )


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_and_its_way_back(name, n, rng, isa):
    for dtype in (np.float64, np.float32):
        Z, dA = 3 * draw(rng, dtype, 9, n), draw(rng, dtype, 9, n)
        Z[0, 0] = 0
        A = ops.activation(Z, described(name))
        dZ = ops.activation_backward(dA, Z, described(name))
        Z, dA = exactly(Z, dA)
        exact_A = reference.activation_forward(Z.T, oracle(name)).T
        exact_dZ = reference.activation_backward(dA.T, Z.T, exact_A.T, oracle(name)).T
        if dtype == np.float64:
            assert relative_difference(A, exact_A) < 1e-12
            assert np.abs(dZ - exact_dZ).max() < 1e-12 * max(
                np.abs(dA).max(), np.abs(exact_dZ).max()
            )
            continue
        assert_within(A, exact_A, activation_bound(name, Z, exact_A, 0.0))
        if name == "softmax":  # dZ_j = a_j (dA_j - S), S = sum_k a_k dA_k
            S = np.sum(exact_A * np.abs(dA), axis=1, keepdims=True)
            bound = gamma(2 * n + 24 + 4 * spread(Z)) * exact_A * (np.abs(dA) + S)
        else:  # sigmoid: dA a (1 - a), tanh: dA (1 - a^2) with a to 6 roundings; exp: dA a, to 2
            own = {"sigmoid": 10 * exact_A, "exp": 3 * exact_A, "softplus": 8 * (exact_dZ / dA)}
            own |= {"tanh": 16, "leaky_relu": 2, "elu": 8 * SLOPE, "selu": 14, "hard_sigmoid": 1}
            own |= {"gelu": 12, "silu": 12, "mish": 12}
            bound = gamma(1) * own.get(name, 0) * np.abs(dA)
        assert_within(dZ, exact_dZ, bound * (1 + 1e-5))


@pytest.mark.parametrize("name", [a for a in ACTIVATIONS if a != "softmax"])
def test_activation_derivative_is_the_way_back_of_ones(name, rng):
    Z = draw(rng, np.float64, 5, 9)
    derivative = ops.activation_derivative(Z, described(name))
    way_back = ops.activation_backward(np.ones_like(Z), Z, described(name))
    np.testing.assert_array_equal(derivative, way_back)
    step = 1e-6
    up, down = (ops.activation(Z + s, described(name)) for s in (step, -step))
    np.testing.assert_allclose(derivative, (up - down) / (2 * step), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_dense_backward_adds_to_dW_and_db(shape, rng, isa):
    m, n_in, n_out = shape
    for dtype in (np.float64, np.float32):
        X, W = draw(rng, dtype, m, n_in), draw(rng, dtype, n_in, n_out)
        dZ, dW, db = (
            draw(rng, dtype, m, n_out),
            draw(rng, dtype, n_in, n_out),
            draw(rng, dtype, n_out),
        )
        dW_before, db_before = exactly(dW.copy(), db.copy())
        dX = ops.dense_backward(X, W, dZ, dW=dW, db=db)
        X, W, dZ = exactly(X, W, dZ)
        cache = reference.Cache(X.T, W.T, db_before[:, None], dZ.T, dZ.T, "identity")
        exact = reference.linear_backward(dZ.T, cache, np.ones((1, m)))
        expected = [exact[0].T, dW_before + exact[1].T, db_before + exact[2][:, 0]]
        if dtype == np.float64:
            for result, value in zip([dX, dW, db], expected, strict=True):
                assert relative_difference(result, value) < 1e-12
            continue
        assert_within(dX, expected[0], gamma(n_out) * (np.abs(dZ) @ np.abs(W).T))
        products = np.abs(dW_before) + np.abs(X).T @ np.abs(dZ)
        assert_within(dW, expected[1], gamma(m + 1) * products)
        assert_within(db, expected[2], gamma(m + 1) * (np.abs(db_before) + np.abs(dZ).sum(axis=0)))


def test_gradients_of_two_halves_add_up_to_the_whole_s_bits(rng):
    X, W, dZ = (draw(rng, np.float32, *shape) for shape in [(20, 9), (9, 17), (20, 17)])
    whole, halves = np.zeros((9, 17), np.float32), np.zeros((9, 17), np.float32)
    ops.dense_backward(X, W, dZ, dW=whole, with_dX=False)
    ops.dense_backward(X[:7], W, dZ[:7], dW=halves, with_dX=False)
    ops.dense_backward(X[7:], W, dZ[7:], dW=halves, with_dX=False)
    np.testing.assert_array_equal(halves, whole)


def loss_by_reference(Z, Y, loss, name, weights):
    """Cost, dZ (with each sample's share), L and the shares c, all by rows."""
    n = Z.shape[1]
    A = reference.activation_forward(Z.T, oracle(name))
    if Y.ndim == 1 and loss.name == "cross_entropy":
        Y = np.eye(n)[Y]
    Y = Y.reshape(Z.shape).T
    c = np.full(len(Z), 1 / len(Z)) if weights is None else weights / weights.sum()
    L = reference.loss_forward(A, Z.T, Y, reference_loss(loss), oracle(name))
    dZ = reference.loss_backward(A, Z.T, Y, reference_loss(loss), oracle(name))
    return float(c @ L), (c * dZ).T, c[:, None], A.T, Y.T


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_loss_and_gradient_in_float64(loss, name, n, rng, isa):
    m = 9
    for form in ("dense", "classes") if loss.name == "cross_entropy" else ("dense",):
        for weights in (None, rng.random(m)):
            # Beyond 2.5 tanh is so close to 1 that its last bits decide about 1 / (1 - p).
            Z, Y = rng.uniform(-2.5, 2.5, (m, n)), targets(rng, loss, m, n, form)
            cost, dZ = ops.loss_and_gradient(Z, Y, loss, described(name), weights)
            expected, expected_dZ, *_ = loss_by_reference(Z, Y, loss, name, weights)
            assert cost == pytest.approx(expected, rel=1e-12)
            scale = max(np.abs(expected_dZ).max(), 1e-3)
            assert np.abs(dZ - expected_dZ).max() < 1e-12 * scale
            if name == _core.losses()[loss.name]:
                np.testing.assert_array_equal(
                    ops.loss_and_gradient(Z, Y, loss, sample_weight=weights)[1], dZ
                )


def float32_bounds(loss, name, Z, Y, A, c):
    """Of the cost and of dZ; the arrays are exact."""
    n, r, e = Z.shape[1], spread(Z), np.abs(A - Y)
    if (
        loss.name == "binary_cross_entropy"
    ):  # max(z, 0) - z y + log1p(e^-|z|), each term <= 2 |z| + 1
        return gamma(n + 12) * np.sum(c * (2 * np.abs(Z) + 1)), gamma(12) * c
    if loss.name == "squared_error":  # e^2 / 2 and e g'(z), a exact (identity) or to 6 roundings
        own = 0 if name == "identity" else 24
        return gamma(n + 6 + own) * np.sum(c * (e**2 + (own > 0) * e)), gamma(3 + own) * c * (
            e + (own > 0)
        )
    if loss.name == "absolute_error":  # e to one rounding, and its sign is right
        return gamma(n + 4) * np.sum(c * e), gamma(3) * c
    if loss.name == "quantile":  # 1 - q to 4 q's roundings
        q = loss.quantile
        return gamma(n + 12) * np.sum(c * np.where(A < Y, q, 1 - q) * e), gamma(8) * c
    if loss.name == "huber":  # |e| - delta / 2 >= |e| / 2
        L = np.where(e <= loss.delta, e**2 / 2, loss.delta * (e - loss.delta / 2))
        return gamma(n + 10) * np.sum(c * L), gamma(4) * c * np.minimum(e, loss.delta)
    if loss.name == "poisson":  # (a - y) - y (z - log y), a and log y to 2 roundings
        log_Y = np.log(np.maximum(Y, 1))  # counts
        sizes = A + Y + Y * (np.abs(Z) + log_Y)
        return gamma(n + 10) * np.sum(c * sizes), gamma(6) * c * (A + Y)
    if name == "softmax":  # sum y (log total - x), total to n + r roundings, x = z - max z
        log_total = np.log(np.sum(np.exp(Z - Z.max(axis=1, keepdims=True)), axis=1, keepdims=True))
        cost = gamma(2 * n + 12 + r) * np.sum(c * (1 + log_total + r))
        return cost, gamma(n + 16 + 2 * r) * c
    # sigmoid: -y log p, and -y / p p (1 - p) with p to 6 roundings
    return gamma(n + 12) * np.sum(c * Y * (1 - np.log(A))), gamma(20) * c * np.ones_like(Y)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(
    ("loss", "name"),
    [
        *((loss, _core.losses()[loss.name]) for loss in LOSSES),
        (CrossEntropy(), "sigmoid"),
        (SquaredError(), "tanh"),
    ],
    ids=repr,
)
def test_loss_and_gradient_in_float32(loss, name, n, rng, isa):
    m = 9
    weights = rng.random(m)
    Z = draw(rng, np.float32, m, n)
    Y = targets(rng, loss, m, n).astype(np.float32)
    cost, dZ = ops.loss_and_gradient(Z, Y, loss, name, weights)
    assert dZ.dtype == np.float32
    Z, Y = exactly(Z, Y)
    expected, expected_dZ, c, A, Y = loss_by_reference(Z, Y, loss, name, weights)
    cost_bound, dZ_bound = float32_bounds(loss, name, Z, Y, A, c)
    assert_within(cost, expected, cost_bound)
    assert_within(dZ, expected_dZ, dZ_bound)


@pytest.mark.parametrize(("dtype", "bits"), [("float32", 23), ("float64", 52)])
def test_probabilities_are_clipped_to_the_type_s_spacing(dtype, bits):
    Z = np.array([[-1.0, 2.0]], dtype)  # identity: no probabilities at all
    cost, dZ = ops.loss_and_gradient(Z, [0], "cross_entropy", "identity")
    assert cost == pytest.approx(bits * np.log(2), rel=1e-6)
    np.testing.assert_array_equal(dZ, [[0, 0]])


def test_the_kind_of_the_first_array_chooses_the_type(rng):
    Z = rng.normal(size=(3, 4))
    assert ops.activation(Z.astype(np.float32), "tanh").dtype == np.float32
    for other in (Z, Z.tolist(), Z.astype(np.float16), Z.astype(int), Z.astype(">f4")):
        assert ops.activation(other, "tanh").dtype == np.float64
