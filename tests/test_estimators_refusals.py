"""What the estimators refuse, and what they keep when something goes wrong."""

import pickle
import re
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.neural_network import MLPClassifier as SklearnClassifier
from sklearn.utils._param_validation import InvalidParameterError

import chainrule as cr

from . import estimating

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
binary = pytest.fixture(estimating.binary, scope="module", name="binary")


BAD = {
    "alpha": (-1, "x", np.nan, None, 1e300),
    "batch_size": (0, 1.5, "all", None, np.array([1, 2])),
    "learning_rate": ("fast", 3),
    "learning_rate_init": (0, -1, "x", 1e-60),
    "power_t": (-1, "x"),
    "max_iter": (0, 1.5, None),
    "shuffle": ("yes", 1),
    "tol": (-1, "x"),
    "verbose": ("yes", None, -1, np.array([1, 2])),
    "warm_start": ("no",),
    "momentum": (-0.1, 1.5),
    "nesterovs_momentum": ("x",),
    "early_stopping": ("x",),
    "validation_fraction": (-0.1, 1.0),
    "beta_1": (1.0, -0.1),
    "beta_2": (1.0, "x"),
    "epsilon": (0, -1, 1e-60),
    "n_iter_no_change": (0, -5, "x", np.nan, -np.inf, np.array([1, 2])),
    "max_fun": (0, "x"),
    "solver": ("newton", None, 3),
    "hidden_layer_sizes": (-1, (5, 0), (2.5,), "x", "", {}, np.array(5), iter([5])),
    "activation": ("swish", ["relu", "tanh", "relu"], 3),
    "schedule": ("fast", 3, cr.cosine, lambda: 1.0, {"epochs": 3}),
    "layers": (3, ["relu"], [cr.Dense]),
    "optimizer": ("newton", 3, cr.SGD, cr.Adam(1e-60), {"lr": 1}),
    "callbacks": (3, 0, {}, ["x"], [cr.ProgressBar], iter([cr.ProgressBar()])),
    "frozen": (3, "1", {"1": 0.5}, [["1"]], iter(["1"])),
    "clip_norm": (0, -1, "x", 1e-60),
    "clip_value": (0, np.inf, 1e-60),
    "scoring": ("x", 3, ["accuracy"], lambda est, X: 1.0),
    "random_state": ("x", -1, 1.5),
    "class_weight": ("x", 3, {0: -1}, {0: "x"}, {0: np.inf}, [{0: -1}], {0: 0, 1: 0}),
    "label_smoothing": (-1, 1, "x"),
    "loss": ("x", 3, "cross_entropy", cr.Huber, cr.Huber(1e-60)),
}
ONLY = {"class_weight": cr.MLPClassifier, "label_smoothing": cr.MLPClassifier,
        "loss": cr.MLPRegressor}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
@pytest.mark.parametrize("kind", [cr.MLPClassifier, cr.MLPRegressor])
def test_bad_parameters_are_named_with_the_method(kind, name, value, binary):
    if ONLY.get(name, kind) is not kind:
        return
    X, y = binary
    est = kind(**{name: value})
    classes = {"classes": [0, 1]} if kind is cr.MLPClassifier else {}
    for method, options in (("fit", {}), ("partial_fit", classes)):
        if not hasattr(est, method):
            continue  # of a solver that is none
        where = rf"^\[{kind.__name__}\.{method}(, layer 1( \(Dense\))?)?\] "
        expected = rf"{where}({name}|layer|activation)(\.\w+)?: expected "
        with pytest.raises(ValueError, match=expected):  # with scikit-learn's, also of a wrong type
            getattr(est, method)(X.astype(np.float32), y, **options)
        assert not hasattr(est, "coefs_")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("max_iter", 1.5), ("solver", "x"), ("random_state", "x"), ("layers", 3)),
        *(("activation", "x"), ("class_weight", [{0: 1}]), ("frozen", ["3"])),
    ],
)
def test_a_bad_parameter_is_scikit_learns_error(name, value, binary):
    expected = rf"^\[MLPClassifier.fit(, layer 1 \(Dense\))?\] {name}: "
    with pytest.raises(InvalidParameterError, match=expected) as caught:
        cr.MLPClassifier(**{name: value}).fit(*binary)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("name", "value"),
    [("activation", "x"), ("activation", 3), ("hidden_layer_sizes", (0,)), ("random_state", "x")],
)
def test_parameters_are_refused_before_data(name, value, binary):
    X, y = binary
    for options in ({}, {"hidden_layer_sizes": ()}):
        est = cr.MLPClassifier(**options | {name: value})
        for bad in (X, np.full_like(X, np.nan)):
            with pytest.raises(InvalidParameterError, match=rf"^\[MLPClassifier.fit\] {name}: exp"):
                est.fit(bad, y)


