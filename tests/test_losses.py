"""The losses against other libraries, at their kinks and ends, and as what they estimate."""

import re

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

import chainrule as cr
from chainrule import ops

from .helpers import build, gamma, reference_pass, shown


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


@pytest.mark.parametrize(("loss", "output", "estimate"), ESTIMATES, ids=shown)
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


@pytest.mark.parametrize("output", ["sigmoid", "identity"])
def test_label_smoothing_of_two_answers_is_smoothed_labels(output, rng, isa):
    Z, Y, s = rng.normal(size=(20, 3)), rng.integers(0, 2, (20, 3)), 0.25
    expected = ops.loss_and_gradient(Z, (1 - s) * Y + s / 2, "binary_cross_entropy", output)
    smooth = ops.loss_and_gradient(Z, Y, cr.BinaryCrossEntropy(s), output)
    assert smooth[0] == pytest.approx(expected[0], rel=1e-15)
    np.testing.assert_array_equal(smooth[1], expected[1])


def test_hinge_losses_are_those_of_scikit_learn(rng):
    A, Y = 2 * rng.normal(size=100), rng.integers(0, 2, 100)
    expected = metrics.hinge_loss(Y, A)
    for labels in (Y, 2 * Y - 1, Y == 1):
        assert cost(A, labels, "hinge") == pytest.approx(expected, rel=1e-14)
    A, classes = 2 * rng.normal(size=(100, 5)), rng.integers(0, 5, 100)
    expected = metrics.hinge_loss(classes, A)
    for labels in (classes, np.eye(5)[classes]):
        value, _ = ops.loss_and_gradient(A, labels, "multiclass_hinge")
        assert value == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hinge_losses_at_their_kinks_and_where_numbers_end(dtype, isa):
    A = np.array([[-1.0, 0, 1, 1.5, -3]], dtype)
    value, dA = ops.loss_and_gradient(A, [[1, 1, 1, 1, -1]], "hinge")
    assert value == 3
    np.testing.assert_array_equal(dA, [[-1, -1, 0, 0, 0]])
    for y, L, expected in (
        (1, 2.5, [0, -1, 0, 1, 0]),  # the first of two equal rivals
        (3, 1, [0, 0, 0, 0, 0]),
        (0, 3.5, [-1, 0, 0, 1, 0]),
    ):
        A = np.array([[-1.0, 0, 1, 1.5, 1.5]], dtype)
        if y == 3:
            A[0, 3] = 2.5
            L = 0
        value, dA = ops.loss_and_gradient(A, [y], "multiclass_hinge")
        assert value == L
        np.testing.assert_array_equal(dA, [expected])
    assert ops.loss_and_gradient([[3.0]], [0], "multiclass_hinge")[0] == 0  # the only class
    net = cr.Network([cr.Dense(2, "exp"), cr.Dense(2)], 1, dtype)
    net.parameters["1.weight"] = np.full((1, 2), 1e4)
    net.parameters["2.weight"] = np.array([[1, -1], [-1, 1]])  # infinity - infinity
    for loss, Y in (("hinge", [[1, 0]]), ("multiclass_hinge", [0])):
        assert np.isnan(net.cost([[1.0]], Y, loss))


@pytest.mark.parametrize(
    ("loss", "Y", "said"),
    [
        ("hinge", [0.2, 0.8], "labels 0 and 1, or -1 and 1, got 0.2 in row 0"),
        ("hinge", [0, -1], "labels 0 and 1, or -1 and 1, got -1 in row 1"),
        ("hinge", [1, 2], "labels 0 and 1, or -1 and 1, got 2 in row 1"),
        ("multiclass_hinge", [[0.5, 0.5], [0, 1]], "class indices, or labels 0 and 1, got 0.5 in"),
        (
            "multiclass_hinge",
            [[1, 1], [0, 1]],
            "labels that add up to 1 in every row, got 2 in row",
        ),
        ("multiclass_hinge", [0, 2], "class indices, whole numbers from 0 to 1, got 2 at Y[1]"),
        ("binary_focal", [[0, 1.5], [0, 0]], "labels from 0 to 1, got 1.5 in row 0"),
        ("focal", [[0.5, 0.2], [0, 1]], "labels that add up to 1 in every row, got 0.7 in row 0"),
        ("poisson", [[1, 2], [3, -1]], "targets that are not negative, got -1 in row 1"),
    ],
)
def test_targets_that_do_not_fit_are_refused(loss, Y, said):
    n = 1 if loss == "hinge" else 2
    net = cr.Network([cr.Dense(n)], 1, "float64")
    message = rf"^\[Network.cost\] Y: expected {re.escape(said)}"
    with pytest.raises(ValueError, match=message):
        net.cost(np.ones((2, 1)), Y, loss)


