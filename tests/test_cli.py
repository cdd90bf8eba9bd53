"""The commands from end to end: training and predicting on real data."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris

import chainrule as cr
from chainrule.cli import main
from chainrule.cli.fitting import split
from chainrule.cli.model_file import load_model
from chainrule.cli.preprocessing import feature_frame, transform
from chainrule.cli.tables import read_table
from chainrule.metrics import log_loss

pytestmark = pytest.mark.usefixtures("in_tmp_path")


@pytest.fixture
def cancer():
    """Breast cancer with gaps, a category that tells something, and the target as text."""
    data = load_breast_cancer(as_frame=True)
    frame = data.frame
    rng = np.random.default_rng(0)
    frame["site"] = np.where(frame["mean texture"] > 20, "left", "right")
    frame.loc[rng.random(len(frame)) < 0.1, "site"] = None
    frame.loc[rng.random(len(frame)) < 0.2, "mean radius"] = np.nan
    frame["target"] = np.where(data.target == 1, "benign", "malignant")
    return frame


def test_classification_from_csv_to_predictions(cancer, command, tmp_path):
    cancer.to_csv("cancer.csv", index=False)
    said = command("train", "cancer.csv", "--target", "target", "--epochs", 30)
    assert "Classification of 'target': 34 inputs - 128 relu - 64 relu - 1 sigmoid" in said
    # 72 of 114 are benign: log loss -(72 log 0.6264 + 42 log 0.3736) / 114, the shares of training
    assert re.search(r"baseline +114 +0\.6582 +63\.16 % +50\.00 % +0\.5000", said)
    assert re.search(r"malignant +170 +37\.4 % +42 ", said)

    model = load_model(tmp_path / "cancer.safetensors")
    assert model.about["scores"]["validation"]["accuracy"] > 0.93
    table = read_table(tmp_path / "cancer.csv")
    expected = model.predict(table)

    printed = pd.read_csv(io.StringIO(command("predict", "cancer.safetensors", "cancer.csv")))
    assert list(printed.columns) == ["prediction", "probability_benign", "probability_malignant"]
    assert printed["prediction"].tolist() == expected["prediction"].tolist()
    for column in printed.columns[1:]:
        np.testing.assert_array_equal(printed[column].astype(np.float32), expected[column])
    np.testing.assert_allclose(printed.iloc[:, 1:].sum(axis=1), 1, atol=1e-6)
    assert (printed["prediction"] == cancer["target"]).mean() > 0.93

    told = command("info", "cancer.safetensors")
    for line in (
        "classification of 'target', trained on cancer.csv",
        "2 classes: benign, malignant",
        "31 columns",
        "Network, 12,801 parameters, float32",
        "hidden 128,64, optimizer Adam, learning rate 0.001, batch size 32",
        f"Made with chainrule {cr.__version__}",
    ):
        assert line in told


def test_the_command_does_what_the_library_does(cancer, command, tmp_path):
    cancer.to_csv("cancer.csv", index=False)
    options = ["--hidden", "5", "--learning-rate", 0.01, "--l2", 0.1, "--batch-size", 50]
    options += ["--epochs", 60, "--patience", 3, "--seed", 4, "-q"]
    command("train", "cancer.csv", "-t", "target", *options)
    model = load_model(tmp_path / "cancer.safetensors")
    y = (cancer["target"] == "malignant").to_numpy(int)
    rows, held = split(y, 0.2, 4, "classification")
    scaler = model.preprocessing.named_transformers_["numbers"][-1]
    area = list(model.preprocessing.feature_names_in_).index("number:mean area")
    assert scaler.mean_[area] == pytest.approx(cancer["mean area"][rows].mean())

    frame = feature_frame(read_table(tmp_path / "cancer.csv"), model.features)
    Z = transform(model.preprocessing, frame)
    net = cr.Network([cr.Dense(5, "relu"), cr.Dense(1, "sigmoid")], n_inputs=Z.shape[1], seed=4)
    trainer = cr.Trainer(
        net, "binary_cross_entropy", cr.Adam(0.01), seed=4, l2=0.1, metrics=["log_loss"]
    )
    held_out = (Z[held], y[held])
    stopping = cr.EarlyStopping(3, "val_log_loss")
    trainer.fit(Z[rows], y[rows], 60, 50, validation_data=held_out, callbacks=[stopping])
    assert len(trainer.history) < 60
    for name, weights in net.parameters.items():
        np.testing.assert_array_equal(model.network.parameters[name], weights)
    loss = log_loss(y[held], net.predict(Z[held]))
    assert model.about["scores"]["validation"]["log_loss"] == pytest.approx(loss)


def test_categories_are_read_as_they_were_in_training(command, tmp_path):
    codes = ["01", "02", "A3"] * 20
    labels = ["yes", "no", "no"] * 20
    pd.DataFrame({"code": codes, "label": labels}).to_csv("codes.csv", index=False)
    command("train", "codes.csv", "-t", "label", "-q")
    (tmp_path / "new.csv").write_text("code\n01\n02\n")  # without A3 these look like numbers
    out = pd.read_csv(io.StringIO(command("predict", "codes.safetensors", "new.csv")))
    assert out["prediction"].tolist() == ["yes", "no"]


def test_predictions_do_not_depend_on_order_or_other_columns(cancer, command):
    cancer.to_csv("cancer.csv", index=False)
    command("train", "cancer.csv", "-t", "target", "--epochs", 2, "-q", "-o", "m.safetensors")
    first = pd.read_csv(io.StringIO(command("predict", "m.safetensors", "cancer.csv")))
    turned = cancer.drop(columns="target").iloc[::-1, ::-1].assign(other=1.0)
    turned.to_parquet("turned.parquet")
    command("predict", "m.safetensors", "turned.parquet", "--output", "p.parquet")
    second = pd.read_parquet("p.parquet").iloc[::-1]
    assert first["prediction"].tolist() == second["prediction"].tolist()
    np.testing.assert_array_equal(
        first["probability_benign"].astype(np.float32), second["probability_benign"]
    )


def test_regression_from_parquet_predicts_in_the_targets_units(command, tmp_path):
    frame = load_diabetes(as_frame=True).frame
    frame["target"] = frame["target"] * 1000
    frame[:300].to_parquet("train.parquet")
    frame[300:].to_parquet("test.parquet")
    options = ["--test", "test.parquet", "--l2", 0.1, "--output", "m.safetensors"]
    said = command("train", "train.parquet", "-t", "target", *options)
    assert re.search(r"test +142 +0\.[345]", said)  # R2 of the order of linear regression
    command("predict", "m.safetensors", "test.parquet", "--with-data", "-o", "out.csv")
    out = pd.read_csv("out.csv")
    assert list(out.columns) == [*frame.columns, "prediction"]
    expected = load_model(tmp_path / "m.safetensors").predict(read_table(tmp_path / "test.parquet"))
    np.testing.assert_allclose(out["prediction"], expected["prediction"], rtol=1e-15)
    error = (out["prediction"] - out["target"]).abs().mean()
    assert error < (out["target"] - frame["target"][:300].mean()).abs().mean()
    assert f"{error:,.0f}" in said


def test_many_classes_from_npz(command, tmp_path):
    X, y = load_digits(return_X_y=True)
    np.savez("digits.npz", X=X.reshape(-1, 8, 8), y=y)
    options = ["--epochs", 5, "--picture", "curve.png", "--threads", 1]
    try:
        said = command("train", "digits.npz", *options)
    finally:
        cr.set_num_threads(None)
    assert "61 inputs - 128 relu - 64 relu - 10 softmax" in said
    assert (tmp_path / "curve.png").stat().st_size > 10_000
    np.savez("new.npz", X=X[:50].reshape(-1, 8, 8))
    out = command("predict", "digits.safetensors", "new.npz", "--no-probabilities")
    assert np.mean(pd.read_csv(io.StringIO(out))["prediction"] == y[:50]) > 0.9


def test_the_picture_shows_the_loss_by_which_weights_were_kept(command, monkeypatch):
    """Without the penalty of l2, epochs counted from 1."""
    shown = []
    monkeypatch.setattr("chainrule.plots.plot_history", lambda history, *_: shown.append(history))
    load_iris(as_frame=True).frame.to_csv("iris.csv", index=False)
    options = ["--epochs", 40, "--l2", 0.05, "--patience", 5, "--picture", "curve.png"]
    said = command("train", "iris.csv", "-t", "target", *options)
    (history,) = shown
    best = int(np.argmin(history["val_loss"]))
    assert f"kept the weights after {history['epoch'][best]}" in said
    assert history["epoch"][0] == 1
    assert f"{history['val_loss'][best]:.4f}" in said


def test_training_twice_gives_the_same_model_on_any_number_of_threads(command, tmp_path):
    load_iris(as_frame=True).frame.to_csv("iris.csv", index=False)
    for name, threads in (("a", 1), ("b", 2)):
        options = ["--epochs", 5, "-q", "-o", f"{name}.safetensors", "--threads", threads]
        try:
            command("train", "iris.csv", "-t", "target", *options)
        finally:
            cr.set_num_threads(None)
    assert Path("a.safetensors").read_bytes() == Path("b.safetensors").read_bytes()


def test_rows_without_a_target_are_left_out_and_said(command, capsys):
    frame = load_iris(as_frame=True).frame.astype({"target": object})
    frame.loc[::15, "target"] = None
    frame.to_csv("iris.csv")
    assert main(["train", "iris.csv", "-t", "target", "--epochs", "2"]) == 0
    said = capsys.readouterr()
    assert "10 rows without a target left out" in said.err
    assert "left out 'column 1': numbers the rows" in said.err
    assert re.search(r"\n 0 +37 +33\.0 % +9 ", said.out)


def test_tables_fit_a_terminal_of_60_columns(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    load_iris(as_frame=True).frame.to_csv("iris.csv", index=False)
    said = command("train", "iris.csv", "-t", "target", "--epochs", 1)
    assert re.search(
        r"\n +training +validation +\n +rows +share +rows +precision +recall +F1", said
    )


def test_training_without_validation_uses_all_rows(command):
    load_iris(as_frame=True).frame.to_csv("iris.csv", index=False)
    said = command("train", "iris.csv", "-t", "target", "--epochs", 3, "--validation", 0)
    assert "Trained for 3 epochs in" in said
    assert re.search(r"training +150", said)
    assert "validation" not in said


def test_a_linear_model_on_a_tiny_table(command):
    pd.DataFrame({"x": range(10), "y": [2.5 * x + 1 for x in range(10)]}).to_csv(
        "line.csv", index=False
    )
    fast = ["--hidden", "none", "--learning-rate", 0.1, "--l2", 0]
    assert "1 input - 1 identity, 2 parameters" in command("train", "line.csv", "-t", "y", *fast)
    pd.DataFrame({"x": [4, 20]}).to_csv("new.csv", index=False)
    out = pd.read_csv(io.StringIO(command("predict", "line.safetensors", "new.csv")))
    np.testing.assert_allclose(out["prediction"], [11, 51], rtol=0.01)