def test_sizes_in_the_place_of_the_loss_are_told_theirs(binary):
    said = r"\[MLPRegressor.fit\] loss: .* hidden_layer_sizes is the second.*, got \(100,\)"
    with pytest.raises(InvalidParameterError, match=said):
        cr.MLPRegressor((100,)).fit(*binary)


def test_rows_that_the_model_cannot_hold_are_refused_by_its_name(binary):
    X, y = binary
    est = cr.MLPClassifier(5, max_iter=2).fit(X.astype(np.float32), y)
    for method in (est.predict, est.predict_proba):
        with pytest.raises(
            ValueError, match=r"^\[MLPClassifier\] X: expected numbers that float32"
        ):
            method(1e200 * X)


def test_a_metric_is_no_scorer(binary):
    est = cr.MLPClassifier(max_iter=2, early_stopping=True, scoring=accuracy_score)
    with pytest.raises(ValueError, match=r"^\[MLPClassifier.fit\] scoring: .*make_scorer"):
        est.fit(*binary)
    assert not hasattr(est, "coefs_")  # no epoch has passed


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_at_the_edge_work(dtype, binary):
    X, y = binary
    steep = {"solver": "sgd", "learning_rate": "invscaling", "power_t": 1000.0, "momentum": 0.0}
    for options in (steep, {"alpha": 1e-60}, {"n_iter_no_change": dtype(np.inf)}):
        est = cr.MLPClassifier(5, max_iter=3, random_state=0, **options).fit(X.astype(dtype), y)
        assert est.n_iter_ == 3
    stands = cr.MLPClassifier(5, max_iter=1, random_state=0, **steep).fit(X.astype(dtype), y)
    first = cr.MLPClassifier(5, max_iter=3, random_state=0, **steep).fit(X.astype(dtype), y)
    assert (stands.coefs_[0] == first.coefs_[0]).all()


def test_the_largest_momentum_of_scikit_learn_works(binary):
    options = {"solver": "sgd", "momentum": 1.0, "max_iter": 4, "random_state": 0}
    for nesterov in (True, False):
        ours, theirs = (
            kind(5, nesterovs_momentum=nesterov, **options).fit(*binary)
            for kind in (cr.MLPClassifier, SklearnClassifier)
        )
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    assert pickle.loads(pickle.dumps(ours)).partial_fit(*binary).n_iter_ == 1


@pytest.mark.parametrize(
    ("options", "data", "text"),
    [
        ({}, {"y": [1e60] * 40}, r"] y: expected numbers that float32 can hold, got 1e\+60 at y"),
        ({"loss": "poisson"}, {"y": [-1] * 40}, r"] y: expected targets that are not negative"),
        ({"loss": "poisson"}, {"y_val": [-1] * 40}, r"] y_val: expected targets that are not neg"),
        ({}, {"y_val": ["a"] * 40}, r"] y_val: expected numbers"),
        ({}, {"sample_weight": [-1] * 40}, r"] sample_weight: .*got -1 at sample_weight\[0\]"),
        ({}, {"sample_weight_val": [-1] * 40}, r"] sample_weight_val: .* at sample_weight_val\[0"),
    ],
)
def test_refusals_of_data_have_the_names_of_fit(options, data, text):
    X, y = make_regression(40, 3, random_state=0)
    X = X.astype(np.float32)
    given = {"y": abs(y), "X_val": X, "y_val": abs(y)} | data
    with pytest.raises((ValueError, TypeError), match=rf"^\[MLPRegressor.fit{text}"):
        cr.MLPRegressor(max_iter=2, **options).fit(X, **given)


