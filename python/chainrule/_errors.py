"""The doors: options are checked once, and refused with a message that helps.

A refusal reads `[Where] argument: expected ..., got ...`. A warning points at the user's line.
"""

import inspect
import math
import numbers
import sys
import warnings
from collections.abc import Iterable, Mapping
from types import FunctionType, MethodType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
# Registered as numbers, and yet none.
NO_NUMBERS = (bool, np.timedelta64)
OURS = ("chainrule.", "sklearn.callback.")  # frames that `warn` passes over
# What other libraries call them, in lower case and without spaces, hyphens and underscores.
ELSEWHERE = {
    "acc": "accuracy",
    "bce": "binary_cross_entropy",
    "binarycrossentropy": "binary_cross_entropy",
    "categoricalcrossentropy": "cross_entropy",
    "criterion": "loss",
    "crossentropyloss": "cross_entropy",
    "gamma": "factor",
    "infeatures": "n_inputs",
    "inputdim": "n_inputs",
    "inputshape": "n_inputs",
    "kernelinitializer": "initializer",
    "l1loss": "absolute_error",
    "linear": "identity",
    "lr": "learning_rate",
    "lrelu": "leaky_relu",
    "learningrateinit": "learning_rate",
    "mae": "absolute_error",
    "maxiter": "epochs",
    "meansquarederror": "squared_error",
    "mode": "larger_is_better",
    "model": "net",
    "mse": "squared_error",
    "outfeatures": "units",
    "p": "rate",
    "randomstate": "seed",
    "scheduler": "schedule",
    "sparsecategoricalcrossentropy": "cross_entropy",
    "swish": "silu",
    "weightdecay": "l2",
}


class FileFormatError(ValueError):
    """A file that is not what it should be: of another kind, damaged, or made to do harm."""


def message(where: str, argument: str, expected: str, got: object) -> str:
    """`[where] argument: expected ..., got ...`, the value as `short` has it."""
    return f"[{where}] {argument}: expected {expected}, got {short(_shown(got))}"


def _shown(got: object) -> str:
    """Its repr, which of the user's own may fail."""
    try:
        return repr(got)
    except Exception as error:
        return f"a {type(got).__name__}, whose repr raises {type(error).__name__}"


