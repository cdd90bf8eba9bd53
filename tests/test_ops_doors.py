"""chainrule.ops refuses what makes no sense, before it writes anything."""

import numpy as np
import pytest

from chainrule import _core, ops

from .doors import NUMBERS

_rng = np.random.default_rng(5)
X, W, b = _rng.normal(size=(8, 4)), _rng.normal(size=(4, 3)), _rng.normal(size=3)
Z, dZ, Y = X @ W + b, _rng.normal(size=(8, 3)), np.array([0, 1, 2, 0, 1, 2, 0, 1])

CALLS = {  # (function, argument): a call with that argument replaced
    ("dense_forward", "X"): lambda bad: ops.dense_forward(bad, W, b),
    ("dense_forward", "W"): lambda bad: ops.dense_forward(X, bad, b),
    ("activation", "Z"): lambda bad: ops.activation(bad, "relu"),
    ("activation_derivative", "Z"): lambda bad: ops.activation_derivative(bad, "relu"),
    ("activation_backward", "dA"): lambda bad: ops.activation_backward(bad, Z, "relu"),
    ("activation_backward", "Z"): lambda bad: ops.activation_backward(dZ, bad, "relu"),
    ("dense_backward", "X"): lambda bad: ops.dense_backward(bad, W, dZ),
    ("dense_backward", "W"): lambda bad: ops.dense_backward(X, bad, dZ),
    ("dense_backward", "dZ"): lambda bad: ops.dense_backward(X, W, bad),
    ("loss_and_gradient", "Z"): lambda bad: ops.loss_and_gradient(bad, Y, "cross_entropy"),
}
EXPECTED = {
    ("dense_forward", "W"): "shape (4, m) with no dimension 0",
    ("activation_backward", "dA"): "shape (8, 3)",
    ("dense_backward", "W"): "shape (4, m) with no dimension 0",
    ("dense_backward", "dZ"): "shape (8, 3)",
}
BAD = {
    "a vector": (np.ones(7), ValueError, "(7,)"),
    "a number": (1.0, ValueError, "()"),
    "three dimensions": (np.ones((1, 7, 7)), ValueError, "(1, 7, 7)"),
    "no rows": (np.ones((0, 7)), ValueError, "(0, 7)"),
    "no columns": (np.ones((8, 0)), ValueError, "(8, 0)"),
    "objects": (np.ones((8, 4), object), TypeError, f"{NUMBERS} dtype object"),
    "complex": (np.ones((8, 4), complex), TypeError, f"{NUMBERS} dtype complex128"),
    "a string": ("X", TypeError, f"{NUMBERS} str of dtype <U1"),
    "None": (None, TypeError, f"{NUMBERS} NoneType of dtype object"),
    "masked": (
        np.ma.ones((8, 4)),
        TypeError,
        "expected an array without a mask, got a masked array; fill it first",
    ),
}


def refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert (caught.type, str(caught.value)) == (error, message)


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("at", CALLS, ids=".".join)
def test_arrays_are_checked(at, case):
    bad, error, problem = BAD[case]
    if error is ValueError:
        problem = f"expected {EXPECTED.get(at, 'shape (n, m) with no dimension 0')}, got {problem}"
    if bad is None and at == ("activation_backward", "dA"):
        problem = "expected an array of the shape of Z, got None"
    refused(lambda: CALLS[at](bad), error, f"[ops.{at[0]}] {at[1]}: {problem}")


