"""Labels that a classifier refuses, given as y, as classes, or to score."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
Y2 = np.stack([Y, Y // 2 + 5], axis=1)


def small(**options):
    return cr.MLPClassifier(5, **{"max_iter": 2, "random_state": 0} | options)


def objects(*values):
    return np.array(values * (150 // len(values)), object)


@pytest.mark.parametrize(
    "y", [objects("a", None), objects("a", 1.5), objects(None), objects(0, 1, None)]
)
def test_labels_of_several_types_are_named(y):
    expected = r"^\[MLPClassifier.{}\] {}: expected labels of one type that can be sorted"
    est = small()
    with pytest.raises(TypeError, match=expected.format("fit", "y")):
        est.fit(X, y)
    with pytest.raises(TypeError, match=expected.format("fit", "column 1 of y")):
        est.fit(X, np.stack([Y.astype(object), y], axis=1))
    assert not hasattr(est, "classes_")


@pytest.mark.parametrize(
    ("classes", "error", "text"),
    [
        ([["a", 1], [5, 6]], TypeError, r"\[MLPClassifier.partial_fit\] classes\[0\]: expected la"),
        ([[0, 1, 2], [5, None]], TypeError, r"\[MLPClassifier.partial_fit\] classes\[1\]: expect"),
        ([[], [5, 6]], ValueError, r"\[MLPClassifier.partial_fit\] classes\[0\]: .*at least one"),
        ([[0, 1, np.nan], [5, 6]], ValueError, "NaN"),
        ([[0.5, 1, 2], [5, 6]], ValueError, "Unknown label type: continuous"),
    ],
    ids=str,
)  # fmt: skip
def test_classes_of_several_outputs_that_are_none(classes, error, text):
    est = small()
    with pytest.raises(error, match=text):
        est.partial_fit(X, Y2, classes=classes)
    est.partial_fit(X, Y2, classes=[[0, 1, 2], [5, 6]])
    with pytest.raises((TypeError, ValueError)):
        est.partial_fit(X, Y2, classes=classes)


@pytest.mark.parametrize("classes", [["a", 1], [0, None]], ids=str)
def test_classes_of_one_output_that_are_none(classes):
    with pytest.raises(TypeError, match=r"^\[MLPClassifier.partial_fit\] classes: expected labels"):
        small().partial_fit(X, Y, classes=classes)
    with pytest.raises(ValueError, match=r"^\[MLPClassifier.partial_fit\] classes: .*at least one"):
        small().partial_fit(X, Y, classes=[])


@pytest.mark.parametrize("labels", [objects(0, "a", 1), objects(None)])
def test_labels_of_several_types_are_named_in_what_follows(labels):
    est = small(warm_start=True).fit(X, Y)
    before = est.predict_proba(X)
    expected = r"^\[MLPClassifier.{}\] {}: expected labels of one type that can be sorted, got "
    with pytest.raises(TypeError, match=expected.format("partial_fit", "y")):
        est.partial_fit(X, labels)
    with pytest.raises(TypeError, match=expected.format("fit", "y")):
        est.fit(X, labels)
    with pytest.raises(TypeError, match=expected.format("fit", "y_val")):
        est.fit(X, Y, X_val=X, y_val=labels)
    assert (est.predict_proba(X) == before).all()


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2, 3], ["a", "b", "c"], [1, 2, 3]], ids=str)
def test_classes_of_labels_are_the_columns_of_y(classes):
    labels = (Y[:, None] == [0, 1, 2]).astype(int)
    est = small()
    expected = r"^\[MLPClassifier.partial_fit\] classes: expected the columns of y, 0 to 2, got \["
    with pytest.raises(ValueError, match=expected):
        est.partial_fit(X, labels, classes=classes)
    assert not hasattr(est, "classes_")
    assert list(est.partial_fit(X, labels, classes=[2, 1, 0]).classes_) == [0, 1, 2]


@pytest.mark.parametrize("given", [{"early_stopping": True}, {}])
def test_one_class_is_right_in_validation_too(given):
    y = np.full(150, "one")
    est = small(solver="sgd", momentum=0.0, **given)
    est.fit(X, y, **({} if given else {"X_val": X, "y_val": y}))
    assert est.history_["val_score"] == [est.score(X, y)] * 2 == [1.0, 1.0]


def with_nan(y):
    y = y.astype(float)
    y[3, 1] = np.nan
    return y


@pytest.mark.parametrize(
    ("y", "weights", "text"),
    [
        (Y2[:10], None, "inconsistent numbers of samples"),
        (None, None, "array"),
        (with_nan(Y2), None, "Input y contains NaN"),
        (Y2, np.ones(3), "sample_weight.shape == "),
        (Y2, np.full(150, np.nan), "sample_weight contains NaN"),
        (Y2, np.zeros(150), r"[Ss]ample.weight"),
        (Y, None, r"^\[MLPClassifier.score\] y: expected shape \(n, 2\), got \(150,\)"),
    ],
    ids=["short y", "no y", "NaN", "short weights", "NaN weights", "no weights", "one column"],
)  # fmt: skip
def test_score_of_several_outputs_refuses(y, weights, text):
    est = small().fit(X, Y2)
    with pytest.raises((TypeError, ValueError), match=text):
        est.score(X, y, weights)


def test_score_of_several_outputs_takes_lists_and_strings():
    est = small(max_iter=100, learning_rate_init=0.05)
    names = np.array(["a", "b", "c"])[Y2 - np.array([0, 5])]
    weights = np.linspace(0, 1, 150)
    est.fit(X, names)
    right = (est.predict(X) == names).all(axis=1)
    assert est.score(X, names.tolist(), weights.tolist()) == pytest.approx(
        right @ weights / weights.sum()
    )
    mixed = np.empty((150, 2), object)
    mixed[:, 0], mixed[:, 1] = names[:, 0], Y
    assert est.fit(X, mixed).score(X, mixed) > 0.5


@pytest.mark.parametrize("classes", [[[0, 1, 2]], np.array([[0, 1, 2]]), [[0], [1], [2]]], ids=str)
def test_classes_of_several_outputs_are_not_for_one(classes):
    text = r"^\[MLPClassifier.partial_fit\] classes: expected shape \(n_classes,\), got"
    est = small()
    with pytest.raises(ValueError, match=text):
        est.partial_fit(X, Y, classes=classes)
    est.partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=text):
        est.partial_fit(X, Y, classes=classes)
