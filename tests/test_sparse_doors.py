"""Sparse features that are broken: refused at every door, before anything is read out of bounds."""

import numpy as np
import pytest
from scipy import sparse

import chainrule as cr

from .doors import NUMBERS, TARGETS, M, X, refusal, trainer_at_work, with_value
from .test_doors import DOORS, SHAPE

HOLES = np.where(np.abs(X) > 0.3, X, 0.0)
STORED = int(np.count_nonzero(HOLES))
DIAGONALS = len(sparse.dia_array(HOLES).offsets)


def broken(change, form=sparse.csr_array, features=HOLES):
    """A matrix whose arrays were changed behind scipy's back."""
    matrix = form(features)
    change(matrix)
    return matrix


def put(name, at, value):
    def change(matrix):
        array = getattr(matrix, name).copy()
        array[at] = value
        setattr(matrix, name, array)

    return change


def replace(name, function):
    return lambda matrix: setattr(matrix, name, function(getattr(matrix, name)))


def coordinates(at, axis, value):
    def change(matrix):
        matrix.coords[axis][at] = value

    return change


CSC, BSR, COO = sparse.csc_array, sparse.bsr_array, sparse.coo_array
starts = sparse.csr_array(HOLES).indptr

BAD = {
    "no rows": (sparse.csr_array((0, 4)), f"{SHAPE} (0, 4)"),
    "too few features": (sparse.csc_array(X[:, :3]), f"{SHAPE} (8, 3)"),
    "too many features": (sparse.coo_matrix(np.hstack([X, X])), f"{SHAPE} (8, 8)"),
    "one row as a vector": (sparse.coo_array(X[0]), f"{SHAPE} (4,)"),
    "infinity": (
        sparse.csr_array(with_value(HOLES, -np.inf, 7, 3)),
        "expected finite numbers, got -inf at X[7, 3]",
    ),
    "NaN in the first element": (
        sparse.csr_array(with_value(HOLES, np.nan, 0, 0)),
        "expected finite numbers, got nan at X[0, 0]",
    ),
    "NaN in CSC": (
        sparse.csc_array(with_value(HOLES, np.nan, 5, 1)),
        "expected finite numbers, got nan at X[5, 1]",
    ),
    "NaN after an empty row": (
        sparse.csr_array(with_value(np.zeros((M, 4), np.float32), np.nan, 2, 2)),
        "expected finite numbers, got nan at X[2, 2]",
    ),
    "beyond float32": (
        sparse.csr_array(with_value(HOLES, 1e39, 1, 0)),
        "expected numbers that float32 can hold, got 1e+39 at X[1, 0]",
    ),
    "a sum beyond float32": (
        sparse.csr_array(([3e38, 3e38], [1, 1], [0, 0, 2] + [2] * (M - 2)), (M, 4)),
        "expected numbers that float32 can hold, got 6e+38 at X[1, 1]",
    ),
    "indices in a list": (
        broken(replace("indices", list)),
        "expected indices as an array, got <class 'list'>",
    ),
    "values in a list": (
        broken(replace("data", list)),
        "expected data as an array, got <class 'list'>",
    ),
    "starts in a list": (
        broken(replace("indptr", list)),
        "expected indptr as an array, got <class 'list'>",
    ),
    "values of COO in a list": (
        broken(replace("data", list), COO),
        "expected data as an array, got <class 'list'>",
    ),
    "diagonals in a list": (
        broken(replace("data", list), sparse.dia_array),
        "expected data as an array, got <class 'list'>",
    ),
    "blocks in a list": (
        broken(replace("data", list), BSR),
        "expected data as an array, got <class 'list'>",
    ),
    "indptr too short": (
        broken(replace("indptr", lambda a: a[:-1])),
        "expected indptr of 9 elements, got 8 elements",
    ),
    "indptr too long": (
        broken(replace("indptr", lambda a: np.append(a, a[-1]))),
        "expected indptr of 9 elements, got 10 elements",
    ),
    "indptr empty": (
        broken(replace("indptr", lambda a: a[:0])),
        "expected indptr of 9 elements, got 0 elements",
    ),
    "indptr that starts later": (
        broken(put("indptr", 0, 1)),
        "expected indptr[0] = 0, got 1",
    ),
    "indptr that starts before": (
        broken(put("indptr", 0, -1)),
        "expected indptr[0] = 0, got -1",
    ),
    "indptr that falls": (
        broken(put("indptr", 3, starts[4] + 1)),
        f"expected indptr that never decreases, got {starts[4]} after {starts[4] + 1} at indptr[4]",
    ),
    "indptr that goes below zero": (
        broken(put("indptr", 1, -5)),
        "expected indptr that never decreases, got -5 after 0 at indptr[1]",
    ),
    "indptr beyond the end": (
        broken(put("indptr", -1, 10**6)),
        f"expected indptr that ends within the {STORED} stored elements, got 1000000",
    ),
    "wide indptr beyond the end": (
        broken(replace("indptr", lambda a: np.append(a[:-1], 2**62))),
        f"expected indptr that ends within the {STORED} stored elements, got {2**62}",
    ),
    "indptr of floats": (
        broken(replace("indptr", lambda a: a.astype(float))),
        "expected indptr of integers in one dimension, got float64 of shape (9,)",
    ),
    "indices in two dimensions": (
        broken(replace("indices", lambda a: a[None])),
        f"expected indices of integers in one dimension, got int32 of shape (1, {STORED})",
    ),
    "too few indices": (
        broken(replace("indices", lambda a: a[:-1])),
        f"expected as many indices as values, got {STORED - 1} and {STORED}",
    ),
    "too few values": (
        broken(replace("data", lambda a: a[:-1])),
        f"expected as many indices as values, got {STORED} and {STORED - 1}",
    ),
    "values in two dimensions": (
        broken(replace("data", lambda a: a[:, None])),
        f"expected data in one dimension, got shape ({STORED}, 1)",
    ),
    "a column too far": (
        broken(put("indices", 5, 4)),
        "expected indices from 0 to 3, got 4 at indices[5]",
    ),
    "a column below zero": (
        broken(put("indices", 0, -1)),
        "expected indices from 0 to 3, got -1 at indices[0]",
    ),
    "a wide column too far": (
        broken(replace("indices", lambda a: np.append(a[:-1], 2**40))),
        f"expected indices from 0 to 3, got {2**40} at indices[{STORED - 1}]",
    ),
    "an unsigned column too far": (
        broken(replace("indices", lambda a: np.append(a[:-1].astype("u8"), np.uint64(2**64 - 1)))),
        f"expected indices from 0 to 3, got -1 at indices[{STORED - 1}]",
    ),
    "a row of CSC too far": (
        broken(put("indices", 5, 10**9), CSC),
        f"expected indices from 0 to 7, got {10**9} at indices[5]",
    ),
    "indptr of CSC that falls": (
        broken(put("indptr", 1, -(10**9)), CSC),
        f"expected indptr that never decreases, got {-(10**9)} after 0 at indptr[1]",
    ),
    "a block too far": (
        broken(put("indices", 1, 10**9), lambda a: BSR(a, blocksize=(2, 2))),
        f"expected indices from 0 to 1, got {10**9} at indices[1]",
    ),
    "an offset that its int32 lacks": (
        broken(replace("offsets", lambda a: a.astype(np.int64) + 2**40), sparse.dia_array),
        f"expected offsets from -8 to 4, got {2**40 + int(sparse.dia_array(HOLES).offsets[0])}",
    ),
    "offsets of int8": (
        broken(replace("offsets", lambda a: a.astype(np.int8)), sparse.dia_array),
        "expected offsets of int32 or int64, got int8",
    ),
    "diagonals in one dimension": (
        broken(replace("data", lambda a: a[:, 0]), sparse.dia_array),
        f"expected data of diagonals in two dimensions, got shape ({DIAGONALS},)",
    ),
    "lists of values longer than those of columns": (
        broken(lambda m: m.data[5].extend([1.0] * 100), sparse.lil_array),
        "expected as many columns as values in each row's lists, got others in row 5",
    ),
    "no lists": (
        broken(put("rows", 2, None), sparse.lil_array),
        "expected as many columns as values in each row's lists, got others in row 2",
    ),
    "more lists than rows": (
        broken(replace("rows", lambda a: np.append(a, a)), sparse.lil_array),
        "expected rows and data of 8 lists, got <class 'numpy.ndarray'>",
    ),
    "no arrays of lists": (
        broken(replace("data", lambda a: None), sparse.lil_array),
        "expected rows and data of 8 lists, got <class 'NoneType'>",
    ),
    "too few diagonals": (
        broken(replace("data", lambda a: a[1:]), sparse.dia_array),
        f"expected as many offsets as diagonals, got {DIAGONALS} and {DIAGONALS - 1}",
    ),
    "a row of COO too far": (
        broken(coordinates(2, 0, 10**9), COO),
        f"expected row from 0 to 7, got {10**9:g}",
    ),
    "a column of COO below zero": (
        broken(coordinates(2, 1, -4), COO),
        "expected col from 0 to 3, got -4",
    ),
    "too few values of COO": (
        broken(replace("data", lambda a: a[:-1]), COO),
        f"expected row of {STORED - 1} elements, got {STORED} elements",
    ),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", BAD)
def test_every_door_refuses_broken_sparse_features(door, case):
    bad, problem = BAD[case]
    trainer = trainer_at_work()
    with refusal(trainer, ValueError, f"[{door}] X: {problem}"):
        DOORS[door](trainer, bad)


def test_no_numbers_are_refused():
    for form in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.lil_array):
        with refusal(
            trainer_at_work(), TypeError, f"[Network.predict] X: {NUMBERS} dtype complex128"
        ):
            trainer_at_work().net.predict(form(HOLES.astype(complex)))


