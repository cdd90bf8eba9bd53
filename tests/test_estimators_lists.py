"""`coefs_` and `intercepts_` that somebody holds follow the training, as scikit-learn's do."""

import copy

import numpy as np
import pytest
import sklearn.neural_network

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.default_rng(0)
X = rng.standard_normal((20, 4))
y = (X[:, 0] > 0).astype(int)
OPTIONS = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}
PACKAGES = [sklearn.neural_network, cr]


def classifier(package=cr, **options):
    return package.MLPClassifier(**OPTIONS | options)


def regressor(package=cr, **options):
    return package.MLPRegressor(**OPTIONS | options)


def weights_by_hand(package, solver):
    """Limits that a program puts on the weights after each step."""
    est = classifier(package, solver=solver, warm_start=True).fit(X, y)
    held, biases = est.coefs_, est.intercepts_
    for _ in range(3):
        est.partial_fit(X, y)
        for w in held:
            np.clip(w, -0.1, 0.1, out=w)
    assert max(abs(w).max() for w in est.coefs_) <= 0.1
    assert est.coefs_ is held
    return [*held, *biases, est.predict_proba(X)]


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_what_is_written_into_lists_between_steps_counts(solver):
    theirs, ours = (weights_by_hand(package, solver) for package in PACKAGES)
    for one, other in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_arrays_of_the_users_own_follow(dtype):
    est = classifier().partial_fit(X, y, classes=[0, 1])
    est.coefs_ = mine = [w.astype(dtype) for w in est.coefs_]
    before = [w.copy() for w in mine]
    first = mine[0]
    est.partial_fit(X, y)
    assert est.coefs_ is mine
    assert mine[0] is first
    assert not np.array_equal(first, before[0])
    net = cr.Network.from_sklearn(copy.deepcopy(est))
    np.testing.assert_array_equal(net.parameters["1.weight"].astype(dtype), first)
    first[:] = 0
    assert np.ptp(est.predict_proba(X)[:, 0]) == 0


def test_arrays_that_hold_no_weights_make_room():
    est = classifier().partial_fit(X, y, classes=[0, 1])
    frozen = np.zeros((4, 3))
    frozen.setflags(write=False)
    est.coefs_ = mine = [frozen, [[1], [0], [0]]]
    est.partial_fit(X, y)
    assert est.coefs_ is mine
    assert all(isinstance(w, np.ndarray) and w.dtype == np.float64 for w in mine)
    assert not frozen.any()
    est.coefs_ = tuple(mine)
    est.partial_fit(X, y)
    assert isinstance(est.coefs_, list)


def test_another_fit_leaves_the_lists_of_the_last():
    est = classifier().fit(X, y)
    held = est.coefs_
    before = [w.copy() for w in held]
    est.fit(X[:10], y[:10])
    assert est.coefs_ is not held
    assert all(map(np.array_equal, held, before))


def test_weights_set_by_hand_outlive_a_call_that_is_refused():
    est = regressor(solver="sgd", learning_rate_init=1e-9, warm_start=True)
    est.coefs_ = [np.full((4, 3), 0.5), np.full((3, 1), 0.25)]
    est.intercepts_ = [np.zeros(3), np.zeros(1)]
    est.early_stopping = True
    with pytest.raises(ValueError, match="does not support early_stopping"):
        est.partial_fit(X, X[:, 0])
    est.early_stopping = False
    est.partial_fit(X, X[:, 0])
    np.testing.assert_allclose(est.coefs_[0], 0.5, atol=1e-6)


@pytest.mark.parametrize("changes", ["sets", "steps", "writes"])
def test_a_copy_has_a_model_of_its_own(changes):
    est = regressor().fit(X, X[:, 0])
    before, epochs = est.predict(X), len(est.loss_curve_)
    other = copy.copy(est)
    np.testing.assert_array_equal(other.predict(X), before)
    if changes == "sets":
        other.coefs_ = [0 * w for w in other.coefs_]
    elif changes == "writes":
        other.coefs_[0][:] = 0
    other.partial_fit(X, X[:, 0])
    assert not np.array_equal(other.predict(X), before)
    np.testing.assert_array_equal(est.predict(X), before)
    assert len(est.loss_curve_) == len(est.history_) == epochs
    assert len(other.loss_curve_) == epochs + 1


def test_copies_of_new_estimators_are_new():
    assert not hasattr(copy.copy(classifier()), "coefs_")


def test_the_output_activation_cannot_be_set():
    est = classifier().fit(X, y)
    assert est.out_activation_ == classifier(sklearn.neural_network).fit(X, y).out_activation_
    with pytest.raises(AttributeError, match=r"\[MLPClassifier\] out_activation_: cannot be set"):
        est.out_activation_ = "identity"
    assert not hasattr(classifier(), "out_activation_")
