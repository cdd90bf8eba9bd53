"""`chainrule export-c`: C predicts from columns what `chainrule predict` does, to the bit."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.cli.model_file import load_model
from chainrule.cli.tables import read_table

from .columns import TARGETS, every_kind, strange_rows
from .compiled import FMA, assert_same_bits, compile_c, predict_rows, shared_object
from .helpers import needs_fma

FLAGS = ["-O2", *FMA]  # with which gcc would contract products and sums

pytestmark = [needs_fma, pytest.mark.usefixtures("in_tmp_path")]


def train(frame, target):
    frame.to_csv("table.csv", index=False)
    others = [arg for name in TARGETS if name != target for arg in ("--exclude", name)]
    options = ["--target", target, "--epochs", "3", "--hidden", "8", "-q"]
    assert main(["train", "table.csv", *options, "-o", "my-model.safetensors", *others]) == 0
    assert main(["export-c", "my-model.safetensors"]) == 0
    return load_model(Path("my-model.safetensors"))


def rows_for(library, model, frame):
    """As a user of the C file makes them, (rows, columns)."""
    library.my_model_code.restype = ctypes.c_double
    columns = []
    for place, feature in enumerate(model.features):
        values = frame[feature.name]
        if feature.kind == "category":
            texts = [None if v is None or v != v else str(v).encode() for v in values]
            column = [library.my_model_code(ctypes.c_size_t(place), text) for text in texts]
        elif feature.kind == "time":
            column = (pd.to_datetime(values) - pd.Timestamp(0)) / pd.Timedelta(days=1)
        else:
            column = values.astype(np.float64)
        columns.append(np.asarray(column, np.float64))
    return np.stack(columns, axis=1)


def outputs(model, table):
    """What `chainrule predict` makes its columns of."""
    output = model.output(table)
    if model.target.classes:
        return np.ascontiguousarray(model.target.probabilities(output))
    return model.target.decode(output)[:, np.newaxis]


def check(library, model, path):
    table = read_table(Path(path), text=["colour", "label"])
    expected = outputs(model, table)
    out = np.empty_like(expected)
    predict_rows(library, "my_model", rows_for(library, model, table.frame), out)
    if any(feature.kind == "time" for feature in model.features):
        bound = 1e-6 * np.abs(expected).max()  # sine and cosine are the C library's
        np.testing.assert_allclose(out, expected, rtol=0, atol=bound)
    else:
        assert_same_bits(out, expected)


@pytest.mark.parametrize("dates", [False, True], ids=["without dates", "with dates"])
@pytest.mark.parametrize("target", TARGETS)
def test_columns_go_in_and_predictions_come_out(target, dates, tmp_path, capsys):
    table = every_kind() if dates else every_kind().drop(columns="day")
    model = train(table, target)
    said = capsys.readouterr().out
    result = {"y": "probabilities of 2 classes", "three": "probabilities of 3 classes"}
    columns, result = 6 + dates, result.get(target, "the prediction of 'number'")
    assert said == f"my-model.c: from {columns} columns to {result}, as my_model_predict\n"
    library = shared_object("gcc", FLAGS, [Path("my-model.c").resolve()], tmp_path / "so")
    check(library, model, "table.csv")
    strange = strange_rows(every_kind())[table.columns]
    strange.to_csv("strange.csv", index=False)
    check(library, model, "strange.csv")
    program = compile_c("gcc", [*FLAGS, "-DMY_MODEL_MAIN"], ["my-model.c"], tmp_path / "main")
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 or dates, done.stdout


def test_a_network_alone(tmp_path, capsys):
    net = cr.Network([cr.Dense(2, "tanh")], 3)
    net.save("net.safetensors")
    assert main(["export-c", "net.safetensors", "deep/out.c"]) == 2
    assert "OUT deep/out.c: there is no directory deep" in capsys.readouterr().err
    assert main(["export-c", "net.safetensors", "out.h", "--name", "mine"]) == 0
    assert capsys.readouterr().out == "out.h: a network of 3 inputs, as mine_predict\n"
    library = shared_object("gcc", FLAGS, [Path("out.h").resolve()], tmp_path / "so")
    X = np.ones((4, 3), np.float32)
    out = predict_rows(library, "mine", X, np.empty((4, 2), np.float32))
    assert_same_bits(out, net.predict(X))


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["absent"], "absent: no such file"),
        (["table.csv"], "table.csv: not a model file"),
        (["net.safetensors", "net.cpp"], "OUT net.cpp: expected a name ending in one of .c, .h"),
        (["net.safetensors", "net.safetensors"], "OUT net.safetensors: expected a name ending in"),
        (["net.safetensors", "net.C"], "net.safetensors: [export-c] path: expected a file name"),
        (["net.safetensors", "--name", "int"], "--name int: expected an identifier of C that"),
        (["net.safetensors", "2.c"], "2.c: give its functions a --name: expected an identifier"),
        (["2024.safetensors"], "2024.c: give its functions a --name: expected an identifier"),
        (["taken.safetensors"], "taken.c: is there already; give OUT, which may be overwritten"),
        (["."], ".: is a directory, not a model file"),
        (["/"], "/: is a directory, not a model file"),
        ([".", "out.c"], ".: is a directory, not a model file"),
    ],
)
def test_what_cannot_be_is_one_line(arguments, found, capsys):
    Path("table.csv").write_text("a,b\n1,2\n")
    for name in ("net", "2024", "taken"):
        cr.Network([cr.Dense(1)], 1).save(f"{name}.safetensors")
    Path("taken.c").write_text("int mine;\n")
    before = sorted(Path().iterdir())
    assert main(["export-c", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"chainrule: {found}")
    assert error.count("\n") == 1
    assert sorted(Path().iterdir()) == before
    assert Path("taken.c").read_text() == "int mine;\n"


def test_a_file_that_is_given_is_overwritten():
    cr.Network([cr.Dense(1)], 1).save("net.safetensors")
    Path("net.c").write_text("int mine;\n")
    assert main(["export-c", "net.safetensors", "net.c"]) == 0
    assert "net_predict" in Path("net.c").read_text()


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("kind", [cr.MLPClassifier, cr.MLPRegressor])
def test_an_estimator_alone(kind, tmp_path, capsys, rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 3
    est = kind(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=20, random_state=0).fit(X, y)
    est.save("est.safetensors")
    assert main(["export-c", "est.safetensors"]) == 0
    assert capsys.readouterr().out == f"est.c: an {kind.__name__} of 3 inputs, as est_predict\n"
    cr.export_c(est, "same.c", name="est")
    assert Path("est.c").read_text() == Path("same.c").read_text().replace("same.c", "est.c")
    library = shared_object("gcc", FLAGS, [Path("est.c").resolve()], tmp_path / "so")
    is_classifier = kind is cr.MLPClassifier
    expected = est.predict_proba(X) if is_classifier else est.predict(X)[:, np.newaxis]
    assert_same_bits(predict_rows(library, "est", X, np.empty_like(expected)), expected)


def test_categories_with_nul_are_refused(capsys):
    table = pd.DataFrame({"colour": ["r\0d", "red"] * 30, "y": ["a", "b"] * 30})
    table.to_parquet("table.parquet")
    options = ["--target", "y", "--epochs", "1", "--hidden", "2", "-q"]
    assert main(["train", "table.parquet", *options]) == 0
    capsys.readouterr()
    assert main(["export-c", "table.safetensors"]) == 2
    error = capsys.readouterr().err
    assert "table.safetensors: [export-c] categories: expected text without NUL" in error
    assert not Path("table.c").exists()
