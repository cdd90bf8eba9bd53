"""The same random_state gives scikit-learn's model: loss curve, weights, attributes."""

import numpy as np
import pytest
import sklearn.neural_network as scikit
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.preprocessing import scale

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
SOLVERS = {
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "learning_rate_init": 0.02, "nesterovs_momentum": False},
    "plain": {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0},
    "invscaling": {"solver": "sgd", "learning_rate_init": 0.05, "learning_rate": "invscaling"},
    "adaptive": {"solver": "sgd", "learning_rate_init": 0.05, "learning_rate": "adaptive",
                 "tol": 0.01, "n_iter_no_change": 2},
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "lbfgs": {"solver": "lbfgs"},
}  # fmt: skip


def data(task):
    if task in ("binary", "multiclass"):
        n_classes = 2 if task == "binary" else 4
        return make_classification(
            130, 9, n_informative=6, n_classes=n_classes, random_state=3, flip_y=0.1
        )
    if task == "multilabel":
        X, y = make_multilabel_classification(130, 9, n_classes=3, random_state=3)
        return scale(X), y
    n_targets = 1 if task == "regression" else 3
    X, y = make_regression(130, 9, n_targets=n_targets, noise=20, random_state=3)
    return X, scale(y)


def pair(task, **options):
    name = "MLPRegressor" if "regression" in task else "MLPClassifier"
    options = {
        "hidden_layer_sizes": (12, 7),
        "random_state": 5,
        "max_iter": 50,
        "batch_size": 32,
    } | options
    return getattr(cr, name)(**options), getattr(scikit, name)(**options)


def assert_same(ours, theirs, rtol=1e-6):
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=rtol)
    if hasattr(theirs, "loss_curve_"):
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol)
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
    for name in ("n_layers_", "n_outputs_", "out_activation_", "t_", "validation_scores_"):
        if hasattr(theirs, name):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name)), name


TASKS = ["binary", "multiclass", "multilabel", "regression", "multi-output regression"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_fit(task, solver, activation):
    X, y = data(task)
    options = dict(SOLVERS[solver])
    if (task, solver, activation) == ("binary", "lbfgs", "relu"):
        options["max_iter"] = 20  # equal to 1e-13 up to step 22; then a line search ends elsewhere
    ours, theirs = pair(task, activation=activation, **options)
    assert_same(ours.fit(X, y), theirs.fit(X, y))
    np.testing.assert_allclose(ours.score(X, y), theirs.score(X, y), rtol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("task", TASKS)
def test_no_hidden_layer(task, activation):
    """The first weights depend on an activation that has no layer."""
    X, y = data(task)
    ours, theirs = pair(task, hidden_layer_sizes=(), activation=activation, max_iter=5)
    assert_same(ours.fit(X, y), theirs.fit(X, y))


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_the_loss_of_rows_that_are_far_off_is_exact(task):
    X, y = data(task)
    ours, theirs = pair(task, batch_size=130, alpha=0.0, max_iter=1, solver="sgd")
    for est in (ours, theirs):
        est.fit(X, y)
        est.coefs_ = [1e3 * weights for weights in est.coefs_]
    exact = cr.Network.from_sklearn(ours).cost(X, ours._target.encode(y), ours._output()[2])
    for est in (ours, theirs):
        est.partial_fit(X, y)
    assert ours.loss_ == pytest.approx(exact, rel=1e-9)
    assert theirs.loss_ < ours.loss_ / 2


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("options", [
    {"alpha": 0.5}, {"early_stopping": True}, {"shuffle": False}, {"batch_size": "auto"},
    {"hidden_layer_sizes": 5}, {"early_stopping": True, "solver": "sgd"},
], ids=str)  # fmt: skip
def test_options(task, options):
    X, y = data(task)
    ours, theirs = pair(task, **options)
    assert_same(ours.fit(X, y), theirs.fit(X, y))


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("task", TASKS)
def test_sample_weight(task, solver):
    X, y = data(task)
    weights = np.random.default_rng(1).uniform(0.1, 3, len(X))
    for early_stopping in (False, solver == "adam"):
        ours, theirs = pair(task, early_stopping=early_stopping, **SOLVERS[solver])
        assert_same(ours.fit(X, y, weights), theirs.fit(X, y, weights))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("task", TASKS)
def test_partial_fit_and_warm_start(task, solver):
    X, y = data(task)
    ours, theirs = pair(task, **SOLVERS[solver])
    classes = {} if "regression" in task else {"classes": np.arange(y.max() + 1)}
    if task == "multilabel":
        classes = {"classes": [0, 1, 2]}
    for part in (slice(0, 60), slice(40, 130), slice(0, 130)):
        for est in (ours, theirs):
            est.partial_fit(X[part], y[part], **classes)
    assert_same(ours, theirs)
    ours, theirs = pair(task, warm_start=True, **SOLVERS[solver])
    for _ in range(2):
        assert_same(ours.fit(X, y), theirs.fit(X, y))


def test_float32_follows_too():
    X, y = data("multiclass")
    ours, theirs = pair("multiclass", max_iter=5)
    X = X.astype(np.float32)
    assert_same(ours.fit(X, y), theirs.fit(X, y), rtol=1e-4)
    assert all(array.dtype == np.float32 for array in ours.coefs_ + ours.intercepts_)
