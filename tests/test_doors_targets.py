"""Bad targets and sample weights: refused at every door, before anything changes."""

import numpy as np
import pytest
from scipy import sparse

from .doors import NUMBERS, TARGETS, M, X, refusal, trainer_at_work, with_value

Y = TARGETS["cross_entropy"]
ADVICE = "number the classes first: names, Y = np.unique(Y, return_inverse=True)"
CLASSES = "expected class indices, whole numbers from 0 to 2, got"
CE_SHAPE = "expected class indices of shape (8,) or labels of shape (8, 3), got shape"
ONE_HOT = np.eye(3)[Y]
BINARY = TARGETS["binary_cross_entropy"]
REAL = TARGETS["squared_error"]
COUNTS = TARGETS["poisson"]

BAD_Y = {
    "cross_entropy": {
        "too short": (Y[:5], ValueError, f"{CE_SHAPE} (5,)"),
        "too long": (np.r_[Y, Y], ValueError, f"{CE_SHAPE} (16,)"),
        "empty": ([], ValueError, f"{CE_SHAPE} (0,)"),
        "a number": (1, ValueError, f"{CE_SHAPE} ()"),
        "a column": (Y[:, None], ValueError, f"{CE_SHAPE} (8, 1)"),
        "one label too few": (ONE_HOT[:, :2], ValueError, f"{CE_SHAPE} (8, 2)"),
        "labels as columns": (ONE_HOT.T, ValueError, f"{CE_SHAPE} (3, 8)"),
        "three dimensions": (ONE_HOT[None], ValueError, f"{CE_SHAPE} (1, 8, 3)"),
        "a negative class": (with_value(Y, -1, 3), ValueError, f"{CLASSES} -1 at Y[3]"),
        "a class too many": (with_value(Y, 3, 7), ValueError, f"{CLASSES} 3 at Y[7]"),
        "half a class": (with_value(Y, 0.5, 2), ValueError, f"{CLASSES} 0.5 at Y[2]"),
        "NaN": (with_value(Y, np.nan, 2), ValueError, f"{CLASSES} nan at Y[2]"),
        "infinity": (with_value(Y, np.inf, 2), ValueError, f"{CLASSES} inf at Y[2]"),
        "unsigned": (
            np.full(8, 2**64 - 1, np.uint64),
            ValueError,
            f"{CLASSES} 1.84467e+19 at Y[0]",
        ),
        "names": (np.array(list("abcabcab")), TypeError, f"{NUMBERS} dtype <U1; {ADVICE}"),
        "names in a list": (list("abcabcab"), TypeError, f"{NUMBERS} list of dtype <U1; {ADVICE}"),
        "names as objects": (
            np.array(list("abcabcab"), object),
            TypeError,
            f"{NUMBERS} dtype object; {ADVICE}",
        ),
        "objects": (Y.astype(object), TypeError, f"{NUMBERS} dtype object"),
        "complex": (Y.astype(complex), TypeError, f"{NUMBERS} dtype complex128"),
        "None": (None, TypeError, f"{NUMBERS} NoneType of dtype object"),
        "a mask": (
            np.ma.array(Y),
            TypeError,
            "expected an array without a mask, got a masked array; fill it first",
        ),
        "sparse labels": (
            sparse.csr_array(ONE_HOT),
            TypeError,
            "expected a dense array, got a sparse matrix; use .toarray()",
        ),
        "sums below 1": (
            ONE_HOT * with_value(np.ones((8, 1)), 0.75, 6, 0),
            ValueError,
            "expected labels that add up to 1 in every row, got 0.75 in row 6",
        ),
        "a label above 1": (
            np.where(ONE_HOT == 1, 1.5, -0.25),
            ValueError,
            "expected labels from 0 to 1, got 1.5 in row 0",
        ),
        "a label below 0": (
            np.where(ONE_HOT == 1, -1.0, 1.0),
            ValueError,
            "expected labels from 0 to 1, got -1 in row 0",
        ),
        "NaN among labels": (
            with_value(ONE_HOT, np.nan, 4, 1),
            ValueError,
            "expected finite numbers, got nan at Y[4, 1]",
        ),
    },
    "binary_cross_entropy": {
        "2": (
            with_value(BINARY, 2.0, 4),
            ValueError,
            "expected labels from 0 to 1, got 2 in row 4",
        ),
        "-1 for no": (BINARY * 2 - 1, ValueError, "expected labels from 0 to 1, got -1 in row 0"),
        "NaN": (
            with_value(BINARY, np.nan, 4),
            ValueError,
            "expected finite numbers, got nan at Y[4]",
        ),
        "two columns": (
            np.zeros((8, 2)),
            ValueError,
            "expected shape (8,) or (8, 1), got shape (8, 2)",
        ),
        "a row": (BINARY[None], ValueError, "expected shape (8,) or (8, 1), got shape (1, 8)"),
        "too short": (BINARY[1:], ValueError, "expected shape (8,) or (8, 1), got shape (7,)"),
    },
    "squared_error": {
        "a vector": (REAL[:, 0], ValueError, "expected shape (8, 2), got shape (8,)"),
        "a column": (REAL[:, :1], ValueError, "expected shape (8, 2), got shape (8, 1)"),
        "another length": (REAL[:7], ValueError, "expected shape (8, 2), got shape (7, 2)"),
        "infinity": (
            with_value(REAL, np.inf, 7, 1),
            ValueError,
            "expected finite numbers, got inf at Y[7, 1]",
        ),
        "beyond float32": (
            with_value(REAL, -1e39, 0, 0),
            ValueError,
            "expected numbers that float32 can hold, got -1e+39 at Y[0, 0]",
        ),
    },
    "poisson": {
        "negative": (
            with_value(COUNTS, -1.0, 5, 1),
            ValueError,
            "expected targets that are not negative, got -1 in row 5",
        ),
        "a little negative": (
            with_value(COUNTS, -1e-9, 0, 0),
            ValueError,
            "expected targets that are not negative, got -1e-09 in row 0",
        ),
        "NaN": (
            with_value(COUNTS, np.nan, 2, 0),
            ValueError,
            "expected finite numbers, got nan at Y[2, 0]",
        ),
        "a vector": (COUNTS[:, 0], ValueError, "expected shape (8, 2), got shape (8,)"),
    },
}
Y_DOORS = {
    "Network.cost": lambda t, Y: t.net.cost(X, Y, t.loss),
    "Network.backward": lambda t, Y: t.net.backward(X, Y, t.loss),
    "Network.trace": lambda t, Y: t.net.trace(X, Y, t.loss),
    "Trainer.step": lambda t, Y: t.step(X, Y),
    "Trainer.evaluate": lambda t, Y: t.evaluate(X, Y),
    "Trainer.fit": lambda t, Y: t.fit(X, Y),
    "Trainer.fit, validation_data": lambda t, Y: t.fit(X, TARGETS[t.loss.name], 1, None, (X, Y)),
}


