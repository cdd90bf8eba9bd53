"""Models of weights that were set by hand, on estimators that have never been fitted."""

import copy
import json
import pickle

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

import chainrule as cr
from chainrule.onnx._estimators import outputs_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, SPECIES = load_iris(return_X_y=True)
OPTIONS = {"hidden_layer_sizes": (5, 3), "max_iter": 5, "random_state": 0}
PUBLIC = ["coefs_", "intercepts_", "n_layers_", "n_outputs_", "out_activation_", "classes_"]
TARGETS = {
    "three classes": np.array(["a", "b", "c"])[SPECIES],
    "two classes": SPECIES == 1,
    "labels": np.eye(3, dtype=int)[SPECIES],
    "two labels": np.stack([SPECIES > 0, SPECIES > 1], axis=1).astype(int),
    "two classifications": np.stack([SPECIES + 1, SPECIES % 2], axis=1),
}


def rebuilt(est, names=PUBLIC, **options):
    """From attributes alone, of the defaults."""
    other = type(est)(**options)
    for name in names:
        if hasattr(est, name):
            setattr(other, name, copy.copy(getattr(est, name)))
    return other


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
def test_a_classifier_of_its_public_attributes(y, dtype):
    rows = X.astype(dtype)
    est = cr.MLPClassifier(**OPTIONS).fit(rows, y)
    other = rebuilt(est)
    for mine, theirs in zip(other.predict_proba(rows), est.predict_proba(rows), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(other.predict(rows), est.predict(rows))
    assert rebuilt(est).score(rows, y) == est.score(rows, y)
    assert other.predict_proba(rows)[0].dtype == dtype
    assert other.n_features_in_ == 4


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_regressor_of_its_weights_alone(loss):
    est = cr.MLPRegressor(loss=loss, activation="tanh", **OPTIONS).fit(X, SPECIES)
    other = rebuilt(est, PUBLIC[:2], loss=loss, activation="tanh")
    np.testing.assert_array_equal(other.predict(X), est.predict(X))
    assert other.out_activation_ == est.out_activation_


def test_weights_of_scikit_learn_s_model_kept_as_json():
    est = sklearn.neural_network.MLPRegressor(**OPTIONS).fit(X, SPECIES)
    text = json.dumps([[w.tolist() for w in ws] for ws in (est.coefs_, est.intercepts_)])
    other = cr.MLPRegressor()
    other.coefs_, other.intercepts_ = json.loads(text)
    np.testing.assert_allclose(other.predict(X), est.predict(X), rtol=1e-12)


@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_it_is_saved_and_copied(y, early_stopping, tmp_path):
    est = cr.MLPClassifier(early_stopping=early_stopping, **OPTIONS).fit(X, y)
    public = [name for name in vars(est) if name.endswith("_")]
    path = tmp_path / "m.safetensors"
    for names in (PUBLIC, [*PUBLIC, *public]):
        given = rebuilt(est, names, early_stopping=early_stopping)
        given.loss_ = 1
        copies = [pickle.loads(pickle.dumps(given)), copy.deepcopy(given), copy.copy(given)]
        given.save(path)
        for other in (cr.MLPClassifier.load(path), *copies):
            np.testing.assert_array_equal(other.predict(X), est.predict(X))
            assert other.out_activation_ == est.out_activation_


def test_it_is_a_model_as_any_other(tmp_path):
    est = cr.MLPClassifier(**OPTIONS).fit(X, SPECIES)
    expected = est.predict_proba(X)
    net = cr.Network.from_sklearn(rebuilt(est))
    np.testing.assert_array_equal(net.predict(X), expected)
    cr.export_c(rebuilt(est), tmp_path / "m.c")
    assert len(outputs_of(rebuilt(est), "float32", "here")) == 2
    other = rebuilt(est)
    other.coefs_[0][0, 0] += 1
    assert (other.predict_proba(X) != expected).any()


@pytest.mark.parametrize("of_rows", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_goes_on_from_there(dtype, of_rows):
    est = cr.MLPClassifier(**OPTIONS).fit(X.astype(dtype), SPECIES)
    names = [*PUBLIC, "t_", "loss_curve_"]
    looked, blind, first = (rebuilt(est, names, **OPTIONS) for _ in range(3))
    looked.predict(X)
    del first.classes_
    rows = X.astype(of_rows)
    for other, classes in ((looked, None), (blind, None), (first, [0, 1, 2])):
        other.partial_fit(rows[:60], SPECIES[:60], classes=classes)  # without the third class
        assert other.coefs_[0].dtype == dtype
        np.testing.assert_array_equal(looked.coefs_[0], other.coefs_[0])
    for other in (looked, blind, first):
        assert (other.n_iter_, other.t_, len(other.loss_curve_)) == (1, 5 * 150 + 60, 6)
    again = rebuilt(est, names, **OPTIONS)
    again.loss_curve_ = tuple(again.loss_curve_)
    assert len(again.partial_fit(rows, SPECIES).loss_curve_) == 6


def test_what_training_refuses():
    est = cr.MLPClassifier(**OPTIONS).fit(X, SPECIES)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes: expected \(5, 3\) as in the model"):
        rebuilt(est).partial_fit(X, SPECIES)
    with pytest.raises(ValueError, match="is not the same as on last call"):
        rebuilt(est, **OPTIONS).partial_fit(X, SPECIES, classes=[0, 1])
    again = rebuilt(est, **OPTIONS).set_params(warm_start=True).fit(X, SPECIES)
    assert again.loss_curve_[0] < cr.MLPClassifier(**OPTIONS).fit(X, SPECIES).loss_curve_[0]


def test_other_features_are_refused_in_scikit_learn_s_words():
    est = cr.MLPClassifier(**OPTIONS).fit(X, SPECIES)
    with pytest.raises(ValueError, match="X has 3 features, but MLPClassifier is expecting 4"):
        rebuilt(est, **OPTIONS).partial_fit(X[:, :3], SPECIES)


def test_what_the_weights_tell_need_not_be_set_and_cannot_be_wrong(tmp_path):
    est = cr.MLPClassifier(**OPTIONS).fit(X, SPECIES)
    other = rebuilt(est)
    other.n_outputs_, other.n_layers_ = 1, np.float64(7)
    np.testing.assert_array_equal(other.predict_proba(X), est.predict_proba(X))
    assert (other.n_outputs_, other.n_layers_) == (3, 4)


@pytest.mark.parametrize(
    ("attribute", "value", "error"),
    [
        ("loss_", None, TypeError),
        ("t_", 1.5, TypeError),
        ("n_iter_", None, TypeError),
        ("loss_curve_", None, TypeError),
        ("loss_curve_", [[1.0]], TypeError),
        ("loss_curve_", 3.0, TypeError),
        ("loss_curve_", ["1.5"], TypeError),
        ("loss_curve_", [None], TypeError),
        ("loss_", 10**400, TypeError),
        ("history_", {}, TypeError),
        ("validation_scores_", [0.5], ValueError),
        ("validation_scores_", 0.5, TypeError),
        ("feature_names_in_", ["a", "b"], ValueError),
        ("feature_names_in_", 4, ValueError),
        ("feature_names_in_", [["a"], "b"], ValueError),
    ],
)
@pytest.mark.parametrize("was_fitted", [True, False])
def test_what_no_file_may_hold_is_not_written(attribute, value, error, was_fitted, tmp_path):
    est = cr.MLPClassifier(**OPTIONS).fit(X, SPECIES)
    other = est if was_fitted else rebuilt(est, [*PUBLIC, "t_", "loss_curve_"], **OPTIONS)
    setattr(other, attribute, value)
    with pytest.raises(error, match=rf"^\[MLPClassifier.save\] {attribute}: expected"):
        other.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "attribute",
    ["n_iter_", "t_", "history_", "loss_curve_", "best_loss_", "_no_improvement_count"],
)
def test_what_a_file_needs_is_missed(attribute, tmp_path):
    est = cr.MLPClassifier(**OPTIONS).fit(X, SPECIES)
    delattr(est, attribute)
    with pytest.raises(
        (TypeError, ValueError), match=rf"save\] {attribute}: expected a .*, got None"
    ):
        est.save(tmp_path / "model")


def test_numbers_of_numpy_are_written(tmp_path):
    est = cr.MLPClassifier(**OPTIONS).fit(X, SPECIES)
    est.loss_, est.t_, est.best_loss_ = np.int64(1), np.int32(7), np.float32(0.5)
    est.save(tmp_path / "model")
    again = cr.MLPClassifier.load(tmp_path / "model")
    assert (again.loss_, again.t_, again.best_loss_) == (1.0, 7, 0.5)


def test_what_is_missing_is_not_fitted():
    est = cr.MLPClassifier(**OPTIONS).fit(X, SPECIES)
    for names in (PUBLIC[:1], PUBLIC[:2], PUBLIC[2:]):
        with pytest.raises(NotFittedError):
            rebuilt(est, names).predict(X)


W = [np.ones((4, 3)), np.ones((3, 3))]
B = [np.ones(3), np.ones(3)]


@pytest.mark.parametrize(
    ("attributes", "error", "text"),
    [
        ({"coefs_": W[:1] * 2}, ValueError, r"coefs_: expected matrices .*\(4, 3\), \(4, 3\)"),
        ({"coefs_": []}, ValueError, r"coefs_: expected matrices .* got \[\]"),
        ({"coefs_": [[[1], [1, 2]], W[1]]}, ValueError, r"coefs_: expected matrices"),
        ({"coefs_": [W[0], W[1] * 1j]}, TypeError, r"coefs_\[1\]: expected an array of numbers"),
        ({"n_features_in_": 7}, ValueError, r"n_features_in_: expected 4, .* got 7"),
        ({"layers": [cr.BatchNorm(), cr.Dense(3)]}, ValueError, r"layers: expected layers whose"),
        ({"coefs_": 5}, ValueError, r"coefs_: expected matrices .* got 5"),
        ({"intercepts_": B[:1]}, ValueError, r"intercepts_: expected 2 arrays, got 1"),
        ({"coefs_": [W[0], W[1] * np.nan]}, ValueError, r"coefs_\[1\]: expected finite numbers"),
        ({"classes_": np.arange(4)}, ValueError, r"coefs_: expected 4 columns .* got 3"),
        ({"classes_": np.array([2, 0, 1])}, ValueError, r"classes_: expected sorted classes"),
        ({"classes_": []}, ValueError, r"classes_: expected at least one label"),
        ({"classes_": np.eye(3)}, ValueError, r"classes_: expected shape \(n_classes,\)"),
        ({"classes_": [[1, 0], [0]]}, ValueError, r"classes_: expected sorted classes"),
        (
            {"classes_": ["a", "b", "c"], "out_activation_": "logistic"},
            ValueError,
            r"classes_: expected 0 to 2, got",
        ),
        ({"out_activation_": "tanh"}, ValueError, r"out_activation_: expected 'softmax'"),
        ({"activation": "no"}, ValueError, r"activation: expected one of"),
    ],
)
def test_refusals(attributes, error, text):
    est = cr.MLPClassifier()
    whole = {"coefs_": W, "intercepts_": B, "classes_": np.arange(3)}
    for name, value in (whole | attributes).items():
        setattr(est, name, value)
    before = dict(vars(est))
    for _ in range(2):
        with pytest.raises(error, match=r"^\[MLPClassifier\] " + text):
            est.predict(X)
        assert vars(est) == before
    repr(est)
    mended = {"activation": "relu", "out_activation_": "softmax", "n_features_in_": 4}
    for name, value in (whole | mended | {"layers": None}).items():
        setattr(est, name, value)
    assert (est.predict(X) == 0).all()


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"layers": [cr.BatchNorm(), cr.Dense(3)]}, r"layers: expected layers whose"),
        ({"out_activation_": "tanh"}, r"out_activation_: expected 'softmax'"),
    ],
)
@pytest.mark.parametrize("with_classes", [True, False])
def test_training_from_what_does_not_belong_together_is_refused(attributes, text, with_classes):
    est = cr.MLPClassifier((3,))
    whole = {"coefs_": W, "intercepts_": B} | ({"classes_": np.arange(3)} if with_classes else {})
    for name, value in (whole | attributes).items():
        setattr(est, name, value)
    with pytest.raises(ValueError, match=r"^\[MLPClassifier.partial_fit\] " + text):
        est.partial_fit(X, SPECIES, classes=[0, 1, 2])
