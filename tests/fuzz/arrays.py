"""Arrays and sparse matrices at the doors of the core: any type, stride, shape and structure.

What cannot be read is refused with a ValueError or TypeError, and then nothing has changed.
"""

from typing import Any

import numpy as np
from scipy import sparse

import chainrule as cr
from chainrule import ops

from . import Rng, Target, pick

M, N = 8, 4  # rows and features of what fits
DTYPES = ["f2", "f4", "f8", "g", "i1", "i8", "u1", "u8", "?", ">f4", ">f8", ">i4", "c8", "O"]
DTYPES += ["U3", "S2", "M8[s]", "m8[s]", "V8", "f4,f4"]
NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 7.0, 1e30, -1e38, 3.5e38, 1e-45, 1e300, np.nan, np.inf]
INDICES = [-1, 0, 1, 3, 4, 7, 8, 100, 2**31 - 1, 2**31, -(2**31), 2**62, -(2**63), 2**63 - 1]
FORMS = ["csr", "csc", "bsr", "coo", "dia", "lil", "dok"]
INSIDE = ["indptr", "indices", "data", "row", "col", "coords", "offsets", "rows", "_shape"]


class ObjectionError(Exception):
    """What the user's own object raises while it is converted."""


class Moody:
    """Another array each time it is asked for one, or an error."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.rng.random() < 0.2:
            raise ObjectionError
        return numbers(self.rng, shape(self.rng, (M, N)))


def shape(rng: Rng, fitting: tuple[int, ...]) -> tuple[int, ...]:
    """Mostly the one that fits."""
    kind = rng.random()
    if kind < 0.9:
        return fitting
    if kind < 0.96:
        return tuple(int(n) for n in rng.integers(0, 10, int(rng.integers(0, 4))))
    return (*fitting[:-1], fitting[-1] + int(rng.integers(-1, 2)))


def numbers(rng: Rng, size: tuple[int, ...]) -> Any:
    values = rng.normal(size=size)
    match int(rng.integers(8)):
        case 0:
            values = np.asarray(rng.integers(0, 3, size))
        case 1:
            values = np.asarray(rng.random(size) < 0.5)
        case 2 if values.size:
            values.flat[int(rng.integers(values.size))] = pick(rng, NUMBERS)
    return values


def array(rng: Rng, fitting: tuple[int, ...]) -> Any:
    """Of the right shape and type, or hardly, or not at all."""
    values = numbers(rng, shape(rng, fitting))
    if rng.random() < 0.3:
        values = cast(values, pick(rng, DTYPES))
    return pick(rng, LAYOUTS)(values, rng) if rng.random() < 0.7 else values


def cast(values: Any, dtype: str) -> Any:
    try:
        with np.errstate(all="ignore"):
            return values.astype(dtype)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # no such conversion
        return np.zeros(values.shape, dtype)


def _strided(values: Any, rng: Rng) -> Any:
    """The same values in a larger array, in steps forwards or backwards."""
    if values.dtype.kind == "V":  # NumPy cannot copy all of these
        return values
    steps = [pick(rng, [1, 2, 3, -1, -2]) for _ in values.shape]
    room = np.zeros(
        [n * abs(s) + 1 for n, s in zip(values.shape, steps, strict=True)], values.dtype
    )
    view = room[tuple(slice(None, None, s) for s in steps)]
    view = view[tuple(slice(n) for n in values.shape)]
    view[...] = values
    return view


def _misaligned(values: Any, rng: Rng) -> Any:
    if values.dtype.hasobject or not values.dtype.itemsize:
        return values
    room = np.zeros(values.nbytes + 8, np.uint8)
    at = int(rng.integers(1, 8))
    view = room[at : at + values.nbytes].view(values.dtype).reshape(values.shape)
    view[...] = values
    return view


def _read_only(values: Any, rng: Rng) -> Any:
    values.flags.writeable = False
    return values


LAYOUTS = [
    lambda values, rng: values,
    lambda values, rng: np.asfortranarray(values),
    lambda values, rng: np.broadcast_to(values[..., :1], values.shape) if values.ndim else values,
    lambda values, rng: np.ascontiguousarray(values.T).T,
    _strided,
    _misaligned,
    _read_only,
    lambda values, rng: values.tolist(),
    lambda values, rng: np.ma.masked_array(values),
    lambda values, rng: memoryview(np.ascontiguousarray(values, np.float64)),
    lambda values, rng: pick(
        rng, [None, 3, "x", [[1], [2, 3]], {}, object(), Moody(rng), [], b"1"]
    ),
]


def matrix(rng: Rng) -> Any:
    """A sparse one, whose arrays are mostly changed behind scipy's back."""
    values = rng.normal(size=(M, N)) * (rng.random((M, N)) < 0.6)
    kind, form = pick(rng, ["array", "matrix"]), pick(rng, FORMS)
    made = getattr(sparse, f"{form}_{kind}")(values.astype(pick(rng, ["f4", "f8", "i4", "?"])))
    if rng.random() < 0.3 and form in ("csr", "csc"):
        made.indptr, made.indices = made.indptr.astype("i8"), made.indices.astype("i8")
    for _ in range(int(rng.integers(0, 4))):
        _break(made, rng)
    return made


def _break(made: Any, rng: Rng) -> None:
    name = pick(rng, [name for name in INSIDE if hasattr(made, name)])
    old = getattr(made, name)
    try:
        if isinstance(old, tuple) and name == "coords":
            made.coords = tuple(_broken(one, rng) for one in old)
        elif name == "_shape":
            made._shape = tuple(pick(rng, [M, N, 0, 1, -1, 100, 2**62]) for _ in range(2))
        else:
            setattr(made, name, _broken(np.array(old), rng))
    except (TypeError, ValueError, AttributeError):  # scipy would not have it
        pass


