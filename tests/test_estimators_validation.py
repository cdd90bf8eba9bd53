"""Validation data of the estimators: who sees them, what is refused and by which name."""

import csv

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.neural_network import MLPRegressor

import chainrule as cr
from chainrule.schedules import START

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
SHUFFLED = np.random.default_rng(0).permutation(Y)  # nothing to learn: the loss soon rises
GIVEN = {"X_val": X, "y_val": SHUFFLED}


def small(**options):
    return cr.MLPClassifier(5, **{"max_iter": 3, "random_state": 0} | options)


def fast(**options):
    return small(**{"max_iter": 60, "learning_rate_init": 0.05} | options)


# ---- Callbacks and schedules see them ------------------------------------------------------------


@pytest.mark.parametrize("monitor", [None, "val_loss", "val_score"])
@pytest.mark.parametrize("given", [GIVEN, {}], ids=["X_val", "held out"])
def test_early_stopping_of_the_library_follows_validation_data(monitor, given):
    better = monitor == "val_score"
    stopping = cr.EarlyStopping(patience=2, monitor=monitor)
    est = fast(callbacks=[stopping], early_stopping=not given, tol=0.0).fit(X, Y, **given)
    values = np.array(est.history_[monitor or "val_loss"])
    best = values.argmax() if better else values.argmin()
    assert stopping.best == values[best]
    assert stopping.best_epoch == best
    if given:
        assert est.n_iter_ == best + 3 < 60


def test_reduce_on_plateau_follows_validation_data():
    for monitor in (None, "val_loss"):
        schedule = cr.reduce_on_plateau(0.5, 2, monitor=monitor)
        est = fast(schedule=schedule, max_iter=20).fit(X, Y, **GIVEN)
        state = START
        factors = []
        for value in est.history_["val_loss"]:
            factors.append(0.05 * schedule.factor(0, state))
            state = schedule.advance(state, value)
        assert est.history_["learning_rate"] == pytest.approx(factors)
        assert factors[-1] < factors[0]


TASKS = {
    "one class": (cr.MLPClassifier, np.full(150, "a")),
    "two classes": (cr.MLPClassifier, np.where(Y == 1, "a", "b")),
    "three classes": (cr.MLPClassifier, Y),
    "labels": (cr.MLPClassifier, (X.mean(axis=0) < X).astype(int)),
    "two classifications": (cr.MLPClassifier, np.stack([Y, Y // 2 + 5], axis=1)),
    "a number": (cr.MLPRegressor, X[:, 3]),
    "two numbers": (cr.MLPRegressor, X[:, 2:]),
    "a constant": (cr.MLPRegressor, np.stack([X[:, 2], np.ones(150)], axis=1)),
}


@pytest.mark.parametrize("weights", [None, np.arange(150) % 3], ids=["alike", "weighted"])
@pytest.mark.parametrize("task", TASKS)
def test_the_validation_score_is_that_of_score(task, weights):
    kind, y = TASKS[task]
    est = kind(hidden_layer_sizes=5, max_iter=1, learning_rate_init=0.03, random_state=0)
    est.fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)
    expected = est.score(X, y, weights)
    assert est.history_["val_score"] == [pytest.approx(expected, rel=1e-12)]
    assert task == "one class" or expected != 1


@pytest.mark.parametrize("y", [np.full(150, 0.1), np.stack([X[:, 0], np.full(150, 0.1)], axis=1)])
def test_constant_targets_are_scored_as_scikit_learn_does(y):
    """Its mean of them is rounded, so that it divides by rounding errors."""
    options = {"early_stopping": True, "random_state": 0, "max_iter": 60}
    ours, theirs = (kind(**options).fit(X, y) for kind in (cr.MLPRegressor, MLPRegressor))
    assert ours.n_iter_ == theirs.n_iter_


def test_a_single_row_has_no_coefficient_of_determination():
    with pytest.warns(UndefinedMetricWarning, match="R"):
        est = cr.MLPRegressor(max_iter=1).fit(X, Y, X_val=X[:1], y_val=Y[:1])
    assert np.isnan(est.history_["val_score"]).all()


def test_a_schedule_that_follows_what_is_not_there_is_refused_before_the_first_epoch():
    est = small(schedule=cr.reduce_on_plateau(monitor="val_loss"))
    with pytest.raises(ValueError, match="monitor: expected one of 'epoch', 'loss', 'learning_ra"):
        est.fit(X, Y)
    assert not hasattr(est, "coefs_")


def test_callbacks_get_the_records_of_the_history(tmp_path):
    class Keep(cr.Callback):
        def __init__(self):
            self.records = []

        def on_epoch_end(self, trainer, epoch, logs):
            self.records.append(dict(logs))

    keep = Keep()
    weights = np.linspace(0.5, 2, len(X))
    est = small(callbacks=[keep, cr.CSVLogger(tmp_path / "log.csv")])
    est.fit(X, Y, weights, **GIVEN, sample_weight_val=weights)
    assert keep.records == list(est.history_)
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    for key in ("loss", "val_loss", "val_score", "learning_rate"):
        assert [float(row[key]) for row in rows] == est.history_[key]
    assert est.history_["loss"] == est.loss_curve_


# ---- What is refused -----------------------------------------------------------------------------

NAN = X.copy()
NAN[3, 1] = np.nan


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("X_val", X[:, :2], "X_val has 2 features, but MLPClassifier is expecting 4 features"),
        ("X_val", NAN, "Input X_val contains NaN"),
        ("X_val", X[:, 0], "Expected 2D array"),
        ("X_val", X[:0], "Found array with 0 sample"),
        ("y_val", np.full(150, np.nan), "Input y_val contains NaN"),
        ("y_val", Y + 5, "`y_val` has classes not in `self.classes_`"),
        ("y_val", Y[:9], "Found input variables with inconsistent numbers of samples"),
        ("y_val", np.stack([Y, Y], axis=1), r"expected shape \(n,\), got \(150, 2\)"),
        ("y_val", Y + 0.5, "Unknown label type|classes not in"),
        ("sample_weight_val", np.ones(9), "sample_weight_val.shape == "),
        ("sample_weight_val", np.full(150, np.nan), "Input sample_weight_val contains NaN"),
        ("sample_weight_val", -np.ones(150), "expected weights that are"),
    ],
)  # fmt: skip
def test_validation_data_are_refused_by_their_names(name, value, text):
    given = {"X_val": X, "y_val": Y, "sample_weight_val": None} | {name: value}
    with pytest.raises(ValueError, match=rf"^\[MLPClassifier.fit\] {name}: {text}"):
        small().fit(X, Y, **given)


