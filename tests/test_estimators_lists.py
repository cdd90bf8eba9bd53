"""`coefs_` and `intercepts_` that somebody holds follow the training, as scikit-learn's do."""

import contextlib
import copy
import sys
import threading

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


# ---- Who has the lists, and when -----------------------------------------------------------------


def forward(est, X):
    """By what the estimator shows."""
    for layer, (w, b) in enumerate(zip(est.coefs_, est.intercepts_, strict=True)):
        X = X @ w + b
        X = np.maximum(X, 0) if layer + 2 < est.n_layers_ else X
    return X.ravel()


def test_one_array_in_two_places_becomes_two():
    est = regressor(hidden_layer_sizes=(4, 4)).partial_fit(X, X[:, 0])
    est.intercepts_ = [np.zeros(4)] * 2 + [np.zeros(1)]
    est.coefs_ = [est.coefs_[0], np.eye(4), est.coefs_[2]]
    for _ in range(20):
        est.partial_fit(X, X[:, 0])
    assert est.intercepts_[0] is not est.intercepts_[1]
    np.testing.assert_allclose(forward(est, X), est.predict(X), rtol=1e-12)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_half_precision_that_could_overflow_is_replaced():
    est = regressor().partial_fit(X, X[:, 0])
    est.coefs_ = mine = [w.astype(np.float16) for w in est.coefs_]
    est.partial_fit(X, X[:, 0])
    assert [w.dtype for w in mine] == [np.float64, np.float64]


def test_lists_that_nobody_has_are_let_go():
    """Else each prediction would compare them with the network."""
    est = regressor()
    est.coefs_ = [np.full((4, 3), 0.5), np.full((3, 1), 0.25)]
    est.intercepts_ = held = [np.zeros(3), np.zeros(1)]
    est.partial_fit(X, X[:, 0])
    assert list(est._engine._shown) == ["bias"]
    one = held[1]
    del held
    est.partial_fit(X, X[:, 0])
    assert list(est._engine._shown) == ["bias"]
    assert one is est.intercepts_[1]
    del one
    est.partial_fit(X, X[:, 0])
    assert not est._engine._shown


def test_whoever_has_the_memory_of_an_array_has_it():
    est = regressor().partial_fit(X, X[:, 0])
    flat = np.zeros(15)
    est.coefs_ = [flat[:12].reshape(4, 3), flat[12:].reshape(3, 1)]
    est.partial_fit(X, X[:, 0])
    flat[:] = 0
    assert np.ptp(est.predict(X)) == 0


class Limits(cr.Callback):
    """Held from step to step, by one list or by lists anew."""

    def __init__(self, est, occasion):
        self.est, self.seen = est, []
        setattr(self, occasion, self.limit)

    def limit(self, trainer, *arguments):
        net = trainer.net.parameters
        self.seen.append(np.array_equal(self.est.coefs_[0], net["1.weight"]))
        for w in self.est.coefs_:
            np.clip(w, -0.3, 0.3, out=w)


@pytest.mark.parametrize("occasion", ["on_steps_end", "on_epoch_end", "on_epoch_begin"])
def test_limits_in_a_callback_count_whether_somebody_holds_the_lists_or_not(occasion):
    results = []
    for hold in (False, True):
        est = regressor(warm_start=True).fit(X, X[:, 0])
        held = est.coefs_ if hold else None
        limits = Limits(est, occasion)
        est.set_params(callbacks=[limits], max_iter=40, learning_rate_init=0.01).fit(X, X[:, 0])
        assert all(limits.seen[:1] if occasion == "on_epoch_begin" else limits.seen)
        last_step = 0.02 if occasion == "on_epoch_begin" else 0.0
        assert max(abs(w).max() for w in est.coefs_) <= 0.3 + last_step
        results.append(est.predict(X))
        assert held is None or held is est.coefs_
    np.testing.assert_array_equal(*results)


def test_a_list_that_a_callback_spoils_is_named():
    est = regressor(warm_start=True).fit(X, X[:, 0])
    held = est.coefs_

    class Spoils(cr.Callback):
        def on_epoch_end(self, trainer, epoch, logs):
            held[0][0] = np.nan

    with pytest.raises(ValueError, match=r"\[MLPRegressor.fit\] coefs_\[0\]: expected finite num"):
        est.set_params(callbacks=[Spoils()]).fit(X, X[:, 0])


def test_predictions_of_another_thread_leave_the_training_alone():
    """Half of the weights written into a list looked like changes of the user's."""
    data = rng.standard_normal((10, 600))

    def trained(readers):
        est = regressor(hidden_layer_sizes=(1500,)).partial_fit(data, data[:, 0])
        held, done = est.coefs_, threading.Event()

        def read():
            while not done.is_set():
                with contextlib.suppress(RuntimeError):  # at work in another thread
                    est.predict(data[:1])

        threads = [threading.Thread(target=read) for _ in range(readers)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(40):
                with contextlib.suppress(RuntimeError):
                    est.partial_fit(data, data[:, 0])
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert est.coefs_ is held
        return est.t_, est.predict(data)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        (steps, alone), (also, beside) = trained(0), trained(1)
    finally:
        sys.setswitchinterval(interval)
    assert also == steps
    np.testing.assert_array_equal(beside, alone)


class WithoutCache(cr.MLPRegressor):
    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "cache"}


def test_a_copy_has_what_its_class_says():
    est = WithoutCache(max_iter=3).fit(X, X[:, 0])
    est.cache = 3
    other = copy.copy(est)
    assert not hasattr(other, "cache")
    np.testing.assert_array_equal(other.predict(X), est.predict(X))