def _broken(values: Any, rng: Rng) -> Any:
    if not values.ndim:
        return values
    match int(rng.integers(8)):
        case 0 | 1 | 2 if values.size and values.dtype.kind in "iu":
            with np.errstate(all="ignore"):
                new = np.array(pick(rng, INDICES), np.int64).astype(values.dtype)
            values = values.copy()
            values.flat[int(rng.integers(values.size))] = new
        case 3 if values.size and values.dtype.kind == "f":
            values = values.copy()
            values.flat[int(rng.integers(values.size))] = pick(rng, NUMBERS)
        case 4:
            values = values[: int(rng.integers(values.shape[0] + 1))]
        case 5:
            values = np.concatenate([values, values[-3:]])
        case 6:
            values = cast(values, pick(rng, DTYPES))
        case 7:
            values = pick(rng, [values[None], values[::-1], values[::2], None, values.tolist()])
    return values


def features(rng: Rng) -> Any:
    return matrix(rng) if rng.random() < 0.4 else array(rng, (M, N))


def targets(rng: Rng, loss: str) -> Any:
    """Mostly such as the loss takes."""
    fitting = LOSSES[loss][1]
    if rng.random() < 0.4:
        return array(rng, fitting)
    values = rng.integers(0, 3 if loss == "cross_entropy" else 2, fitting)
    return pick(rng, LAYOUTS)(values.astype(pick(rng, ["i8", "f4", "f8", "u1", "?"])), rng)


def weights(rng: Rng) -> Any:
    return pick(rng, [None, None, np.abs(rng.normal(size=M)), array(rng, (M,))])


# Where arrays come in: (network, trainer, rng) -> whatever happens.
LOSSES = {
    "cross_entropy": ("softmax", (M,)),
    "binary_cross_entropy": ("sigmoid", (M, 3)),
    "squared_error": ("identity", (M, 3)),
    "poisson": ("exp", (M, 3)),
    "hinge": ("identity", (M, 3)),
}
LAYERS = [
    [cr.Dense(5, "relu")],
    [cr.BatchNorm(), cr.Dense(5, "gelu")],
    [cr.Dense(5), cr.LayerNorm(), cr.Activation("elu")],
    [cr.Residual([cr.Dense(4, "tanh"), cr.Dropout(0.3), cr.Dense(4)])],
    [],
]


def door(rng: Rng) -> None:
    loss = pick(rng, list(LOSSES))
    activation, _ = LOSSES[loss]
    dtype = pick(rng, ["float32", "float64"])
    net = cr.Network([*pick(rng, LAYERS), cr.Dense(3, activation)], N, dtype)
    trainer = cr.Trainer(net, loss, pick(rng, ["sgd", "adam"]))
    before = {name: value.tobytes() for name, value in net.parameters.items()}
    X, Y, w = features(rng), targets(rng, loss), weights(rng)
    calls = [
        lambda: net.predict(X),
        lambda: net.predict(X, out=array(rng, (M, 3))),
        lambda: net.cost(X, Y, loss, w),
        lambda: net.backward(X, Y, loss, w),
        lambda: net.trace(X, Y, loss, w),
        lambda: trainer.step(X, Y, w),
        lambda: trainer.fit(X, Y, 1, 3, sample_weight=w),
        lambda: trainer.fit(X, Y, 1, 3, rows=array(rng, (5,))),
        lambda: trainer.fit(X, Y, 1, 3, validation_data=(X, targets(rng, loss))),
        lambda: trainer.evaluate(X, Y, w),
        lambda: net.parameters.__setitem__(pick(rng, list(before)), array(rng, (4, 5))),
        lambda: net.parameters.__setitem__(pick(rng, list(before)), array(rng, (3,))),
    ]
    try:
        pick(rng, calls)()
    except Exception:
        now = {name: value.tobytes() for name, value in net.parameters.items()}
        tracked = [name for name in before if "running" in name]
        changed = [name for name in before if before[name] != now[name] and name not in tracked]
        assert trainer.steps or not changed, "refused, and yet changed"
        raise


def operation(rng: Rng) -> None:
    X, W, b, A = (array(rng, size) for size in ((M, N), (N, 3), (3,), (M, 3)))
    activation = pick(rng, ["identity", "relu", "softmax", "gelu", cr.Activation("elu", 0.5)])
    loss = pick(rng, list(LOSSES))
    calls = [
        lambda: ops.dense_forward(X, W, b, activation),
        lambda: ops.dense_forward(X, W, None, activation, out=A),
        lambda: ops.activation(X, activation, out=pick(rng, [None, X, A])),
        lambda: ops.activation_derivative(X, "tanh"),
        lambda: ops.activation_backward(X, array(rng, (M, N)), activation),
        lambda: ops.dense_backward(X, W, A, dW=array(rng, (N, 3)), db=array(rng, (3,))),
        lambda: ops.dense_backward(X, W, A, out=pick(rng, [X, None, array(rng, (M, N))])),
        lambda: ops.loss_and_gradient(A, array(rng, LOSSES[loss][1]), loss),
        lambda: ops.optimizer_step("adam", {"W": W}, {"W": array(rng, (N, 3))}, {}),
    ]
    pick(rng, calls)()


REFUSED = (ValueError, TypeError, MemoryError, ObjectionError)
TARGETS = [Target("door", door, REFUSED), Target("operation", operation, REFUSED)]
