"""Histories as tensors, a column each, and how documents and tensors of a file are taken apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.history import History

Array = NDArray[Any]


def check_fields(document: Any, name: str, fields: set[str]) -> dict[str, Any]:
    """The document, which must have these fields and no other."""
    if not isinstance(document, dict) or set(document) != fields:
        raise ValueError(f"{name} has other fields than {', '.join(sorted(fields))}")
    return document


def pop(tensors: dict[str, Array], name: str, ndim: int | None = None) -> Array:
    """A tensor taken out; it must be there, with so many dimensions."""
    if name not in tensors:
        raise ValueError(f"the tensor {name[:80]!r} is missing")
    array = tensors.pop(name)
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name[:80]} has the shape {array.shape}")
    return array


def history_keys(history: History) -> list[str]:
    """In the order of the last record, which callbacks may see again."""
    last = history.last() if history else {}
    return list(dict.fromkeys([*last, *history.keys()]))


def history_tensors(history: History) -> dict[str, Array]:
    """A column each, int64 or float64, with zeros in gaps, of which a column of bools tells."""
    tensors: dict[str, Array] = {}
    for key, column in history.to_dict().items():
        has = np.array([value is not None for value in column])
        values = [0 if value is None else value for value in column]
        whole = all(isinstance(v, int) and abs(v) < 2**63 for v in values)
        tensors[f"history/{key}"] = np.array(values, np.int64 if whole else np.float64)
        if not has.all():
            tensors[f"history_has/{key}"] = has
    return tensors


def read_history(keys: Any, tensors: dict[str, Array]) -> History:
    """What `history_keys` and `history_tensors` gave. Takes its tensors out."""
    if not isinstance(keys, list) or len(set(keys)) < len(keys):
        raise ValueError("the history's keys are no list, or one stands there twice")
    columns = {}
    for key in keys:
        values, has = pop(tensors, f"history/{key}", 1), tensors.pop(f"history_has/{key}", None)
        if has is not None and (has.dtype != np.bool_ or has.shape != values.shape):
            raise ValueError(f"history_has/{key} does not fit")
        if values.dtype not in (np.int64, np.float64):
            raise TypeError(f"history/{key} holds no numbers")
        kept = np.ones(values.shape, bool) if has is None else has
        pairs = zip(values.tolist(), kept.tolist(), strict=True)
        columns[key] = [value if there else None for value, there in pairs]
    return History.from_dict(columns)
