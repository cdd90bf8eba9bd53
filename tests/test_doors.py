"""Bad features: refused at every door, with the values that came, before anything changes."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import chainrule as cr

from .doors import NUMBERS, TARGETS, M, X, refusal, state_of, trainer_at_work, with_value

SHAPE = "expected shape (n, 4) with at least one row, got"


BAD_X = {
    "one row as a vector": (X[0], ValueError, f"{SHAPE} (4,)"),
    "three dimensions": (X[None], ValueError, f"{SHAPE} (1, 8, 4)"),
    "a number": (3.0, ValueError, f"{SHAPE} ()"),
    "too few features": (X[:, :3], ValueError, f"{SHAPE} (8, 3)"),
    "too many features": (np.hstack([X, X]), ValueError, f"{SHAPE} (8, 8)"),
    "no rows": (X[:0], ValueError, f"{SHAPE} (0, 4)"),
    "no columns": (X[:, :0], ValueError, f"{SHAPE} (8, 0)"),
    "an empty list": ([], ValueError, f"{SHAPE} (0,)"),
    "objects": (X.astype(object), TypeError, f"{NUMBERS} dtype object"),
    "complex": (X.astype(complex), TypeError, f"{NUMBERS} dtype complex128"),
    "strings": (X.astype("U3"), TypeError, f"{NUMBERS} dtype <U3"),
    "bytes": (X.astype("S3"), TypeError, f"{NUMBERS} dtype |S3"),
    "times": (np.zeros((8, 4), "M8[s]"), TypeError, f"{NUMBERS} dtype datetime64[s]"),
    "records": (np.zeros((8, 4), [("a", "f4")]), TypeError, f"{NUMBERS} dtype [('a', '<f4')]"),
    "None": (None, TypeError, f"{NUMBERS} NoneType of dtype object"),
    "a string": ("hello", TypeError, f"{NUMBERS} str of dtype <U5"),
    "a dict": ({"X": X}, TypeError, f"{NUMBERS} dict of dtype object"),
    "a list of strings": ([["1"] * 4] * 8, TypeError, f"{NUMBERS} list of dtype <U1"),
    "integers beyond 64 bits": ([[10**30] * 4] * 8, TypeError, f"{NUMBERS} list of dtype object"),
    "a frame with strings": (
        pd.DataFrame({"a": ["x"] * M, "b": 1, "c": 2, "d": 3}),
        TypeError,
        f"{NUMBERS} column 'a' of dtype {pd.Series(['x']).dtype}",
    ),
    "a frame with times": (
        pd.DataFrame({"a": [1.0] * M, "b": True, "c": np.datetime64("2020", "s"), "d": "x"}),
        TypeError,
        f"{NUMBERS} column 'c' of dtype datetime64[s]",
    ),
    "a frame with categories": (
        pd.DataFrame({"a": pd.Categorical(["x"] * M), 7: 1.0, "c": 2, "d": 3}),
        TypeError,
        f"{NUMBERS} column 'a' of dtype category",
    ),
    "a frame of objects": (
        pd.DataFrame(X, dtype=object),
        TypeError,
        f"{NUMBERS} column 0 of dtype object",
    ),
    "a frame with two columns of one name": (
        pd.DataFrame(X.astype(object), columns=["a", "a", "b", "c"]),
        TypeError,
        f"{NUMBERS} column 'a' of dtype object",
    ),
    "a frame with a gap": (
        pd.DataFrame({"a": pd.array([1, None] * (M // 2), "Int64"), "b": True, "c": 2.0, "d": 3}),
        ValueError,
        "expected finite numbers, got nan at X[1, 0]",
    ),
    "masked": (
        np.ma.masked_greater(X, 0),
        TypeError,
        "expected an array without a mask, got a masked array; fill it first",
    ),
    "sparse, too few features": (sparse.csr_array(X[:, :3]), ValueError, f"{SHAPE} (8, 3)"),
    "sparse, complex": (
        sparse.csr_array(X.astype(complex)),
        TypeError,
        f"{NUMBERS} dtype complex128",
    ),
    "sparse, NaN": (
        sparse.csr_array(with_value(X, np.nan, 5, 1)),
        ValueError,
        "expected finite numbers, got nan at X[5, 1]",
    ),
    "NaN": (with_value(X, np.nan, 5, 1), ValueError, "expected finite numbers, got nan at X[5, 1]"),
    "infinity": (
        with_value(X, -np.inf, 7, 3),
        ValueError,
        "expected finite numbers, got -inf at X[7, 3]",
    ),
    "NaN in float16": (
        with_value(X, np.nan, 0, 2).astype(np.float16),
        ValueError,
        "expected finite numbers, got nan at X[0, 2]",
    ),
    "NaN in other byte order": (
        with_value(X, np.nan, 0, 2).astype(">f8"),
        ValueError,
        "expected finite numbers, got nan at X[0, 2]",
    ),
    "infinity in a frame": (
        pd.DataFrame(with_value(X, np.inf, 2, 2)),
        ValueError,
        "expected finite numbers, got inf at X[2, 2]",
    ),
    "beyond float32": (
        with_value(X, 1e39, 1, 0),
        ValueError,
        "expected numbers that float32 can hold, got 1e+39 at X[1, 0]",
    ),
    "long double beyond float32": (
        with_value(X, 1e39, 1, 0).astype(np.longdouble),
        ValueError,
        "expected numbers that float32 can hold, got 1e+39 at X[1, 0]",
    ),
    "long double beyond float64": (
        with_value(X.astype(np.longdouble), np.longdouble("1e4000"), 1, 0),
        ValueError,
        "expected finite numbers, got inf at X[1, 0]",
    ),
}
RAGGED = [[1.0, 2.0, 3.0, 4.0], [1.0]]

Y = TARGETS["cross_entropy"]
DOORS = {  # name in the message -> the call that it stands for
    "Network.predict": lambda t, X: t.net.predict(X),
    "Network.cost": lambda t, X: t.net.cost(X, Y, "cross_entropy"),
    "Network.backward": lambda t, X: t.net.backward(X, Y, "cross_entropy"),
    "Network.trace": lambda t, X: t.net.trace(X, Y, "cross_entropy"),
    "Trainer.step": lambda t, X: t.step(X, Y),
    "Trainer.evaluate": lambda t, X: t.evaluate(X, Y),
    "Trainer.fit": lambda t, X: t.fit(X, Y, epochs=3),
    "Trainer.fit, validation_data": lambda t, bad: t.fit(X, Y, validation_data=(bad, Y)),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", BAD_X)
def test_every_door_refuses_bad_features(door, case):
    bad, error, problem = BAD_X[case]
    trainer = trainer_at_work()
    with refusal(trainer, error, f"[{door}] X: {problem}"):
        DOORS[door](trainer, bad)


def test_numbers_beyond_float32_are_fine_in_float64():
    net = cr.Network([cr.Dense(2)], 4, "float64")
    assert np.isfinite(net.predict(with_value(X, 1e39, 1, 0))).all()


def test_ragged_lists_are_refused_with_numpy_s_reason():
    with pytest.raises(ValueError, match=r"^\[Network.predict\] X: expected an array of numbers, "
                       r"got list \(setting an array element with a sequence.*\)$"):  # fmt: skip
        trainer_at_work().net.predict(RAGGED)


@pytest.mark.parametrize("all_errors", [False, True])
def test_numpy_s_own_floating_point_errors_are_kept_out(all_errors):
    """Conversions of what does not fit in float64, or vanishes in it, once ended in a crash."""
    trainer = trainer_at_work(dtype="float64")
    huge, tiny = np.longdouble("1e4000"), np.longdouble("1e-4000")
    with np.errstate(all="raise" if all_errors else "warn"):
        with refusal(
            trainer, ValueError, "[Trainer.step] X: expected finite numbers, got inf at X[0, 0]"
        ):
            trainer.step(np.full((8, 4), huge), Y)
        message = "[Trainer.step] sample_weight: expected finite numbers, got inf at sample_weight"
        with refusal(trainer, ValueError, f"{message}[0]"):
            trainer.step(X, Y, np.full(8, huge))
        trainer.net.predict(np.full((8, 4), tiny))


def test_the_state_compared_here_sees_one_step():
    trainer = trainer_at_work()
    before = state_of(trainer)
    trainer.step(X, Y)
    after = state_of(trainer)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"parameters", "moments", "steps"}
