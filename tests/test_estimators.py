"""The estimators beyond scikit-learn's tests: weights, validation, what is new, bad parameters."""

import pickle
import re
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

import chainrule as cr
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
    encoded = est._encode(y, False, True)
    _, _, loss = est._output()
    objective = Objective(est._engine.ready(), X, encoded, loss, None, est.alpha)
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
    est = cr.MLPClassifier((), solver="lbfgs", alpha=1.0, tol=1e-8, max_iter=1000).fit(X, y)
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
        layers=layers, optimizer=cr.RMSProp(0.01), schedule=cr.exponential(0.5), max_iter=3
    ).fit(X, y)
    assert est.coefs_[0].shape == (8, 7)
    assert est.history_["learning_rate"] == pytest.approx([0.01, 0.005, 0.0025])
    assert clone(est).fit(X, y).score(X, y) > 0.4


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


# ---- bad parameters ------------------------------------------------------------------------------

BAD = {
    "alpha": (-1, "x", np.nan, None),
    "batch_size": (0, 1.5, "all", None),
    "learning_rate": ("fast", 3),
    "learning_rate_init": (0, -1, "x"),
    "power_t": (-1, "x"),
    "max_iter": (0, 1.5, None),
    "shuffle": ("yes", 1),
    "tol": (-1, "x"),
    "verbose": ("yes", None),
    "warm_start": ("no",),
    "momentum": (-0.1, 1.5),
    "nesterovs_momentum": ("x",),
    "early_stopping": ("x",),
    "validation_fraction": (-0.1, 1.0),
    "beta_1": (1.0, -0.1),
    "beta_2": (1.0, "x"),
    "epsilon": (0, -1),
    "n_iter_no_change": (0, -5, "x"),
    "max_fun": (0, "x"),
    "solver": ("newton", None, 3),
    "hidden_layer_sizes": (-1, (5, 0), (2.5,), "x"),
    "activation": ("swish", ["relu", "tanh", "relu"], 3),
    "optimizer": ("newton", 3),
    "schedule": ("fast", 3),
    "layers": (3, ["relu"]),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
@pytest.mark.parametrize("kind", [cr.MLPClassifier, cr.MLPRegressor])
def test_bad_parameters_are_named(kind, name, value, binary):
    est = kind(**{name: value})
    with pytest.raises((ValueError, TypeError), match=re.escape(name.split("_")[0])):
        est.fit(*binary)
    assert not hasattr(est, "coefs_")


def test_a_class_that_is_missing_and_weights_of_zero(binary):
    X, y = binary
    est = cr.MLPClassifier(5, solver="sgd")
    est.partial_fit(X[y == 0], y[y == 0], classes=[0, 1]).partial_fit(X[y == 1], y[y == 1])
    with pytest.raises(ValueError, match=r"`y` has classes not in `self\.classes_`"):
        est.partial_fit(X[:3], [0, 1, 2])
    for solver in ("adam", "sgd", "lbfgs"):
        with pytest.raises(ValueError, match="weight"):
            cr.MLPClassifier(5, solver=solver).fit(X, y, np.zeros(len(y)))


def test_a_diverging_loss_keeps_the_best_weights():
    X, y = make_regression(200, 5, random_state=0)
    est = cr.MLPRegressor(
        hidden_layer_sizes=20, activation="identity", solver="sgd", learning_rate_init=1.0,
        early_stopping=True, random_state=0,
    )  # fmt: skip
    with pytest.warns(RuntimeWarning, match="lower the learning rate"):
        est.fit(X, y)
    assert np.isnan(est.validation_scores_[-1])
    assert np.isfinite(est.predict(X)).all()


def test_warnings_are_scikit_learns(binary):
    X, y = binary
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning, match="Maximum iterations"):
            cr.MLPClassifier(5, max_iter=2).fit(X, y)
    with pytest.warns(UserWarning, match="It is going to be clipped"):
        cr.MLPClassifier(5, max_iter=2, batch_size=1000).fit(X, y)


def test_smoothed_labels(binary):
    X, y = binary
    options = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}
    smooth = cr.MLPClassifier(label_smoothing=0.2, **options).fit(X, y)
    targets = np.where(y == 1, 0.9, 0.1)
    net = smooth._engine.net
    cost = net.cost(X, targets, "binary_cross_entropy", l2=smooth.alpha / len(X))
    one_more = smooth.partial_fit(X, y).loss_curve_[-1]  # all rows are two batches
    assert one_more == pytest.approx(cost, rel=0.05)
    three = cr.MLPClassifier(label_smoothing=0.2, **options).fit(X_IRIS, Y_IRIS)
    assert three._engine.trainer.loss == cr.CrossEntropy(label_smoothing=0.2)
    plain = cr.MLPClassifier(**options).fit(X, y)
    assert weights_of(plain) != weights_of(smooth)
    with pytest.raises(ValueError, match=r"label_smoothing: expected a finite number >= 0 and < 1"):
        cr.MLPClassifier(label_smoothing=1.0).fit(X, y)


def test_weights_that_overflow_are_an_error_and_the_last_finite_ones_stay():
    X, y = make_regression(50, 3, random_state=0)
    est = cr.MLPRegressor(hidden_layer_sizes=5, activation="identity", solver="sgd", random_state=0)
    est.fit(X, y)
    before = [array.copy() for array in est.coefs_]
    est.set_params(learning_rate_init=1e6, warm_start=True, max_iter=1000)
    with (
        pytest.warns(RuntimeWarning, match="lower the learning rate"),
        pytest.raises(ValueError, match="Solver produced non-finite parameter weights"),
    ):
        est.fit(X, y)
    assert all(np.isfinite(array).all() for array in est.coefs_ + est.intercepts_)
    assert np.isfinite(est.predict(X)).all()
    assert est.coefs_[0].shape == before[0].shape
