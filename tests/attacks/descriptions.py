"""Networks whose description is wrong: fields of other kinds, missing, too many, too large."""

import json
from typing import Any

from .parts import Named, Parts, fields_replaced, replaced, whole

FIELDS = (
    "layers",
    "layers.0",
    "layers.0.kind",
    "layers.0.units",
    "layers.0.activation",
    "layers.0.activation.name",
    "layers.0.activation.slope",
    "layers.1.activation.slope",
    "layers.1.initializer",
    "layers.1.initializer.name",
    "layers.1.initializer.parameters",
    "n_inputs",
    "dtype",
    "seed",
)
RIGHT = {  # in order as they are
    ("layers.0.activation.slope", "None"),
    ("layers.0.activation.slope", "0.5"),
    ("layers.1.activation.slope", "None"),
    ("layers.1.initializer.parameters", "{}"),
}
REQUIRED = (
    *("layers", "layers.0.kind", "layers.0.units", "layers.0.activation.name"),
    *("layers.1.initializer.name", "n_inputs", "dtype", "seed"),
)


def descriptions() -> Named:
    """Fields that are wrong, missing, too many, or ask for more than the file holds."""
    good = json.loads(Parts(whole()).metadata["network"])

    def described(description: Any) -> bytes:
        parts = Parts(whole())
        parts.metadata["network"] = json.dumps(description)
        return parts.seal()

    for name, description in fields_replaced(good, FIELDS, RIGHT, REQUIRED):
        yield name, described(description)
    yield "more_in_network", described(good | {"more": 1})
    for name, path, value in (
        ("more_in_layer", "layers.0.more", 1),
        ("more_in_activation", "layers.0.activation.more", 1),
        ("softmax_inside", "layers.0.activation", {"name": "softmax"}),
        ("huge_units", "layers.0.units", 2**62),
        ("billion_units", "layers.0.units", 10**9),
        ("more_units", "layers.0.units", 5),
        ("huge_inputs", "n_inputs", 2**31),
        ("more_inputs", "n_inputs", 4),
        ("dtype_float64", "dtype", "float64"),
        ("dtype_f4", "dtype", "f4"),
        ("dtype_object", "dtype", "object"),
        ("negative_std", "layers.1.initializer", {"name": "normal", "parameters": {"std": -1}}),
    ):
        yield f"described_{name}", described(replaced(good, path, value))
    # Python repeats a text as often as it is multiplied by.
    text = replaced(replaced(good, "layers.0.units", 2**31), "n_inputs", "x")
    yield "described_text_times_units", described(text)
    one = good["layers"][0] | {"units": 1}
    yield "described_5000_layers", described(good | {"layers": [one] * 5_000})
    yield (
        "described_same_count",
        described(good | {"n_inputs": 25, "layers": [good["layers"][0] | {"units": 1}]}),
    )
