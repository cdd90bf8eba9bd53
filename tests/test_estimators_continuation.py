"""Going on with a model, by warm_start or partial_fit: what may change, what a refusal keeps."""

import pickle

import numpy as np
import pytest
import sklearn.neural_network as scikit
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule._data import Data
from chainrule.estimators import _start

from .estimating import weights_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
TWO = Y < 2


def small(kind=cr.MLPClassifier, **options):
    return kind(**{"hidden_layer_sizes": 5, "max_iter": 3, "random_state": 0} | options)


def go_on(est, how):
    return est.set_params(warm_start=True).fit(X, Y) if how == "fit" else est.partial_fit(X, Y)


# ---- Parameters that change between the calls ----------------------------------------------------


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"hidden_layer_sizes": (7,)}, r"hidden_layer_sizes: expected .*\(5,\).*got \(7,\)"),
        ({"hidden_layer_sizes": (5, 5)}, r"hidden_layer_sizes: expected .*\(5,\).*got \(5, 5\)"),
        ({"layers": [cr.Dense(9)]}, r"layers: expected .*\(5,\).*got \(9,\)"),
    ],
)
def test_other_layers_than_those_of_the_model_are_refused(how, change, text):
    est = small().fit(X, Y)
    before = weights_of(est)
    with pytest.raises(ValueError, match=rf"^\[MLPClassifier.{how}\] {text}"):
        go_on(est.set_params(**change), how)
    assert weights_of(est) == before
    go_on(est.set_params(layers=None, hidden_layer_sizes=5), how)
    assert weights_of(est) != before


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_another_activation_counts_from_there_on(how, solver):
    ours, theirs = (
        small(kind, solver=solver, learning_rate_init=0.02).fit(X, Y)
        for kind in (cr.MLPClassifier, scikit.MLPClassifier)
    )
    for est in (ours, theirs):
        go_on(est.set_params(activation="tanh"), how)
        go_on(est, how)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)


def test_another_loss_has_its_output():
    est = small(cr.MLPRegressor, warm_start=True).fit(X, Y)
    est.set_params(loss="poisson").fit(X, Y)
    assert est.out_activation_ == "exp"
    assert (est.predict(X) > 0).all()


def test_another_number_of_targets_is_refused():
    est = small(cr.MLPRegressor).fit(X, Y)
    before = weights_of(est)
    with pytest.raises(ValueError, match=r"^\[MLPRegressor.partial_fit\] y: expected 1 target"):
        est.partial_fit(X, np.stack([Y, Y], axis=1))
    assert est.predict(X).shape == (150,)
    assert weights_of(est) == before
    est.partial_fit(X, Y)


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_early_stopping_may_be_switched(how):
    est = small(early_stopping=True).fit(X, Y)
    before = weights_of(est)
    go_on(est.set_params(early_stopping=False), how)
    assert np.isfinite(est.best_loss_)
    assert weights_of(est) != before
    est.set_params(early_stopping=True, warm_start=True).fit(X, Y)
    assert len(est.validation_scores_) == 6


def test_a_warm_start_with_early_stopping_keeps_the_best_parameters():
    options = {"early_stopping": True, "warm_start": True, "learning_rate_init": 0.05}
    est = small(**options, max_iter=100).fit(X, Y)
    before, best = weights_of(est), est.best_validation_score_
    est.set_params(learning_rate_init=10.0, max_iter=3).fit(X, Y)
    assert max(est.validation_scores_[-3:]) < est.best_validation_score_ == best
    assert weights_of(est) == before


def test_after_lbfgs():
    est = small(solver="lbfgs").fit(X, Y).set_params(solver="adam")
    before = weights_of(est)
    assert len(est.partial_fit(X, Y).loss_curve_) == 1
    assert weights_of(est) != before
    go_on(est.set_params(solver="lbfgs"), "fit")


# ---- The first call of partial_fit ---------------------------------------------------------------

RAGGED = [[1], [2, 3]] * 75


@pytest.mark.parametrize(
    ("y", "classes"),
    [(None, [0, 1, 2]), (RAGGED, [0, 1]), (Y, []), (Y, [0, 1]), (None, [[0, 1], [0, 1]])],
    ids=["no y", "ragged y", "no classes", "few classes", "classes of outputs"],
)
def test_a_refused_first_call_leaves_nothing(y, classes):
    est = small()
    before = dict(vars(est))
    with pytest.raises((TypeError, ValueError)):
        est.partial_fit(X, y, classes=classes)
    assert vars(est) == before
    est.partial_fit(X, Y, classes=[0, 1, 2])
    assert weights_of(est) == weights_of(small().partial_fit(X, Y, classes=[0, 1, 2]))


# ---- Weights set by hand -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_weights_set_before_the_first_call_are_where_it_begins(how):
    rng = np.random.default_rng(1)
    coefs = [rng.normal(size=(4, 5)), rng.normal(size=(5, 1))]
    intercepts = [rng.normal(size=5), rng.normal(size=1)]
    X2, Y2 = X[TWO], Y[TWO]
    by_hand, later = small(warm_start=True), small(warm_start=True)
    later.partial_fit(X2, Y2, classes=[0, 1])
    later._engine.forget_optimizer()
    for est in (by_hand, later):
        est.coefs_, est.intercepts_ = [w.copy() for w in coefs], [b.copy() for b in intercepts]
        if how == "fit":
            est.fit(X2, Y2)
        else:
            est.partial_fit(X2, Y2, classes=[0, 1])
    if how == "partial_fit":
        assert weights_of(by_hand) == weights_of(later)
        assert by_hand.t_ == 100
    assert by_hand.n_features_in_ == 4
    assert by_hand.n_layers_ == 3
    assert len(by_hand.loss_curve_) == by_hand.n_iter_ == len(by_hand.history_)
    assert by_hand.predict(X2).shape == (100,)
    assert not np.array_equal(by_hand.coefs_[0], coefs[0])
    pickle.loads(pickle.dumps(by_hand)).partial_fit(X2, Y2)