def test_targets_for_validation_are_refused_by_their_name():
    for y_val, text in (
        (np.where(Y == 0, np.nan, Y), "Input y_val contains NaN"),
        (np.stack([Y, Y], axis=1), r"expected 1 target\(s\) per row"),
    ):
        with pytest.raises(ValueError, match=rf"^\[MLPRegressor.fit\] y_val: {text}"):
            cr.MLPRegressor(max_iter=2).fit(X, Y, X_val=X, y_val=y_val)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_labels_are_0_and_1(form):
    X, labels = make_multilabel_classification(60, 4, n_classes=3, random_state=0)
    expected = r"y_val: expected labels 0 and 1, got "
    for wrong in (2 * labels, -labels, 0.5 * labels):
        with pytest.raises(ValueError, match=rf"^\[MLPClassifier.fit\] {expected}"):
            small().fit(X, labels, X_val=X, y_val=form(wrong))
        est = small().partial_fit(X, labels, classes=[0, 1, 2])
        before = est.predict_proba(X)
        with pytest.raises(ValueError, match=r"^\[MLPClassifier.partial_fit\] y: expected labels "):
            est.partial_fit(X, form(wrong))
        assert (est.predict_proba(X) == before).all()
    same = small().fit(X, form(labels), X_val=X, y_val=form(labels))
    assert same.history_["val_loss"] == small().fit(
        X, labels, X_val=X, y_val=labels
    ).history_["val_loss"]  # fmt: skip


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_targets_of_a_regressor(solver):
    X, y = make_regression(60, 4, n_targets=2, random_state=0)
    dense, sparse = (
        cr.MLPRegressor(solver=solver, max_iter=3, random_state=0).fit(X, form(y))
        for form in (np.asarray, sp.csr_array)
    )
    assert (dense.predict(X) == sparse.predict(X)).all()
    if solver == "adam":
        sparse.fit(X, y, X_val=X, y_val=sp.csc_matrix(y))
        assert sparse.history_["val_loss"] == dense.fit(X, y, X_val=X, y_val=y).history_["val_loss"]


# ---- Scorers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, np.ones(3), "0.5"])
def test_a_scorer_that_returns_no_number_is_named(value):
    est = small(early_stopping=True, scoring=lambda est, X, y: value)
    with pytest.raises(TypeError, match=r"^\[MLPClassifier.fit\] scoring: expected a scorer that "):
        est.fit(X, Y)


def test_a_scorer_that_fails_leaves_no_half_record():
    calls = []

    def fails(est, X, y):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("planned")
        return 0.5

    est = small(early_stopping=True, scoring=fails)
    with pytest.raises(RuntimeError, match="planned"):
        est.fit(X, Y)
    assert est.n_iter_ == len(est.loss_curve_) == len(est.history_) == 2
    assert len(est.validation_scores_) == 2
    assert not [name for name in vars(est) if name == "_scores_itself"]


# ---- The score follows the loss ------------------------------------------------------------------


def quantile_data():
    rng = np.random.default_rng(0)
    X = rng.uniform(-3, 3, (1200, 2))
    deviation = 0.1 + 0.3 * np.abs(X[:, 0])
    return X, np.c_[np.sin(X[:, 0]), X[:, 1] ** 2 / 4] + deviation[:, None] * rng.normal(
        size=(1200, 2)
    )


@pytest.mark.parametrize("loss", [cr.Quantile(0.9), "absolute_error", cr.Huber(0.5)], ids=str)
def test_early_stopping_scores_by_a_loss_that_scikit_learn_lacks(loss):
    X, y = quantile_data()
    est = cr.MLPRegressor(loss, 16, early_stopping=True, max_iter=5, random_state=0).fit(X, y)
    assert est.validation_scores_ == [-value for value in est.history_["val_loss"]]
    scored = cr.MLPRegressor(
        loss, 16, early_stopping=True, max_iter=5, random_state=0, scoring="r2"
    ).fit(X, y)
    assert scored.validation_scores_ != est.validation_scores_


def test_early_stopping_finds_the_quantile():
    X, y = quantile_data()
    est = cr.MLPRegressor(cr.Quantile(0.9), 32, early_stopping=True, random_state=0).fit(X, y)
    assert ((y <= est.predict(X)).mean(axis=0) > 0.85).all()


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_early_stopping_scores_by_r2_as_scikit_learn(loss):
    X, y = quantile_data()
    y = np.abs(y[:, 0])
    options = {"early_stopping": True, "max_iter": 5, "random_state": 0}
    ours, theirs = (kind(loss, 16, **options).fit(X, y) for kind in (cr.MLPRegressor, MLPRegressor))
    assert ours.validation_scores_ == pytest.approx(theirs.validation_scores_, rel=1e-9)