def short(text: str) -> str:
    """On one line, of at most 80 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:77] + "..."


def quoted(names: Iterable[str]) -> str:
    """`'a', 'b', 'c'`."""
    return ", ".join(map(repr, names))


def unknown(
    where: str, argument: str, got: object, known: Iterable[str], note: str = ""
) -> ValueError:
    """The error for a name that is not in a list: with the list, the nearest or else a note."""
    names = list(known)
    meant = _meant(got, names) if isinstance(got, str) else None
    hint = f" (did you mean {meant!r}?)" if meant else note
    return ValueError(message(where, argument, f"one of {quoted(names)}", got) + hint)


def _meant(got: str, names: list[str]) -> str | None:
    """The name written otherwise, as other libraries have it, or with a slip of the pen."""
    import difflib  # 1 ms of the time that `import chainrule` takes

    def bare(name: str) -> str:
        return "".join(filter(str.isalnum, name)).lower()

    known = {bare(name): name for name in names}
    if (same := known.get(bare(got), ELSEWHERE.get(bare(got)))) in names:
        return same
    near = difflib.get_close_matches(got, names, n=1)
    return near[0] if near else None


def check_bool(where: str, argument: str, value: object) -> bool:
    """The value, which must be True or False."""
    if not isinstance(value, bool):
        raise TypeError(message(where, argument, "True or False", value))
    return value


def check_choice(where: str, argument: str, value: object, known: Iterable[str]) -> str:
    """The value, which must be one of the `known` names."""
    names = list(known)
    if not isinstance(value, str) or value not in names:
        raise unknown(where, argument, value, names)
    return value


def check_instance(where: str, argument: str, value: object, kind: type[T]) -> T:
    """The value, which must be an object of `kind`."""
    if not isinstance(value, kind):
        raise TypeError(message(where, argument, f"an object of {kind.__name__}", value))
    return value


def _is_a(kind: Any, value: Any) -> bool:
    return type(value) is int or (isinstance(value, kind) and not isinstance(value, NO_NUMBERS))


def check_integer(
    where: str, argument: str, value: Any, minimum: int, maximum: int | None = None, note: str = ""
) -> int:
    """The value as an int within closed ends. NumPy integers pass; bools and floats do not.

    `note` follows what was expected: "an integer from 1 to 1437 (the number of rows) or None".
    """
    error: type[Exception] = TypeError
    if _is_a(numbers.Integral, value):
        number = int(value)
        if number >= minimum and (maximum is None or number <= maximum):
            return number
        error = ValueError
    ends = f">= {minimum}" if maximum is None else f"from {minimum} to {maximum}"
    raise error(message(where, argument, f"an integer {ends}{note}", value))


def check_number(
    where: str,
    argument: str,
    value: Any,
    *,
    above: float = -math.inf,
    minimum: float = -math.inf,
    below: float = math.inf,
    maximum: float = math.inf,
    note: str = "",
) -> float:
    """The value as a finite float with above < value < below and minimum <= value <= maximum.

    NumPy numbers pass; bools, strings, NaN and infinities do not. `note` as in `check_integer`.
    """
    error: type[Exception] = TypeError
    if type(value) is float or _is_a(numbers.Real, value):  # the former takes no time
        try:
            number = float(value)
        except OverflowError:  # of an integer
            number = math.inf
        if above < number < below and minimum <= number <= maximum:  # false for NaN, too
            return number
        error = ValueError
    ends = ((">", above), (">=", minimum), ("<", below), ("<=", maximum))
    limits = " and ".join(f"{sign} {end:g}" for sign, end in ends if math.isfinite(end))
    raise error(message(where, argument, f"a finite number {limits}".rstrip() + note, value))


def check_limit(where: str, argument: str, value: Any) -> float | None:
    """The value as `check_number` has it, above 0, or None."""
    return None if value is None else check_number(where, argument, value, above=0)


def check_precision(where: str, values: Mapping[str, Any], dtype: "np.dtype[Any]") -> None:
    """Numbers that float32 turns into infinity or zero would not do what was asked for."""
    if dtype == np.float64:
        return
    for name, value in values.items():
        if isinstance(value, float) and value != 0:
            with np.errstate(all="ignore"):
                held = float(dtype.type(value))
            if held == 0 or not math.isfinite(held):
                raise ValueError(message(where, name, f"a number that {dtype} can hold", value))


def check_list(where: str, argument: str, expected: str, value: Any) -> list[Any]:
    """The elements of a list, or of anything else that can be gone through."""
    try:
        elements = iter(value)
    except TypeError:
        raise TypeError(message(where, argument, expected, value)) from None
    return list(elements)


def check_array(where: str, argument: str, expected: str, value: Any) -> NDArray[Any]:
    """The value as NumPy has it. Raises TypeError for a masked array, whose mask would be lost.

    Raises ValueError for what is no array, such as rows of unlike length.
    """
    if isinstance(value, np.ma.MaskedArray):
        problem = "expected an array without a mask, got a masked array; fill it first"
        raise TypeError(f"[{where}] {argument}: {problem}")
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        got = f"{type(value).__name__}, which is no array: {error}"
        raise ValueError(f"[{where}] {argument}: expected {expected}, got {got}") from None


def takes(function: Any, count: int) -> bool:
    """Whether it can be called with so many values; True for built-ins that do not say."""
    if isinstance(function, MethodType):  # also one that forgot self
        return takes(function.__func__, count + 1)
    if type(function) is FunctionType and not hasattr(function, "__signature__"):
        return _code_takes(function, count)
    try:
        # Not that of the function behind a decorator, which may take others.
        inspect.signature(function, follow_wrapped=False).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:
        pass
    return True


def _code_takes(function: FunctionType, count: int) -> bool:
    """What its signature says, 15 us sooner."""
    code, defaults = function.__code__, function.__kwdefaults__ or {}
    most = code.co_argcount
    only_by_name = code.co_varnames[most : most + code.co_kwonlyargcount]
    enough = most - len(function.__defaults__ or ()) <= count
    few = count <= most or bool(code.co_flags & inspect.CO_VARARGS)
    return enough and few and all(name in defaults for name in only_by_name)


def check_takes(where: str, argument: str, name: str, function: Any, *parameters: str) -> None:
    """A function of the user's, `name`, must take these by position."""
    expected = f"{name}({', '.join(parameters)})"
    if not callable(function):
        raise TypeError(message(where, argument, f"{expected}, a function", function))
    if not takes(function, len(parameters)):
        try:
            got = f"{name}{inspect.signature(function, follow_wrapped=False)}"
        except ValueError:
            got = f"{name}(), without self"
        raise TypeError(f"[{where}] {argument}: expected {expected}, got {got}")


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warns where chainrule was called, be that through scikit-learn's decorators."""
    frame, level = sys._getframe().f_back, 2
    while frame is not None and frame.f_globals["__name__"].startswith(OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
