"""What is in a model file: named arrays and JSON documents, in a safetensors container.

    tensors     F32, F64, I64, U8, BOOL
    metadata    "format", "version", "checksum"; every other entry is a JSON document
    checksum    CRC-32 of the whole file with zeros for its own eight digits; version 1 has none

Any reader of safetensors reads it, nothing in it is code. Start at `unpack`: the safetensors
library checks the container, this module what is in it. Writing is done here because the library
writes metadata in random order, and the same contents should be the same bytes.
"""

import io
import json
import math
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import safetensors
from numpy.typing import NDArray

from chainrule._errors import FileFormatError

Array = NDArray[Any]

VERSION = 2
MOST_HEADER = 2**22  # bytes: about 5000 layers in training. JSON takes up to 25 times its size
PIECE = 2**20  # bytes that are read, summed and written at a time
DTYPES: dict[str, "np.dtype[Any]"] = {
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I64": np.dtype("<i8"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
CHECKSUM = b'"checksum":"'  # cannot stand in a JSON string, where quotes are escaped
NO_SUM = b"00000000"


@dataclass(frozen=True)
class Contents:
    """What a file holds; `kind` is its "format"."""

    kind: str
    tensors: dict[str, Array]
    documents: dict[str, Any]


class Rows(NamedTuple):
    """A tensor that is read while it is written: `read(first, n)` gives an array of these rows.

    Rows are those of the last dimension; `first` is a multiple of 16.
    """

    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"
    read: Callable[[int, int], Array]


Tensor = Array | Rows


def pack(
    kind: str, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]
) -> Iterator[tuple[int, Any]]:
    """The bytes of a file: pairs of a place in it and the buffer to be written there.

    Raises ValueError where `unpack` would refuse the file. A buffer is done with when the next one
    is asked for, and they are small, so that each is written while it is in the cache.
    """
    texts = {name: to_json(document) for name, document in documents.items()}
    metadata = {"format": kind, "version": str(VERSION), "checksum": NO_SUM.decode(), **texts}
    header: dict[str, Any] = {"__metadata__": metadata}
    # Large elements first, so that all are aligned; apart from that the order stays.
    names = sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize)
    at = 0
    for name in names:
        tensor = tensors[name]
        end = at + math.prod(tensor.shape) * tensor.dtype.itemsize
        dtype = NAMES[tensor.dtype]
        header[name] = {"dtype": dtype, "shape": tensor.shape, "data_offsets": (at, end)}
        at = end
    text = to_json(header).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MOST_HEADER:
        raise ValueError(f"the description takes {len(text)} bytes, more than {MOST_HEADER}")
    start = struct.pack("<Q", len(text)) + text
    return _pieces(start, (_small_pieces(tensors[name]) for name in names))


def joined(pieces: Iterable[tuple[int, Any]]) -> bytes:
    """What `pack` gives, as the file it makes."""
    file = io.BytesIO()
    for at, piece in pieces:
        file.seek(at)
        file.write(piece)
    return file.getvalue()


def unpack(content: bytes) -> Contents:
    """What `pack` packed, or an older version. Raises FileFormatError for all else.

    That takes time and memory in proportion to the size of `content`, whatever it holds.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 10 or length > len(content) - 8:
        raise FileFormatError("not a safetensors file, or cut short")
    if length > MOST_HEADER:
        raise FileFormatError(f"its description takes {length} bytes, more than {MOST_HEADER}")
    text = content[8 : 8 + length]
    if not text.startswith(b"{"):
        raise FileFormatError("not a safetensors file: its description does not start with {")
    has_sum = CHECKSUM in text
    if has_sum:
        _check_sum(content, text)
    try:
        parts = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise FileFormatError(f"not a safetensors file: {error}") from None
    header = from_json(text.decode())
    metadata = header.get("__metadata__") or {}
    version, kind = metadata.pop("version", None), metadata.pop("format", None)
    if kind is None or version is None:
        raise FileFormatError("it holds no model: no format and version")
    if version not in ("1", str(VERSION)):
        raise FileFormatError(f"format version {version}, this chainrule reads up to {VERSION}")
    if has_sum != (version != "1") or (metadata.pop("checksum", None) is None) == has_sum:
        raise FileFormatError("its checksum is missing, or not where it should be")
    documents = {name: from_json(document) for name, document in metadata.items()}
    return Contents(kind, {name: _array(part) for name, part in parts}, documents)


def _pieces(start: bytes, tensors: Iterable[Iterable[Any]]) -> Iterator[tuple[int, Any]]:
    """The start, the tensors, and at last the checksum in its place."""
    yield 0, start
    at, value = len(start), zlib.crc32(start)
    for pieces in tensors:
        for piece in pieces:
            value = zlib.crc32(piece, value)
            yield at, piece
            at += len(piece)
    yield start.index(CHECKSUM) + len(CHECKSUM), b"%08x" % value


def _small_pieces(tensor: Tensor) -> Iterator[Any]:
    if not isinstance(tensor, Rows):
        content = np.ascontiguousarray(tensor).reshape(-1).view(np.uint8)
        for first in range(0, content.size, PIECE):
            yield content[first : first + PIECE].data
        return
    columns = tensor.shape[-1]
    rows = math.prod(tensor.shape) // columns
    at_once = max(16, PIECE // (columns * tensor.dtype.itemsize) // 16 * 16)
    for first in range(0, rows, at_once):
        yield tensor.read(first, min(at_once, rows - first)).reshape(-1).view(np.uint8).data


def to_json(value: Any) -> str:
    """Compact JSON. Raises ValueError for NaN and infinities, which JSON lacks."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def from_json(text: str) -> Any:
    """Strict JSON: no key twice, no NaN, no number out of range. Raises FileFormatError."""
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_finite, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"its description is no JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stands there twice")
    return values


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no finite number")
    return number


def _array(part: Mapping[str, Any]) -> Array:
    dtype = DTYPES.get(part["dtype"])
    if dtype is None:
        raise FileFormatError(f"expected tensors of {', '.join(DTYPES)}, got {part['dtype']}")
    raw = np.frombuffer(part["data"], np.uint8)
    if dtype == np.bool_ and (raw > 1).any():
        raise FileFormatError("a boolean is neither 0 nor 1")
    array: Array = raw.view(dtype).reshape(part["shape"])
    return array


def _check_sum(content: bytes, text: bytes) -> None:
    digits = 8 + text.index(CHECKSUM) + len(CHECKSUM)
    end = digits + len(NO_SUM)
    value = zlib.crc32(NO_SUM, zlib.crc32(content[:digits]))
    if b"%08x" % zlib.crc32(memoryview(content)[end:], value) != content[digits:end]:
        raise FileFormatError("its checksum is wrong: it is damaged, or was changed")
