"""Estimators as C: probabilities, classes, names of features and targets."""

import ctypes
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.c_export import _literals

from .compiled import FLAGS, address, assert_same_bits, predict_rows, shared_object
from .helpers import needs_fma

_rng = np.random.default_rng(3)
X = _rng.normal(size=(150, 4))
CUT = (X @ [1, -1, 0.5, 0]).round(1)
THREE = np.digitize(CUT, [-0.7, 0.7])
STRINGS = np.array(['no*/"', "per\\haps??/", "ja, größer\n"])
CLASSES = {
    "two numbers": np.where(CUT > 0, 7, -3),
    "two strings": STRINGS[[0, 2]][(CUT > 0).astype(int)],
    "booleans": CUT > 0,
    "three floats": THREE * 10.0,
    "three strings": STRINGS[THREE],
    "ends of int64": np.array([-(2**63), 2**63 - 1])[(CUT > 0).astype(int)],
    "ends of uint64": np.array([2**64 - 2, 2**64 - 1], np.uint64)[(CUT > 0).astype(int)],
    "one class": np.full(len(X), 5),
    "labels": np.stack([CUT > 0, X[:, 0] > 0, X[:, 1] > 1], axis=1).astype(int),
    "several": np.stack([THREE, np.where(X[:, 0] > 0, 4, 2)], axis=1),
}


def fitted(y, kind=MLPClassifier, dtype=np.float64):
    est = kind(hidden_layer_sizes=(8,), max_iter=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five epochs are few
        return est.fit(X.astype(dtype), y)


@needs_fma
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_classifier_gives_probabilities_and_names_classes(dtype, tmp_path):
    models = {name: fitted(y, dtype=dtype) for name, y in CLASSES.items()}
    paths = {name: tmp_path / f"{name.replace(' ', '_')}.c" for name in models}
    for name, est in models.items():
        cr.export_c(est, paths[name])
    library = shared_object("gcc", FLAGS, paths.values(), tmp_path / "so")
    for name, est in models.items():
        expected = est.predict_proba(X.astype(dtype))
        several = isinstance(expected, list)
        expected = np.concatenate(expected, axis=1) if several else expected
        out = predict_rows(library, paths[name].stem, X.astype(dtype), np.empty_like(expected))
        assert_same_bits(out, expected, name)
        has_classes = hasattr(library, f"{paths[name].stem}_class")
        assert has_classes == (name not in ("labels", "several"))
        if has_classes:
            found = [label(library, paths[name].stem, row) for row in out]
            assert found == est.predict(X.astype(dtype)).tolist()


@needs_fma
def test_the_first_of_equal_probabilities_is_the_largest(tmp_path):
    cr.export_c(fitted(CLASSES["three strings"]), tmp_path / "est.c")
    library = shared_object("gcc", FLAGS, [tmp_path / "est.c"], tmp_path / "so")
    for row, place in (([0.25, 0.375, 0.375], 1), ([0.4, 0.2, 0.4], 0), ([0.1, 0.2, 0.7], 2)):
        assert library.est_largest(address(np.array(row))) == place


def label(library, name, row):
    largest, of_place = getattr(library, f"{name}_largest"), getattr(library, f"{name}_class")
    largest.restype = ctypes.c_size_t
    kinds = {"strings": ctypes.c_char_p, "floats": ctypes.c_double, "uint64": ctypes.c_uint64}
    of_place.restype = next((k for end, k in kinds.items() if name.endswith(end)), ctypes.c_int64)
    found = of_place(ctypes.c_size_t(largest(address(row))))
    return found.decode() if isinstance(found, bytes) else found


@needs_fma
def test_a_regressor_and_the_names_of_its_features(tmp_path):
    pandas = pytest.importorskip("pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = pandas.DataFrame(X, columns=["a", "b */", "c", "d"])
        est = MLPRegressor(hidden_layer_sizes=(8,), max_iter=5, random_state=0).fit(
            frame, X[:, :2] ** 2
        )
    cr.export_c(est, tmp_path / "est.c")
    library = shared_object("gcc", FLAGS, [tmp_path / "est.c"], tmp_path / "so")
    expected = est.predict(frame)
    assert_same_bits(predict_rows(library, "est", X, np.empty_like(expected)), expected)
    text = (tmp_path / "est.c").read_text()
    assert " *     x[1]  'b * /'\n" in text
    assert " *     out[1]  target 1\n" in text


# ---- refusals -----------------------------------------------------------------------------------


def test_classes_that_c_would_change_are_refused(tmp_path):
    est = fitted(np.array(["a\0b", "a"], object)[(CUT > 0).astype(int)])
    with pytest.raises(ValueError, match=r"^\[export_c\] classes: .*without NUL.*got 'a\\x00b'$"):
        cr.export_c(est, tmp_path / "est.c")
    for label in (2**64 + 1, -(2**63) - 1, 2**2000 + 1):
        with pytest.raises(ValueError, match=r"^\[x\] classes: expected integers of int64_t or of"):
            _literals.labels("x", [0, label])
    with pytest.raises(ValueError, match=r"^\[x\] classes: .*got 9007199254740993$"):
        _literals.labels("x", [0.5, 2**53 + 1])
    assert list(tmp_path.iterdir()) == []
