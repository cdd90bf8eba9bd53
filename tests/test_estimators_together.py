"""The estimators inside scikit-learn's tools, and with data of other libraries."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
import sklearn.neural_network as scikit
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


NAMES = [f"c{j}" for j in range(X.shape[1])]


def polars_frame(path):
    return pytest.importorskip("polars").DataFrame(X, schema=NAMES)


def arrow_table(path):
    pa = pytest.importorskip("pyarrow")
    return pa.table({name: X[:, j] for j, name in enumerate(NAMES)})


def mapped(path):
    np.save(path / "X.npy", X)
    return np.load(path / "X.npy", mmap_mode="r")


def read_only(path):
    copy = X.copy()
    copy.setflags(write=False)
    return copy


FORMS = {
    "pandas": lambda path: pd.DataFrame(X, columns=NAMES),
    "polars": polars_frame,
    "pyarrow": arrow_table,
    "list": lambda path: X.tolist(),
    "read-only map": mapped,
    "read-only array": read_only,
    "by columns": lambda path: np.asfortranarray(X),
    "every other row": lambda path: np.repeat(X, 2, axis=0)[::2],
    "csr": lambda path: sp.csr_array(X),
    "csc": lambda path: sp.csc_matrix(X),
}


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_the_features_changes_nothing(form, early_stopping, tmp_path):
    same = FORMS[form](tmp_path)
    expected = small(early_stopping=early_stopping).fit(X, Y).predict_proba(X)
    est = small(early_stopping=early_stopping).fit(same, Y)
    assert (est.predict_proba(same) == expected).all()
    assert hasattr(est, "feature_names_in_") == (form in ("pandas", "polars", "pyarrow"))
    assert list(getattr(est, "feature_names_in_", NAMES)) == NAMES
    assert (small().partial_fit(same, Y, classes=[0, 1]).predict_proba(same).shape) == (200, 2)


def polars_series(values):
    return pytest.importorskip("polars").Series(values)


def arrow_array(values):
    return pytest.importorskip("pyarrow").array(values)


@pytest.mark.parametrize("series", [pd.Series, polars_series, arrow_array, list])
def test_targets_and_weights_of_other_libraries(series):
    weights = np.linspace(0.1, 1, len(X))
    expected = small().fit(X, Y, weights, X_val=X, y_val=Y, sample_weight_val=weights)
    est = small().fit(
        X, series(Y), series(weights), X_val=X, y_val=series(Y), sample_weight_val=series(weights)
    )
    assert (est.coefs_[0] == expected.coefs_[0]).all()
    assert est.history_["val_score"] == expected.history_["val_score"]


def test_parallel_search_over_data_that_joblib_maps():
    """From a megabyte on workers get read-only maps."""
    rows = np.repeat(np.arange(len(X)), 120)
    search = GridSearchCV(small(), {"alpha": [0.01, 1.0]}, n_jobs=2, cv=2)
    search.set_params(estimator__max_iter=1).fit(X[rows], Y[rows])
    assert X[rows].nbytes > 2**20
    assert search.best_score_ > 0.8


@pytest.mark.parametrize("of_rows", [np.float64, np.float32, np.float16, np.int64, bool])
@pytest.mark.parametrize("of_model", [np.float64, np.float32])
def test_predictions_have_the_type_that_scikit_learn_gives(of_model, of_rows):
    rows = X[:9].astype(of_rows)
    for ours, theirs, method in (
        (small(), scikit.MLPClassifier(8, max_iter=2), "predict_proba"),
        (cr.MLPRegressor(max_iter=2), scikit.MLPRegressor(max_iter=2), "predict"),
    ):
        for est in (ours, theirs):
            est.fit(X.astype(of_model), Y)
        got = getattr(ours, method)(rows)
        assert got.dtype == getattr(theirs, method)(rows).dtype
        in_its_type = getattr(ours, method)(rows.astype(of_model))
        assert (got[..., -1] == in_its_type[..., -1]).all()  # the other column is 1 - this one
