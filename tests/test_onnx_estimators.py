"""Fitted estimators as ONNX files, alone and in pipelines that skl2onnx converts."""

import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor, _core

pytest.importorskip("skl2onnx")

import skl2onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .helpers import relative_difference

N = 150
_rng = np.random.default_rng(3)
X = _rng.normal(size=(N, 4))
CUT = (X @ [1, -1, 0.5, 0]).round(1)
THREE = np.digitize(CUT, [-0.7, 0.7])
NAMES = np.array(["no", "perhaps", "yes"])

# name -> y of a classifier
CLASSES = {
    "two numbers": np.where(CUT > 0, 7, -3),
    "two strings": NAMES[[0, 2]][(CUT > 0).astype(int)],
    "booleans": CUT > 0,
    "three numbers": THREE * 10,
    "three floats": THREE * 10.0,
    "three strings": NAMES[THREE],
    "strings as objects": NAMES.astype(object)[THREE],
    "one class": np.full(N, 5),
    "labels": np.stack([CUT > 0, X[:, 0] > 0, X[:, 1] > 1], axis=1).astype(int),
    "several numbers": np.stack([THREE, np.where(X[:, 0] > 0, 4, 2)], axis=1),
    "several strings": np.stack([NAMES[THREE], NAMES[np.digitize(X[:, 0], [0])]], axis=1),
}
TARGETS = {"one target": CUT, "three targets": X[:, :3] ** 2}


def fitted(y, kind=MLPClassifier, dtype=np.float64, **options):
    est = kind(hidden_layer_sizes=(8,), max_iter=5, random_state=0, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five epochs are few
        return est.fit(X.astype(dtype), y)


def run(model, feed):
    """The outputs by name, of a path or of a model of the package onnx."""
    content = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feed), strict=True))


def check_classifier(est, rows, outputs, bound):
    """Labels and probabilities of ONNX Runtime are those of the estimator."""
    proba, label = est.predict_proba(rows), est.predict(rows)
    assert list(outputs) == ["label", "probabilities"]
    assert outputs["label"].shape == label.shape
    assert outputs["label"].dtype == (object if label.dtype.kind in "UO" else np.int64)
    np.testing.assert_array_equal(outputs["label"], label)
    if isinstance(proba, list):
        assert isinstance(outputs["probabilities"], list)
        pairs = zip(outputs["probabilities"], proba, strict=True)
    else:
        pairs = [(outputs["probabilities"], proba)]
    for found, expected in pairs:
        assert found.shape == expected.shape
        assert relative_difference(found, expected) < bound


