"""The solver "lbfgs": interrupted, diverging, and what it leaves on the estimator."""

import warnings
from threading import Event, Thread

import numpy as np
import pytest
import sklearn.neural_network as scikit
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

import chainrule as cr
from chainrule.estimators._lbfgs import Objective

X, Y = load_iris(return_X_y=True)


def small(kind=cr.MLPClassifier, **options):
    defaults = {"solver": "lbfgs", "hidden_layer_sizes": 5, "alpha": 0.0, "random_state": 0}
    return kind(**defaults | options)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_interrupts_it_keeps_the_last_iterate(error, monkeypatch):
    """Whichever evaluation it comes in: those between iterations are a line search's trials."""
    evaluate = Objective.__call__
    for last in range(1, 16):
        seen = []

        def interrupted(self, flat, last=last, seen=seen):
            value = evaluate(self, flat)
            seen.append(1)
            if len(seen) == last:
                raise error
            return value

        monkeypatch.setattr(Objective, "__call__", interrupted)
        est = small(max_iter=100)
        if error is KeyboardInterrupt:
            with pytest.warns(UserWarning, match="Training interrupted by user"):
                est.fit(X, Y)
        else:
            with pytest.raises(error):
                est.fit(X, Y)
        monkeypatch.undo()
        if est.n_iter_ == 0:
            assert last <= 3
            continue
        cost = est._engine.net.cost(X, Y, "cross_entropy")
        assert cost == pytest.approx(est.loss_, rel=1e-12)
        with pytest.warns(ConvergenceWarning):
            stopped = small(max_iter=est.n_iter_).fit(X, Y)
        assert all((a == b).all() for a, b in zip(est.coefs_, stopped.coefs_, strict=True))
    assert est.n_iter_ > 3


@pytest.mark.parametrize("scale", [1e100, 1e160, 1e300])
def test_a_loss_that_is_not_finite_is_said_and_the_parameters_are(scale):
    est = small(cr.MLPRegressor, max_iter=50)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        est.fit(scale * X, Y)
    assert [w.category for w in caught] == [RuntimeWarning] or np.isfinite(est.loss_)
    if not np.isfinite(est.loss_):
        text = str(caught[0].message)
        assert text.startswith("[MLPRegressor.fit] the loss became ")
        assert "scale the data" in text
        assert caught[0].filename == __file__
    assert all(np.isfinite(array).all() for array in est.coefs_ + est.intercepts_)
    assert scale < 1e160 or not np.isfinite(est.loss_)


def test_attributes_are_scikit_learns():
    names = ("loss_curve_", "validation_scores_", "best_validation_score_", "best_loss_", "t_")
    with pytest.warns(ConvergenceWarning):
        ours, theirs = (
            small(kind, max_iter=3).fit(X, Y)
            for kind in (cr.MLPClassifier, scikit.MLPClassifier)
        )  # fmt: skip
    for name in names:
        assert hasattr(ours, name) == hasattr(theirs, name), name
    with pytest.warns(ConvergenceWarning):
        again = small(solver="adam", max_iter=2).fit(X, Y)
    with pytest.warns(ConvergenceWarning):
        again.set_params(solver="lbfgs", max_iter=3).fit(X, Y)
    for name in names:
        assert hasattr(again, name) == hasattr(theirs, name), name


def test_the_history_has_a_record_per_iteration():
    X, y = make_regression(50, 4, n_targets=2, random_state=0)
    with pytest.warns(ConvergenceWarning):
        est = small(cr.MLPRegressor, max_iter=7).fit(X, y)
    assert est.history_["epoch"] == list(range(7))
    assert est.history_["loss"][-1] == est.loss_
    assert np.diff(est.history_["loss"]).max() < 0
    assert min(est.history_["seconds"]) >= 0


def threads_of_blas():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


@pytest.fixture
def three_threads_of_blas():
    """Set by threads that end, because threadpoolctl obeys the first one only while it lives."""

    def set_them(n):
        thread = Thread(target=threadpool_limits, args=(n, "blas"))
        thread.start()
        thread.join()

    before = max(threads_of_blas())
    set_them(3)
    yield
    set_them(before)


def test_threads_of_blas_do_not_hold_the_cores_meanwhile(monkeypatch, three_threads_of_blas):
    """They spin for 0.1 s after each of SciPy's sums; afterwards there are as many as before."""
    evaluate, seen = Objective.__call__, []

    def looking(self, flat):
        seen.append(threads_of_blas())
        return evaluate(self, flat)

    monkeypatch.setattr(Objective, "__call__", looking)
    small(max_iter=500).fit(X, Y)
    assert threads_of_blas() == {3}
    assert len(seen) > 3
    assert all(threads == {1} for threads in seen), seen


@pytest.mark.parametrize("number", [1, 2])
def test_ctrl_c_as_threads_of_blas_are_limited_leaves_them(
    monkeypatch, three_threads_of_blas, number
):
    """Before or after they are."""
    limit, calls = ThreadpoolController.limit, []

    def interrupted(self, **options):
        calls.append(options)
        limiter = limit(self, **options)
        if len(calls) == number:
            raise KeyboardInterrupt
        return limiter

    monkeypatch.setattr(ThreadpoolController, "limit", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        small(max_iter=5).fit(X, Y)
    assert threads_of_blas() == {3}
    calls.append("from here on")
    small(max_iter=500).fit(X, Y)
    assert len(calls) == number + 3, calls  # the next fit limits again
    assert threads_of_blas() == {3}


def test_fits_that_overlap_leave_as_many_threads_of_blas_as_there_were(
    monkeypatch, three_threads_of_blas
):
    """One begins before the other, and ends before it."""
    evaluate, seen = Objective.__call__, []
    first_has_begun, second_has_begun, first_has_ended = Event(), Event(), Event()

    def looking(self, flat):
        seen.append(threads_of_blas())
        if self.l2 > 0:
            second_has_begun.set()
            assert first_has_ended.wait(10)
        else:
            first_has_begun.set()
            assert second_has_begun.wait(10)
        return evaluate(self, flat)

    monkeypatch.setattr(Objective, "__call__", looking)
    first = Thread(target=small(max_iter=500).fit, args=(X, Y))
    second = Thread(target=small(max_iter=500, alpha=1.0).fit, args=(X, Y))
    first.start()
    assert first_has_begun.wait(10)
    second.start()
    first.join()
    first_has_ended.set()
    second.join()
    assert threads_of_blas() == {3}
    assert len(seen) > 6
    assert all(threads == {1} for threads in seen), seen
