"""Activations and losses that the user wrote in NumPy, by name, and how the core calls them.

A name means what is registered under it when it is used, in this process. Start at
`run_activation`, which the core calls with the GIL, from the thread that called the core alone.
`chainrule.custom` has what users call.
"""

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._dataclass import dataclass

Array = NDArray[Any]


@dataclass(frozen=True)
class Functions:
    """`value` and `derivative`, and the `domain` of z, or of A, in which they were tried; of a loss
    also the kind of its targets, as the core names it, how many outputs it is for, None for any,
    and above what an output is a yes.
    """

    value: Callable[..., Any]
    derivative: Callable[..., Any]
    targets: str = ""
    n_outputs: int | None = None
    threshold: float = 0.5
    domain: tuple[float, float] = field(default=(-30.0, 30.0), compare=False)

    def draw(self, rng: "np.random.Generator", shape: tuple[int, ...]) -> Array:
        """Numbers from the domain, a hundredth of it from its ends, where float32 may round."""
        low, high = self.domain
        margin = (high - low) / 100
        return rng.uniform(low + margin, high - margin, shape)


ACTIVATIONS: dict[str, Functions] = {}
LOSSES: dict[str, Functions] = {}
TABLES = {"activation": ACTIVATIONS, "loss": LOSSES}
NOTE = "; one of your own: call chainrule.register_{} first"  # in the error for an unknown name


class NotRegisteredError(ValueError):
    """A name of a user's function that is not registered in this process."""


def find(kind: str, name: str) -> Functions:
    """The functions of an "activation" or a "loss". Raises NotRegisteredError."""
    try:
        return TABLES[kind][name]
    except KeyError:
        raise not_registered(kind, name) from None


def not_registered(kind: str, name: str) -> NotRegisteredError:
    call = f"chainrule.register_{kind}({name!r}, value=.., derivative=..)"
    return NotRegisteredError(f"the {kind} {name!r} is not registered here; do so first: {call}")


def check_registered(kind: str, name: object, built_in: Container[str]) -> None:
    """For names in files. What can be no such name is left to later checks."""
    if not isinstance(name, str) or name in built_in or name in TABLES[kind]:
        return
    if name.isidentifier():
        raise not_registered(kind, name)


def run_activation(name: str, derivative: bool, z: Array) -> Array:
    """g(z), or g'(z), as a contiguous array like z."""
    functions = find("activation", name)
    which = "derivative" if derivative else "value"
    with _noted("activation", name, which, z):
        result = getattr(functions, which)(z)
        return as_result(f"activation {name!r}", which, result, z.shape, z.dtype)


def run_loss(name: str, A: Array, Y: Array, with_derivative: bool) -> tuple[Array, Array | None]:
    """L (m,) in float64, and dL/dA like A or None.   A, Y (m, n_y)"""
    functions, where, derivative = find("loss", name), f"loss {name!r}", None
    with _noted("loss", name, "value", A):
        losses = as_result(where, "value", functions.value(A, Y), A.shape[:1], np.float64)
    if with_derivative:
        with _noted("loss", name, "derivative", A):
            result = functions.derivative(A, Y)
            derivative = as_result(where, "derivative", result, A.shape, A.dtype)
    return losses, derivative


def as_result(where: str, which: str, result: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """What a function returned, contiguous.

    Raises ValueError for another shape, no floats, or float16, which has three digits.
    """
    array = np.asarray(result)
    if array.dtype == np.float16:
        raise ValueError(f"[{where}] {which}: expected float32 or float64, got float16")
    if array.shape != shape or array.dtype.kind != "f":
        expected = f"a floating-point array of shape {shape}"
        got = f"{array.dtype} of shape {array.shape}"
        raise ValueError(f"[{where}] {which}: expected {expected}, got {got}")
    return np.ascontiguousarray(array, dtype)


@contextmanager
def _noted(kind: str, name: str, which: str, argument: Array) -> Iterator[None]:
    """The user's exception goes on as it is, with a note of where it came from."""
    try:
        yield
    except BaseException as error:
        got = f"{argument.dtype} of shape {argument.shape}"
        error.add_note(f"in the {which} of the {kind} {name!r}, called by chainrule with {got}")
        raise
