"""What callbacks write into `coefs_` counts, and nothing else changes by it."""

import copy

import numpy as np
import pytest

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.default_rng(0).standard_normal((40, 4))
Y = X[:, 0]
OPTIONS = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}


def regressor(**options):
    return cr.MLPRegressor(**OPTIONS | options)


class On(cr.Callback):
    def __init__(self, occasion, function):
        setattr(self, occasion, function)


def first_time(function):
    calls = []

    def called(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            function()

    return called


def after_steps_by_averages(write):
    """Lists show the averages as a fit begins, and the network its own weights."""
    est = regressor(ema=0.99, learning_rate_init=0.05)
    for _ in range(20):
        est.partial_fit(X, Y)
    held = est.coefs_
    est.set_params(callbacks=[On("on_epoch_begin", first_time(lambda: write(held)))])
    for _ in range(5):
        est.partial_fit(X, Y)
    return est


def scored_by_averages(write):
    """The network shows the averages for a score, and lists the weights behind them."""
    est = regressor(ema=0.99, warm_start=True, learning_rate_init=0.05, n_iter_no_change=1000)
    est.set_params(max_iter=30, scoring="neg_mean_absolute_error").fit(X, Y, X_val=X, y_val=Y)
    held = est.coefs_
    est.set_params(callbacks=[On("on_steps_end", lambda *_: write(held))])
    return est.fit(X, Y, X_val=X, y_val=Y)


def after_best_weights_came_back(write):
    """A callback before has put others into the network."""
    est = regressor(warm_start=True, learning_rate_init=0.05, activation="tanh").fit(X, Y)
    held = est.coefs_
    callbacks = [cr.EarlyStopping(8, "loss"), On("on_fit_end", lambda *_: write(held))]
    est.set_params(schedule=lambda epoch: 1.0 if epoch < 5 else 30.0, callbacks=callbacks)
    return est.set_params(max_iter=60, n_iter_no_change=1000).fit(X, Y)


@pytest.mark.parametrize("trained", [after_steps_by_averages, scored_by_averages])
def test_a_small_change_changes_little(trained):
    def change(held):
        held[0][0, 0] += 1e-12

    still, moved = trained(lambda held: None), trained(change)
    np.testing.assert_allclose(moved.predict(X), still.predict(X), rtol=1e-6)
    for name, own in (still._engine._behind or {}).items():
        np.testing.assert_allclose(moved._engine._behind[name], own, rtol=1e-6, atol=1e-9)


def test_what_a_callback_puts_into_the_network_stays_where_a_list_has_not_changed():
    def change(held):
        held[0][0, 0] = 7.0

    still = after_best_weights_came_back(lambda held: None)
    moved = after_best_weights_came_back(change)
    expected = still.coefs_[0].copy()
    expected[0, 0] = 7.0
    np.testing.assert_array_equal(moved.coefs_[0], expected)
    np.testing.assert_array_equal(moved.coefs_[1], still.coefs_[1])


@pytest.mark.filterwarnings("ignore:.*the cost became", "ignore:.*a parameter became")
@pytest.mark.parametrize("write", [lambda w: w * 0.5, lambda w: np.clip(w, -0.3, 0.3)])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_diverging_fit_ends_as_without_the_callback(write, early_stopping):
    options = {"activation": "identity", "momentum": 0, "warm_start": True}
    est = regressor(solver="sgd", learning_rate_init=0.01, **options).fit(X, 100 * Y)
    held = est.coefs_

    def written(*arguments):
        for w in held:
            w[...] = write(w)

    est.set_params(learning_rate_init=1e308, max_iter=50, callbacks=[On("on_epoch_end", written)])
    est.set_params(early_stopping=early_stopping)
    if early_stopping:
        est.fit(X, 100 * Y)
    else:
        with pytest.raises(ValueError, match="non-finite parameter weights"):
            est.fit(X, 100 * Y)
    assert all(np.isfinite(w).all() for w in est.coefs_)
    assert np.isfinite(est.predict(X)).all()


def test_a_refusal_at_the_end_leaves_the_averages():
    def trained(*callbacks):
        return regressor(ema=0.9, warm_start=True, callbacks=list(callbacks))

    est, twin = trained().fit(X, Y), trained().fit(X, Y)
    held = est.coefs_

    def spoil(trainer):
        held[0][0] = np.nan

    est.set_params(callbacks=[On("on_fit_end", spoil)])
    with pytest.raises(ValueError, match=r"coefs_\[0\]: expected finite numbers"):
        est.fit(X, Y)
    np.testing.assert_array_equal(est.predict(X), twin.fit(X, Y).predict(X))


def fit_interrupted(est):
    with pytest.warns(UserWarning, match="Training interrupted") as seen:
        est.fit(X, Y)
    assert seen[0].filename == __file__


def fit_failing(est):
    with pytest.raises(ZeroDivisionError):
        est.fit(X, Y)


ENDS = [(fit_interrupted, KeyboardInterrupt), (fit_failing, ZeroDivisionError)]


@pytest.mark.parametrize(("fit", "error"), ENDS)
@pytest.mark.parametrize("occasion", ["on_steps_end", "on_epoch_end", "on_fit_end"])
def test_what_was_written_before_the_end_counts(fit, error, occasion):
    est = regressor(warm_start=True).fit(X, Y)
    held = est.coefs_

    def write(*arguments):
        held[0][0, 0] = 7.0
        raise error

    fit(est.set_params(callbacks=[On(occasion, write)]))
    assert held[0][0, 0] == est.coefs_[0][0, 0] == 7.0


@pytest.mark.parametrize(("fit", "error"), ENDS)
def test_what_was_half_written_before_the_end_does_not(fit, error):
    est = regressor(warm_start=True).fit(X, Y)
    held = est.coefs_

    def write(*arguments):
        held.clear()
        raise error

    fit(est.set_params(callbacks=[On("on_epoch_end", write)]))
    assert [w.shape for w in est.coefs_] == [(4, 3), (3, 1)]
    assert np.isfinite(est.predict(X)).all()


def test_trainers_that_callbacks_keep_take_steps():
    kept, copies = [], []
    callbacks = [
        On("on_fit_end", kept.append),
        On("on_epoch_end", lambda trainer, *_: copies.append(copy.copy(trainer))),
    ]
    regressor(callbacks=callbacks).fit(X, Y)
    for trainer in (*kept, *copies):
        assert trainer.step(X, Y) > 0
        assert trainer.fit(X, Y, 2, 8, resume=False)["loss"][-1] > 0
        with pytest.raises(ValueError, match=r"^\[Trainer.fit\] epochs: expected"):
            trainer.fit(X, Y, -1)


def test_a_callback_may_call_partial_fit():
    est = regressor()
    more = first_time(lambda: est.partial_fit(X, Y))
    est.set_params(callbacks=[On("on_epoch_end", more)]).fit(X, Y)
    assert np.isfinite(est.set_params(callbacks=None).fit(X, Y).loss_)


class Fitted:
    """scikit-learn's callbacks ask for the estimator as it is."""

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        return False


def test_limits_count_when_scikit_learn_callbacks_look():
    est = regressor(warm_start=True, learning_rate_init=0.05).fit(X, Y)
    held = est.coefs_

    def limit(*arguments):
        for w in held:
            np.clip(w, -0.3, 0.3, out=w)

    est.set_callbacks(Fitted())
    est.set_params(callbacks=[On("on_steps_end", limit)], max_iter=40).fit(X, Y)
    assert max(abs(w).max() for w in est.coefs_) <= 0.3
