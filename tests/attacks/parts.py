"""A file as header and data, taken apart and put together otherwise: what the attacks share."""

import copy
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import checkpoint

Named = Iterator[tuple[str, Any]]
SUM = '"checksum":"'
NOTHING = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}


class RunsCode:
    """Who unpickles this writes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("attacked", "w")


def seal(header: str | bytes, data: bytes, length: int | None = None) -> bytes:
    """A container with its checksum, whatever is in it."""
    text = header.encode("utf-8", "surrogatepass") if isinstance(header, str) else header
    start = struct.pack("<Q", len(text) if length is None else length) + text
    at = start.find(SUM.encode()) + len(SUM)
    if at < len(SUM):
        return start + data
    zeros = start[:at] + b"00000000" + start[at + 8 :]
    return start[:at] + b"%08x" % zlib.crc32(data, zlib.crc32(zeros)) + start[at + 8 :] + data


class Parts:
    """A file as header and data, to be taken apart and put together otherwise."""

    def __init__(self, content: bytes) -> None:
        length = struct.unpack("<Q", content[:8])[0]
        self.header = json.loads(content[8 : 8 + length])
        self.data = content[8 + length :]
        self.metadata = self.header["__metadata__"]

    def text(self) -> str:
        text = json.dumps(self.header, separators=(",", ":"))
        return text + " " * (-len(text) % 8)

    def seal(self) -> bytes:
        return seal(self.text(), self.data)


def whole() -> bytes:
    """A small network in a file that is in order."""
    layers = [cr.Dense(4, cr.Activation("leaky_relu", 0.25)), cr.Dense(2, "softmax", "he_normal")]
    return checkpoint.network_to_bytes(cr.Network(layers, 3))


# Tried in every field of a description.
VALUES = (None, True, -1, 0.5, 2**70, 1e308, "x", "", [], [1], {}, {"x": 1}, [[]])
MISSING = object()


def replaced(document: Any, path: str, value: Any) -> Any:
    """A copy with one field set, or removed for MISSING."""
    changed = copy.deepcopy(document)
    keys = [key.replace("~", ".") for key in path.split(".")]  # ~ is a dot in a name
    *parents, last = [int(key) if key.isdigit() else key for key in keys]
    field = changed
    for key in parents:
        field = field[key]
    if value is MISSING:
        del field[last]
    else:
        field[last] = value
    return changed


def fields_replaced(document: Any, fields: Any, right: Any, required: Any) -> Named:
    """Every value in every field, and every required field left out."""
    for path in fields:
        for value in VALUES:
            if (path, repr(value)) not in right:
                yield f"{path}={str(value)[:8]}", replaced(document, path, value)
    for path in required:
        yield f"{path}_missing", replaced(document, path, MISSING)


def tensors_replaced(content: bytes, more: Iterable[str]) -> Named:
    """Each tensor left out, of another shape, of another type, renamed; and too many."""
    for name, entry in Parts(content).header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        n = int(np.prod(entry["shape"]))
        for what, changes in (
            ("empty", {"shape": [0], "data_offsets": [start, start]}),
            ("flat", {"shape": [1, 1, n]}),
            ("split", {"shape": [n, 1, 1]}),
            ("bytes", {"dtype": "U8", "shape": [end - start]}),
        ):
            parts = Parts(content)
            parts.header[name] |= changes
            yield f"{name}_{what}", parts.seal()
        parts = Parts(content)
        parts.header[f"{name}x"] = parts.header.pop(name)
        yield f"{name}_renamed", parts.seal()
    for name in ("more", "more/1", "optimizer/2/1.bias", *more):
        parts = Parts(content)
        parts.header[name] = NOTHING
        yield f"more_tensors_{name}", parts.seal()


def by_name(*groups: Callable[[], Named]) -> dict[str, bytes]:
    """All that these functions yield, no two by the same name."""
    named = [one for group in groups for one in group()]
    attacks = dict(named)
    assert len(attacks) == len(named)
    return attacks
