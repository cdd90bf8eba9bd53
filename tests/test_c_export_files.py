"""What an exported C file is beside its numbers: its text, its constants, its names."""

import math
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, layers
from chainrule.c_export import _file, _layers, _library, _literals

from .compiled import small

ROOT = Path(__file__).parent.parent


def test_every_layer_and_activation_has_its_c():
    assert set(_layers.LAYERS) == set(layers.LAYERS)
    for dtype in _library.TYPES:
        assert set(_core.activations()) - {"identity"} <= set(_library.library(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_name_is_defined_once_and_all_are_used(dtype):
    """By a public function, a layer, an activation or one another; none is there in vain."""
    named = [n for file in (dtype, *_library.FILES) for n in defined(f"{file}.c")]
    assert len(named) == len(set(named))
    starts = {*_core.activations(), "dense", "batch_norm", "layer_norm", "number", "missing"}
    starts |= {"column", "scaled", "one_hot", "phase"}
    starts |= {*_file.ON_STACK, *_file.ALWAYS, *_file.OF_CLASSES}
    starts |= set(_file.OF_CATEGORIES)
    text = " ".join(f"NAME_{start}" for start in starts)
    used = {name for block in _library.needed(dtype, text) for name in block.names}
    assert used == set(named)


def defined(file):
    return _library.DEFINED.findall(_library.snippet(file))


CONSTANTS = (
    *("ROUND", "LOG2_E", "LN2_HIGH", "LN2_LOW"),
    *("EXP_LOW", "EXP_HIGH", "VANISHES", "NORMAL_HIGH"),
)
NUMBER = r"-?(?:0x[0-9a-f.]+p[-+]?\d+|\d[\d.]*(?:e[-+]?\d+)?)"


def value(text, dtype):
    return np.dtype(dtype).type(float.fromhex(text) if "x" in text else text)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constants_are_those_of_the_core(dtype):
    """The one thing that stands in the core, too; a wrong last bit would seldom show in results."""
    ours, core = _library.snippet(f"{dtype}.c"), _core.constants(dtype == "float64")
    for name in CONSTANTS:
        (found,) = re.findall(rf"#define NAME_{name} \(?({NUMBER})", ours)
        assert value(found, dtype) == core[name.lower()], name
    math_text, selu_text = (_library.snippet(f"{file}.c") for file in ("math", "activations"))
    (root_2_less_1,) = re.findall(rf"x > \(real\)({NUMBER})", math_text)
    assert value(root_2_less_1, dtype) == core["root_2_less_1"]
    selu = selu_text.split("NAME_selu")[1].split("}")[0]
    found = [value(text, dtype) for text in re.findall(rf"\(real\)({NUMBER})", selu)]
    assert found == [core["selu_scale"], core["selu_scale_slope"]]
    tail = ours.split("NAME_normal_tail")[1]
    found = [value(text, dtype) for text in re.findall(rf"[ (]({NUMBER})f?[;)]", tail)]
    assert found == core["normal_tail"][::-1]
    for name, terms in (("expm1_over_r", "exp_terms"), ("atanh_series", "log_terms")):
        function = ours.split(f"NAME_{name}")[1].split("\n}")[0]
        found = [a / value(b, dtype) for a, b in fractions(function, dtype)]
        numbers = [*range(2, core[terms] + 1)][::-1]
        of_exp = [value("1", dtype) / value(str(math.factorial(k)), dtype) for k in numbers]
        of_log = [value("2", dtype) / value(str(2 * k - 1), dtype) for k in numbers]
        assert found == (of_exp if terms == "exp_terms" else of_log)


def fractions(text, dtype):
    return [(value(a, dtype), b) for a, b in re.findall(rf"({NUMBER})f? / ({NUMBER})", text)]


@pytest.mark.parametrize(("units", "product"), [(2, {"dense"}), (1, {"column", "join"})])
def test_a_file_has_what_it_needs_and_nothing_more(units, product, tmp_path):
    cr.export_c(cr.Network([cr.Dense(units, "relu")], 3), tmp_path / "net.c")
    text = (tmp_path / "net.c").read_text("ascii")
    functions = re.findall(r"^static float net_(\w+)\(|^static void net_(\w+)\(", text, re.M)
    assert {first or second for first, second in functions} == {"fma", "relu"} | product
    assert "NAME" not in text
    assert "@{" not in text
    assert f"written by chainrule {cr.__version__}." in text
    assert f" *     1 Dense: 3 -> {units}, relu\n" in text


def test_a_large_network_takes_no_memory_for_its_text(tmp_path):
    """Of its 3 MB, which as numbers are 1 MB: those are copied, the text goes by in pieces."""
    net = cr.Network([cr.Dense(500)], 500)
    tracemalloc.start()
    try:
        cr.export_c(net, tmp_path / "net.c")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "net.c").stat().st_size > 3e6
    assert peak < 2.5e6


def test_the_same_network_is_the_same_file_and_is_written_whole(tmp_path, monkeypatch):
    path = tmp_path / "net.c"
    cr.export_c(small(), path)
    before = path.read_bytes()
    cr.export_c(small(), str(path), name="net")
    assert path.read_bytes() == before

    def fails(*arguments):
        raise OSError("no")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(OSError, match="no"):
        cr.export_c(small("float64"), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_and_strings_are_read_back(tmp_path):
    for dtype in (np.float32, np.float64):
        bits = np.random.default_rng(0).integers(0, 256, (500, dtype().itemsize), np.uint8)
        for value in bits.view(dtype).ravel():
            if np.isfinite(value):
                shown = _literals.number(value)
                assert shown.endswith("f") == (dtype == np.float32)
                assert dtype(shown.rstrip("f")) == value
    assert _literals.string('a"b\\?\n\u00e9') == '"a\\042b\\134\\077\\012\\303\\251"'
    assert _literals.labels("", []) == ("", "")
    assert _literals.labels("", ["a", 1]) == ("", "")
    assert _literals.labels("", [2**63, 0.5])[0] == "double "
    assert _literals.comment("*/ /* \u00e9") == "* / / * \\xe9"
