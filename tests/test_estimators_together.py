"""The estimators inside scikit-learn's tools, and with data of other libraries."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # joblib's workers fork and warn of it where other threads run
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
X, Y = make_classification(200, 6, n_informative=4, random_state=0, flip_y=0.02)


def small(**options):
    return cr.MLPClassifier(
        (8,), max_iter=15, batch_size=10, learning_rate_init=0.02, random_state=0, **options
    )


@pytest.mark.parametrize(
    "tool",
    [
        make_pipeline(StandardScaler(), small()),
        make_pipeline(
            ColumnTransformer([("scaled", StandardScaler(), [0, 1])], remainder="passthrough"),
            small(),
        ),
        GridSearchCV(small(), {"alpha": [0.01, 1.0], "activation": ["relu", "tanh"]}, n_jobs=2),
        HalvingRandomSearchCV(
            small(), {"alpha": [0.01, 0.1, 1.0]}, n_candidates=3, n_jobs=2, random_state=0
        ),
        BaggingClassifier(small(), 3, n_jobs=2, random_state=0),
        AdaBoostClassifier(small(), n_estimators=3, random_state=0),
        CalibratedClassifierCV(small(), cv=3),
        StackingClassifier([("mlp", small()), ("line", LogisticRegression())], cv=3, n_jobs=2),
    ],
    ids=lambda tool: type(tool).__name__,
)
def test_tools_of_scikit_learn(tool):
    assert tool.fit(X, Y).score(X, Y) > 0.8
    assert tool.predict_proba(X[:3]).shape == (3, 2)


def test_jobs_change_nothing():
    scores = [cross_validate(small(), X, Y, cv=4, n_jobs=n)["test_score"] for n in (1, 2)]
    assert (scores[0] == scores[1]).all()


def test_metadata_is_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        est = small().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        weights = np.linspace(0.1, 1, len(X))
        pipeline = make_pipeline(scaler, est).fit(X, Y, sample_weight=weights)
    alone = small().fit(StandardScaler().fit_transform(X), Y, weights)
    np.testing.assert_array_equal(pipeline[-1].coefs_[0], alone.coefs_[0])


def test_data_frames_tables_lists_maps_and_sparse_matrices(tmp_path):
    expected = small().fit(X, Y).predict_proba(X)
    names = [f"c{j}" for j in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=names)
    est = small().fit(frame, pd.Series(Y))
    assert list(est.feature_names_in_) == names
    assert (est.predict_proba(frame) == expected).all()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for same in (X.tolist(), mapped, np.asfortranarray(X), sp.csr_array(X), sp.csc_matrix(X)):
        assert (small().fit(same, Y).predict_proba(same) == expected).all()
    arrow = pa.table({name: X[:, j] for j, name in enumerate(names)})
    assert (small().fit(arrow, Y).predict_proba(arrow) == expected).all()


MEMORY = """
import resource, sys
import numpy as np
import chainrule as cr
from chainrule import MLPClassifier
rng = np.random.default_rng(0)
X = rng.standard_normal((400_000, 100)).astype(sys.argv[1])
y = (X[:, 0] > 0).astype(int)
options = dict(hidden_layer_sizes=(8,), max_iter=1, early_stopping=sys.argv[2] == "True")
MLPClassifier(**options).fit(X[:2000], y[:2000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
MLPClassifier(**options).fit(X, y)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024 / X.nbytes)
"""


@pytest.mark.parametrize(("early_stopping", "most"), [(False, 0.2), (True, 0.4)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_copy_of_the_features(dtype, early_stopping, most):
    """With early stopping a tenth is copied, and indices are drawn."""
    command = [sys.executable, "-W", "ignore", "-c", MEMORY, dtype, str(early_stopping)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert float(done.stdout) < most
