"""Bad input: exit status 2, one line on standard error that says what is wrong, no traceback."""

import shutil

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule._container import joined, pack, unpack
from chainrule.cli import main

from .attacks.parts import Parts

ROWS = "size,colour,kind,gone\n" + "1.5,red,a,\n2.5,blue,b,\n3.0,red,a,\n4.5,,b,\n" * 10


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "good.csv": ROWS,
        "empty.csv": "",
        "header.csv": "size,colour,kind\n",
        "broken.csv": ROWS + "1.5,red\n",
        "words.csv": ROWS.replace("1.5", "big"),
        "same.csv": ROWS.replace(",b,", ",a,"),
        "new_class.csv": ROWS.replace("4.5,,b", "4.5,,c"),
        "text.txt.gz": "not packed",
        "table.xlsx": "PK",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    pd.DataFrame({"size": [1.0, 2.0]}).to_csv("few_columns.csv", index=False)
    lists = pd.DataFrame({"size": [[1], [2]] * 10, "x": [1, 2] * 10, "kind": ["a", "b"] * 10})
    lists.to_parquet("lists.parquet")
    pd.DataFrame({"prediction": [1.0], "size": 1.0, "colour": "red"}).to_csv("taken.csv")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "good.csv").write_text(ROWS)
    model = folder / "model.safetensors"
    arguments = ["train", folder / "good.csv", "-t", "kind", "-o", model, "-q", "--epochs", 2]
    assert main([str(argument) for argument in arguments]) == 0
    return model


@pytest.fixture
def model(trained, tmp_path):
    """model.safetensors in the working directory, and broken copies of it."""
    shutil.copy(trained, tmp_path / "model.safetensors")
    whole = trained.read_bytes()
    (tmp_path / "short.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "zero.safetensors").write_bytes(b"")
    for name, metadata in (
        ("later", {"version": "999"}),
        ("no_json", {"table": "{"}),
        ("no_target", {"table": '{"features": []}'}),
    ):
        parts = Parts(whole)
        parts.metadata |= metadata
        (tmp_path / f"{name}.safetensors").write_bytes(parts.seal())
    contents = unpack(whole)
    tensors = contents.tensors
    for name, new in (
        ("zeros", {"preprocessing": np.zeros_like(tensors["preprocessing"])}),
        ("nan", {"1.weight": np.full_like(tensors["1.weight"], np.nan)}),
        ("wide", {"1.weight": tensors["1.weight"][:-1]}),
    ):
        content = joined(pack(contents.kind, tensors | new, contents.documents))
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    foreign = joined(pack("foreign", {"a": np.zeros(3)}, {}))
    (tmp_path / "foreign.safetensors").write_bytes(foreign)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(damaged)
    cr.Network([cr.Dense(1)], n_inputs=2).save(tmp_path / "net.safetensors")


def refusal(capsys, words):
    """What the command says; checks that it is one line with status 2, and no result."""
    status = main(words.split())
    output = capsys.readouterr()
    lines = [line for line in output.err.splitlines() if ": note: " not in line]
    lines = [line for line in lines if ": warning: " not in line]
    assert status == 2
    assert output.out == ""
    assert len(lines) == 1, output.err
    assert lines[0].startswith("chainrule: ")
    return lines[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("missing.csv -t kind", "missing.csv: no such file"),
        ("folder -t kind", "folder: is a directory"),
        ("table.xlsx -t kind", "table.xlsx: unknown kind of table"),
        ("empty.csv -t kind", "empty.csv: the file is empty"),
        ("header.csv -t kind", "header.csv: the table has no rows"),
        ("broken.csv -t kind", "broken.csv: line 42: expected 4 fields, got 2: '1.5,red'"),
        ("text.txt.gz -t kind", "text.txt.gz: not a readable CSV file"),
        ("good.csv", "--target: name the column to predict, one of 'size', 'colour', 'kind'"),
        ("good.csv -t king", "--target: no column 'king'; there are 'size', 'colour', 'kind'"),
        ("good.csv -t kind --exclude nothing", "--exclude: no column 'nothing'"),
        ("good.csv -t kind --keep nothing", "--keep: no column 'nothing'"),
        ("good.csv -t kind --exclude size --exclude colour", "no column is left to predict 'kind'"),
        ("good.csv -t gone", "target 'gone' has no values"),
        ("same.csv -t kind", "target 'kind' is a in all rows: nothing to learn"),
        ("good.csv -t kind --task regression", "regression needs numbers, got 'a' in row 1"),
        ("lists.parquet -t kind", "column 'size' holds list"),
        ("lists.parquet -t size", "column 'size' holds list"),
        ("good.csv -t kind --test missing.csv", "missing.csv: no such file"),
        ("good.csv -t kind --test few_columns.csv", "--target: no column 'kind'"),
        ("good.csv -t kind --test words.csv", "words.csv: column 'size': expected numbers"),
        ("good.csv -t kind --test new_class.csv", "classes that training did not see: 'c'"),
        ("good.csv -t kind --hidden 3,x", "--hidden: expected sizes"),
        ("good.csv -t kind --epochs 0", "--epochs"),
        ("good.csv -t kind --epochs many", "--epochs"),
        ("good.csv -t kind --batch-size 0", "--batch-size"),
        ("good.csv -t kind --patience 0", "--patience"),
        ("good.csv -t kind --learning-rate 0", "--learning-rate: expected a number > 0, got 0"),
        ("good.csv -t kind --learning-rate nan", "--learning-rate"),
        (
            "good.csv -t kind --learning-rate 1e30",
            "training diverged; try a smaller --learning-rate",
        ),
        ("good.csv -t kind --l2 -1", "--l2"),
        ("good.csv -t kind --l2 inf", "--l2"),
        (
            "good.csv -t kind --l2 1e-50",
            "--l2: expected a number that float32 can hold, got 1e-50",
        ),
        (
            "good.csv -t kind --learning-rate 1e39",
            "--learning-rate: expected a number that float32 can hold, got 1e+39",
        ),
        ("good.csv -t kind --validation 1", "--validation"),
        ("good.csv -t kind --validation nan", "--validation"),
        ("good.csv -t kind --validation 0.001", "40 rows are too few to split"),
        ("good.csv -t kind --seed -1", "--seed"),
        ("good.csv -t kind --threads 0", "--threads"),
        ("good.csv -t kind --task guess", "--task"),
        ("good.csv -t kind --output model.bin", "expected a name ending in .safetensors"),
        ("good.csv -t kind --output no/model.safetensors", "there is no directory no"),
        ("good.csv -t kind --picture curve.doc", "--picture curve.doc: expected a name ending"),
        ("good.csv -t kind --unknown", "--unknown"),
        ("", "DATA"),
    ],
)
def test_train_refuses(words, expected, capsys, tmp_path):
    before = sorted(tmp_path.iterdir())
    assert expected in refusal(capsys, f"train {words}")
    assert sorted(tmp_path.iterdir()) == before  # nothing written


