"""`save` and `load` of the estimators: what comes back, what goes on."""

import os
import pickle

import numpy as np
import pandas as pd
import pytest
import safetensors
import safetensors.numpy
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification

import chainrule as cr

from .estimating import weights_of as bits

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
COLOURS = np.array(["red", "green", "blue"])
MANY = [
    cr.Dense(6),
    cr.BatchNorm(),
    cr.Activation("gelu"),
    cr.Residual([cr.Dense(6, "tanh"), cr.Dropout(0.2)]),
    cr.Dense(4, cr.Activation("elu", slope=0.5), cr.Initializer("normal", {"std": 0.25})),
]


def small(kind=cr.MLPClassifier, **options):
    return kind(**{"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0} | options)


def saved(est, path, **again):
    """What comes back from a file."""
    est.save(path / "model")
    assert os.listdir(path) == ["model"]
    return type(est).load(path / "model", **again)


def attributes(est):
    """All that is not a parameter, to be compared."""
    own = set(est.get_params()) | {"_engine", "_random_state", "_target", "_optimizer"}
    found = {name: value for name, value in vars(est).items() if name not in own}
    found["history_"] = est.history_.to_dict() | {"seconds": None}
    found["_optimizer"] = vars(getattr(est, "_optimizer", None) or cr.Callback())
    return found


def assert_alike(ours, theirs):
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert set(ours) == set(theirs)
        for name in ours:
            assert_alike(ours[name], theirs[name])
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_alike(one, other)
    elif isinstance(ours, np.ndarray):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    elif isinstance(ours, np.random.RandomState):
        assert pickle.dumps(ours.get_state()) == pickle.dumps(theirs.get_state())
    elif isinstance(ours, cr.Callback):
        for name in ours.arguments:
            assert getattr(ours, name) == getattr(theirs, name)
    else:
        assert ours == theirs


# ---- What comes back -----------------------------------------------------------------------------

OPTIONS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1},
    "momentum": {"solver": "sgd", "momentum": 1.0, "learning_rate": "invscaling"},
    "lbfgs": {"solver": "lbfgs"},
    "early": {"early_stopping": True, "ema": 0.75, "validation_fraction": 0.2},
    "many": {"layers": MANY, "optimizer": cr.NAdam(0.01, weight_decay=0.1), "ema": 0.5},
    "named": {
        **{"optimizer": "lion", "schedule": cr.reduce_on_plateau(0.5, 1, threshold=9.0)},
        **{"frozen": ["1.bias"], "learning_rate_factors": {"2": 0.5}, "clip_norm": 1.0},
    },
    "state": {"random_state": np.random.RandomState(3), "shuffle": True},
    "none": {"hidden_layer_sizes": (), "n_iter_no_change": np.inf, "alpha": np.float64(0.5)},
    "each": {"hidden_layer_sizes": [5, 4], "activation": ("tanh", cr.Activation("elu"))},
    "array": {"hidden_layer_sizes": np.array([5, 4], np.int32), "max_iter": np.int64(3)},
    "callbacks": {"callbacks": [cr.EarlyStopping(2, "loss", min_delta=0.5), cr.ProgressBar()]},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [cr.MLPClassifier, cr.MLPRegressor])
def test_what_is_loaded_is_the_model_and_goes_on_with_its_bits(kind, dtype, options, tmp_path):
    rows = X.astype(dtype)
    est = clone(small(kind, **options)).fit(rows, Y)
    other = saved(est, tmp_path)
    assert_alike(attributes(other), attributes(est))
    for name, value in est.get_params().items():
        plain = value.item() if isinstance(value, np.generic) else value
        assert_alike(other.get_params()[name], plain)
    assert other.predict(rows).tobytes() == est.predict(rows).tobytes()
    for _ in range(2):
        if est.solver != "lbfgs":
            for one in (est, other):
                one.set_params(early_stopping=False).partial_fit(rows, Y)
            assert bits(other) == bits(est)
    for one in (est, other):
        one.set_params(early_stopping=est.solver != "lbfgs", warm_start=True).fit(rows, Y)
    assert bits(other) == bits(est)
    assert_alike(attributes(other), attributes(est))


def test_the_random_state_goes_on_where_it_was(tmp_path):
    est = small(random_state=np.random.RandomState(1)).fit(X, Y)
    est.random_state.normal()  # which keeps a second number for the next call
    other = saved(est, tmp_path)
    assert other.random_state.normal() == est.random_state.normal()
    assert bits(other.fit(X, Y)) == bits(est.fit(X, Y))


