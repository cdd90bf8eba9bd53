"""`chainrule info` and `chainrule demo`, and the command in a process of its own."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

import chainrule as cr
from chainrule.cli import main

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def recall(est, X, y):
    return 1.0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_info_of_estimators(command, tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    est = cr.MLPClassifier((5,), max_iter=3, scoring=recall, early_stopping=True, random_state=0)
    est.fit(X, np.array(["x", "y", "z"])[y]).save("est.safetensors")
    text = command("info", "est.safetensors")
    for words in (
        "est.safetensors: an MLPClassifier, of its save",
        "3 classes: x, y, z",
        "4 features: sepal length (cm), sepal width (cm)",
        "Settings: early_stopping True, hidden_layer_sizes (5,), max_iter 3, random_state 0, ",
        "scoring <function recall> (to be given again)",
        f"3 iterations in the latest fit, loss {est.loss_:.6g}, ",
        "best validation score 1",
    ):
        assert words in " ".join(text.split())
    document = json.loads(command("info", "est.safetensors", "--json"))
    assert document["estimator"]["target"]["classes"]["list"] == ["x", "y", "z"]
    regressor = cr.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(X, y)
    regressor.save("est.safetensors")
    assert "Settings: hidden_layer_sizes (), solver 'lbfgs'" in command("info", "est.safetensors")


class CutOff(cr.Callback):
    def on_epoch_begin(self, trainer, epoch):
        if epoch == 2:
            raise KeyboardInterrupt


def test_info_of_trainers(command):
    X, y = load_iris(return_X_y=True)
    net = cr.Network([cr.Dense(3, "softmax")], n_inputs=4)
    trainer = cr.Trainer(net, "cross_entropy", metrics=["accuracy"])
    trainer.fit(X, y, epochs=2, batch_size=50)
    trainer.save("run.safetensors")
    text = " ".join(command("info", "run.safetensors").split())
    loss = f"{trainer.history['loss'][1]:.4g}"
    for words in ("a trainer, of its save", "1 Dense softmax", "2 epochs and 6 steps done", loss):
        assert words in text
    assert "Settings: loss CrossEntropy(label_smoothing=0.0), optimizer Adam(" in text
    for word in ("seed", "schedule", "A fit"):
        assert word not in text
    trainer.fit(X, y, epochs=1, batch_size=50, callbacks=[cr.Checkpoint("run.safetensors")])
    assert "A fit" not in command("info", "run.safetensors")  # its last epoch is done
    told = json.loads(command("info", "run.safetensors", "--json"))
    assert told["trainer"]["epoch"] == 3
    assert told["network"]["n_inputs"] == 4

    trainer = cr.Trainer(net, "cross_entropy", "sgd", np.exp, 3, metrics=[recall], l2=0.5)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, y, epochs=9, batch_size=50, callbacks=[CutOff()])
    trainer.stop("enough")
    trainer.save("run.safetensors")
    text = " ".join(command("info", "run.safetensors").split())
    for words in (
        "seed 3, l2 0.5, metrics recall (to be given again), schedule FunctionOfEpoch(",
        "2 epochs and 6 steps done; it stopped: enough",
        "A fit of epochs 0 to 8 stands in epoch 2, after 0 of 3 steps; Trainer.load and fit go on",
    ):
        assert words in text


def test_info_as_json_and_of_a_plain_network(command, tmp_path):
    load_iris(as_frame=True).frame.to_csv("iris.csv", index=False)
    command("train", "iris.csv", "-t", "target", "--epochs", 1, "-q")
    told = json.loads(command("info", "iris.safetensors", "--json"))
    assert told["table"]["target"]["classes"] == [0, 1, 2]
    assert told["network"]["n_inputs"] == 4
    cr.Network([cr.Dense(3, "tanh")], n_inputs=2).save(tmp_path / "net.safetensors")
    assert "a network without preprocessing" in command("info", "net.safetensors")
    assert json.loads(command("info", "net.safetensors", "--json"))["n_inputs"] == 2


def test_demo_reaches_97_percent_and_agrees_with_numpy(command, tmp_path):
    said = command("demo", "--picture", "digits.png")
    own, numpy = (
        float(re.search(rf"{name} +(\d+\.\d\d) % +\d+\.\d\d ", said)[1])
        for name in ("chainrule", "NumPy reference")
    )
    assert own >= 97
    assert abs(own - numpy) < 0.3  # one digit of 360
    difference = re.search(r"the costs of all epochs agree within (\S+)\.\n", said)[1]
    assert float(difference) < 1e-4
    assert re.search(r"\d+\.\d times as fast as NumPy doing the same work", said)
    picture = (tmp_path / "digits.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000


def test_demo_shows_progress_on_a_terminal_only(capsys):
    assert main(["demo", "--epochs", "1", "--no-compare"]) == 0
    assert capsys.readouterr().err == ""


def run(*arguments, code=None, **options):
    """A process of its own: (status, standard output, standard error)."""
    start = ["-m", "chainrule"] if code is None else ["-c", code]
    done = subprocess.run(
        [sys.executable, *start, *arguments], capture_output=True, text=True, check=False, **options
    )
    return done.returncode, done.stdout, done.stderr


def test_as_a_module_in_a_process_of_its_own():
    status, out, err = run("--version")
    assert (status, out, err) == (0, f"chainrule {cr.__version__}\n", "")
    status, out, err = run("info", "missing.safetensors")
    assert (status, out) == (2, "")
    assert err == "chainrule: missing.safetensors: no such file\n"


def test_a_reader_that_has_seen_enough_is_no_error(command, tmp_path):
    X, y = load_digits(return_X_y=True)
    np.savez("digits.npz", X=X, y=y)
    command("train", "digits.npz", "--epochs", 1, "-q")
    words = [sys.executable, "-m", "chainrule", "predict", "digits.safetensors", "digits.npz"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"prediction,")
        process.stdout.close()  # as `head -1` does, with 200 kB to come
        error = process.stderr.read()
    assert (process.returncode, error) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_standard_output_that_takes_no_more_is_one_line(tmp_path):
    cr.Network([cr.Dense(3, "tanh")], n_inputs=2).save(tmp_path / "net.safetensors")
    words = [sys.executable, "-m", "chainrule", "info", "net.safetensors"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    expected = "chainrule: standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, expected)


def test_help_joins_the_lines_of_a_paragraph(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.strip() for line in command("train", "--help").splitlines()]
    assert "Classification or regression is seen from the target. A share of the rows is" in lines


def test_help_needs_no_heavy_library():
    heavy = "{'pandas', 'sklearn', 'pyarrow', 'skops', 'matplotlib', 'scipy'}"
    code = (
        "import sys; from chainrule.cli import main\n"
        "for words in ([], ['--help'], ['train', '--help']): assert main(words) == 0\n"
        f"print('heavy:', {heavy} & set(sys.modules))"
    )
    status, out, err = run(code=code, env=os.environ | {"TERMINAL_WIDTH": "100"})
    assert status == 0, err
    for word in ("demo", "train", "predict", "info", "--target", "heavy: set()"):
        assert word in out


@pytest.mark.parametrize("missing", ["typer", "pandas"])
def test_without_the_extra_one_line_names_it(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from chainrule.cli import main; sys.exit(main(['train', 'a.csv', '--target', 'y']))"
    )
    status, out, err = run(code=code)
    assert (status, out) == (2, "")
    needs = f"chainrule: the command line needs {missing}: "
    assert err == needs + 'pip install "chainrule[cli]"\n'
