"""Memory that the estimators take: no hidden copy of the features, and never a dense one."""

import subprocess
import sys
import weakref

import numpy as np
import pytest
from sklearn.datasets import load_iris

import chainrule as cr

MEMORY = """
import resource, sys
import numpy as np
import scipy.sparse as sp
from chainrule import MLPClassifier
form, dtype, option = sys.argv[1:]
rng = np.random.default_rng(0)
n, columns, per_row = 400_000, 100, 4
if form.startswith("cs"):
    at = rng.integers(columns, size=n * per_row)
    ends = np.arange(n + 1) * per_row
    X = sp.csr_array((rng.standard_normal(len(at)).astype(dtype), at, ends), (n, columns))
    y = at[::per_row] % 2
    X = X.asformat(form)
else:
    X = np.empty((n, columns), dtype)
    rng.standard_normal(dtype=dtype, out=X)  # no more memory than X, which would hide a copy later
    y = (X[:, 0] > 0).astype(int)
if form == "map":
    X.tofile("X.raw")
    del X
    X = np.memmap("X.raw", dtype, "r", shape=(n, columns))
    X.sum()  # every page is in memory before
whole = n * columns * np.dtype(dtype).itemsize
options = dict(hidden_layer_sizes=(8,), max_iter=1, early_stopping=option == "early stopping")
few = X[:2000]
given = {"X_val": X, "y_val": y} if option == "X_val" else {}
MLPClassifier(**options).fit(few, y[:2000], **({"X_val": few, "y_val": y[:2000]} if given else {}))
del few
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
MLPClassifier(**options).fit(X, y, **given)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024 / whole)
"""


@pytest.mark.parametrize(
    ("form", "dtype", "option", "most"),
    [
        ("array", "float32", "", 0.2),
        ("array", "float64", "", 0.2),
        # A tenth is copied, and indices are drawn.
        ("array", "float32", "early stopping", 0.4),
        ("array", "float64", "early stopping", 0.4),
        ("map", "float64", "", 0.2),
        ("array", "float64", "X_val", 0.2),
        ("map", "float64", "X_val", 0.2),
        # These shares are of the dense matrix; most of them is targets and the order of the rows.
        ("csr", "float64", "", 0.4),
        ("csc", "float64", "", 0.4),
        ("csr", "float64", "early stopping", 0.5),
        ("csc", "float64", "X_val", 0.6),
    ],
)
def test_no_copy_of_the_features(form, dtype, option, most, tmp_path):
    """Memory that a fit takes, as a share of what all features take in an array."""
    command = [sys.executable, "-W", "ignore", "-c", MEMORY, form, dtype, option]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    assert float(done.stdout) < most


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_model_keeps_no_data(solver):
    """Nor does it wait for the garbage collector."""
    X, y = load_iris(return_X_y=True)
    given = {"X_val": X.copy(), "y_val": y} if solver == "adam" else {}
    seen = [weakref.ref(array) for array in (X, *given.values()) if array is not y]
    est = cr.MLPClassifier(5, solver=solver, max_iter=2).fit(X, y, **given)
    del X, given
    assert all(array() is None for array in seen)
    assert np.isfinite(est.loss_)
