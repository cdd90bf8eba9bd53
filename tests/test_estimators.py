"""The estimators beyond scikit-learn's tests: weights, validation, what is new, bad parameters."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_classification, make_regression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier as SklearnClassifier

import chainrule as cr
from chainrule._data import Data
from chainrule.estimators._lbfgs import Objective

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X_IRIS, Y_IRIS = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def binary():
    return make_classification(300, 8, n_informative=5, random_state=0, flip_y=0.05)


def weights_of(est):
    return [array.tobytes() for array in est.coefs_ + est.intercepts_]


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


# ---- past scikit-learn ---------------------------------------------------------------------------


def test_without_a_hidden_layer_it_is_logistic_regression(binary):
    X, y = binary
    est = cr.MLPClassifier(
        (), solver="lbfgs", alpha=1.0, tol=1e-8, max_iter=1000, random_state=0
    ).fit(X, y)
    exact = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(est.coefs_[0].T, exact.coef_, atol=1e-4)


def test_class_weight_is_sample_weight(binary):
    X, y = binary
    weighted = cr.MLPClassifier(5, class_weight={0: 3, 1: 1}, max_iter=5, random_state=0)
    by_hand = cr.MLPClassifier(5, max_iter=5, random_state=0)
    assert weights_of(weighted.fit(X, y)) == weights_of(by_hand.fit(X, y, np.where(y == 0, 3, 1)))
    labels = np.array(["no", "yes", "?"])[Y_IRIS]
    named = cr.MLPClassifier(
        5, class_weight={"no": 2, "?": 5, "yes": 1}, max_iter=5, random_state=0
    )
    by_hand = cr.MLPClassifier(5, max_iter=5, random_state=0)
    sizes = np.array([2, 1, 5])[Y_IRIS]
    assert weights_of(named.fit(X_IRIS, labels)) == weights_of(by_hand.fit(X_IRIS, labels, sizes))


def test_activations_per_layer_layers_optimizer_and_schedule(binary):
    X, y = binary
    est = cr.MLPClassifier((6, 5), ["tanh", "leaky_relu"], max_iter=2, random_state=0).fit(X, y)
    assert [layer.activation.name for layer in est._engine.net.layers] == [
        "tanh", "leaky_relu", "sigmoid"
    ]  # fmt: skip
    layers = [cr.Dense(7, "tanh", initializer="he_normal")]
    est = cr.MLPClassifier(
        layers=layers,
        optimizer=cr.RMSProp(0.01),
        schedule=cr.exponential(0.5),
        max_iter=3,
        random_state=0,
    ).fit(X, y)
    assert est.coefs_[0].shape == (8, 7)
    assert est.history_["learning_rate"] == pytest.approx([0.01, 0.005, 0.0025])
    assert weights_of(clone(est).fit(X, y)) == weights_of(est)


@pytest.mark.parametrize("name", cr.optimizers.OPTIMIZERS)
def test_every_optimizer_by_name_and_by_object(name, binary):
    X, y = binary
    options = {"hidden_layer_sizes": 5, "max_iter": 3, "random_state": 0}
    est = cr.MLPClassifier(**options, optimizer=name).fit(X, y)
    described = cr.optimizers.OPTIMIZERS[name]()
    assert weights_of(cr.MLPClassifier(**options, optimizer=described).fit(X, y)) == weights_of(est)
    assert est._engine.trainer.optimizer == described
    again = pickle.loads(pickle.dumps(est))
    assert weights_of(again.partial_fit(X, y)) == weights_of(est.partial_fit(X, y))


def test_own_validation_data_and_any_scorer(binary):
    X, y = binary
    X_val, y_val = X[200:], y[200:]
    est = cr.MLPClassifier(
        6, early_stopping=True, scoring="neg_log_loss", max_iter=12, random_state=0
    ).fit(X[:200], y[:200], X_val=X_val, y_val=y_val)
    assert est.best_validation_score_ == max(est.validation_scores_) < 0
    best = -log_loss(y_val, est.predict_proba(X_val))
    assert best == pytest.approx(est.best_validation_score_, rel=1e-6)
    assert len(est.history_["val_loss"]) == len(est.history_["val_score"]) == est.n_iter_
    table = est.history_.to_pandas()
    assert {"epoch", "loss", "val_loss", "learning_rate", "seconds"} <= set(table.columns)
    with pytest.raises(ValueError, match=r"\[MLPClassifier.fit\] y_val: X_val and y_val go"):
        est.fit(X, y, X_val=X_val)
    with pytest.raises(ValueError, match=r"\[MLPClassifier.fit\] sample_weight_val: needs"):
        est.fit(X, y, sample_weight_val=y_val)


def test_callbacks_and_the_progress_bar(binary, capsys):
    X, y = binary

    class Count(cr.Callback):
        epochs = 0

        def on_epoch_end(self, trainer, epoch, logs):
            self.epochs += 1

    count = Count()
    est = cr.MLPClassifier(5, max_iter=4, callbacks=[count], verbose=True).fit(X, y)
    assert count.epochs == est.n_iter_ == 4
    shown = capsys.readouterr()
    assert "step" in shown.err
    assert shown.out == ""
    for verbose, lines in ((np.True_, ""), (np.False_, ""), (2, "Iteration 1, loss = ")):
        cr.MLPClassifier(5, max_iter=1, verbose=verbose).fit(X, y)
        shown = capsys.readouterr()
        assert ("step" in shown.err) == (verbose is np.True_)
        assert shown.out.startswith(lines)
        assert bool(shown.out) == bool(lines)


@pytest.mark.parametrize("kind", [cr.MLPClassifier, cr.MLPRegressor])
def test_ctrl_c_keeps_the_model(kind, binary):
    class Interrupt(cr.Callback):
        def on_epoch_end(self, trainer, epoch, logs):
            if epoch == 2:
                raise KeyboardInterrupt

    X, y = binary
    est = kind(5, max_iter=50, callbacks=[Interrupt()]) if kind is cr.MLPClassifier else kind(
        hidden_layer_sizes=5, max_iter=50, callbacks=[Interrupt()]
    )  # fmt: skip
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        est.fit(X, y)
    assert est.n_iter_ == 3
    assert np.isfinite(est.predict(X)).all()


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


def test_smoothed_labels(binary):
    X, y = binary
    options = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}
    whole = options | {"batch_size": len(X), "alpha": 0.0}
    smooth = cr.MLPClassifier(label_smoothing=0.2, **whole).fit(X, y)
    targets = np.where(y == 1, 0.9, 0.1)
    cost = smooth._engine.net.cost(X, targets, "binary_cross_entropy")
    assert smooth.partial_fit(X, y).loss_curve_[-1] == pytest.approx(cost, rel=1e-6)
    three = cr.MLPClassifier(label_smoothing=0.2, **options).fit(X_IRIS, Y_IRIS)
    assert three._engine.trainer.loss == cr.CrossEntropy(label_smoothing=0.2)
    plain = cr.MLPClassifier(**options).fit(X, y)
    assert weights_of(plain) != weights_of(smooth)
    with pytest.raises(ValueError, match=r"label_smoothing: expected a finite number >= 0 and < 1"):
        cr.MLPClassifier(label_smoothing=1.0).fit(X, y)


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


@pytest.mark.parametrize("loss", ["squared_error", cr.SquaredError()])
def test_validation_loss_is_the_loss_of_the_curve(loss):
    X, Y = make_regression(60, 4, n_targets=3, random_state=0)
    est = cr.MLPRegressor(
        loss, (5,), alpha=0, max_iter=4, batch_size=60, learning_rate_init=1e-9, random_state=0
    ).fit(X, Y, X_val=X, y_val=Y)
    np.testing.assert_allclose(est.history_["val_loss"], est.loss_curve_, rtol=1e-5)
    assert est.fit(X, Y).history_["epoch"] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"y_val: expected 3 target"):
        est.fit(X, Y, X_val=X, y_val=Y[:, 0])
    with pytest.raises(ValueError, match=r"loss: expected a loss for numbers"):
        cr.MLPRegressor("cross_entropy").fit(X, Y)


def test_validation_data_need_not_have_every_class():
    est = cr.MLPClassifier(5, warm_start=True, max_iter=2)
    some = Y_IRIS != 2
    for _ in range(2):
        est.fit(X_IRIS, Y_IRIS, X_val=X_IRIS[some], y_val=Y_IRIS[some])
    est.set_params(early_stopping=True, scoring=lambda e, X, y: e.score(X, y)).fit(X_IRIS, Y_IRIS)
    assert len(est.validation_scores_) == 2