# ---- alone --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CLASSES)
def test_a_classifier_gives_its_labels_and_probabilities(name, dtype, tmp_path):
    est = fitted(CLASSES[name], dtype=dtype)
    cr.export_onnx(est, tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    names = [node.name for node in model.graph.node]
    assert len({*names, ""}) == len(names) + 1
    rows = X.astype(dtype)
    outputs = run(tmp_path / "model.onnx", {"X": rows})
    check_classifier(est, rows, outputs, 1e-6 if dtype == np.float32 else 1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("name", TARGETS)
def test_a_regressor_gives_its_variable(name, loss, dtype, tmp_path):
    est = fitted(abs(TARGETS[name]), MLPRegressor, dtype, loss=loss)
    cr.export_onnx(est, tmp_path / "model.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "model.onnx"), full_check=True)
    outputs = run(tmp_path / "model.onnx", {"X": X.astype(dtype)})
    assert list(outputs) == ["variable"]
    expected = est.predict(X.astype(dtype)).reshape(N, -1)
    assert outputs["variable"].shape == expected.shape
    bound = 1e-6 if dtype == np.float32 else 2e-15
    assert relative_difference(outputs["variable"], expected) < bound


def test_probabilities_of_one_half_are_the_first_class(tmp_path):
    est = fitted(CLASSES["two strings"])
    est.coefs_[-1][:], est.intercepts_[-1][:] = 0, 0
    cr.export_onnx(est, tmp_path / "model.onnx")
    outputs = run(tmp_path / "model.onnx", {"X": X})
    assert (outputs["probabilities"] == 0.5).all()
    assert set(outputs["label"]) == {"no"} == set(est.predict(X))


def test_a_label_with_a_probability_of_one_half_is_not_true(tmp_path):
    est = fitted(CLASSES["labels"])
    est.coefs_[-1][:], est.intercepts_[-1][:] = 0, 0
    cr.export_onnx(est, tmp_path / "model.onnx")
    outputs = run(tmp_path / "model.onnx", {"X": X})
    assert (outputs["probabilities"] == 0.5).all()
    assert outputs["label"].sum() == 0 == est.predict(X).sum()


def test_weights_changed_by_hand_are_exported(tmp_path):
    est = fitted(CUT, MLPRegressor)
    est.intercepts_[-1] += 100
    cr.export_onnx(est, tmp_path / "model.onnx")
    outputs = run(tmp_path / "model.onnx", {"X": X})
    assert relative_difference(outputs["variable"].ravel(), est.predict(X)) < 1e-14
    est.intercepts_[-1] += 100
    outputs = run(skl2onnx.to_onnx(est, X[:1]), {"X": X})
    assert relative_difference(outputs["variable"].ravel(), est.predict(X)) < 1e-14


def test_what_has_no_onnx_labels_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^\[export_onnx\] model: expected a fitted estimator"):
        cr.export_onnx(MLPClassifier(), tmp_path / "model.onnx")
    mixed = np.empty((N, 2), dtype=object)
    mixed[:, 0], mixed[:, 1] = NAMES[THREE], THREE
    expected = r"^\[export_onnx\] model: expected classes that are strings in all outputs or num"
    with pytest.raises(ValueError, match=expected):
        cr.export_onnx(fitted(mixed), tmp_path / "model.onnx")
    large = np.where(CUT > 0, np.uint64(2**63), np.uint64(1))
    with pytest.raises(ValueError, match=r"^\[export_onnx\] model: expected classes that are all"):
        cr.export_onnx(fitted(large), tmp_path / "model.onnx")
    with pytest.raises(TypeError, match=r"a Pipeline: chainrule\.onnx\.register\(\)"):
        cr.export_onnx(make_pipeline(StandardScaler()), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


# ---- with skl2onnx ------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def registered():
    cr.onnx.register()


@pytest.mark.filterwarnings("ignore:Option zipmap is ignored")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CLASSES)
def test_a_classifier_in_a_pipeline(name, dtype):
    rows = X.astype(dtype)
    model = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=200, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows, CLASSES[name])
    converted = skl2onnx.to_onnx(model, rows[:1], options={MLPClassifier: {"zipmap": False}})
    onnx.checker.check_model(converted)
    outputs = run(converted, {"X": rows})
    # StandardScaler of ONNX's is float32 and no rounding of ours.
    check_classifier(model, rows, outputs, 5e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TARGETS)
def test_a_regressor_in_a_pipeline(name, dtype):
    rows = X.astype(dtype)
    model = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), max_iter=50, random_state=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows, TARGETS[name])
    outputs = run(skl2onnx.to_onnx(model, rows[:1]), {"X": rows})
    assert relative_difference(outputs["variable"], model.predict(rows).reshape(N, -1)) < 5e-6


@pytest.mark.parametrize("name", ["two strings", "three numbers", "labels"])
def test_the_zip_map_is_as_scikit_learn_s(name):
    y = CLASSES[name]
    rows = X.astype(np.float32)
    est = fitted(y, dtype=np.float32)
    outputs = run(skl2onnx.to_onnx(est, rows[:1]), {"X": rows})
    np.testing.assert_array_equal(outputs["output_label"], est.predict(rows))
    for row, found in zip(est.predict_proba(rows), outputs["output_probability"], strict=True):
        assert list(found) == est.classes_.tolist()
        np.testing.assert_allclose(list(found.values()), row, atol=1e-6)
    columns = skl2onnx.to_onnx(est, rows[:1], options={id(est): {"zipmap": "columns"}})
    names = [f"{'s' if est.classes_.dtype.kind == 'U' else 'i'}{c}" for c in est.classes_]
    outputs = run(columns, {"X": rows})
    assert list(outputs) == ["output_label", *names]
    found = np.stack([outputs[name].ravel() for name in names], axis=1)
    np.testing.assert_allclose(found, est.predict_proba(rows), atol=1e-6)


def test_class_numbers_instead_of_names():
    est = fitted(CLASSES["three strings"], dtype=np.float32)
    options = {id(est): {"nocl": True, "zipmap": False}}
    converted = skl2onnx.to_onnx(est, X[:1].astype(np.float32), options=options)
    outputs = run(converted, {"X": X.astype(np.float32)})
    np.testing.assert_array_equal(est.classes_[outputs["label"]], est.predict(X))