LABELS = {
    "int64": Y,
    "int8": Y.astype(np.int8),
    "uint64": Y.astype(np.uint64) + np.uint64(2**64 - 5),
    "float16": Y.astype(np.float16),
    "float64": Y - 1.0,
    "bool": Y > 0,
    "two": np.where(Y > 0, "yes", "no"),
    "one": np.zeros(len(Y), int),
    "strings": COLOURS[Y],
    "objects": COLOURS[Y].astype(object),
    "series": pd.Series(COLOURS[Y]).astype("category"),
    "surrogates": np.array(["\ud800", "\u0000x", '"checksum":"'])[Y],
    "labels": np.stack([Y == 0, Y > 0, Y > 1], axis=1).astype(int),
    "sparse": sp.csr_matrix(np.stack([Y == 0, Y > 0], axis=1).astype(int)),
    "outputs": np.stack([Y, Y % 2 + 5], axis=1),
    "strings of outputs": np.stack([COLOURS[Y], COLOURS[Y % 2]], axis=1),
    "mixed outputs": np.array([[COLOURS[k], int(k > 0)] for k in Y], dtype=object),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_labels_come_back_as_they_were(y, tmp_path):
    est = small().fit(X, y)
    other = saved(est, tmp_path)
    assert_alike(other.classes_, est.classes_)
    predicted, expected = other.predict(X), est.predict(X)
    assert type(predicted) is type(expected)
    if sp.issparse(expected):
        predicted, expected = predicted.toarray(), expected.toarray()
    assert_alike(predicted, expected)
    assert_alike(other.predict_proba(X), est.predict_proba(X))
    assert bits(other.partial_fit(X, y)) == bits(est.partial_fit(X, y))
    assert other.score(X, y) == est.score(X, y)


def test_weights_of_classes_come_back(tmp_path):
    y = COLOURS[Y]
    est = small(class_weight={"red": 2.0, "blue": np.float32(0.5)}).fit(X, y)
    other = saved(est, tmp_path)
    assert other.class_weight == est.class_weight
    outputs = small(class_weight=[{0: 2, 1: 3.5}, None]).fit(X, np.stack([Y, Y % 2], axis=1))
    (tmp_path / "model").unlink()
    assert saved(outputs, tmp_path).class_weight == [{0: 2, 1: 3.5}, None]


def test_names_of_features_come_back(tmp_path):
    frame = pd.DataFrame(X, columns=["length", "width", "\N{GREEK SMALL LETTER ALPHA}", "d"])
    est = small().fit(frame, Y)
    other = saved(est, tmp_path)
    assert_alike(other.feature_names_in_, est.feature_names_in_)
    with pytest.raises(ValueError, match="feature names should match"):
        other.predict(frame[["width", "length", "d", frame.columns[2]]])
    assert (other.predict(frame) == est.predict(frame)).all()


def test_a_class_of_ones_own_stays_one(tmp_path):
    class Mine(cr.MLPClassifier):
        pass

    assert type(saved(small(Mine).fit(X, Y), tmp_path)) is Mine
    assert type(cr.MLPClassifier.load(tmp_path / "model")) is cr.MLPClassifier


def test_multilabel_of_many_outputs(tmp_path):
    rows, y = make_multilabel_classification(60, n_classes=30, random_state=0)
    est = small().fit(rows, y)
    assert saved(est, tmp_path).predict(rows).tobytes() == est.predict(rows).tobytes()


def test_the_same_model_is_the_same_file_which_any_reader_reads(tmp_path):
    est = small(early_stopping=True, ema=0.5).fit(X, Y)
    est.save(tmp_path / "a")
    cr.MLPClassifier.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    tensors = safetensors.numpy.load_file(tmp_path / "a")
    assert tensors["1.weight"].tobytes() == est.coefs_[0].tobytes()
    with safetensors.safe_open(tmp_path / "a", "numpy") as file:
        assert file.metadata()["format"] == "chainrule.estimator"


def test_weights_changed_by_hand_are_saved(tmp_path):
    est = small().fit(X, Y)
    est.coefs_[0][:] = 0.5
    assert (saved(est, tmp_path).coefs_[0] == 0.5).all()


def test_a_callback_may_save_in_the_midst_of_a_fit(tmp_path):
    class Saves(cr.Callback):
        def on_epoch_end(self, trainer, epoch, logs):
            if epoch == 1:
                est.save(tmp_path / "model")

    est = small(ema=0.5, callbacks=[Saves()])
    est.fit(X, Y)
    then = cr.MLPClassifier.load(tmp_path / "model", callbacks=None)
    assert bits(then) == bits(small(ema=0.5, max_iter=2).fit(X, Y))
    assert len(then.loss_curve_) == 2
