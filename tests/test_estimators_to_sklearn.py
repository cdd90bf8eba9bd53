"""Fitted estimators as scikit-learn's own, for programs that know no others."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network as theirs
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor

from .processes import output

rng = np.random.default_rng(3)
X = rng.standard_normal((60, 4))
NAMES = np.array(["ash", "elm", "oak"])
CASES = [
    (MLPClassifier, NAMES[np.arange(60) % 3], {}),
    (MLPClassifier, NAMES[(X[:, 0] > 0).astype(int)], {"activation": "tanh"}),
    (MLPClassifier, X[:, :2] > 0, {"activation": "logistic", "alpha": 0.1}),
    (MLPClassifier, X[:, 0] > 0, {"early_stopping": True, "solver": "sgd"}),
    (MLPRegressor, X[:, 0], {"hidden_layer_sizes": (), "solver": "lbfgs"}),
    (MLPRegressor, X[:, :2], {"hidden_layer_sizes": (5, 3), "activation": "identity"}),
    (MLPRegressor, np.exp(X[:, 0]), {"loss": "poisson"}),
    (MLPRegressor, X[:, 0], {"loss": "huber", "batch_size": 20, "n_iter_no_change": 3}),
]


def fitted(kind, y, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five epochs are few
        return kind(**{"max_iter": 5, "random_state": 1} | options).fit(X, y)


@pytest.mark.parametrize(("kind", "y", "options"), CASES)
def test_the_model_predicts_and_is_described_alike(kind, y, options):
    est = fitted(kind, y, **options)
    model = est.to_sklearn()
    assert type(model) is getattr(theirs, kind.__name__)
    if kind is MLPClassifier:
        assert_array_equal(model.predict(X), est.predict(X))
        assert_allclose(model.predict_proba(X), est.predict_proba(X), atol=1e-14)
        assert_array_equal(model.classes_, est.classes_)
    else:
        assert_allclose(model.predict(X), est.predict(X), rtol=1e-12, atol=1e-14)
    assert model.score(X, y) == pytest.approx(est.score(X, y), rel=1e-12)
    expected = est.get_params()
    for name, value in model.get_params().items():
        if name != "loss" or value == "poisson":
            assert value == expected[name] or name == "hidden_layer_sizes"
    assert model.hidden_layer_sizes == tuple(len(b) for b in est.intercepts_[:-1])
    for name in ("n_iter_", "t_", "loss_", "n_features_in_", "n_outputs_", "n_layers_"):
        assert getattr(model, name) == getattr(est, name)
    assert getattr(model, "loss_curve_", []) == getattr(est, "loss_curve_", [])
    assert pickle.loads(pickle.dumps(model)).n_iter_ == est.n_iter_


def test_what_it_learns_is_its_own():
    y, generator = NAMES[np.arange(60) % 3], np.random.RandomState(5)
    est = fitted(MLPClassifier, y, random_state=generator)
    before, model = est.predict_proba(X), est.to_sklearn()
    losses, state = len(est.loss_curve_), generator.get_state()[2]
    for _ in range(50):
        model.partial_fit(X, y)
    assert model.loss_ < est.loss_
    assert est.predict_proba(X).tobytes() == before.tobytes()
    assert (len(est.loss_curve_), generator.get_state()[2]) == (losses, state)


def test_names_of_features_go_along():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    est = MLPRegressor(max_iter=300, tol=1e-3, random_state=1).fit(frame, X[:, 0])
    model = est.to_sklearn()
    assert list(model.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"a": "z"}))
    importances = permutation_importance(model, frame, X[:, 0], random_state=0).importances_mean
    assert importances.argmax() == 0


def test_weights_that_were_set_count():
    est = fitted(MLPRegressor, X[:, 0])
    est.coefs_[0][:] = 0
    est.coefs_ = est.coefs_
    assert not est.to_sklearn().coefs_[0].any()
    put_together = MLPClassifier()
    put_together.coefs_, put_together.intercepts_ = [np.eye(4)[:, :3]], [np.zeros(3)]
    put_together.classes_ = NAMES
    assert_array_equal(put_together.to_sklearn().predict(np.eye(4)[:3]), NAMES)


def test_it_runs_without_chainrule(tmp_path):
    est = fitted(MLPClassifier, NAMES[np.arange(60) % 3])
    (tmp_path / "model").write_bytes(pickle.dumps(est.to_sklearn()))
    code = """if 1:
        import pickle, sys
        sys.modules["chainrule"] = None
        with open("model", "rb") as file:
            print(*pickle.load(file).predict([[0.0, 1.0, 2.0, 3.0]]))
        """
    assert output(code.replace('"model"', repr(str(tmp_path / "model")))).split() == [
        *est.predict([[0.0, 1.0, 2.0, 3.0]])
    ]


@pytest.mark.parametrize(
    ("y", "options", "found"),
    [
        (X[:, 0] > 0, {"activation": "leaky_relu"}, r"layers: expected one activation for all"),
        (X[:, 0] > 0, {"layers": [cr.Dense(3), cr.BatchNorm()]}, r"2\] layer: expected a Dense"),
        (
            np.stack([np.arange(60) % 3] * 2, 1),
            {},
            r"activation: expected a softmax without groups",
        ),
    ],
)
def test_what_scikit_learn_cannot_be_is_refused(y, options, found):
    with pytest.raises(ValueError, match=rf"^\[MLPClassifier.to_sklearn.*{found}"):
        fitted(MLPClassifier, y, **options).to_sklearn()


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_one_that_stopped_early_goes_on(kind):
    """Also where no score of the fit that follows is better."""
    options = {"max_iter": 100, "early_stopping": True, "warm_start": True, "n_iter_no_change": 2}
    model = fitted(kind, X[:, 0] > 0, learning_rate_init=0.01, **options).to_sklearn()
    model.best_validation_score_ = 2.0
    before = [w.copy() for w in model.coefs_]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, X[:, 0] > 0)
    assert_array_equal(model.coefs_[0], before[0])


def test_one_that_is_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        MLPRegressor().to_sklearn()
