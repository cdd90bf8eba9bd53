"""Sample weights, class weights, and classes that some of the data lack."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, make_scorer, max_error, r2_score

import chainrule as cr

from .estimating import binary

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
BINARY = binary()


def small(**options):
    return cr.MLPClassifier(5, **{"max_iter": 3, "random_state": 0} | options)


def same(a, b):
    return all(np.array_equal(*pair) for pair in zip(a.coefs_, b.coefs_, strict=True))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_weights_that_are_negative_or_all_zero_are_refused(solver):
    for kind in (cr.MLPClassifier, cr.MLPRegressor):
        est = kind(hidden_layer_sizes=5, solver=solver)
        with pytest.raises(ValueError, match="weight"):
            est.fit(X, Y, np.zeros(len(X)))
        with pytest.raises(ValueError, match=r"\.fit\] sample_weight: expected weights that are"):
            est.fit(X, Y, -np.ones(len(X)))


def test_rows_of_weight_zero_are_not_there_for_the_gradient():
    half = np.arange(len(X)) % 2
    some = half == 0
    options = {"shuffle": False, "max_iter": 5, "alpha": 0.0}
    weighted = small(batch_size=10, **options).fit(X, Y, some.astype(float))
    alone = small(batch_size=5, **options).fit(X[some], Y[some])
    for a, b in zip(weighted.coefs_, alone.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_mini_batch_without_weight_is_no_step():
    """The first five batches are of class 0, in order."""
    options = {"shuffle": False, "batch_size": 10, "max_iter": 2}
    skipped = small(class_weight={0: 0}, **options).fit(X, Y)
    rest = small(**options)
    rest.partial_fit(X[50:], Y[50:], classes=[0, 1, 2]).partial_fit(X[50:], Y[50:])
    assert same(skipped, rest)


def test_a_batch_of_partial_fit_without_weight_is_refused_and_changes_nothing():
    est = small(class_weight={0: 0}).partial_fit(X, Y, classes=[0, 1, 2])
    before = est.predict_proba(X)
    expected = r"\[MLPClassifier.partial_fit\] class_weight: expected a weight > 0 for at least one"
    with pytest.raises(ValueError, match=expected):
        est.partial_fit(X[:50], Y[:50])
    assert (est.predict_proba(X) == before).all()


def test_class_weights_of_classes_that_a_batch_lacks():
    est, by_hand = small(class_weight={2: 5}), small()
    for part in (slice(0, 50), slice(50, 150)):
        est.partial_fit(X[part], Y[part], classes=[0, 1, 2])
        weights = np.where(Y[part] == 2, 5.0, 1.0)
        by_hand.partial_fit(X[part], Y[part], weights, classes=[0, 1, 2])
    assert same(est, by_hand)
    with pytest.raises(
        ValueError, match="class_weight: expected weights of the classes 0, 1, 2, got"
    ):
        small(class_weight={7: 5}).fit(X, Y)


@pytest.mark.parametrize("given", [[{0: 2}], [{0: 2}, {1: 2}], [], ["balanced"]], ids=str)
def test_class_weights_of_one_target_are_no_list(given):
    expected = r"^\[MLPClassifier.fit\] class_weight: expected a dict .* for one target, got \["
    with pytest.raises(TypeError, match=expected):
        small(class_weight=given).fit(X, Y)


def test_balanced_weights_are_those_of_each_call():
    part = slice(30, 70)  # 20 rows of class 0, 20 of class 1
    balanced = small(class_weight="balanced").partial_fit(X[part], Y[part], classes=[0, 1, 2])
    assert same(balanced, small().partial_fit(X[part], Y[part], classes=[0, 1, 2]))
    some = slice(45, 60)  # 5 and 10
    weights = np.where(Y[some] == 0, 15 / (2 * 5), 15 / (2 * 10))
    balanced.partial_fit(X[some], Y[some])
    by_hand = small().partial_fit(X[part], Y[part], classes=[0, 1, 2])
    assert same(balanced, by_hand.partial_fit(X[some], Y[some], weights))


def test_classes_that_come_in_later_calls():
    X, y = BINARY
    est = small(solver="sgd")
    est.partial_fit(X[y == 0], y[y == 0], classes=[0, 1]).partial_fit(X[y == 1], y[y == 1])
    with pytest.raises(ValueError, match=r"`y` has classes not in `self\.classes_`"):
        est.partial_fit(X[:3], [0, 1, 2])


def test_validation_data_that_lack_a_class():
    some = Y != 2
    given = {"X_val": X[some], "y_val": Y[some]}
    est = small(class_weight={2: 3}, early_stopping=True).fit(X, Y, **given)
    assert est.validation_scores_[-1] == est.history_["val_score"][-1]
    est.set_params(scoring="f1_macro").fit(X, Y, **given)
    with pytest.raises(ValueError, match=r"^\[MLPClassifier.fit\] scoring: "):
        est.set_params(scoring="roc_auc_ovr").fit(X, Y, **given)


def test_validation_data_without_weight_are_refused():
    given = {"X_val": X[:50], "y_val": Y[:50]}
    with pytest.raises(ValueError, match=r"\[MLPClassifier.fit\] sample_weight_val: expected at l"):
        small(class_weight={0: 0}).fit(X, Y, **given)
    weights = np.zeros(len(X))
    weights[0] = 1  # which is not among those held out
    with pytest.raises(ValueError, match=r"fit, rows held out for validation\] sample_weight: exp"):
        small(early_stopping=True).fit(X, Y, weights)


@pytest.mark.parametrize("share", [0, 0.001, 0.999])
def test_a_share_that_leaves_no_rows_is_named(share):
    with pytest.raises(ValueError, match=r"^\[MLPClassifier.fit\] validation_fraction: "):
        small(early_stopping=True, validation_fraction=share).fit(*BINARY)


# ---- Scores without weights ----------------------------------------------------------------------


def half(est, X, y):
    return 0.5


def first(y, prediction, **options):
    return prediction[0]


@pytest.mark.parametrize(
    "given",
    [{"early_stopping": True}, {"X_val": X, "y_val": Y, "sample_weight_val": 1 + Y}],
    ids=["held out", "X_val"],
)
@pytest.mark.parametrize(
    "scoring", ["neg_max_error", make_scorer(max_error), make_scorer(first), half], ids=range(4)
)
def test_scoring_that_takes_no_weights_scores_without_and_warns_once(scoring, given):
    data = dict(given)
    early = data.pop("early_stopping", False)
    options = {"max_iter": 3, "random_state": 0, "early_stopping": early, "scoring": scoring}
    said = r"^\[MLPRegressor.fit\] scoring: .* does not support sample_weight, so it scores the va"
    with pytest.warns(UserWarning, match=said) as caught:
        est = cr.MLPRegressor(hidden_layer_sizes=5, **options).fit(X, Y, 1 + Y, **data)
    assert len([w for w in caught if "does not support" in str(w.message)]) == 1
    assert caught[0].filename == __file__
    if not early:
        scorer = half if scoring is half else get_scorer(scoring)
        assert est.history_["val_score"][-1] == scorer(est, X, Y)
    assert len(est.history_) == 3


@pytest.mark.parametrize("scoring", ["r2", make_scorer(r2_score)], ids=range(2))
def test_scoring_that_takes_weights_gets_them(scoring):
    est = cr.MLPRegressor(hidden_layer_sizes=5, max_iter=1, random_state=0, scoring=scoring)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        est.fit(X, Y, X_val=X, y_val=Y, sample_weight_val=1 + Y)
        assert est.history_["val_score"] == [est.score(X, Y, 1 + Y)]
        plain = clone(est).fit(X, Y, X_val=X, y_val=Y)
    assert plain.history_["val_score"] == [est.score(X, Y)] != est.history_["val_score"]


def test_a_function_of_options_gets_weights_among_them():
    calls = []

    def scoring(est, X, y, **options):
        calls.append(options)
        return 0.5

    est = cr.MLPRegressor(hidden_layer_sizes=5, max_iter=1, scoring=scoring)
    est.fit(X, Y, X_val=X, y_val=Y, sample_weight_val=1 + Y).fit(X, Y, X_val=X, y_val=Y)
    assert (calls[0].pop("sample_weight") == 1 + Y).all()
    assert calls == [{}, {}]


def test_rows_left_to_train_on_have_weight():
    numbered, held_out = np.c_[X, np.arange(len(X))], []

    def scoring(est, X, y):
        held_out.append(X[:, -1].astype(int))
        return 0.5

    small(early_stopping=True, scoring=scoring).fit(numbered, Y)
    weights = np.zeros(len(X))
    weights[held_out[0]] = 1
    est = small(early_stopping=True)
    said = r"\[MLPClassifier.fit, rows not held out for validation\] sample_weight: expected at le"
    with pytest.raises(ValueError, match=said):
        est.fit(numbered, Y, weights)
    assert not hasattr(est, "coefs_")
