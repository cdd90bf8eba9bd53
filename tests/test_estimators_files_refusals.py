"""`save` and `load` of the estimators: what no file holds, what is refused."""

import contextlib
import os
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import make_scorer, recall_score

import chainrule as cr
from chainrule.estimators import _file_parameters
from chainrule.estimators._file import estimator_from_bytes

from .attacks.estimators import whole_estimator
from .attacks.parts import Parts
from .test_estimators_files import COLOURS, X, Y, bits, small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# ---- What no file holds --------------------------------------------------------------------------


def recall(est, X, y):
    return recall_score(y, est.predict(X), average="macro")


class MyAdam(cr.Adam):
    pass


OWN = {
    "scoring": recall,
    "schedule": lambda epoch: 0.5,
    "optimizer": MyAdam(0.5),
    "callbacks": [cr.EarlyStopping(3, "loss"), cr.Callback()],
    "random_state": np.random.RandomState(np.random.PCG64(3)),
}


@pytest.mark.parametrize(("name", "value"), OWN.items(), ids=OWN)
def test_what_no_file_holds_is_asked_for(name, value, tmp_path):
    est = small(**{name: value}, early_stopping=True).fit(X, Y)
    path = tmp_path / "model"
    est.save(path)
    text = (
        rf"^\[MLPClassifier.load\] {name}: expected the {name} .* of this model again \(or None\)"
    )
    with pytest.raises(ValueError, match=text) as caught:
        cr.MLPClassifier.load(path)
    assert " at 0x" not in str(caught.value)
    assert bits(cr.MLPClassifier.load(path, **{name: None})) == bits(est)
    other = cr.MLPClassifier.load(path, **{name: value})
    assert getattr(other, name) is value
    if name != "random_state":  # which both of them move on
        for one in (est, other):
            one.set_params(warm_start=True).fit(X, Y)
        assert bits(other) == bits(est)
    with pytest.raises(ValueError, match=r"alpha: expected only parameters that the file lacks"):
        cr.MLPClassifier.load(path, **{name: value}, alpha=1.0)


def test_several_of_them_are_told_at_once(tmp_path):
    scorer = make_scorer(recall_score, average="macro")
    est = small(scoring=scorer, schedule=cr.warmup(np.cos, 3)).fit(X, Y)
    est.save(tmp_path / "model")
    text = (
        r"\] schedule, scoring: expected the schedule Warmup.* and the scoring make_scorer.* got "
    )
    with pytest.raises(ValueError, match=text):
        cr.MLPClassifier.load(tmp_path / "model")
    with pytest.raises(ValueError, match=r"^\[MLPClassifier.load\] scoring: expected the scoring"):
        cr.MLPClassifier.load(tmp_path / "model", schedule=None)
    with pytest.raises(
        TypeError, match=r"^\[MLPClassifier.load\] scoring: expected a name, a scor"
    ):
        cr.MLPClassifier.load(tmp_path / "model", schedule=None, scoring=3)


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"x", 1j, np.array([object()]), np.array([1j]), pd.Series([1]), [recall]],
)
def test_other_things_are_no_data(value):
    arrays = []
    encoded = _file_parameters.encode_parameters({"x": [np.zeros(2), value]}, arrays)
    assert set(encoded["x"]) == {"own"}
    assert arrays == []


def test_values_within_values_without_end_are_no_data():
    endless = []
    endless.append(endless)
    assert set(_file_parameters.encode_parameters({"x": endless}, [])["x"]) == {"own"}


# ---- What is refused -----------------------------------------------------------------------------


def test_who_has_not_learned_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        small().save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_parameters_that_fit_refuses_are_not_saved(tmp_path):
    est = small().fit(X, Y)
    with pytest.raises(ValueError, match=r"^\[MLPClassifier.save\] alpha: expected .*, got -1$"):
        est.set_params(alpha=-1).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"^\[MLPClassifier.save\] frozen: expected one of '1', "):
        est.set_params(alpha=1, frozen=["9"]).save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_more_labels_than_a_file_describes_are_not_saved(tmp_path):
    est = small().fit(X, COLOURS[Y])
    est._target.classes = np.array(["a", "b", "c" * 2**22])
    with pytest.raises(ValueError, match=r"^\[MLPClassifier.save\] labels and names: the des"):
        est.save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_files_of_other_kinds_are_told(tmp_path):
    net, path = cr.Network([cr.Dense(1)], 4), tmp_path / "model"
    regressor = small(cr.MLPRegressor).fit(X, Y)
    holds = {
        "a network, which Network.load reads": net,
        "a trainer, which Trainer.load reads": cr.Trainer(net, "squared_error"),
        "an MLPRegressor, which MLPRegressor.load reads": regressor,
        "an MLPClassifier, which MLPClassifier.load reads": small().fit(X, Y),
        "an estimator, which MLPClassifier.load or MLPRegressor.load reads": regressor,
    }
    for text, model in holds.items():
        model.save(path)
        for kind in (cr.MLPClassifier, cr.MLPRegressor, cr.Network, cr.Trainer):
            is_estimator = kind in (cr.MLPClassifier, cr.MLPRegressor)
            if isinstance(model, kind) or text.startswith("an MLP") != is_estimator:
                continue
            with pytest.raises(cr.FileFormatError, match=f"it holds {re.escape(text)}$"):
                kind.load(path)
    for kind in (cr.MLPClassifier, cr.MLPRegressor):
        net.save(path)
        with pytest.raises(
            cr.FileFormatError, match=r"it holds a network, which Network\.load reads"
        ):
            kind.load(path)
    with pytest.raises(FileNotFoundError):
        cr.MLPClassifier.load(tmp_path / "missing")


# ---- Damage that has the right checksum ----------------------------------------------------------


def test_a_flip_with_the_right_checksum_is_refused_or_gives_an_estimator_that_works(rng):
    parts = Parts(whole_estimator())
    rows, y = np.linspace(-1, 1, 24).reshape(8, 3), np.array(["x", "y", "z", "x"] * 2)
    refused = 0
    for at in rng.integers(0, 8 * len(parts.data), 400):
        damaged = Parts(whole_estimator())
        data = bytearray(damaged.data)
        data[at // 8] ^= 1 << at % 8
        damaged.data = bytes(data)
        refused += goes_on_or_is_refused(damaged, rows, y)
    for at in rng.integers(0, 7 * len(parts.metadata["estimator"]), 800):
        damaged = Parts(whole_estimator())
        text = bytearray(damaged.metadata["estimator"].encode())
        text[at // 7] ^= 1 << at % 7
        damaged.metadata["estimator"] = text.decode()
        refused += goes_on_or_is_refused(damaged, rows, y)
    assert 500 < refused < 1200


def goes_on_or_is_refused(parts, rows, y):
    """Whether it is refused; a model that loads learns, or says what keeps it from it."""
    try:
        est = estimator_from_bytes(cr.MLPClassifier, parts.seal(), {})
    except ValueError:  # mostly FileFormatError; a parameter of the user's own is asked for
        return True
    est.set_params(early_stopping=False, callbacks=None, schedule=None)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        est.predict(rows)
        with contextlib.suppress(ValueError, TypeError):
            est.partial_fit(rows, y)
    return False
