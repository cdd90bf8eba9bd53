"""The estimators' weights as a user sees them, and scikit-learn's private tests in our names."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier as SklearnClassifier

import chainrule as cr
from chainrule._data import Data
from chainrule.estimators._lbfgs import Objective

from . import estimating
from .estimating import weights_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
binary = pytest.fixture(estimating.binary, scope="module", name="binary")


# ---- scikit-learn's two tests of private methods, in our names -----------------------------------


def test_one_step_by_hand():
    X, y = np.array([[0.6, 0.8, 0.7]]), np.array([0])
    est = cr.MLPClassifier(
        2, "logistic", solver="sgd", learning_rate_init=0.1, alpha=0.1, momentum=0, max_iter=1
    )
    est.partial_fit(X, y, classes=[0, 1])
    est.coefs_ = [np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0]]), np.array([[0.1], [0.2]])]
    est.intercepts_ = [np.array([0.1, 0.1]), np.array([1.0])]
    est.partial_fit(X, y)
    # worked out in scikit-learn's test_fit
    np.testing.assert_allclose(
        est.coefs_[0], [[0.098, 0.195756], [0.2956664, 0.096008], [0.4939998, -0.002244]], atol=1e-3
    )
    np.testing.assert_allclose(est.coefs_[1], [[0.04706], [0.154089]], atol=1e-3)
    np.testing.assert_allclose(est.intercepts_[0], [0.098333, 0.09626], atol=1e-3)
    np.testing.assert_allclose(est.intercepts_[1], [0.9235], atol=1e-3)
    np.testing.assert_allclose(est.predict_proba(X)[0, 1], 0.739, atol=1e-3)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("n_labels", [2, 3])
def test_gradient_of_lbfgs(activation, n_labels):
    X = np.random.default_rng(42).uniform(size=(5, 10))
    y = 1 + np.mod(np.arange(5) + 1, n_labels)
    est = cr.MLPClassifier(10, activation, solver="lbfgs", alpha=1e-5, max_iter=1, random_state=1)
    est.fit(X, y)
    encoded = est._target.encode(y)
    _, _, loss = est._output()
    net = est._engine.net
    objective = Objective(net, Data(net, "test", X, encoded, loss, None), loss, est.alpha)
    theta = objective.flat()
    _, gradient = objective(theta)
    for i in range(len(theta)):
        move = np.zeros_like(theta)
        move[i] = 1e-5
        slope = (objective(theta + move)[0] - objective(theta - move)[0]) / 2e-5
        assert slope == pytest.approx(gradient[i], abs=1e-7)


# ---- weights as a user sees them -----------------------------------------------------------------


def test_weights_changed_in_place_or_replaced_count(binary):
    X, y = binary
    est = cr.MLPClassifier(5, max_iter=3, random_state=0).fit(X, y)
    before = est.predict_proba(X)
    est.coefs_[0][:] = 0
    est.intercepts_[0][:] = 0
    constant = est.predict_proba(X)
    assert (constant == constant[0]).all()
    est.coefs_ = [np.ones((8, 5)), np.ones((5, 1))]
    assert not np.array_equal(est.predict_proba(X), before)
    copy = pickle.loads(pickle.dumps(est))
    assert np.array_equal(copy.predict_proba(X), est.predict_proba(X))
    est.partial_fit(X, y)
    assert not np.array_equal(est.coefs_[0], np.ones((8, 5)))
    est.coefs_ = [np.ones((2, 2)), np.ones((5, 1))]
    with pytest.raises(ValueError, match="shape"):
        est.predict(X)


def test_lists_that_nobody_has_are_not_compared(binary):
    X, y = binary
    est = cr.MLPClassifier(5, max_iter=3, random_state=0).fit(X, y)
    before = est.predict_proba(X)
    est.coefs_[0][:] = 0  # of a list that is gone after this line
    changed = est.predict_proba(X)
    assert not np.array_equal(changed, before)
    assert np.array_equal(est.predict_proba(X), changed)
    assert not est._engine._shown  # looked at, and forgotten
    view = est.coefs_[0].T[1:]
    for value in (1.0, 2.0):
        view[:] = value
        assert not np.array_equal(est.predict_proba(X), changed)
        changed = est.predict_proba(X)
    assert list(est._engine._shown) == ["weight"]
    assert (est.coefs_[0][:, 1:] == 2).all()
    kept = est.intercepts_
    del view
    est.predict_proba(X)
    assert list(est._engine._shown) == ["bias"]
    kept[1] = kept[1] + 100
    assert (est.predict(X) == 1).all()


def test_there_are_no_weights_before_fit():
    est = cr.MLPClassifier()
    for name in ("coefs_", "intercepts_"):
        assert not hasattr(est, name)
    assert "_engine" not in vars(est)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_pickled_model_goes_on_as_if_nothing_had_been(binary, solver):
    X, y = binary
    est = cr.MLPClassifier(5, solver=solver, random_state=0)
    est.partial_fit(X, y, classes=[0, 1])
    copy = pickle.loads(pickle.dumps(est))
    for _ in range(3):
        est.partial_fit(X, y)
        copy.partial_fit(X, y)
    assert weights_of(est) == weights_of(copy)
    assert est.loss_curve_ == copy.loss_curve_
    assert clone(est).get_params() == est.get_params()


# ---- threads, types, memory ----------------------------------------------------------------------


def test_digits_in_float32_and_on_any_number_of_threads(threads):
    X, y = load_digits(return_X_y=True)
    results = []
    for n in (1, 2):
        cr.set_num_threads(n)
        est = cr.MLPClassifier(random_state=0, max_iter=20).fit(X.astype(np.float32) / 16, y)
        results.append(weights_of(est))
    assert results[0] == results[1]
    assert est.score(X / 16, y) > 0.95


def test_a_pickled_model_keeps_its_optimizer_and_its_schedule(binary):
    X, y = binary
    options = {"schedule": cr.exponential(0.5), "random_state": 0}
    est = cr.MLPClassifier(5, **options).partial_fit(X, y, classes=[0, 1]).partial_fit(X, y)
    copy = pickle.loads(pickle.dumps(est))
    for model in (est, copy):
        model.set_params(solver="sgd", alpha=0.1).partial_fit(X, y)
    assert weights_of(est) == weights_of(copy)
    assert est.history_["learning_rate"] == copy.history_["learning_rate"]
    assert est.history_["learning_rate"] == pytest.approx([1e-3, 5e-4, 2.5e-4])
    core = est._engine.trainer._state
    with pytest.raises(IndexError, match="keeps fewer arrays"):
        core.state(est._engine.net._core, 2, 0)


def test_alpha_may_change_between_calls_of_partial_fit(binary):
    X, y = binary
    ours, theirs = (
        kind(5, alpha=0.0, random_state=0, solver="sgd")
        for kind in (cr.MLPClassifier, SklearnClassifier)
    )
    for est in (ours, theirs):
        est.partial_fit(X, y, classes=[0, 1])
        est.set_params(alpha=5.0)
        for _ in range(5):
            est.partial_fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)