@pytest.mark.parametrize(
    ("name", "arrays", "text"),
    [
        ("coefs_", [np.ones((4, 9)), np.ones((5, 1))], r"coefs_\[0\]: expected shape \(4, 5\)"),
        ("coefs_", [np.ones((4, 5))], "coefs_: expected 2 arrays, got 1"),
        ("coefs_", 3, "coefs_: expected a list of arrays, got 3"),
        ("coefs_", [None, None], r"coefs_\[0\]: expected "),
        ("coefs_", [np.full((4, 5), np.nan), np.ones((5, 1))], r"coefs_\[0\]: expected .*finite"),
        ("intercepts_", [np.ones(5), np.ones((1, 1))], r"intercepts_\[1\]: expected shape \(1,\)"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_named(name, arrays, text):
    est = small()
    est.coefs_, est.intercepts_ = [np.ones((4, 5)), np.ones((5, 1))], [np.ones(5), np.ones(1)]
    good = getattr(est, name)
    setattr(est, name, arrays)
    refused = (TypeError, ValueError)
    for _ in range(2):
        with pytest.raises(refused, match=rf"^\[MLPClassifier.partial_fit\] {text}"):
            est.partial_fit(X[TWO], Y[TWO], classes=[0, 1])
        assert not hasattr(est, "classes_")
    setattr(est, name, good)
    est.partial_fit(X[TWO], Y[TWO], classes=[0, 1])
    setattr(est, name, arrays)
    with pytest.raises(refused, match=rf"^\[MLPClassifier\] {text}"):
        est.predict(X)


def test_weights_of_the_wrong_size_and_then_the_right_parameter():
    est = small()
    est.coefs_, est.intercepts_ = [np.ones((4, 9)), np.ones((9, 1))], [np.ones(9), np.ones(1)]
    with pytest.raises(ValueError, match=r"expected shape \(4, 5\)"):
        est.partial_fit(X[TWO], Y[TWO], classes=[0, 1])
    est.set_params(hidden_layer_sizes=9).partial_fit(X[TWO], Y[TWO], classes=[0, 1])
    assert est.coefs_[0].shape == (4, 9)


# ---- A refusal changes nothing -------------------------------------------------------------------


REFUSED = {
    "weights": ({}, {"sample_weight": -np.ones(150)}),
    "share": ({"warm_start": True, "early_stopping": True, "validation_fraction": 0.001}, {}),
    "monitor": ({"warm_start": True, "schedule": cr.reduce_on_plateau(monitor="val_loss")}, {}),
    "y_val": ({"warm_start": True}, {"X_val": X, "y_val": Y + 5}),
    "activation": ({"warm_start": True, "activation": "tanh"}, {"sample_weight": -np.ones(150)}),
    "float32": ({"warm_start": True, "optimizer": cr.Adam(1e-60)}, {}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_call_keeps_the_optimizer_and_the_lists(case):
    options, data = REFUSED[case]
    est = small().partial_fit(X.astype(np.float32), Y, classes=[0, 1, 2]).partial_fit(X, Y)
    twin = pickle.loads(pickle.dumps(est))
    defaults = {name: getattr(est, name) for name in options}
    lists = est.coefs_, twin.coefs_
    with pytest.raises(ValueError, match=r"^\["):
        est.set_params(**options).fit(X, Y, **data)
    with pytest.raises(ValueError, match="sample_weight"):
        est.set_params(**defaults).partial_fit(X, Y, -np.ones(150))
    assert est.coefs_ is lists[0]
    for shown in lists:
        shown[0][:] = 0.25
    for model in (est, twin):
        model.partial_fit(X, Y)
    assert weights_of(est) == weights_of(twin)


def test_ctrl_c_before_the_first_step_keeps_the_model(monkeypatch):
    est = small().fit(X, Y)
    before, loss = est.predict_proba(X), est.loss_
    draw = _start._draw_weights

    def interrupted(*arguments):
        draw(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(_start, "_draw_weights", interrupted)
    with pytest.raises(KeyboardInterrupt):
        est.fit(X, Y)
    monkeypatch.undo()
    assert (est.predict_proba(X) == before).all()
    assert est.loss_ == loss
    with pytest.warns(ConvergenceWarning):
        est.fit(X, Y)


# ---- Schedules -----------------------------------------------------------------------------------


def test_adaptive_does_not_lower_the_rate_of_a_schedule():
    options = {"solver": "sgd", "schedule": cr.constant(), "tol": 10.0, "n_iter_no_change": 2}
    ends = [
        small(learning_rate=rule, max_iter=100, **options).fit(X, Y).n_iter_
        for rule in ("constant", "adaptive")
    ]
    assert ends[0] == ends[1] < 10


def test_rows_are_checked_once(monkeypatch):
    made = []
    original = Data.__init__

    def counted(self, *args):
        made.append(args)
        original(self, *args)

    monkeypatch.setattr(Data, "__init__", counted)
    X, y = np.eye(4), np.arange(4.0)
    for weights in (None, np.ones(4)):
        cr.MLPRegressor().partial_fit(X, y, weights)
    assert len(made) == 2