def test_train_overwrites_only_a_file_that_was_named(capsys, tmp_path):
    output = tmp_path / "good.safetensors"
    output.write_text("precious")
    expected = "good.safetensors: is there already; give --output, which may be overwritten"
    assert expected in refusal(capsys, "train good.csv -t kind --epochs 1")
    assert output.read_text() == "precious"
    assert (
        main(["train", "good.csv", "-t", "kind", "--epochs", "1", "-q", "-o", "good.safetensors"])
        == 0
    )
    assert output.stat().st_size > 1000


def test_a_wrong_option_is_told_where_help_is(capsys):
    assert refusal(capsys, "train --target y") == (
        "chainrule: Missing argument 'DATA' (see chainrule train --help)"
    )


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("missing.safetensors good.csv", "missing.safetensors: no such file"),
        ("folder good.csv", "folder: is a directory"),
        ("good.csv good.csv", "good.csv: not a model file: not a safetensors file, or cut short"),
        (
            "zero.safetensors good.csv",
            "zero.safetensors: not a model file: not a safetensors",
        ),
        ("damaged.safetensors good.csv", "its checksum is wrong: it is damaged"),
        (
            "short.safetensors good.csv",
            "short.safetensors: not a model file: its checksum",
        ),
        ("foreign.safetensors good.csv", "foreign.safetensors: holds no model"),
        (
            "net.safetensors good.csv",
            "net.safetensors: holds a network, which Network.load reads",
        ),
        ("later.safetensors good.csv", "format version 999, this chainrule reads up to 2"),
        (
            "no_json.safetensors good.csv",
            "not a model file: its description is no JSON",
        ),
        ("no_target.safetensors good.csv", "no_target.safetensors: the model file is damaged"),
        ("nan.safetensors good.csv", "nan.safetensors: the model file is damaged"),
        ("wide.safetensors good.csv", "wide.safetensors: the model file is damaged"),
        ("zeros.safetensors good.csv", "zeros.safetensors: the preprocessing cannot be read"),
        ("model.safetensors missing.csv", "missing.csv: no such file"),
        ("model.safetensors few_columns.csv", "few_columns.csv: column 'colour' is missing"),
        ("model.safetensors lists.parquet", "lists.parquet: column 'colour' is missing"),
        (
            "model.safetensors words.csv",
            "words.csv: column 'size': expected numbers as in training",
        ),
        ("model.safetensors broken.csv", "broken.csv: line 42: expected 4 fields"),
        ("model.safetensors good.csv -o out.txt", "--output out.txt: expected a name ending in"),
        ("model.safetensors good.csv -o good.csv", "--output good.csv: would overwrite the input"),
        (
            "model.safetensors good.csv -o no/out.csv",
            "--output no/out.csv: there is no directory no",
        ),
        ("model.safetensors good.csv -o folder", "--output folder: expected a name"),
        ("model.safetensors taken.csv --with-data", "taken.csv: already has 'prediction'"),
        ("model.safetensors", "DATA"),
    ],
)
def test_predict_refuses(words, expected, capsys):
    assert expected in refusal(capsys, f"predict {words}")


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("info missing.safetensors", "missing.safetensors: no such file"),
        ("info short.safetensors", "not a model file: its checksum is wrong"),
        ("info foreign.safetensors", "holds no model"),
        ("demo --picture demo.doc", "--picture demo.doc: expected a name ending in one of .png"),
        ("demo --picture no/demo.png", "there is no directory no"),
        ("demo --epochs 0", "--epochs"),
        ("unknown", "unknown"),
        ("--unknown", "--unknown"),
    ],
)
def test_other_commands_refuse(words, expected, capsys):
    assert expected in refusal(capsys, words)


def test_a_bug_keeps_its_traceback(monkeypatch):
    def bug(path, as_json):
        raise ValueError("a bug")

    monkeypatch.setattr("chainrule.cli.info.info", bug)
    with pytest.raises(ValueError, match="a bug"):
        main(["info", "x"])


def test_ctrl_c_says_so_with_status_130(monkeypatch, capsys):
    def interrupted(path, as_json):
        raise KeyboardInterrupt

    monkeypatch.setattr("chainrule.cli.info.info", interrupted)
    assert main(["info", "x"]) == 130
    assert capsys.readouterr().err.strip() == "chainrule: interrupted, nothing written"
