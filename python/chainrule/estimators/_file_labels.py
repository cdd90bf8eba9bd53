"""Labels and what there is to predict, in the file of an estimator.

    numbers, booleans   a tensor (int64, float32, float64, bool) and the name of the dtype
    strings             a list in the document
    objects             likewise: strings or numbers, such as pandas gives

`encode_target` and `decode_target` are a classifier's y, whose kinds `_targets` has.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from chainrule._errors import check_bool, check_integer, message
from chainrule._history_file import check_fields
from chainrule.estimators._targets import OneTarget, SeveralTargets, Targets

Array = NDArray[Any]

STORED = {  # dtype -> that of its tensor
    **{f"{sign}int{bits}": "int64" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{"bool": "bool", "float16": "float32", "float32": "float32", "float64": "float64"},
}


def encode_array(array: Array, arrays: list[Array]) -> dict[str, Any]:
    """The document; numbers are added to the list. Raises TypeError for other things."""
    if array.dtype.name in STORED:
        stored = np.dtype(STORED[array.dtype.name])
        arrays.append(array.view(stored) if array.dtype == np.uint64 else array.astype(stored))
        return {"dtype": array.dtype.name, "tensor": len(arrays) - 1}
    if array.ndim == 1 and array.dtype.kind in "OU":
        items = [v.item() if isinstance(v, np.generic) else v for v in array.tolist()]
        if all(type(item) in (str, bool, int, float) for item in items):
            kind = "object" if array.dtype == object else "str"
            return {"dtype": kind, "list": items}
    raise TypeError(message("save", "labels", "numbers, booleans or strings", array))


def decode_array(document: Any, arrays: Sequence[Array]) -> Array:
    """The array. Raises ValueError, TypeError or KeyError for what `encode_array` did not write."""
    if isinstance(document, dict) and "list" in document:
        d = check_fields(document, "labels", {"dtype", "list"})
        items, kind = d["list"], {"object": object, "str": str}[d["dtype"]]
        allowed = (str,) if kind is str else (str, bool, int, float)
        if not isinstance(items, list) or not all(type(item) in allowed for item in items):
            raise TypeError("labels are no list of strings or numbers")
        return np.array(items, kind)
    d = check_fields(document, "array", {"dtype", "tensor"})
    number = check_integer("array", "tensor", d["tensor"], 0, len(arrays) - 1)
    array, dtype = arrays[number], np.dtype(d["dtype"])
    if array.dtype != STORED[dtype.name]:
        raise TypeError(f"the tensor of {dtype} is one of {array.dtype}")
    if dtype == np.uint64:
        return array.view(dtype)
    with np.errstate(all="ignore"):
        converted = array.astype(dtype)
    if not np.array_equal(converted, array, equal_nan=dtype.kind == "f"):
        raise ValueError(f"numbers that are none of {dtype}")
    return converted


def encode_target(target: Targets, arrays: list[Array]) -> dict[str, Any]:
    if isinstance(target, SeveralTargets):
        return {"outputs": [encode_array(classes, arrays) for classes in target.classes]}
    if target.is_multilabel:
        is_sparse = bool(target.binarizer.sparse_input_)
        return {"labels": len(target.classes), "sparse": is_sparse}
    return {"classes": encode_array(target.classes, arrays)}


def decode_target(document: Any, arrays: Sequence[Array], n_outputs: int) -> Targets:
    """The target, of at most so many units."""
    if not isinstance(document, dict):
        raise TypeError("the target is described by no object")
    if "labels" in document:
        d = check_fields(document, "target", {"labels", "sparse"})
        n = check_integer("target", "labels", d["labels"], 2, n_outputs)
        rows = np.repeat([[0], [1]], n, axis=1)
        is_sparse = check_bool("target", "sparse", d["sparse"])
        return OneTarget(sp.csr_array(rows) if is_sparse else rows)
    if "outputs" in document:
        d = check_fields(document, "target", {"outputs"})
        if not isinstance(d["outputs"], list) or len(d["outputs"]) < 2:
            raise TypeError("the outputs are no list of at least two")
        return SeveralTargets([_sorted(decode_array(one, arrays)) for one in d["outputs"]])
    classes = check_fields(document, "target", {"classes"})["classes"]
    return OneTarget(_sorted(decode_array(classes, arrays)))


def _sorted(classes: Array) -> Array:
    if classes.ndim != 1 or not np.array_equal(np.unique(classes), classes) or not len(classes):
        raise ValueError("classes are not sorted, or one stands there twice")
    if classes.dtype.kind == "f" and not np.isfinite(classes).all():
        raise ValueError("a class is NaN or infinite")
    return classes