def test_warnings_name_the_method_and_point_here():
    X, y = make_regression(60, 3, random_state=0)
    wild = cr.MLPRegressor(
        hidden_layer_sizes=5, activation="identity", solver="sgd", learning_rate_init=1e3,
        batch_size=100, early_stopping=True, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wild.fit(X, y)
        cr.MLPRegressor(solver="lbfgs", max_iter=1).fit(X, y)
        cr.MLPRegressor(max_iter=1).fit(X, y)
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 4
    assert "It is going to be clipped" in texts[0]
    assert texts[1].startswith("[MLPRegressor.fit] epoch ")
    assert {warning.filename for warning in caught} == {__file__}


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


def test_weights_that_overflow_are_an_error_and_the_last_finite_ones_stay():
    X, y = make_regression(50, 3, random_state=0)
    est = cr.MLPRegressor(hidden_layer_sizes=5, activation="identity", solver="sgd", random_state=0)
    est.fit(X, y)
    before = [array.copy() for array in est.coefs_]
    est.set_params(warm_start=True)
    with (
        pytest.warns(RuntimeWarning, match="lower the learning rate"),
        pytest.raises(ValueError, match="Solver produced non-finite parameter weights"),
    ):
        est.fit(1e200 * X, y)
    assert all(np.isfinite(array).all() for array in est.coefs_ + est.intercepts_)
    assert np.isfinite(est.predict(X)).all()
    assert all((a == b).all() for a, b in zip(est.coefs_, before, strict=True))
    pickle.loads(pickle.dumps(est)).predict(X)


def test_a_diverging_fit_keeps_the_parameters_of_its_last_finite_step():
    X, y = make_regression(60, 3, random_state=0)
    y[45:] = 1e200
    options = {"hidden_layer_sizes": 5, "batch_size": 15, "shuffle": False, "random_state": 0}
    est = cr.MLPRegressor(max_iter=1, **options)
    only_the_loss = (
        r"^\[MLPRegressor.fit\] epoch 0: the loss became inf and the model has the parameters of "
        "the step before. Solver produced non-finite parameter weights"
    )
    with (
        pytest.warns(RuntimeWarning, match="the cost became inf"),
        pytest.raises(ValueError, match=only_the_loss),
    ):
        est.fit(X, y)
    three_steps = cr.MLPRegressor(max_iter=1, **options)
    with pytest.warns(ConvergenceWarning):
        three_steps.fit(X[:45], y[:45])
    assert all((a == b).all() for a, b in zip(est.coefs_, three_steps.coefs_, strict=True))


def test_a_fit_that_is_refused_leaves_the_model_as_it_was(binary):
    X, y = binary
    est = cr.MLPClassifier(5, max_iter=3, random_state=0).fit(X, y)
    before, curve = est.predict_proba(X), list(est.loss_curve_)
    for wrong in (
        {"X_val": X[:, :2], "y_val": y},
        {"X_val": X, "y_val": y + 5},
        {"sample_weight": -np.ones(len(y))},
    ):
        with pytest.raises((ValueError, TypeError)):
            est.fit(X, y, **wrong)
    for name, value in (("callbacks", ["junk"]), ("scoring", "junk"), ("activation", "junk")):
        with pytest.raises((ValueError, TypeError)):
            clone(est).set_params(**{name: value}).fit(X, y)
        with pytest.raises((ValueError, TypeError)):
            est.set_params(**{name: value}).fit(X, y)
        est.set_params(**{name: getattr(cr.MLPClassifier(), name)})
    assert (est.predict_proba(X) == before).all()
    assert est.loss_curve_ == curve


def test_what_lbfgs_cannot_use_is_refused(binary):
    X, y = binary
    with pytest.raises(ValueError, match=r"\[MLPClassifier.fit\] X_val: solver 'lbfgs'"):
        cr.MLPClassifier(5, solver="lbfgs").fit(X, y, X_val=X, y_val=y)
    with pytest.raises(ValueError, match=r"scoring: expected None with solver='lbfgs'"):
        cr.MLPClassifier(5, solver="lbfgs", scoring="accuracy").fit(X, y)


def test_a_list_of_too_few_weights_is_refused(binary):
    X, y = binary
    est = cr.MLPClassifier(5, max_iter=2).fit(X, y)
    est.coefs_ = est.coefs_[:1]
    with pytest.raises(ValueError, match="coefs_: expected 2 arrays, got 1"):
        est.predict(X)


@pytest.mark.parametrize("rows", [0, 40])
def test_y_without_rows_is_refused_in_scikit_learns_words(rows, binary):
    X, y = binary
    with pytest.raises(ValueError, match="Found array with 0 sample") as theirs:
        SklearnClassifier().fit(X[:rows], y[:0])
    for kind in (cr.MLPClassifier, cr.MLPRegressor):
        said = str(theirs.value).replace("MLPClassifier", kind.__name__)
        with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
            kind().fit(X[:rows], y[:0])
