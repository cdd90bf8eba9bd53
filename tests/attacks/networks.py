"""Files that are no networks, though most say so, with the right checksum: `networks()`."""

import gzip
import io
import json
import pickle
import struct
import zipfile
from typing import Any

import numpy as np

from .descriptions import descriptions
from .parts import NOTHING, SUM, Named, Parts, RunsCode, by_name, seal, whole


def networks() -> dict[str, bytes]:
    """Every attack on `Network.load`, by name."""
    return by_name(strangers, lengths, headers, tensors, entries, documents, descriptions)


def strangers() -> Named:
    good = whole()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("model", good)
    array, arrays = io.BytesIO(), io.BytesIO()
    np.save(array, np.zeros(30))
    np.savez(arrays, np.zeros(3))
    yield "empty", b""
    yield "zip", archive.getvalue()
    yield "pickle", pickle.dumps(RunsCode())
    yield "pickle_protocol_0", pickle.dumps(RunsCode(), 0)
    yield "npy", array.getvalue()
    yield "npz", arrays.getvalue()
    yield "gguf", b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + bytes(100)
    yield "hdf5", b"\x89HDF\r\n\x1a\n" + bytes(100)
    yield "gzip", gzip.compress(good)
    yield "elf", b"\x7fELF\x02\x01\x01" + bytes(100)
    yield "onnx", b"\x08\x07\x12\x07pytorch" + bytes(100)
    yield "text", b"not a model" * 100
    yield "zip_behind", good + archive.getvalue()
    yield "pickle_behind", good + pickle.dumps(RunsCode())
    yield "twice", good + good
    yield "trailing_byte", good + b"\0"
    yield "shifted", b"\0" + good
    yield "zeros", bytes(1000)


def lengths() -> Named:
    good = whole()
    for name, length in (
        ("zero", 0),
        ("one", 1),
        ("beyond", len(good)),
        ("negative", 2**64 - 1),
        ("overflow", 2**64 - 8),
        ("half", 2**63),
        ("100_MB", 10**8),
    ):
        yield f"length_{name}", struct.pack("<Q", length) + good[8:]
    yield "length_only", good[:8]
    yield "seven_bytes", good[:7]
    parts = Parts(good)
    yield "header_of_spaces", seal(parts.text() + " " * 2**22, parts.data)


def headers() -> Named:
    """JSON that is none, or not what a header is."""
    parts = Parts(whole())
    text, data = parts.text().strip(), parts.data
    for name, header in (
        ("list", "[]"),
        ("number", "12"),
        ("null", "null"),
        ("string", '"header"'),
        ("nothing", "{}"),
        ("cut", text[:-1]),
        ("comma", text[:-1] + ",}"),
        ("comment", text + "// end"),
        ("two", text + "{}"),
        ("leading_space", " " + text),
        ("deep_list", "[" * 100_000),
        ("deep_object", '{"a":' * 100_000),
        ("utf8", text.encode().replace(b"1.weight", b"1.w\xff\xfeght")),
        ("utf16", text.encode("utf-16-le")),
        ("bom", b"\xef\xbb\xbf" + text.encode()),
        ("nul", text.replace("1.weight", "1.weigh\0")),
        ("same_tensor_twice", text[:-1] + ',"1.bias":' + json.dumps(parts.header["1.bias"]) + "}"),
        ("metadata_twice", text[:-1] + ',"__metadata__":' + json.dumps(parts.metadata) + "}"),
        ("dtype_twice", text.replace('"dtype":"F32"', '"dtype":"F32","dtype":"F32"', 1)),
        ("entry_twice", text.replace('"format":', '"version":"2","format":', 1)),
        ("spaced_checksum", text.replace('"checksum":', '"checksum" :')),
    ):
        yield f"header_{name}", seal(header, data)


