"""Plain Python values with NumPy arrays in them, as JSON and a list of arrays.

What JSON lacks stands in an object of one key: an array as its number in the list, NaN and the
infinities by name. Tuples come back as lists.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._container import NAMES
from chainrule._errors import message

Array = NDArray[Any]

ARRAY, FLOAT = "$array", "$float"
DEEPEST = 50
SPECIAL_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # as `str` has them


def encode(value: Any, arrays: list[Array], where: str, argument: str, depth: int = 0) -> Any:
    """The JSON of a value; its arrays are added to the list. Raises TypeError for other things."""
    if depth > DEEPEST:
        raise TypeError(f"[{where}] {argument}: expected at most {DEEPEST} levels")
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {FLOAT: str(value)}
    if isinstance(value, np.ndarray) and value.dtype in NAMES:
        arrays.append(value)
        return {ARRAY: len(arrays) - 1}
    if isinstance(value, list | tuple):
        return [encode(item, arrays, where, argument, depth + 1) for item in value]
    is_dict = isinstance(value, dict) and all(isinstance(key, str) for key in value)
    if is_dict and not {ARRAY, FLOAT} & set(value):
        return {k: encode(v, arrays, where, argument, depth + 1) for k, v in value.items()}
    types = ", ".join(dtype.name for dtype in NAMES)
    expected = f"None, numbers, strings, arrays of {types}, and lists and dicts (by names) of them"
    raise TypeError(message(where, argument, expected, value))


def decode(value: Any, arrays: Sequence[Array], depth: int = 0) -> Any:
    """The value that `encode` was given. Raises ValueError, TypeError, KeyError for other JSON."""
    if depth > DEEPEST:
        raise ValueError("values within values too deep")
    if isinstance(value, list):
        return [decode(item, arrays, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {FLOAT}:
        return SPECIAL_FLOATS[value[FLOAT]]
    if set(value) == {ARRAY}:
        number = value[ARRAY]
        if type(number) is not int or not 0 <= number < len(arrays):
            raise ValueError(f"no array has the number {number!r}")
        return arrays[number]
    return {key: decode(item, arrays, depth + 1) for key, item in value.items()}
