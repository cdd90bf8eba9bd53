"""MLPClassifier with several classifications at once, one per column of y."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils import get_tags
from sklearn.utils.class_weight import compute_sample_weight

import chainrule as cr

from .estimating import weights_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NAMES = np.array(["red", "green", "blue"])


@pytest.fixture(scope="module")
def data():
    """Three classes, two, and four."""
    X, first = make_classification(
        300, 8, n_informative=6, n_classes=3, class_sep=2.0, random_state=0
    )
    return X, np.stack([first, X[:, 0] > 0, np.digitize(X[:, 1], [-1, 0, 1]) + 5], axis=1)


def fitted(data, **options):
    X, Y = data
    options = {"hidden_layer_sizes": (12,), "max_iter": 8, "random_state": 0} | options
    return cr.MLPClassifier(**options).fit(X, Y)


# ---- conventions ---------------------------------------------------------------------------------


def test_shapes_and_classes_are_those_of_a_forest(data):
    X, Y = data
    est, forest = fitted(data), RandomForestClassifier(5, random_state=0).fit(X, Y)
    assert isinstance(est.classes_, list)
    for ours, theirs in zip(est.classes_, forest.classes_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert est.predict(X).shape == forest.predict(X).shape
    assert est.predict(X).dtype == Y.dtype
    for ours, theirs in zip(est.predict_proba(X), forest.predict_proba(X), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours.sum(axis=1), 1)
    for p, log_p in zip(est.predict_proba(X), est.predict_log_proba(X), strict=True):
        np.testing.assert_array_equal(np.log(p), log_p)
    assert get_tags(est).target_tags.multi_output
    assert est.out_activation_ == "softmax"
    assert est._engine.net.layers[-1].activation == cr.Activation("softmax", groups=(3, 2, 4))


def test_a_prediction_is_the_likeliest_class_of_each_output(data):
    X, _ = data
    est = fitted(data)
    outputs = est._engine.net.predict(X)
    np.testing.assert_array_equal(np.concatenate(est.predict_proba(X), axis=1), outputs)
    for k, at in enumerate((slice(0, 3), slice(3, 5), slice(5, 9))):
        expected = est.classes_[k][outputs[:, at].argmax(axis=1)]
        np.testing.assert_array_equal(est.predict(X)[:, k], expected)


def test_the_score_is_the_share_of_rows_that_are_right_in_all_outputs(data):
    X, Y = data
    est, w = fitted(data, learning_rate_init=0.02), np.arange(300.0)
    right = (est.predict(X) == Y).all(axis=1)
    assert 0.05 < right.mean() < (est.predict(X) == Y).mean()
    assert est.score(X, Y) == right.mean()
    assert est.score(X, Y, w) == pytest.approx((right * w).sum() / w.sum())
    separate = MultiOutputClassifier(cr.MLPClassifier((5,), max_iter=2, random_state=0)).fit(X, Y)
    expected = (separate.predict(X) == Y).all(axis=1).mean()
    assert separate.score(X, Y) == expected
    assert cross_val_score(est, X, Y, cv=3).shape == (3,)
    with pytest.raises(ValueError, match=r"\[MLPClassifier.score\] y: expected shape \(n, 3\)"):
        est.score(X, Y[:, :2])


# ---- training ------------------------------------------------------------------------------------


def test_without_a_hidden_layer_the_outputs_are_separate_models(data):
    """From the same weights and bit for bit, because nothing is shared."""
    X, Y = data
    ends = (0, 3, 7)
    Y = Y[:, [0, 2]]  # more than two classes, so that a column alone has a softmax, too
    W, b = np.random.default_rng(0).normal(size=(9, 7))[:8], np.linspace(-1, 1, 7)
    classes = [[0, 1, 2], [5, 6, 7, 8]]

    def trained(columns, y, classes):
        options = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05, "alpha": 0.1}
        est = cr.MLPClassifier((), shuffle=False, batch_size=70, **options)
        est.partial_fit(X, y, classes=classes)
        est.coefs_, est.intercepts_ = [W[:, columns].copy()], [b[columns].copy()]
        for _ in range(5):
            est.partial_fit(X, y)
        return est

    joint = trained(slice(None), Y, classes)
    for k, p in enumerate(joint.predict_proba(X)):
        at = slice(ends[k], ends[k + 1])
        alone = trained(at, Y[:, k], classes[k])
        assert joint.coefs_[0][:, at].tobytes() == alone.coefs_[0].tobytes()
        assert joint.intercepts_[0][at].tobytes() == alone.intercepts_[0].tobytes()
        assert p.tobytes() == alone.predict_proba(X).tobytes()
    assert not np.allclose(joint.coefs_[0], W, atol=0.1)


def test_lbfgs_minimizes_the_sum_of_the_losses(data):
    X, Y = data
    options = {"solver": "lbfgs", "alpha": 30.0, "tol": 1e-9, "max_iter": 2000, "max_fun": 10**5}
    joint = cr.MLPClassifier((), **options).fit(X, Y[:, [0, 2]])
    for p, k in zip(joint.predict_proba(X), (0, 2), strict=True):
        alone = cr.MLPClassifier((), **options).fit(X, Y[:, k])
        np.testing.assert_allclose(p, alone.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_the_sum_over_outputs(data, smoothing):
    X, Y = data
    whole = {"batch_size": 300, "alpha": 0.0, "max_iter": 3, "label_smoothing": smoothing}
    est = fitted(data, **whole)
    P = est.predict_proba(X)
    expected = 0.0
    for k, p in enumerate(P):
        y = Y[:, k, None] == est.classes_[k]
        expected -= ((1 - smoothing) * y + smoothing / y.shape[1] * 1.0).ravel() @ np.log(p).ravel()
    assert est.partial_fit(X, Y).loss_curve_[-1] == pytest.approx(expected / 300, rel=1e-9)


def test_class_weights_multiply(data):
    X, Y = data
    balanced = fitted(data, class_weight="balanced")
    w = compute_sample_weight("balanced", Y)
    options = {"hidden_layer_sizes": (12,), "max_iter": 8, "random_state": 0}
    assert weights_of(balanced) == weights_of(cr.MLPClassifier(**options).fit(X, Y, w))
    listed = fitted(data, class_weight=[{0: 2, 1: 1, 2: 1}, {0: 1, 1: 3}, {5: 1, 6: 1, 7: 1, 8: 5}])
    w = np.where(Y[:, 0] == 0, 2, 1) * np.where(Y[:, 1] == 1, 3, 1) * np.where(Y[:, 2] == 8, 5, 1)
    assert weights_of(listed) == weights_of(cr.MLPClassifier(**options).fit(X, Y, w))
    assert weights_of(listed) != weights_of(fitted(data))
    with pytest.raises(ValueError, match="class_weight: expected a list of 3 dicts"):
        fitted(data, class_weight={0: 2})


def test_early_stopping_and_own_validation_data(data):
    X, Y = data
    est = fitted(data, early_stopping=True, max_iter=30, learning_rate_init=0.02)
    assert est.best_validation_score_ == max(est.validation_scores_) > 0
    options = {"early_stopping": True, "max_iter": 12, "random_state": 0}
    est = cr.MLPClassifier((12,), **options).fit(X[:200], Y[:200], X_val=X[200:], y_val=Y[200:])
    assert est.score(X[200:], Y[200:]) == est.best_validation_score_
    assert len(est.history_["val_loss"]) == est.n_iter_
    by_scorer = cr.MLPClassifier((12,), scoring=lambda e, X, y: e.score(X, y), **options)
    by_scorer.fit(X[:200], Y[:200], X_val=X[200:], y_val=Y[200:])
    assert by_scorer.validation_scores_ == est.validation_scores_
    assert weights_of(by_scorer) == weights_of(est)


def test_it_learns_as_much_as_separate_models(data):
    X, Y = data
    options = {"hidden_layer_sizes": (40,), "max_iter": 300, "learning_rate_init": 0.01}
    one = cr.MLPClassifier(random_state=0, **options)
    joint, separate = one.fit(X[:200], Y[:200]), MultiOutputClassifier(clone(one))
    separate.fit(X[:200], Y[:200])
    for est in (joint, separate):
        assert (est.predict(X[:200]) == Y[:200]).all(axis=1).mean() > 0.95
        assert est.predict(X).dtype == Y.dtype
    right = [(est.predict(X[200:]) == Y[200:]).mean() for est in (joint, separate)]
    assert right[0] > right[1] - 0.05


# ---- partial_fit and warm starts -----------------------------------------------------------------


def test_batches_need_not_have_every_class(data):
    X, Y = data
    classes = [[0, 1, 2], [0, 1], [5, 6, 7, 8]]
    est = cr.MLPClassifier((5,), random_state=0)
    few = (Y[:, 0] < 2) & (Y[:, 2] == 6)
    est.partial_fit(X[few], Y[few], classes=classes)
    est.partial_fit(X[few], Y[few], classes=[np.array(c) for c in classes]).partial_fit(X, Y)
    copy = pickle.loads(pickle.dumps(est))
    assert weights_of(copy.partial_fit(X, Y)) == weights_of(est.partial_fit(X, Y))
    assert est.predict(X).shape == Y.shape
    with pytest.raises(ValueError, match=r"`y` has classes not in `self\.classes_\[2\]`"):
        est.partial_fit(X, Y + np.array([0, 0, 1]))
    for other in ([[0, 1, 2], [0, 1], [5, 6, 7]], [0, 1, 2], [[0, 1, 2], [0, 1]]):
        with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
            est.partial_fit(X, Y, classes=other)
    with pytest.raises(ValueError, match=r"y: expected shape \(n, 3\), got \(300,\)"):
        est.partial_fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        cr.MLPClassifier().partial_fit(X, Y)
    est = cr.MLPClassifier()
    with pytest.raises(ValueError, match=r"y: expected shape \(n,\), got \(300, 3\)"):
        est.partial_fit(X, Y, classes=[0, 1, 2])
    assert est.partial_fit(X, Y, classes=classes).predict(X).shape == Y.shape


def test_zeros_and_ones_are_classes_where_the_classes_say_so(data):
    X, Y = data
    bits = Y[:, :2] > 0
    labels = cr.MLPClassifier((5,), random_state=0).partial_fit(X, bits, classes=[0, 1])
    several = cr.MLPClassifier((5,), random_state=0).partial_fit(X, bits, classes=[[0, 1], [0, 1]])
    assert labels.predict_proba(X).shape == (300, 2)
    assert [p.shape for p in several.predict_proba(X)] == [(300, 2), (300, 2)]
    assert isinstance(fitted((X, 1 * bits)).classes_, np.ndarray)
    ones_and_twos = fitted((X, 1 + bits))
    assert [list(c) for c in ones_and_twos.classes_] == [[1, 2], [1, 2]]
    assert set(ones_and_twos.predict(X).ravel()) <= {1, 2}


def test_warm_start_needs_the_same_classes(data):
    X, Y = data
    est = fitted(data, warm_start=True, max_iter=3)
    before = weights_of(est)
    assert weights_of(est.fit(X, Y)) != before
    some = Y[:, 2] < 8
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same"):
        est.fit(X[some], Y[some])
    with pytest.raises(ValueError, match=r"y: expected shape \(n, 3\)"):
        est.fit(X, Y[:, :2])
    assert est.set_params(warm_start=False).fit(X, Y[:, 0]).classes_.tolist() == [0, 1, 2]
    assert est.predict_proba(X).shape == (300, 3)


# ---- types of labels -----------------------------------------------------------------------------


def test_strings_and_mixed_columns(data):
    X, Y = data
    strings = np.stack([NAMES[Y[:, 0]], NAMES[Y[:, 1]]], axis=1)
    est = fitted((X, strings))
    assert [c.tolist() for c in est.classes_] == [["blue", "green", "red"], ["green", "red"]]
    assert est.predict(X).dtype.kind == "U"
    frame = pd.DataFrame({"colour": NAMES[Y[:, 0]], "size": Y[:, 2]})
    mixed = np.empty((300, 2), object)
    mixed[:, 0], mixed[:, 1] = NAMES[Y[:, 0]].tolist(), Y[:, 2].tolist()
    in_numbers = np.stack([np.unique(NAMES[Y[:, 0]], return_inverse=True)[1], Y[:, 2]], 1)
    expected = fitted((X, in_numbers))
    for y in (frame, mixed):
        est = fitted((X, y))
        assert weights_of(est) == weights_of(expected)
        assert est.classes_[1].tolist() == [5, 6, 7, 8]
        predicted = est.predict(X)
        assert predicted.dtype == object
        assert {type(v) for v in predicted[:, 1]} <= {int, np.int64}
        assert est.score(X, y) == expected.score(X, in_numbers)
        pickle.loads(pickle.dumps(clone(est).fit(X, y))).predict(X[:1])
    given = cr.MLPClassifier((5,)).partial_fit(X, frame, classes=[NAMES, [5, 6, 7, 8]])
    assert {type(v) for v in given.predict(X)[:, 1]} <= {int, np.int64}


def test_a_column_may_have_one_class_only(data):
    X, Y = data
    Y = np.stack([Y[:, 0], np.full(300, 7)], axis=1)
    est = fitted((X, Y))
    assert (est.predict(X)[:, 1] == 7).all()
    assert (est.predict_proba(X)[1] == 1).all()
    constant = fitted((X, np.full((300, 2), 7)))
    assert (constant.predict(X) == 7).all()


# ---- what is refused -----------------------------------------------------------------------------


def test_targets_that_are_no_classes_are_refused(data):
    X, Y = data
    for y, error, problem in (
        (Y + 0.5, ValueError, "Unknown label type: continuous"),
        (np.stack([Y[:, 0], Y[:, 0] / 3], axis=1), ValueError, "Unknown label type: continuous"),
        (np.array([["a", 1], [2, 1]] * 150, object), TypeError, "column 0 of y: expected labels"),
        (
            np.array([["a", None], ["b", 1]] * 150, object),
            (TypeError, ValueError),
            "column 1|label",
        ),
    ):
        est = cr.MLPClassifier((5,))
        with pytest.raises(error, match=problem):
            est.fit(X, y)
        assert not hasattr(est, "classes_")
    est = fitted(data)
    for y_val, problem in (
        (Y[:, :2], r"\[MLPClassifier.fit\] y_val: expected shape \(n, 3\), got \(300, 2\)"),
        (Y + np.array([0, 0, 1]), r"y_val: `y_val` has classes not in `self.classes_\[2\]`"),
    ):
        before = weights_of(est)
        with pytest.raises(ValueError, match=problem):
            est.fit(X, Y, X_val=X, y_val=y_val)
        assert weights_of(est) == before