def test_several_classifications_have_a_sequence_and_no_zip_map():
    est = fitted(CLASSES["several strings"], dtype=np.float32)
    rows = X.astype(np.float32)
    with pytest.warns(UserWarning, match="Option zipmap is ignored"):
        converted = skl2onnx.to_onnx(est, rows[:1])
    check_classifier(est, rows, run(converted, {"X": rows}), 1e-6)


def test_columns_of_a_frame_grid_searches_and_models_of_models():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": NAMES[THREE]})
    parts = [("n", StandardScaler(), ["a", "b"]), ("c", OneHotEncoder(), ["c"])]
    search = GridSearchCV(MLPClassifier((4,), max_iter=20), {"alpha": [1e-4, 1e-3]}, cv=2)
    model = make_pipeline(ColumnTransformer(parts), search)
    y = CLASSES["two strings"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(frame, y)
        several = MultiOutputClassifier(MLPClassifier((4,), max_iter=20))
        several.fit(X, CLASSES["several numbers"])
    converted = skl2onnx.to_onnx(model, frame[:1], options={"zipmap": False})
    feed = {name: frame[[name]].to_numpy() for name in frame}
    outputs = run(converted, feed)
    np.testing.assert_array_equal(outputs["label"], model.predict(frame))
    converted = skl2onnx.to_onnx(several, X[:1], options={id(several): {"zipmap": False}})
    np.testing.assert_array_equal(run(converted, {"X": X})["label"], several.predict(X))


def test_whole_numbers_go_in_and_old_opsets_do_not():
    rows = (10 * X).astype(np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        est = MLPRegressor(hidden_layer_sizes=(8,), max_iter=5, random_state=0).fit(rows, CUT)
    types = [("X", Int64TensorType([None, 4]))]
    outputs = run(skl2onnx.convert_sklearn(est, initial_types=types), {"X": rows})
    assert relative_difference(outputs["variable"].ravel(), est.predict(rows)) < 1e-6
    types = [("X", FloatTensorType([None, 4]))]
    converted = skl2onnx.convert_sklearn(est, initial_types=types, target_opset=18)
    assert converted.opset_import[0].version <= 18
    with pytest.raises(ValueError, match=r"target_opset: expected 18 or later, got 17"):
        skl2onnx.convert_sklearn(est, initial_types=types, target_opset=17)


def with_nodes(kind, nodes, opset=None, dtype=np.float32):
    """What ONNX Runtime and chainrule predict, and the file's operations."""
    classifies = kind is MLPClassifier
    y = CLASSES["three numbers"] if classifies else CUT
    est, rows = fitted(y, kind, np.float32, activation="tanh"), X.astype(dtype)
    options = {id(est): {"nodes": nodes} | ({"zipmap": False} if classifies else {})}
    onnx_model = skl2onnx.to_onnx(est, rows[:1], options=options, target_opset=opset)
    *_, found = run(onnx_model, {"X": rows}).values()
    expected = est.predict_proba(rows) if classifies else est.predict(rows)
    return found.reshape(expected.shape), expected, {n.op_type for n in onnx_model.graph.node}


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_native_operations_are_an_option(kind):
    found, expected, kinds = with_nodes(kind, "native")
    assert kinds & {"Gemm", "Tanh", "Pad"} == {"Gemm", "Tanh"}
    assert relative_difference(found, expected) < 1e-6
    with pytest.raises(ValueError, match=r"target_opset: expected 20 or later, got 19"):
        with_nodes(kind, "native", 19)
    with pytest.raises(ValueError, match=r"\[skl2onnx\] nodes: expected 'close' for float64"):
        with_nodes(kind, "native", dtype=np.float64)


@pytest.mark.skipif(_core.isa() == "baseline", reason="chainrule then rounds without fma")
@pytest.mark.parametrize("opset", [18, None])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_exact_nodes_are_an_option(kind, opset):
    found, expected, _ = with_nodes(kind, "exact", opset)
    np.testing.assert_array_equal(found, expected)


def test_without_skl2onnx_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"needs skl2onnx: pip install 'chainrule\[skl2onnx\]'"):
        cr.onnx.register()
