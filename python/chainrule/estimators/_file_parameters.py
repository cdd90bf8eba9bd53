"""The parameters of an estimator in its file: data as JSON, objects of chainrule by their dicts.

    None, True, 3, "x"      as they are, NumPy's scalars as Python's
    [1, 2]                  a list; all else is an object with one key, which says what it is:
    {"tuple": [1, 2]}       also "dict", of pairs, and "float" for NaN and the infinities
    {"array": ..}           see `_file_labels`
    {"layer": {..}}         also "optimizer", "schedule", "loss", "activation" and "callback"
    {"RandomState": ..}     with its place in the sequence
    {"own": "text"}         what no file holds, such as functions: to be given again

Start at `encode_parameters` and `decode_parameters`.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._description import Description
from chainrule._encoding import DEEPEST, SPECIAL_FLOATS
from chainrule._errors import check_integer, check_number, message
from chainrule._history_file import check_fields
from chainrule._unfinished import SavedCallback, rebuild, save_callback
from chainrule.activations import Activation, as_activation
from chainrule.callbacks import Callback
from chainrule.estimators._file_labels import decode_array, encode_array
from chainrule.layers import Layer, layer_from_dict
from chainrule.losses import Loss, resolve_loss
from chainrule.optimizers import Optimizer, resolve_optimizer
from chainrule.schedules import Schedule, as_schedule

Array = NDArray[Any]
LONGEST = 200  # characters that tell of what no file holds
KEY = "MT19937"  # the bit generator of a RandomState, unless somebody chose another
WORDS = 624  # of its state

DESCRIPTIONS: dict[str, tuple[type[Description], Callable[[Any], Any]]] = {
    "layer": (Layer, layer_from_dict),
    "optimizer": (Optimizer, resolve_optimizer),
    "schedule": (Schedule, as_schedule),
    "loss": (Loss, resolve_loss),
}


def encode_parameters(parameters: Mapping[str, Any], arrays: list[Array]) -> dict[str, Any]:
    """As JSON, by name; arrays are added to the list."""
    return {name: _encode_or_tell(value, arrays) for name, value in parameters.items()}


def decode_parameters(
    document: Any, names: Sequence[str], arrays: Sequence[Array]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters, and what is told of those that are to be given again.

    Raises ValueError, TypeError or KeyError for what `encode_parameters` did not write.
    """
    document = check_fields(document, "parameters", set(names))
    values, own = {}, {}
    for name in names:
        value = document[name]
        if isinstance(value, dict) and set(value) == {"own"}:
            if not isinstance(value["own"], str):
                raise TypeError(f"what {name} was is no text")
            own[name] = value["own"]
        else:
            values[name] = _decode(value, arrays)
    return values, own


def _encode_or_tell(value: Any, arrays: list[Array]) -> Any:
    """What comes back otherwise than it was, such as an object of a derived class, is no data."""
    before = len(arrays)
    try:
        encoded = _encode(value, arrays)
        _decode(encoded, arrays)
    except (TypeError, ValueError):
        del arrays[before:]
        return {"own": told(value)}
    return encoded


def told(value: Any) -> str:
    """What a value is called, on one line."""
    text = " ".join(re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value)).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _encode(value: Any, arrays: list[Array], depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise TypeError("values within values too deep")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if type(value) in (list, tuple):
        items = [_encode(item, arrays, depth + 1) for item in value]
        return items if type(value) is list else {"tuple": items}
    if type(value) is dict:
        pairs = value.items()
        return {"dict": [[_encode(item, arrays, depth + 1) for item in pair] for pair in pairs]}
    if type(value) is np.ndarray:
        return {"array": encode_array(value, arrays)}
    if type(value) is np.random.RandomState:
        return {"RandomState": _encode_random_state(value, arrays)}
    if type(value) is Activation:
        return {"activation": {"name": value.name, "slope": value.slope, "groups": value.groups}}
    if isinstance(value, Callback):
        return {"callback": _encode_callback(value)}
    for name, (kind, build) in DESCRIPTIONS.items():
        if isinstance(value, kind):
            document = value.to_dict()
            if build(document) != value:
                raise TypeError("an object of a class derived from chainrule's")
            return {name: document}
    raise TypeError(f"{type(value).__name__} is no data")


def _decode(value: Any, arrays: Sequence[Array], depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise ValueError("values within values too deep")
    if isinstance(value, list):
        return [_decode(item, arrays, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "float":
        return SPECIAL_FLOATS[content]
    if kind == "tuple":
        return tuple(_decode(_list(content), arrays, depth + 1))
    if kind == "dict":
        pairs = [_decode(_list(pair), arrays, depth + 1) for pair in _list(content)]
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key stands there twice")
        return found
    if kind == "array":
        return decode_array(content, arrays)
    if kind == "RandomState":
        return _decode_random_state(content, arrays)
    if not isinstance(content, dict):
        raise TypeError(f"the {kind[:20]} is described by no object")
    if kind == "activation":
        return as_activation(content)
    if kind == "callback":
        d = check_fields(content, "callback", {"kind", "arguments"})
        if not isinstance(d["arguments"], dict):
            raise TypeError("the arguments of a callback are no object")
        return rebuild(SavedCallback(d["kind"], False, d["arguments"], None))
    return DESCRIPTIONS[kind][1](content)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(message("parameters", "values", "a list", value))
    return value


def _encode_callback(callback: Callback) -> dict[str, Any]:
    """One that a file builds again; what it remembers is of a fit."""
    saved = save_callback(callback)
    if saved.arguments is None:
        raise TypeError(f"{saved.kind} is the user's own, or writes files")
    return {"kind": saved.kind, "arguments": saved.arguments}


def _encode_random_state(state: np.random.RandomState, arrays: list[Array]) -> dict[str, Any]:
    values: Any = state.get_state(legacy=False)
    if values["bit_generator"] != KEY:
        raise TypeError(f"expected a RandomState of {KEY}")
    arrays.append(values["state"]["key"].astype(np.int64))
    return {
        "key": len(arrays) - 1,
        "position": int(values["state"]["pos"]),
        "has_gauss": int(values["has_gauss"]),
        "gauss": float(values["gauss"]),
    }


def _decode_random_state(document: Any, arrays: Sequence[Array]) -> np.random.RandomState:
    d = check_fields(document, "RandomState", {"key", "position", "has_gauss", "gauss"})
    key = arrays[check_integer("RandomState", "key", d["key"], 0, len(arrays) - 1)]
    position = check_integer("RandomState", "position", d["position"], 0, WORDS)
    has_gauss = check_integer("RandomState", "has_gauss", d["has_gauss"], 0, 1)
    gauss = check_number("RandomState", "gauss", d["gauss"])
    if key.dtype != np.int64 or key.shape != (WORDS,) or key.min() < 0 or key.max() >= 2**32:
        raise ValueError("the state of a RandomState does not fit")
    state = np.random.RandomState(0)
    state.set_state((KEY, key.astype(np.uint32), position, has_gauss, gauss))
    return state
