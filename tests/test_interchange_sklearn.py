"""scikit-learn's fitted MLPs to networks and back: the same weights, the same predictions."""

import sys
import warnings

import numpy as np
import pytest

import chainrule as cr

pytest.importorskip("sklearn")

import sklearn.neural_network as theirs
from sklearn.linear_model import LinearRegression

from .helpers import build, grouped, relative_difference

_rng = np.random.default_rng(5)
X = _rng.normal(size=(120, 4))
CUT = X @ [1, -1, 0.5, 0]
THREE = np.digitize(CUT, [-0.7, 0.7])
LABELS = np.stack([CUT > 0, X[:, 0] > 0, X[:, 1] > 1], axis=1).astype(int)
HIDDEN = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}


def fitted(kind, y, dtype=np.float64, **options):
    options = {"hidden_layer_sizes": (7, 5), "max_iter": 20, "random_state": 0} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # twenty epochs are few
        return kind(**options).fit(X.astype(dtype), y)


def same_weights(net, model):
    for number, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True), start=1):
        assert net.parameters[f"{number}.weight"].tobytes() == np.ascontiguousarray(W).tobytes()
        assert net.parameters[f"{number}.bias"].tobytes() == b.tobytes()
    return len(model.coefs_) == len(net.layers)


def outputs(model, X):
    """Of the last layer."""
    if not hasattr(model, "predict_proba"):
        return model.predict(X).reshape(len(X), -1)
    proba = model.predict_proba(X)
    return proba[:, 1:] if model.n_outputs_ == 1 else proba


CASES = [
    *((theirs.MLPClassifier, THREE, {"activation": name}) for name in HIDDEN),
    (theirs.MLPClassifier, CUT > 0, {}),
    (theirs.MLPClassifier, LABELS, {}),
    (theirs.MLPRegressor, CUT, {"hidden_layer_sizes": ()}),
    (theirs.MLPRegressor, X[:, :2], {"activation": "tanh"}),
]
if "loss" in theirs.MLPRegressor().get_params():
    CASES.append((theirs.MLPRegressor, abs(CUT), {"loss": "poisson"}))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("kind", "y", "options"), CASES)
def test_a_fitted_model_becomes_a_network_and_comes_back(kind, y, options, dtype):
    model = fitted(kind, y, dtype, **options)
    net = cr.Network.from_sklearn(model)
    rows = X.astype(dtype)
    assert net.dtype == dtype
    assert same_weights(net, model)
    assert [l.activation.name for l in net.layers[:-1]] == [HIDDEN[model.activation]] * (
        len(net.layers) - 1
    )
    bound = 1e-6 if dtype == np.float32 else 5e-15
    assert relative_difference(net.predict(rows), outputs(model, rows)) < bound

    back = net.to_sklearn(getattr(model, "classes_", None) if y is not LABELS else None)
    assert type(back) is kind
    assert getattr(back, "loss", None) == getattr(model, "loss", None)
    assert same_weights(net, back)
    np.testing.assert_array_equal(back.predict(rows), model.predict(rows))
    assert outputs(back, rows).tobytes() == outputs(model, rows).tobytes()
    np.testing.assert_array_equal(back.score(rows, y), model.score(rows, y))
    assert cr.Network.from_sklearn(back).predict(rows).tobytes() == net.predict(rows).tobytes()


@pytest.mark.parametrize("name", ["identity", "sigmoid", "tanh", "relu"])
def test_a_network_becomes_a_model_of_scikit_learn_that_learns_on(name):
    net = build(4, [(6, name, 0), (3, "softmax", 0)], "float64")
    model = net.to_sklearn(["a", "b", "c"])
    assert model.hidden_layer_sizes == (6,)
    assert relative_difference(model.predict_proba(X), net.predict(X)) < 1e-15
    np.testing.assert_array_equal(
        model.predict(X), np.array(["a", "b", "c"])[net.predict(X).argmax(1)]
    )
    y = np.array(["a", "b", "c"])[THREE]
    before, model.learning_rate_init = model.score(X, y), 0.02
    for _ in range(100):
        model.partial_fit(X, y)
    assert model.score(X, y) > max(before, 0.8)
    assert not same_weights_or_not(net, model)


def same_weights_or_not(net, model):
    return np.array_equal(net.parameters["1.weight"], model.coefs_[0])


def test_chainrule_s_own_estimators_give_their_network():
    from chainrule import MLPClassifier

    several = np.stack([THREE, LABELS[:, 0] + 1], axis=1)
    est = fitted(MLPClassifier, several, activation=["leaky_relu", "tanh"])
    net = cr.Network.from_sklearn(est)
    assert net.layers == est._engine.net.layers
    assert net.predict(X)[:, :3].tobytes() == est.predict_proba(X)[0].tobytes()
    net.parameters["1.bias"] = np.ones(7)
    assert not (est.intercepts_[0] == 1).all()


def test_what_does_not_map_is_refused():
    def refused(layers, found, classes=None, error=ValueError):
        net = cr.Network(layers, 3) if isinstance(layers, list) else layers
        with pytest.raises(error, match=rf"^\[Network.to_sklearn.*{found}"):
            net.to_sklearn(classes)

    D = cr.Dense
    refused([D(3, "relu"), D(3, "tanh"), D(1)], r"layers: expected one activation .*'tanh'\]")
    refused([D(3, "leaky_relu"), D(1)], r"layers: expected one activation for all hidden layers")
    refused([D(3, "exp"), D(1)], r"layers: expected one activation for all hidden layers")
    refused([D(2, "softmax")], r"layers: expected at least 3 units of softmax .* got 2")
    refused([D(1, "tanh")], r"a last activation of identity, exp, sigmoid or softmax, got 'tanh'")
    refused(grouped(3, [], (3, 3)), r"layer 1\] activation: expected a softmax without groups")
    refused([D(3, "softmax")], r"classes: expected 3 different ones, sorted, got \[1, 2\]", [1, 2])
    refused([D(3, "softmax")], r"classes: expected 3 different", ["b", "a", "c"])
    refused([D(1, "sigmoid")], r"classes: expected 2 different ones", [1, 1])
    refused([D(2, "sigmoid")], r"classes: expected None for several sigmoids", [1, 2])
    refused([D(2)], r"classes: expected None for identity, a regressor's", [1, 2])

    with pytest.raises(TypeError, match=r"^\[Network.from_sklearn\] model: expected a fitted MLP"):
        cr.Network.from_sklearn(LinearRegression())
    with pytest.raises(ValueError, match=r"^\[Network.from_sklearn\] model: expected a fitted MLP"):
        cr.Network.from_sklearn(theirs.MLPRegressor())


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.neural_network", None)
    with pytest.raises(
        ImportError, match=r"needs scikit-learn: pip install 'chainrule\[sklearn\]'"
    ):
        cr.Network([cr.Dense(1)], 1).to_sklearn()