@pytest.mark.parametrize("door", Y_DOORS)
@pytest.mark.parametrize(
    ("loss", "case"), [(loss, case) for loss, cases in BAD_Y.items() for case in cases]
)
def test_every_door_refuses_bad_targets(door, loss, case):
    bad, error, problem = BAD_Y[loss][case]
    trainer = trainer_at_work(loss)
    with refusal(trainer, error, f"[{door}] Y: {problem}"):
        Y_DOORS[door](trainer, bad)


ONES = np.ones(M)
NOT_NEGATIVE = "expected weights that are not negative, got"
BAD_WEIGHTS = {
    "too short": (ONES[:5], ValueError, "expected shape (8,), got shape (5,)"),
    "a column": (ONES[:, None], ValueError, "expected shape (8,), got shape (8, 1)"),
    "a number": (1.0, ValueError, "expected shape (8,), got shape ()"),
    "empty": ([], ValueError, "expected shape (8,), got shape (0,)"),
    "negative": (with_value(ONES, -1.0, 2), ValueError, f"{NOT_NEGATIVE} -1 at sample_weight[2]"),
    "a little negative": (
        with_value(ONES, -1e-9, 7),
        ValueError,
        f"{NOT_NEGATIVE} -1e-09 at sample_weight[7]",
    ),
    "all zero": (0 * ONES, ValueError, "expected at least one positive weight, got all zero"),
    "all False": (ONES < 0, ValueError, "expected at least one positive weight, got all zero"),
    "NaN": (
        with_value(ONES, np.nan, 6),
        ValueError,
        "expected finite numbers, got nan at sample_weight[6]",
    ),
    "infinite": (
        with_value(ONES, np.inf, 0),
        ValueError,
        "expected finite numbers, got inf at sample_weight[0]",
    ),
    "of infinite sum": (
        1e308 * ONES,
        ValueError,
        "expected weights with a finite sum, got an infinite sum",
    ),
    "strings": (list("abcdefgh"), TypeError, f"{NUMBERS} list of dtype <U1"),
    "a word": ("balanced", TypeError, f"{NUMBERS} str of dtype <U8"),
    "objects": (ONES.astype(object), TypeError, f"{NUMBERS} dtype object"),
    "per class": ({0: 1.0}, TypeError, f"{NUMBERS} dict of dtype object"),
}
WEIGHT_DOORS = {
    "Network.cost": lambda t, w: t.net.cost(X, Y, "cross_entropy", w),
    "Network.backward": lambda t, w: t.net.backward(X, Y, "cross_entropy", w),
    "Network.trace": lambda t, w: t.net.trace(X, Y, "cross_entropy", w),
    "Trainer.step": lambda t, w: t.step(X, Y, w),
    "Trainer.evaluate": lambda t, w: t.evaluate(X, Y, w),
    "Trainer.fit": lambda t, w: t.fit(X, Y, sample_weight=w),
    "Trainer.fit, validation_data": lambda t, w: t.fit(X, Y, validation_data=(X, Y, w)),
}


@pytest.mark.parametrize("door", WEIGHT_DOORS)
@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_every_door_refuses_bad_weights(door, case):
    bad, error, problem = BAD_WEIGHTS[case]
    trainer = trainer_at_work()
    with refusal(trainer, error, f"[{door}] sample_weight: {problem}"):
        WEIGHT_DOORS[door](trainer, bad)
