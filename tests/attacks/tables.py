"""Files that are no models of the command line, though most say so: `models()`."""

import functools
import io
import json
import pickle
import zipfile
from typing import Any

import numpy as np
import sklearn
import skops.io
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tests.model_files import FOLDER

from .parts import Named, Parts, RunsCode, by_name, fields_replaced, replaced

PREPROCESSING = "preprocessing"
FIELDS = (
    *("features", "features.0", "features.0.name", "features.0.kind"),
    *("target", "target.name", "target.task", "target.classes", "target.mean", "target.scale"),
    *("about", "about.versions", "about.versions.scikit-learn"),
)
RIGHT = {
    *((f"features.0.{field}", repr(text)) for field in ("name",) for text in ("x", "")),
    *(("target.name", repr(text)) for text in ("x", "")),
    *((f"target.{field}", repr(x)) for field in ("mean", "scale") for x in (0.5, 2**70, 1e308)),
    ("target.mean", "-1"),
    *(("about.versions.scikit-learn", repr(text)) for text in ("x", "")),  # told in a note
    *(
        ("about.versions.scikit-learn", repr(x))
        for x in (None, True, -1, 0.5, 2**70, 1e308, [], [1], {}, {"x": 1}, [[]])
    ),
}
REQUIRED = ("features", "features.0.kind", "target", "target.name", "target.task", "about")


@functools.cache
def whole_model() -> bytes:
    """A file of `chainrule train` in order, as this scikit-learn would write it."""
    return (FOLDER / "version_2" / "table.safetensors").read_bytes()


def models() -> dict[str, bytes]:
    """Every attack on what `chainrule predict` loads, by name."""
    return by_name(tables, preprocessings)


def tables() -> Named:
    """The document: wrong, missing and surplus fields, and what does not fit the network."""
    good = json.loads(Parts(whole_model()).metadata["table"])

    def described(table: Any) -> bytes:
        parts = Parts(whole_model())
        parts.metadata["table"] = table if isinstance(table, str) else json.dumps(table)
        return parts.seal()

    for name, table in fields_replaced(good, FIELDS, RIGHT, REQUIRED):
        yield f"table.{name}", described(table)
    for name, table in (
        ("text", '"table"'),
        ("cut", "{"),
        ("nan", json.dumps(good).replace("0.0", "NaN", 1)),
        ("twice", '{"features":[],"features":[]}'),
        ("more_in_feature", replaced(good, "features.0.more", 1)),
        ("more_in_target", replaced(good, "target.more", 1)),
        ("three_classes", replaced(good, "target.classes", ["a", "b", "c"])),
        ("one_class", replaced(good, "target.classes", ["a"])),
        ("no_classes", replaced(good, "target.classes", [])),
        ("nested_classes", replaced(good, "target.classes", [["a"], {}])),
        ("null_classes", replaced(good, "target.classes", [None, None])),
        ("unknown_task", replaced(good, "target.task", "generation")),
    ):
        yield f"table_{name}", described(table)
    for name in ("network", "table"):
        parts = Parts(whole_model())
        del parts.metadata[name]
        yield f"no_{name}", parts.seal()


def preprocessings() -> Named:
    """The tensor that skops reads: other types, broken archives, and archives that unpack large."""
    good = archive()
    step = StandardScaler().fit(np.eye(2))
    yield "preprocessing_missing", with_preprocessing(None)
    for name, content in (
        ("empty", b""),
        ("zeros", bytes(1000)),
        ("pickle", pickle.dumps(RunsCode())),
        ("cut", good[:-30]),
        ("front_cut", good[30:]),
        ("estimator", skops.io.dumps(step)),
        ("function", skops.io.dumps(FunctionTransformer(np.abs))),
        ("list", skops.io.dumps([1, 2])),
        ("no_schema", zipped({"x.npy": b"1"})),
        ("schema_empty", zipped({"schema.json": b""})),
        ("schema_null", zipped({"schema.json": b"null"})),
        ("schema_deep", zipped({"schema.json": b"[" * 100_000})),
        ("bomb", zipped({"schema.json": bytes(300_000_000)})),
        ("bomb_of_arrays", zipped({"schema.json": b"{}", "1.npy": bytes(300_000_000)})),
        ("many_parts", zipped({f"{i}.npy": b"" for i in range(5_000)})),
        ("outside", zipped({"../../schema.json": b"{}"})),
    ):
        yield f"preprocessing_{name}", with_preprocessing(content)
    for name, old, new in (
        ("of_os", '"__module__": "sklearn.impute._base"', '"__module__": "os"'),
        ("system", '"SimpleImputer"', '"system"'),
        ("loader", '"__loader__": "ObjectNode"', '"__loader__": "FunctionNode"'),
        ("unknown_loader", '"__loader__": "ObjectNode"', '"__loader__": "RunsCode"'),
        ("reduce", '"__loader__": "ObjectNode"', '"__loader__": "ReduceNode"'),
        ("array_missing", '"67.npy"', '"66.npy"'),
        ("array_outside", '"67.npy"', '"/etc/passwd"'),
        ("own_module", '"__module__": "sklearn.pipeline"', '"__module__": "tests.attacks"'),
    ):
        parts = {part: zipfile.ZipFile(io.BytesIO(good)).read(part) for part in parts_of(good)}
        schema = parts["schema.json"].decode()
        assert old in schema
        parts["schema.json"] = schema.replace(old, new).encode()
        yield f"preprocessing_{name}", with_preprocessing(zipped(parts))


def archive() -> bytes:
    parts = Parts(whole_model())
    start, end = parts.header[PREPROCESSING]["data_offsets"]
    return parts.data[start:end]


def parts_of(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def zipped(parts: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def with_preprocessing(content: bytes | None) -> bytes:
    """The whole model with these bytes, made with this scikit-learn; None leaves them out."""
    parts = Parts(whole_model())
    table = json.loads(parts.metadata["table"])
    table["about"]["versions"]["scikit-learn"] = sklearn.__version__
    parts.metadata["table"] = json.dumps(table)
    place = parts.header.pop(PREPROCESSING)
    start, end = place["data_offsets"]
    assert end == len(parts.data)  # it comes last
    parts.data = parts.data[:start] + (content or b"")
    if content is not None:
        size = len(content)
        parts.header[PREPROCESSING] = place | {
            "shape": [size],
            "data_offsets": [start, start + size],
        }
    return parts.seal()