def test_a_conversion_that_fails_is_told_with_scipy_s_reason():
    class Stubborn(sparse.lil_array):
        def tocsr(self, copy=False):
            raise NotImplementedError("not today")

    message = "[Network.predict] X: expected a matrix that can be converted to CSR, got"
    with refusal(trainer_at_work(), ValueError, f"{message} Stubborn (not today)"):
        trainer_at_work().net.predict(Stubborn(HOLES))


def test_sparse_labels_and_weights_stay_refused():
    trainer = trainer_at_work()
    problem = "expected a dense array, got a sparse matrix; use .toarray()"
    with refusal(trainer, TypeError, f"[Trainer.step] Y: {problem}"):
        trainer.step(sparse.csr_array(HOLES), sparse.csr_array(np.eye(3)[TARGETS["cross_entropy"]]))
    with refusal(trainer, TypeError, f"[Trainer.step] sample_weight: {problem}"):
        trainer.step(HOLES, TARGETS["cross_entropy"], sparse.csr_array(np.ones((M, 1))))


def test_the_number_of_rows_must_be_that_of_the_targets():
    trainer = trainer_at_work()
    expected = "expected class indices of shape (7,) or labels of shape (7, 3)"
    with refusal(trainer, ValueError, f"[Trainer.step] Y: {expected}, got shape (8,)"):
        trainer.step(sparse.csr_array(HOLES)[:7], TARGETS["cross_entropy"])


def test_a_refused_prediction_writes_nothing():
    out = np.ones((M, 3), np.float32)
    with pytest.raises(ValueError, match="X: expected finite numbers"):
        trainer_at_work().net.predict(sparse.csr_array(with_value(X, np.nan, 7, 3)), out=out)
    assert (out == 1).all()


def test_what_only_looks_sparse_is_refused():
    class Foreign:
        shape = (8, 4)

        def tocsr(self):
            raise AssertionError

    with pytest.raises(TypeError, match=r"^\[Network.predict\] X: expected a dense array, got a"):
        cr.Network([cr.Dense(2)], 4).predict(Foreign())
