"""The examples run, and do what they say."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .custom import names_free_afterwards

EXAMPLES = Path(__file__).parent.parent / "examples"

pytest.importorskip("sklearn")


def test_the_training_script_learns_the_digits_on_ops_as_on_the_reference(capsys):
    example = runpy.run_path(str(EXAMPLES / "training_script.py"))
    results = example["main"](epochs=12)
    assert list(results) == ["train_with_ops", "train_with_reference"]
    (accuracy, costs), (reference_accuracy, reference_costs) = results.values()
    assert accuracy > 0.95
    assert reference_accuracy > 0.95
    assert len(costs) == 12 * 45
    # The same steps in float32: only rounding differs, and it grows from 1e-7 to 5e-7.
    np.testing.assert_allclose(costs, reference_costs, rtol=1e-5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, results, strict=True):
        assert line.startswith(name)
        assert "% " in line


def test_the_training_script_runs_from_the_command_line():
    command = [sys.executable, "-W", "error", EXAMPLES / "training_script.py", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test accuracy") == 2


@pytest.mark.parametrize("seconds", [0.1, 1.0])
def test_the_resumed_training_ends_as_the_undisturbed_one(seconds, capsys):
    example = runpy.run_path(str(EXAMPLES / "resume.py"))
    undisturbed, _, resumed = example["main"](seconds)
    assert len(undisturbed.split(", ")[-1].strip()) == 16
    assert resumed.split(", ")[-2:] == undisturbed.split(", ")
    assert capsys.readouterr().out.startswith("undisturbed ")


def test_the_pipeline_in_onnx_runtime_predicts_the_digits(tmp_path, capsys):
    pytest.importorskip("skl2onnx")
    example = runpy.run_path(str(EXAMPLES / "onnx_pipeline.py"))
    assert example["main"](str(tmp_path / "digits.onnx")) > 0.95
    said = capsys.readouterr().out.splitlines()
    assert "test accuracy 9" in said[0]
    assert float(said[1].split()[-1]) < 1e-5


def test_functions_of_ones_own_are_checked_and_learn(capsys):
    with names_free_afterwards():
        example = runpy.run_path(str(EXAMPLES / "own_functions.py"))
        assert example["main"](50) > 0.6
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("[register_activation, 'squareplus'] derivative: expected ")
    assert float(said[1].split()[2]) < 1e-7
    assert said[-1].startswith("in Python, on one thread: squareplus ")


TROUBLES = {  # script: epochs in a small setting, its verdicts
    "vanishing": (3, ["vanishing", "healthy"]),
    "exploding": (3, ["exploding", "healthy"]),
    "dead_units": (5, ["rate too high", None, "healthy"]),
    "saturation": (3, ["saturated", "healthy"]),
    "learning_rate": (5, ["rate too low", "rate too high", "healthy"]),
    "overfitting": (150, ["overfitting", "healthy"]),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_a_trouble_and_its_remedy(name, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    epochs, verdicts = TROUBLES[name]
    monkeypatch.syspath_prepend(str(EXAMPLES / "troubles"))
    example = runpy.run_path(str(EXAMPLES / "troubles" / f"{name}.py"))
    results = example["main"](str(tmp_path / "picture.png"), epochs)
    for (_, diagnosis), expected in zip(results.values(), verdicts, strict=True):
        assert expected in (None, diagnosis.verdict), diagnosis
    if name == "dead_units":
        assert "dead" in [verdict.name for verdict in diagnosis_of(results, 0).verdicts]
    accuracy = [trainer.history["val_accuracy"][-1] for trainer, _ in results.values()]
    assert accuracy[-1] == max(accuracy)
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    said = capsys.readouterr().out
    assert said.count("test accuracy") == len(results)
    assert f"picture: {tmp_path / 'picture.png'}" in said


def diagnosis_of(results, index):
    return list(results.values())[index][1]