def tensors() -> Named:
    """Types, shapes and places that are impossible or do not fit."""

    def changed(name: str, **fields: Any) -> bytes:
        parts = Parts(whole())
        parts.header[name] |= fields
        return parts.seal()

    for dtype in ("F16", "BF16", "F64", "I32", "BOOL", "X32", "", None, 3, ["F32"]):
        yield f"dtype_{dtype}", changed("1.bias", dtype=dtype)
    shapes = (
        [-4],
        [-1, -4],
        [4.0],
        [4, 1],
        ["4"],
        [[4]],
        [2**32, 2**32, 2**32],
        [2**62, 4],
        [2**63],
        [2**64, 4],
        [2**70],
        [0],
        [],
        4,
        None,
        "4",
        {},
        [5],
        [10**9],
    )
    for i, shape in enumerate(shapes):
        yield f"shape_{i}", changed("1.bias", shape=shape)
    yield "shape_nan", seal(Parts(whole()).text().replace('"shape":[4]', '"shape":[NaN]'), b"")
    yield "shape_transposed", changed("1.weight", shape=[4, 3])
    yield "shape_long", changed("1.bias", shape=[1] * 100_000 + [4])
    start, end = Parts(whole()).header["1.bias"]["data_offsets"]
    places = (
        [end, start],
        [start - 4, end],
        [start, end + 4],
        [start + 4, end],
        [-16, 0],
        [0, 16],
        [start, end, end],
        [start],
        [],
        [2**63, 2**63 + 16],
        [2**64 - 16, 2**64],
        [float(start), float(end)],
        ["0", "16"],
        None,
    )
    for i, place in enumerate(places):
        yield f"place_{i}", changed("1.bias", data_offsets=place)
    for name, edit in (
        ("missing", lambda header: header.pop("2.bias")),
        ("renamed", lambda header: header.update({"3.bias": header.pop("2.bias")})),
        ("no_dtype", lambda header: header["1.bias"].pop("dtype")),
        ("no_shape", lambda header: header["1.bias"].pop("shape")),
        ("no_place", lambda header: header["1.bias"].pop("data_offsets")),
        ("list", lambda header: header.update({"1.bias": [1, 2, 3]})),
        (
            "empty",
            lambda header: header.update(x=NOTHING),
        ),
    ):
        parts = Parts(whole())
        edit(parts.header)
        yield f"tensor_{name}", parts.seal()
    parts = Parts(whole())
    yield "data_missing", seal(parts.text(), parts.data[:-4])
    yield "data_more", seal(parts.text(), parts.data + bytes(4))
    yield "data_none", seal(parts.text(), b"")
    for name, value in (("nan", np.nan), ("infinity", np.inf), ("minus_infinity", -np.inf)):
        yield f"value_{name}", seal(parts.text(), np.float32(value).tobytes() + parts.data[4:])


def entries() -> Named:
    """Metadata around the documents."""

    def changed(**values: Any) -> bytes:
        parts = Parts(whole())
        parts.metadata |= values
        parts.header["__metadata__"] = {k: v for k, v in parts.metadata.items() if v != "gone"}
        return parts.seal()

    for version in ("0", "3", "-1", "", "two", "1.0", "2 ", "1", 2, None, "9" * 5000):
        yield f"version_{str(version)[:9]}", changed(version=version)
    for kind in ("", "pt", "chainrule.other", "chainrule.network ", "CHAINRULE.NETWORK", 1, None):
        yield f"format_{kind}", changed(format=kind)
    for name in ("format", "version", "checksum", "network"):
        yield f"no_{name}", changed(**{name: "gone"})
    yield "second_document", changed(table="{}")
    parts = Parts(whole())
    yield "checksum_upper", parts.seal().replace(b'"checksum":"', b'"checksum":"A', 1)[:-1]
    good = whole()
    at = good.index(SUM.encode()) + len(SUM)
    yield "checksum_of_zeros", good[:at] + b"00000000" + good[at + 8 :]
    yield "checksum_text", good[:at] + b"checksum" + good[at + 8 :]
    parts.header["checksum"] = parts.header.pop("1.bias")
    yield "checksum_tensor", parts.seal()
    for name, metadata in (("list", []), ("null", None), ("text", "x"), ("nested", {"format": {}})):
        parts = Parts(whole())
        parts.header["__metadata__"] = metadata
        yield f"metadata_{name}", parts.seal()


def documents() -> Named:
    """The description's text."""
    text = Parts(whole()).metadata["network"]
    cases = {
        "empty": "",
        "null": "null",
        "list": "[]",
        "number": "3",
        "text": '"network"',
        "cut": text[:-1],
        "object": "{}",
        "code": "__import__('os').system('true')",
        "nan": text.replace("0.25", "NaN"),
        "infinity": text.replace("0.25", "Infinity"),
        "minus_infinity": text.replace("0.25", "-Infinity"),
        "overflow": text.replace("0.25", "1e999"),
        "long_integer": text.replace('"units":4', '"units":' + "4" * 5000),
        "key_twice": text[:-1] + ',"seed":0}',
        "units_twice": text.replace('"units":4', '"units":9,"units":4'),
        "deep": "[" * 100_000 + "]" * 100_000,
        "deep_layers": text.replace('"layers":', '"layers":' + '{"a":' * 50_000),
        "wide": "[" + "[]," * 300_000 + "[]]",
        "surrogate": text.replace("softmax", "\\ud800"),
    }
    for name, document in cases.items():
        parts = Parts(whole())
        parts.metadata["network"] = document
        yield f"document_{name}", parts.seal()
