"""`chainrule export-onnx`: ONNX Runtime predicts from raw columns what `chainrule predict` does."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest

import chainrule as cr
from chainrule import _core
from chainrule.cli import main
from chainrule.cli.model_file import load_model
from chainrule.cli.tables import read_table

from .columns import TARGETS, N, every_kind, strange_rows
from .helpers import relative_difference

pytestmark = pytest.mark.usefixtures("in_tmp_path")


@pytest.fixture
def table():
    return every_kind()


def train(table, target, *export_options):
    others = [arg for name in TARGETS if name != target for arg in ("--exclude", name)]
    table.to_csv("table.csv", index=False)
    options = ["--target", target, "--epochs", "3", "--hidden", "8", "-q", "-o", "m.safetensors"]
    assert main(["train", "table.csv", *options, *others]) == 0
    assert main(["export-onnx", "m.safetensors", "m.onnx", *export_options]) == 0


def feed_of(model, table):
    """As a user gives columns: NaN and "" are missing."""
    feed = {}
    for feature in model.features:
        values = table.frame[feature.name]
        if feature.kind == "category":
            array = values.where(values.notna(), "").to_numpy(object)
        elif feature.kind == "time":
            array = ((values - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy(np.float64)
        else:
            array = values.astype(np.float64).to_numpy()
        feed[feature.name] = array.reshape(-1, 1)
    return feed


def predict(feed):
    session = onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == list(feed)
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(None, feed), strict=True))


def check(table_path, target, bound=1e-6):
    """With a bound of 0 to the bit."""
    model = load_model(Path("m.safetensors"))
    table = read_table(Path(table_path), text=["colour", "label"])
    outputs, expected = predict(feed_of(model, table)), model.predict(table)
    if target == "number":
        assert list(outputs) == ["variable"]
        assert outputs["variable"].dtype == np.float64
        found = (outputs["variable"].ravel() - model.target.mean) / model.target.scale
        wanted = (expected["prediction"] - model.target.mean) / model.target.scale
        assert relative_difference(found, wanted.to_numpy()) <= bound
        return
    label, probabilities = outputs.values()
    assert list(outputs) == ["label_2", "probabilities"]  # a column has the name of the label
    np.testing.assert_array_equal(label, expected["prediction"])
    wanted = expected.drop(columns="prediction").to_numpy()
    assert probabilities.shape == wanted.shape
    assert relative_difference(probabilities, wanted) <= bound


@pytest.mark.parametrize("target", TARGETS)
def test_raw_columns_go_in_and_predictions_come_out(target, table, capsys):
    train(table, target)
    assert capsys.readouterr().out.startswith("m.onnx: from 7 columns to ")
    onnx.checker.check_model(onnx.load("m.onnx"), full_check=True)
    check("table.csv", target)


def test_native_ones_have_the_operations_of_onnx(table, capsys):
    train(table, "y", "--nodes", "native")
    kinds = [node.op_type for node in onnx.load("m.onnx").graph.node]
    assert "Gemm" in kinds
    assert "Pad" not in kinds
    check("table.csv", "y")
    cr.Network([cr.Dense(1)], 1, "float64").save("net.safetensors")
    capsys.readouterr()
    assert main(["export-onnx", "net.safetensors", "wide.onnx", "--nodes", "native"]) == 2
    assert "nodes: expected 'close' for float64, " in capsys.readouterr().err
    assert not Path("wide.onnx").exists()


@pytest.mark.skipif(_core.isa() == "baseline", reason="chainrule then rounds without fma")
@pytest.mark.parametrize("target", TARGETS)
def test_exact_ones_have_the_bits_of_predict(target, table):
    train(table, target, "--nodes", "exact")
    check("table.csv", target, bound=0)


@pytest.mark.parametrize("target", ["y", "number"])
def test_rows_unlike_those_of_training(target, table):
    train(table, target)
    strange = strange_rows(table)
    strange.to_csv("strange.csv", index=False)
    check("strange.csv", target)


def test_a_network_alone(capsys):
    net = cr.Network([cr.Dense(2, "tanh")], 3)
    net.save("net.safetensors")
    assert main(["export-onnx", "net.safetensors", "m.onnx"]) == 0
    assert capsys.readouterr().out == "m.onnx: a network, from X to output\n"
    X = np.ones((4, 3), np.float32)
    np.testing.assert_allclose(predict({"X": X})["output"], net.predict(X), atol=1e-6)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize(
    ("kind", "results"),
    [(cr.MLPClassifier, ["label", "probabilities"]), (cr.MLPRegressor, ["variable"])],
)
def test_an_estimator_alone(kind, results, capsys, rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 3
    est = kind(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=20, random_state=0).fit(X, y)
    est.save("est.safetensors")
    assert main(["export-onnx", "est.safetensors", "m.onnx"]) == 0
    said = f"m.onnx: an {kind.__name__}, from X to {' and '.join(results)}\n"
    assert capsys.readouterr().out == said
    outputs = predict({"X": X})
    assert list(outputs) == results
    np.testing.assert_allclose(outputs[results[0]].ravel(), est.predict(X), rtol=1e-12)


def test_what_cannot_be_is_one_line(table, capsys, monkeypatch):
    table.to_csv("table.csv", index=False)
    for arguments, found in (
        (["absent", "m.onnx"], "absent: no such file"),
        (["table.csv", "m.onnx"], "table.csv: not a model file"),
        (["table.csv", "m.json"], "OUT m.json: expected a name ending in .onnx"),
        (["table.csv", "absent/m.onnx"], "OUT absent/m.onnx: there is no directory absent"),
    ):
        assert main(["export-onnx", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"chainrule: {found}")
        assert error.count("\n") == 1
    halves = table.assign(half=[0.5, 1.5] * (N // 2))[["x", "half"]]
    halves.to_csv("halves.csv", index=False)
    options = ["--target", "half", "--task", "classification", "--epochs", "1", "-q"]
    assert main(["train", "halves.csv", *options]) == 0
    assert main(["export-onnx", "halves.safetensors", "m.onnx"]) == 2
    assert "halves.safetensors: [export-onnx] model: expected classes" in capsys.readouterr().err
    for name in [name for name in sys.modules if "onnx" in name and "chainrule" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export-onnx", "halves.safetensors", "m.onnx"]) == 2
    assert "needs onnx: pip install 'chainrule[onnx]'" in capsys.readouterr().err