@pytest.mark.parametrize("at", CALLS, ids=".".join)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_only_finite_numbers_pass(at, value):
    bad = {"X": X, "W": W, "Z": Z, "dA": dZ, "dZ": dZ}[at[1]].copy()
    bad[-1, 1] = value
    where = f"{len(bad) - 1}, 1"
    message = f"[ops.{at[0]}] {at[1]}: expected finite numbers, got {value} at {at[1]}[{where}]"
    refused(lambda: CALLS[at](bad), ValueError, message)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: ops.dense_forward(X, W.T, b),
            ValueError,
            "[ops.dense_forward] W: expected shape (4, m) with no dimension 0, got (3, 4)",
        ),
        (
            lambda: ops.dense_forward(X, W, b[:2]),
            ValueError,
            "[ops.dense_forward] b: expected shape (3,), got (2,)",
        ),
        (
            lambda: ops.dense_forward(X, W, [0, np.nan, 0]),
            ValueError,
            "[ops.dense_forward] b: expected finite numbers, got nan at b[1]",
        ),
        (
            lambda: ops.dense_forward(X.astype("f4"), np.full((4, 3), 1e39)),
            ValueError,
            "[ops.dense_forward] W: expected numbers that float32 can hold, got 1e+39 at W[0, 0]",
        ),
        (
            lambda: ops.dense_forward(X, W, b, "rleu"),
            ValueError,
            "[ops.dense_forward] activation: expected one of "
            + ", ".join(map(repr, _core.activations()))
            + ", got 'rleu' (did you mean 'relu'?)",
        ),
        (
            lambda: ops.activation(Z, None),
            TypeError,
            "[ops.activation] activation: expected a name or an object of Activation, got None",
        ),
        (
            lambda: ops.activation_derivative(Z, "softmax"),
            ValueError,
            "[ops.activation_derivative] activation: expected an elementwise activation "
            "(activation_backward applies softmax's Jacobian), got 'softmax'",
        ),
        (
            lambda: ops.dense_backward(X, W, dZ, with_dX=0),
            TypeError,
            "[ops.dense_backward] with_dX: expected True or False, got 0",
        ),
        (
            lambda: ops.loss_and_gradient(Z, Y, "kappa"),
            ValueError,
            "[ops.loss_and_gradient] loss: expected one of "
            + ", ".join(map(repr, _core.losses()))
            + ", got 'kappa'",
        ),
        (
            lambda: ops.loss_and_gradient(Z, -np.ones((8, 3)), "poisson"),
            ValueError,
            "[ops.loss_and_gradient] Y: expected targets that are not negative, got -1 in row 0",
        ),
        (
            lambda: ops.loss_and_gradient(Z, Y + 1, "cross_entropy"),
            ValueError,
            "[ops.loss_and_gradient] Y: expected class indices, whole numbers from 0 to 2, "
            "got 3 at Y[2]",
        ),
        (
            lambda: ops.loss_and_gradient(Z, Y[1:], "cross_entropy"),
            ValueError,
            "[ops.loss_and_gradient] Y: expected class indices of shape (8,) or labels of shape "
            "(8, 3), got shape (7,)",
        ),
        (
            lambda: ops.loss_and_gradient(Z, Y, "squared_error"),
            ValueError,
            "[ops.loss_and_gradient] Y: expected shape (8, 3), got shape (8,)",
        ),
        (
            lambda: ops.loss_and_gradient(Z, Y, "cross_entropy", sample_weight=-np.ones(8)),
            ValueError,
            "[ops.loss_and_gradient] sample_weight: expected weights that are not negative, "
            "got -1 at sample_weight[0]",
        ),
    ],
)
def test_shapes_names_and_targets_are_checked(call, error, message):
    refused(call, error, message)


OUT_CALLS = {  # (function, argument): a call that writes there; the shape that fits is (8, 3)
    ("dense_forward", "out"): lambda out: ops.dense_forward(X, W, b, out=out),
    ("activation", "out"): lambda out: ops.activation(Z, "relu", out=out),
    ("activation_derivative", "out"): lambda out: ops.activation_derivative(Z, "relu", out=out),
    ("activation_backward", "out"): lambda out: ops.activation_backward(dZ, Z, "relu", out=out),
    ("loss_and_gradient", "out"): lambda out: ops.loss_and_gradient(Z, Z, "squared_error", out=out),
    ("dense_backward", "out"): lambda out: ops.dense_backward(Z, np.eye(3), dZ, out=out),
    ("dense_backward", "dW"): lambda out: ops.dense_backward(np.ones((1, 8)), W8, dZ[:1], dW=out),
}
W8 = np.ones((8, 3))
BAD_OUT = {
    "type": (np.ones((8, 3), "f4"), "float32 of shape (8, 3)"),
    "byte order": (np.ones((8, 3), ">f8"), ">f8 of shape (8, 3)"),
    "shape": (np.ones((3, 8)), "float64 of shape (3, 8)"),
    "Fortran": (np.ones((3, 8)).T, "strided float64 of shape (8, 3)"),
    "read-only": (np.broadcast_to(1.0, (8, 3)), "read-only strided float64 of shape (8, 3)"),
    "misaligned": (
        np.full(193, 1, np.uint8)[1:].view(np.float64).reshape(8, 3),
        "misaligned float64 of shape (8, 3)",
    ),
    "a list": ([[1.0] * 3] * 8, "list"),
}


@pytest.mark.parametrize("case", BAD_OUT)
@pytest.mark.parametrize("at", OUT_CALLS, ids=".".join)
def test_results_go_only_where_they_fit(at, case):
    out, got = BAD_OUT[case]
    before = np.array(out)
    expected = "expected a writable, contiguous float64 array of shape (8, 3)"
    error = TypeError if case == "a list" else ValueError
    refused(lambda: OUT_CALLS[at](out), error, f"[ops.{at[0]}] {at[1]}: {expected}, got {got}")
    np.testing.assert_array_equal(out, before)


@pytest.mark.parametrize(
    ("db", "got"),
    [
        (np.zeros(4), "float64 of shape (4,)"),
        (np.zeros((1, 3)), "float64 of shape (1, 3)"),
        (np.zeros(6)[::2], "strided float64 of shape (3,)"),
    ],
)
def test_a_refused_db_leaves_dW_and_dX_unwritten(db, got):
    dW, out = np.zeros((4, 3)), np.zeros((8, 4))
    message = "[ops.dense_backward] db: expected a writable, contiguous float64 array of shape (3,)"
    call = lambda: ops.dense_backward(X, W, dZ, dW=dW, db=db, out=out)  # noqa: E731
    refused(call, ValueError, f"{message}, got {got}")
    assert not dW.any()
    assert not out.any()
