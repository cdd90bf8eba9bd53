"""Groups and targets that do not fit together are refused, by the core and the reference."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import reference

from .helpers import classes_of, columns, grouped, labels_of


def test_the_reference_refuses_groups_and_targets_that_do_not_fit(rng):
    groups, X, activations = (3, 2), rng.normal(size=(4, 7)), ["tanh", ("softmax", (3, 2))]
    parameters, classes = reference.initialize_parameters([4, 5, 5]), classes_of(rng, groups, 7)
    AL, caches = reference.forward_propagation(X, parameters, activations)
    with pytest.raises(ValueError, match=r"activation: expected groups that add up to 5 units"):
        reference.forward_propagation(X, parameters, ["tanh", ("softmax", (3, 3))])
    for bad in (("tanh", (3, 2)), ("softmax", (5, 0)), ("softmax", ())):
        with pytest.raises(ValueError, match="groups of at least one unit, for softmax only"):
            reference.forward_propagation(X, parameters, ["tanh", bad])
    for Y, problem in (
        (classes.T + 1, "integers from 0 to 2, got values from 1.0 to 3.0"),
        (np.full((5, 7), 0.2), "labels that sum to 1 in each group of each sample"),
        (classes[:, 0], r"shape \(5, m\), columns are samples"),
    ):
        with pytest.raises(ValueError, match=problem):
            reference.compute_cost(AL, Y, caches, "cross_entropy")


def test_metrics_of_one_task_are_refused(rng):
    net, X, Y = grouped(4, [], (3, 2)), rng.normal(size=(8, 4)), classes_of(rng, (3, 2), 8)
    for metrics in ("accuracy", ["r2", cr.metrics.log_loss]):
        with pytest.raises(ValueError, match=r"\[Trainer\] metrics: expected metrics of one's own"):
            cr.Trainer(net, "cross_entropy", metrics=metrics)

    def exact(Y, prediction, sample_weight=None):
        p = [prediction[:, at].argmax(axis=1) for at in columns((3, 2))]
        return float((np.stack(p, axis=1) == Y).all(axis=1).mean())

    history = cr.Trainer(net, "cross_entropy", metrics=[exact]).fit(X, Y, 2)
    assert 0 <= history["exact"][-1] <= 1


def test_groups_that_make_no_sense_are_refused():
    for name, groups, error, problem in (
        ("tanh", (3, 2), ValueError, "groups: expected None for 'tanh', got (3, 2)"),
        (
            "softmax",
            (),
            TypeError,
            "groups: expected a tuple of at least one integer or None, got ()",
        ),
        (
            "softmax",
            9,
            TypeError,
            "groups: expected a tuple of at least one integer or None, got 9",
        ),
        ("softmax", (3, 0), ValueError, "groups: expected an integer from 1 to 2147483648, got 0"),
        (
            "softmax",
            (3, 2.0),
            TypeError,
            "groups: expected an integer from 1 to 2147483648, got 2.0",
        ),
    ):
        with pytest.raises(error) as caught:
            cr.Activation(name, groups=groups)
        assert str(caught.value) == f"[Activation] {problem}"
    with pytest.raises(ValueError, match="add up") as caught:
        cr.Dense(9, cr.Activation("softmax", groups=(3, 4)))
    assert (
        str(caught.value)
        == "[Dense] activation: expected groups that add up to 9 units, got (3, 4)"
    )
    assert cr.Activation("softmax", groups=[3, 4]) == cr.Activation("softmax", groups=(3, 4))
    with pytest.raises(ValueError, match="softmax is for the last layer"):
        cr.Network([cr.Dense(9, cr.Activation("softmax", groups=(3, 6))), cr.Dense(2)], 3)


def test_targets_that_do_not_fit_the_groups_are_refused(rng):
    groups = (3, 4, 2)
    net, X = grouped(4, [], groups), rng.normal(size=(8, 4))
    classes, labels = classes_of(rng, groups, 8), labels_of(rng, groups, 8)
    shape = "class indices of shape (8, 3) or labels of shape (8, 9)"
    wrong_class, wrong_label = classes.copy(), labels.copy()
    wrong_class[5, 2] = 2
    wrong_label[6, 3] += 0.25
    for Y, problem in (
        (classes[:, 0], f"expected {shape}, got shape (8,)"),
        (classes[:, :2], f"expected {shape}, got shape (8, 2)"),
        (classes[:7], f"expected {shape}, got shape (7, 3)"),
        (labels[:, :8], f"expected {shape}, got shape (8, 8)"),
        (wrong_class, "expected class indices, whole numbers from 0 to 1, got 2 at Y[5, 2]"),
        (
            wrong_label,
            "expected labels that add up to 1 in every group of every row, "
            "got 1.25 in group 1 of row 6",
        ),
    ):
        with pytest.raises(ValueError, match="expected") as caught:
            net.cost(X, Y, "cross_entropy")
        assert str(caught.value) == f"[Network.cost] Y: {problem}"