def test_one_output_is_no_class_of_several():
    net = cr.Network([cr.Dense(1)], 1, "float64")
    text = r"layer 1 \(Dense\)\] loss: expected two or more outputs for 'multiclass_hinge', .*got 1"
    with pytest.raises(ValueError, match=r"\[Trainer, " + text):
        cr.Trainer(net, "multiclass_hinge")
    with pytest.raises(ValueError, match=r"\[Network.cost, " + text):
        net.cost([[1.0]], [0], "multiclass_hinge")


@pytest.mark.parametrize("output", ["sigmoid", "relu", "softmax", "exp", "softplus"])
def test_margins_that_no_output_can_have_are_warned_of_once(output):
    net = cr.Network([cr.Dense(2, output)], 1)
    with pytest.warns(
        UserWarning, match=rf"hinge takes .* {output} has none; use identity"
    ) as seen:
        cr.Trainer(net, "hinge")
    assert len(seen) == 1
    if output in ("sigmoid", "softmax"):
        text = rf"multiclass_hinge takes .* {output} never do; use identity"
        with pytest.warns(UserWarning, match=text):
            cr.Trainer(net, "multiclass_hinge")
    else:
        cr.Trainer(net, "multiclass_hinge")  # warnings are errors
    for suits in ("identity", "tanh", "leaky_relu"):
        cr.Trainer(cr.Network([cr.Dense(2, suits)], 1), "hinge")


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
@pytest.mark.parametrize("output", ["sigmoid", "hard_sigmoid"])
def test_outputs_that_do_not_add_up_to_1_are_warned_of(loss, output):
    """They would all become 1, at no cost."""
    text = rf"{loss} takes outputs that add up to 1; those of .* {output} do not.*; use softmax"
    with pytest.warns(UserWarning, match=text):
        cr.Trainer(cr.Network([cr.Dense(2, output)], 1), loss)


@pytest.mark.parametrize(
    ("loss", "output", "advice"),
    [
        ("cross_entropy", "sigmoid", "binary_cross_entropy with sigmoid"),
        ("focal", "softmax", "binary_focal with sigmoid"),
        ("binary_cross_entropy", "softmax", "sigmoid"),
        ("squared_error", "softmax", "identity"),
    ],
)
def test_one_output_that_cannot_learn_is_warned_of(loss, output, advice):
    with pytest.warns(UserWarning, match=rf"^\[Trainer\] loss: {loss} .*; use {advice}$"):
        trainer = cr.Trainer(cr.Network([cr.Dense(1, output)], 1), loss)
    if output == "softmax":
        net = trainer.net
        net.backward([[1.0], [2.0]], [0, 0], loss)
        assert not any(net.gradients[name].any() for name in net.gradients)


def test_a_margin_is_learnt_and_grouped_outputs_have_one_class(rng):
    X = rng.normal(size=(200, 2))
    classes = np.argmax(X @ rng.normal(size=(2, 3)), axis=1)
    net = cr.Network([cr.Dense(16, "tanh"), cr.Dense(3)], 2, "float64")
    cr.Trainer(net, "multiclass_hinge", cr.Adam(0.02)).fit(X, classes, 60)
    assert np.mean(net.predict(X).argmax(axis=1) == classes) > 0.97
    net = cr.Network([cr.Dense(16, "tanh"), cr.Dense(1)], 2, "float64")
    cr.Trainer(net, "hinge", cr.Adam(0.02)).fit(X, np.where(classes == 1, 1, -1), 60)
    assert np.mean((net.predict(X)[:, 0] > 0) == (classes == 1)) > 0.97
    grouped = cr.Dense(3, cr.Activation("softmax", groups=(1, 2)))
    net = cr.Network([grouped], 2, "float64")
    with pytest.raises(ValueError, match=r"Y: expected shape \(200, 3\), got shape \(200,\)"):
        net.cost(X, classes, "multiclass_hinge")
