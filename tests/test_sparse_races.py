"""Sparse features that another thread changes meanwhile: refused or passed over, never followed.

Each case has a process of its own, as reading or writing out of bounds would end it.
"""

import subprocess
import sys

import pytest

PREDICT_MEANWHILE = """
threading.Thread(target=change, daemon=True).start()
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    try:
        net.predict(X)
    except ValueError as error:
        assert str(error).startswith("[Network.predict] X: "), error
print("whole")
"""

RACE = """
import sys, threading, time
import numpy as np
from scipy import sparse
import chainrule as cr

form, name, twice = sys.argv[1:]
starts = np.arange(0, 200_001, 10, dtype=np.int32)
columns = np.tile(np.arange(9, -1, -1, dtype=np.int32), 20_000)  # in no order
if twice:
    columns[1] = columns[0]  # which has scipy sum a copy
values = np.ones(200_000, np.float32)
X = sparse.csr_matrix((values, columns, starts), (20_000, 100)).asformat(form)
array = getattr(X, name)
good, bad = array.copy(), array.copy()
bad[1:-1] = 2**30 if name != "data" else np.nan
net = cr.Network([cr.Dense(2)], 100)

def change():
    while True:
        array[:] = bad
        array[:] = good

"""

# While a copy that does not hold the interpreter's lock changes the starts of rows, over and over.
WITHOUT_LOCK = """
import threading, time
import numpy as np
from scipy import sparse
import chainrule as cr

rows, columns = 300_000, 400
X = sparse.random_array((rows, columns), density=0.01, format="csr", dtype=np.float32,
                        rng=np.random.default_rng(0))
X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
good, bad = X.indptr.copy(), X.indptr.copy()
bad[5000::7] = -(2**30)
over_and_over = np.lib.stride_tricks.as_strided(X.indptr, (40, rows + 1), (0, 4))
copies = np.stack([good, good, bad, good] * 10)
net = cr.Network([cr.Dense(4, "relu"), cr.Dense(3, "softmax")], columns)

def change():
    while True:
        np.copyto(over_and_over, copies)
        time.sleep(0.0007)

"""


@pytest.mark.parametrize(
    ("form", "name", "twice"),
    [
        ("csr", "indices", ""),
        ("csr", "indptr", ""),
        ("csr", "indptr", "twice"),
        ("csr", "data", ""),
        ("csc", "indices", ""),
        ("coo", "row", ""),
    ],
)
def test_features_that_another_thread_changes_are_never_followed_out_of_bounds(form, name, twice):
    check(RACE, 1.5, form, name, twice)


def test_starts_of_rows_that_change_during_the_checks_lead_nowhere():
    check(WITHOUT_LOCK, 5)


def check(code, seconds, *arguments):
    command = [sys.executable, "-c", code + PREDICT_MEANWHILE.format(seconds=seconds), *arguments]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "whole\n"), run.stderr
