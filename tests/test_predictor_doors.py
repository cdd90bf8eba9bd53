"""What a predictor takes and where it writes: checked in each call, one error for each fault."""

import numpy as np
import pytest
from scipy import sparse

import chainrule as cr

from .helpers import diverged
from .layouts import misaligned, read_only
from .predictors import N_INPUTS, N_OUTPUTS, M, every_dtype, small


@pytest.fixture
def X(rng):
    return rng.normal(size=(M, N_INPUTS))


# ---- where results go ---------------------------------------------------------------------------


@every_dtype
def test_it_writes_to_out_and_returns_it(dtype, X):
    predictor = small(dtype).predictor()
    out, row = np.zeros((M, N_OUTPUTS), dtype), np.zeros(N_OUTPUTS, dtype)
    assert predictor(X, out) is out
    assert predictor(X[4], out=row) is row
    np.testing.assert_array_equal(out, predictor(X))
    np.testing.assert_array_equal(row, out[4])


EXPECTED = "expected a writable, contiguous float32 array of shape"
BAD_OUT = {
    "dtype": (np.ones((2, 3)), f"{EXPECTED} (2, 3), got float64 of shape (2, 3)"),
    "rows": (np.ones((1, 3), "f4"), f"{EXPECTED} (2, 3), got float32 of shape (1, 3)"),
    "columns": (np.ones((2, 4), "f4"), f"{EXPECTED} (2, 3), got float32 of shape (2, 4)"),
    "dimensions": (np.ones(6, "f4"), f"{EXPECTED} (2, 3), got float32 of shape (6,)"),
    "gaps": (
        np.ones((2, 6), "f4")[:, ::2],
        f"{EXPECTED} (2, 3), got strided float32 of shape (2, 3)",
    ),
    "read-only": (
        read_only(np.ones((2, 3), "f4")),
        f"{EXPECTED} (2, 3), got read-only float32 of shape (2, 3)",
    ),
    "misaligned": (
        misaligned(np.ones((2, 3), "f4")),
        f"{EXPECTED} (2, 3), got misaligned float32 of shape (2, 3)",
    ),
    "a list": ([[1.0] * 3] * 2, f"{EXPECTED} (2, 3), got list"),
}


@pytest.mark.parametrize("case", BAD_OUT)
def test_it_refuses_what_it_cannot_write_to(case, X):
    out, problem = BAD_OUT[case]
    with pytest.raises(TypeError if case == "a list" else ValueError) as caught:
        small().predictor()(X[:2], out)
    assert str(caught.value) == f"[Predictor] out: {problem}"
    assert (np.asarray(out) == 1).all()


def test_out_of_a_row_is_a_vector_and_out_of_rows_a_matrix(X):
    predictor = small().predictor()
    with pytest.raises(
        ValueError, match=r"^\[Predictor\] out: .* of shape \(3,\), got .* \(1, 3\)"
    ):
        predictor(X[0], np.zeros((1, 3), "f4"))
    with pytest.raises(
        ValueError, match=r"^\[Predictor\] out: .* of shape \(1, 3\), got .* \(3,\)"
    ):
        predictor(X[:1], np.zeros(3, "f4"))


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_out_may_overlap_with_X(shift, rng):
    predictor = cr.Network([cr.Dense(4, "tanh")], 4, "float64").predictor()
    X = rng.normal(size=(1001, 4))
    for flip in (1, -1):  # the first row at the lowest or at the highest address
        memory = np.zeros((1003, 4))
        view = memory[1:-1][::flip]
        view[...] = X
        out = memory[1 + shift : 1002 + shift]
        np.testing.assert_array_equal(predictor(view, out), predictor(X))
    row = X[5].copy()
    np.testing.assert_array_equal(predictor(row, row), predictor(X[5]))


def test_out_may_overlap_with_the_values_of_a_sparse_X(rng):
    predictor = cr.Network([cr.Dense(4, "tanh")], 4, "float64").predictor()
    memory = rng.normal(size=1002 * 4)
    given = sparse.csr_array(memory[:-4].reshape(1001, 4))
    X = sparse.csr_array((memory[:-4], given.indices, given.indptr), copy=False)
    assert np.shares_memory(X.data, memory)
    expected = predictor(X)
    out = memory[4:].reshape(1001, 4)  # the first tile's results would be in the second tile
    np.testing.assert_array_equal(predictor(X, out), expected)


# ---- refusals -----------------------------------------------------------------------------------

ROWS = "shape (7,) or shape (n, 7) with at least one row"
NAN = [1.0] * 4 + [np.nan] + [1.0] * 2
BAD_X = {
    "columns": (np.ones((2, 6)), f"{ROWS}, got (2, 6)"),
    "a short row": (np.ones(6), f"{ROWS}, got (6,)"),
    "no rows": (np.ones((0, 7)), f"{ROWS}, got (0, 7)"),
    "nothing": ([], f"{ROWS}, got (0,)"),
    "a number": (1.0, f"{ROWS}, got ()"),
    "dimensions": (np.ones((1, 1, 7)), f"{ROWS}, got (1, 1, 7)"),
    "NaN in a row": (NAN, "finite numbers, got nan at X[4]"),
    "NaN in rows": ([[1.0] * 7, NAN], "finite numbers, got nan at X[1, 4]"),
    "infinity": (np.full((1, 7), -np.inf), "finite numbers, got -inf at X[0, 0]"),
    "too large": (np.full(7, 1e39), "numbers that float32 can hold, got 1e+39 at X[0]"),
    "None": (None, "numbers (floating-point, integer or boolean), got NoneType of dtype object"),
    "text": (
        ["a"] * 7,
        "numbers (floating-point, integer or boolean), got list of dtype <U1",
    ),
    "complex": (
        np.ones(7, complex),
        "numbers (floating-point, integer or boolean), got dtype complex128",
    ),
    "a mask": (np.ma.ones(7), "an array without a mask, got a masked array; fill it first"),
    "sparse columns": (
        sparse.csr_array(np.ones((2, 6))),
        "shape (n, 7) with at least one row, got (2, 6)",
    ),
}
TYPES = {"None", "text", "complex", "a mask"}


@pytest.mark.parametrize("case", BAD_X)
def test_it_refuses_bad_features_and_writes_nothing(case):
    given, problem = BAD_X[case]
    predictor, out = small().predictor(), np.ones((2, 3), np.float32)
    for target in (None, out):
        with pytest.raises(TypeError if case in TYPES else ValueError) as caught:
            predictor(given, target)
        assert str(caught.value) == f"[Predictor] X: expected {problem}"
    assert (out == 1).all()
    assert np.isfinite(predictor(np.ones(7))).all()  # and works on


def test_a_network_that_diverged_has_no_predictor():
    text = "parameters: expected finite numbers, got NaN or infinity"
    with pytest.raises(ValueError, match=rf"^\[Network.predictor\] {text}$"):
        diverged().predictor()


@pytest.mark.parametrize(
    ("n_threads", "error"),
    [(0, ValueError), (1025, ValueError), (2.0, TypeError), (True, TypeError)],
)
def test_it_refuses_other_numbers_of_threads(n_threads, error):
    with pytest.raises(error) as caught:
        small().predictor(n_threads)
    text = f"n_threads: expected an integer from 1 to 1024, got {n_threads!r}"
    assert str(caught.value) == f"[Network.predictor] {text}"
