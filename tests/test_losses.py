"""The losses against other libraries, at their kinks and ends, and as what they estimate."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

import chainrule as cr
from chainrule import ops

from .helpers import build, gamma, reference_pass


def cost(A, Y, loss, **options):
    """Of one output and identity; a mean over rows."""
    return ops.loss_and_gradient(np.reshape(A, (-1, 1)), Y, loss, "identity", **options)[0]


@pytest.mark.parametrize("weighted", [False, True])
def test_poisson_is_half_the_deviance_of_scikit_learn(weighted, rng):
    Z, Y = rng.normal(size=200), rng.poisson(1.5, 200)
    assert (Y == 0).any()
    w = rng.random(200) if weighted else None
    expected = metrics.mean_poisson_deviance(Y, np.exp(Z), sample_weight=w) / 2
    assert ops.loss_and_gradient(Z[:, None], Y, "poisson", None, w)[0] == pytest.approx(
        expected, rel=1e-13
    )
    assert cost(np.exp(Z), Y, "poisson", sample_weight=w) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.7])
def test_quantile_and_absolute_error_are_those_of_scikit_learn(q, rng):
    A, Y = rng.normal(size=(2, 100))
    expected = metrics.mean_pinball_loss(Y, A, alpha=q)
    assert cost(A, Y, cr.Quantile(q)) == pytest.approx(expected, rel=1e-13)
    expected = metrics.mean_absolute_error(Y, A)
    assert cost(A, Y, "absolute_error") == pytest.approx(expected, rel=1e-13)
    assert cost(A, Y, "quantile") == pytest.approx(expected / 2, rel=1e-13)


@pytest.mark.parametrize("delta", [0.1, 1.0, 3.0])
def test_huber_is_that_of_scipy(delta, rng):
    A, Y = 2 * rng.normal(size=(2, 100))
    expected = special.huber(delta, A - Y).mean()
    assert cost(A, Y, cr.Huber(delta)) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("output", ["softmax", "sigmoid", "identity"])
@pytest.mark.parametrize("n", [1, 2, 5, 16, 17, 40])
def test_label_smoothing_is_smoothed_labels(n, output, rng, isa):
    """Of classes and of labels, few columns and many; to the bit where the labels are exact."""
    Z, classes, s = rng.normal(size=(20, n)), rng.integers(0, n, 20), 0.25
    smoothed = (1 - s) * np.eye(n)[classes] + s / n
    expected, expected_dZ = ops.loss_and_gradient(Z, smoothed, "cross_entropy", output)
    for Y in (classes, np.eye(n)[classes]):
        smooth, dZ = ops.loss_and_gradient(Z, Y, cr.CrossEntropy(s), output)
        assert smooth == pytest.approx(expected, rel=1e-15)
        np.testing.assert_allclose(dZ, expected_dZ, rtol=1e-13, atol=1e-16)
    plain = ops.loss_and_gradient(Z, classes, cr.CrossEntropy(0.0), output)
    np.testing.assert_array_equal(
        plain[1], ops.loss_and_gradient(Z, classes, "cross_entropy", output)[1]
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_at_the_kinks_and_ends(dtype, isa):
    Z, Y = np.array([[-2.0, -1, 0, 1, 2]], dtype), np.zeros((1, 5))
    expected = {
        cr.AbsoluteError(): [-1, -1, 0, 1, 1],
        cr.Huber(): [-1, -1, 0, 1, 1],
        cr.Huber(1.5): [-1.5, -1, 0, 1, 1.5],
        cr.Quantile(0.25): [-0.25, -0.25, 0, 0.75, 0.75],
    }
    for loss, gradient in expected.items():
        dZ = ops.loss_and_gradient(Z, Y, loss)[1]
        np.testing.assert_array_equal(dZ, [gradient], err_msg=repr(loss))


@pytest.mark.parametrize(("dtype", "largest"), [("float32", 88.0), ("float64", 709.0)])
def test_poisson_is_finite_for_every_rate_that_is(dtype, largest, isa):
    Z = np.array([[largest], [0.0], [-largest], [-1e4], [-1e30]], dtype)
    net = cr.Network([cr.Dense(1, "exp")], 1, dtype)
    net.parameters["1.weight"] = np.ones((1, 1))
    for y in (0.0, 1e-45, 1e-38, 1.0, 1e6):
        L = [net.cost(z[None], np.array([y]), "poisson") for z in Z]
        assert np.isfinite(L).all()
        assert np.isfinite(net.backward(Z, np.full(5, y), "poisson"))
        assert np.isfinite(net.gradients["1.bias"]).all()
        if y == 0:  # the rate itself
            np.testing.assert_array_equal(L, net.predict(Z)[:, 0])
    assert net.cost([[largest]], [0], "poisson") > 1e38
    assert np.isinf(net.predict([[largest + 2]])).all()


@pytest.mark.parametrize(("dtype", "eps"), [("float32", 2.0**-23), ("float64", 2.0**-52)])
def test_rates_of_other_activations_are_clipped_from_below(dtype, eps, isa):
    """And nothing is learnt there; the labels are counts."""
    A = np.array([[-3.0, 0.0, eps / 2, eps, 0.5, 1e30]], dtype)
    total, dZ = ops.loss_and_gradient(A, np.full((1, 6), 2.0), "poisson", "identity")
    p = np.maximum(A.astype(np.float64), eps)
    terms = 2 * np.log(2 / p) - 2 + p
    assert total == pytest.approx(terms.sum(), rel=8 * gamma(4, dtype))
    expected = np.where(p == A, 1 - 2 / p, 0)
    np.testing.assert_allclose(dZ, expected, rtol=2 * gamma(2, dtype))
    np.testing.assert_array_equal(dZ[0, :3], [0, 0, 0])


ESTIMATES = [
    (cr.SquaredError(), "identity", np.mean),
    (cr.AbsoluteError(), "identity", np.median),
    (cr.Quantile(0.8), "identity", lambda y: np.quantile(y, 0.8)),
    (cr.Quantile(0.2), "identity", lambda y: np.quantile(y, 0.2)),
    (cr.Poisson(), "exp", np.mean),
    (cr.Huber(1e3), "identity", np.mean),
    (cr.Huber(1e-3), "identity", np.median),
]


@pytest.mark.parametrize(("loss", "output", "estimate"), ESTIMATES, ids=repr)
def test_a_constant_tends_to_what_the_loss_estimates(loss, output, estimate, rng):
    Y = rng.exponential(2.0, 501)
    net = cr.Network([cr.Dense(1, output)], 1, "float64")
    trainer = cr.Trainer(net, loss, cr.Adam(0.05), schedule=cr.cosine(epochs=1500))
    trainer.fit(np.zeros((501, 1)), Y, 1500, None)
    assert net.predict([[0.0]])[0, 0] == pytest.approx(estimate(Y), abs=0.02)


def test_validation_and_evaluation_have_the_loss_of_training(rng):
    X, Y = rng.normal(size=(50, 3)), rng.integers(0, 4, 50)
    net, loss = build(3, [(4, "softmax", 0)], "float64"), cr.CrossEntropy(0.3)
    trainer = cr.Trainer(net, loss, cr.SGD(0.1))
    history = trainer.fit(X, Y, 3, None, validation_data=(X, Y))
    expected, *_ = reference_pass(net, X, Y, loss)
    assert trainer.loss == loss
    assert repr(loss) in repr(trainer)
    assert trainer.evaluate(X, Y)["loss"] == pytest.approx(expected, rel=1e-12)
    assert history["val_loss"][-1] == pytest.approx(expected, rel=1e-12)
    assert abs(expected - net.cost(X, Y, "cross_entropy")) > 0.001
    again = cr.Trainer(net, trainer.loss.to_dict())
    assert again.evaluate(X, Y)["loss"] == trainer.evaluate(X, Y)["loss"]
