"""scikit-learn's conventions, and its own tests of its MLPs, on chainrule's estimators."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule import MLPClassifier, MLPRegressor

TESTS = Path(__file__).parent
# Calls a private method; test_estimators.py has it in our names.
PRIVATE = "test_gradient"


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    # scikit-learn checks its own MLPs with these parameters, too. No check is expected to fail.
    [MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)]
)
def test_conventions(estimator, check):
    check(estimator)


@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 7), reason="its tests changed in 1.7"
)
def test_own_tests_of_scikit_learn(tmp_path):
    command = [sys.executable, "-m", "pytest", "-p", "sklearn_mlp_plugin", "-c", os.devnull]
    command += ["-p", "no:cacheprovider", "--rootdir", str(tmp_path), "--pyargs"]
    command += ["sklearn.neural_network.tests.test_mlp"]
    command += ["-k", f"not {PRIVATE}"]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    ours = "chainrule.estimators.classifier.MLPClassifier and chainrule.estimators.regressor.MLPReg"
    collected = re.search(rf"(\d+) tests of {ours}", done.stdout)
    passed = re.search(r"(\d+) passed, 1 deselected(, \d+ warnings?)? in", done.stdout)
    assert passed[1] == collected[1]  # none is skipped
