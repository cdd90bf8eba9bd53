"""Weights of classes: those of scikit-learn, for a trainer, and what they cannot be for."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

import chainrule as cr
from chainrule._class_weight import weights_of_columns, weights_of_rows

X = np.random.default_rng(3).normal(size=(60, 4))
CLASSES = np.repeat([0, 1, 2], [40, 15, 5])


def trained(output, loss, Y, **options):
    """(parameters, history) after three epochs."""
    net = cr.Network([cr.Dense(6, "tanh"), output], 4, "float64")
    trainer = cr.Trainer(net, loss, cr.SGD(0.1))
    history = trainer.fit(X, Y, 3, 7, **options)
    return np.concatenate([value.ravel() for value in net.parameters.values()]), history


@pytest.mark.parametrize("given", ["balanced", {0: 1, 1: 2.5, 2: 7}, {2: 4}, {0: 0, 1: 3}])
def test_weights_are_those_of_scikit_learn(given):
    full = given if isinstance(given, str) else {c: given.get(c, 1) for c in range(3)}
    expected = compute_sample_weight(full, CLASSES)
    np.testing.assert_array_equal(weights_of_rows("f", given, CLASSES, [0, 1, 2]), expected)
    columns = np.stack([CLASSES, CLASSES[::-1]], axis=1)
    expected = expected * compute_sample_weight(full, CLASSES[::-1])
    two = given if isinstance(given, str) else [given, given]
    result = weights_of_columns("f", two, columns, [[0, 1, 2]] * 2)
    np.testing.assert_allclose(result, expected, rtol=1e-15)


@pytest.mark.parametrize("given", ["balanced", {1: 3}])
def test_class_weights_are_sample_weights(given):
    """Of indices and one-hot labels, of a single output with either pair, and multiplied."""
    full = given if isinstance(given, str) else {0: 1, 1: 3, 2: 1}
    by_hand, own = compute_sample_weight(full, CLASSES), np.linspace(0, 2, 60)
    softmax = cr.Dense(3, "softmax")
    for Y, output, loss in (
        (CLASSES, softmax, "cross_entropy"),
        (np.eye(3)[CLASSES], softmax, cr.Focal(1)),
        (CLASSES, cr.Dense(3), "multiclass_hinge"),
    ):
        expected, _ = trained(output, loss, Y, sample_weight=by_hand)
        assert np.array_equal(trained(output, loss, Y, class_weight=given)[0], expected)
        assert not np.array_equal(trained(output, loss, Y)[0], expected)
        expected, _ = trained(output, loss, Y, sample_weight=own * by_hand)
        both = trained(output, loss, Y, sample_weight=own, class_weight=given)[0]
        assert np.array_equal(both, expected)
    yes = (CLASSES > 0).astype(int)
    by_hand = compute_sample_weight(given if isinstance(given, str) else {0: 1, 1: 3}, yes)
    for Y, output, loss in (
        (yes, cr.Dense(1, "sigmoid"), "binary_cross_entropy"),
        (yes.reshape(-1, 1), cr.Dense(1, "sigmoid"), "binary_focal"),
        (2 * yes - 1, cr.Dense(1), "hinge"),
    ):
        expected, _ = trained(output, loss, Y, sample_weight=by_hand)
        assert np.array_equal(trained(output, loss, Y, class_weight=given)[0], expected)


def test_validation_data_are_weighted_too():
    softmax, weights = cr.Dense(3, "softmax"), {2: 9}
    by_hand = np.where(CLASSES == 2, 9.0, 1.0)
    _, history = trained(
        softmax, "cross_entropy", CLASSES, class_weight=weights, validation_data=(X, CLASSES)
    )
    _, expected = trained(
        softmax,
        "cross_entropy",
        CLASSES,
        sample_weight=by_hand,
        validation_data=(X, CLASSES, by_hand),
    )
    assert history["val_loss"] == expected["val_loss"]
    assert history["loss"] == expected["loss"]


def test_metrics_get_the_weights_of_classes():
    def mine(Y, prediction, sample_weight=None):
        return float(np.average(Y, weights=sample_weight))

    softmax = cr.Dense(3, "softmax")
    net = cr.Network([softmax], 4)
    trainer = cr.Trainer(net, "cross_entropy", metrics=[mine])
    history = trainer.fit(X, CLASSES, class_weight="balanced", validation_data=(X, CLASSES))
    assert history["mine"] == history["val_mine"] == [pytest.approx(1)]
    assert trainer.fit(X, CLASSES)["mine"][1] == CLASSES.mean() != 1


LABELS = np.eye(3)[CLASSES]
REFUSED = [
    ({3: 1}, CLASSES, "softmax", "cross_entropy", "weights of the classes 0, 1, 2, got {3: 1}"),
    ({0: -1}, CLASSES, "softmax", "cross_entropy", "a finite number >= 0 for each class, got -1"),
    (
        "even",
        CLASSES,
        "softmax",
        "cross_entropy",
        "a dict {class: weight}, 'balanced' or None, got",
    ),
    (dict.fromkeys(range(3), 0), CLASSES, "softmax", "cross_entropy", "a weight > 0 for at least"),
    ("balanced", 0.5 * LABELS + 1 / 6, "softmax", "cross_entropy", "None with targets that give"),
    ("balanced", LABELS, "sigmoid", "binary_cross_entropy", "None with targets that give a row no"),
    ("balanced", LABELS, "identity", "squared_error", "None with targets that give a row no class"),
]


@pytest.mark.parametrize(("given", "Y", "output", "loss", "said"), REFUSED)
def test_what_has_no_weight_of_a_class_is_refused(given, Y, output, loss, said):
    with pytest.raises((ValueError, TypeError)) as caught:
        trained(cr.Dense(3, output), loss, Y, class_weight=given)
    assert str(caught.value).startswith(f"[Trainer.fit] class_weight: expected {said}")


OF_ONE_CLASS = (CLASSES == 0) * 2.0


@pytest.mark.parametrize(
    ("given", "sample_weight", "said"),
    [
        ({0: 1e308, 1: 1e308}, None, "weights with a finite sum over the rows"),
        ({2: 1e300}, np.full(60, 1e10), "weights, times sample_weight, with a finite sum over"),
        ({0: 0}, OF_ONE_CLASS, "a weight > 0, times sample_weight, for at least one row"),
    ],
)
def test_weights_that_only_their_classes_spoil_are_named_so(given, sample_weight, said):
    bad, good = (X, CLASSES, sample_weight), (X, CLASSES, np.full(60, 1e-200))
    of_either = ((bad, None, ""), (good, bad, ", validation_data"))
    for (*data, weights), validation, at in of_either:
        trainer = cr.Trainer(cr.Network([cr.Dense(3, "softmax")], 4), "cross_entropy")
        options = {"sample_weight": weights, "class_weight": given, "validation_data": validation}
        with pytest.raises(ValueError, match=r"class_weight") as caught:
            trainer.fit(*data, **options)
        text = f"[Trainer.fit{at}] class_weight: expected {said}"
        assert str(caught.value).startswith(text)
        assert str(caught.value).endswith(f"got {given}")
