"""What an exported C file is beside its numbers; estimators; refusals."""

import ctypes
import math
import re
import subprocess
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor, _core, layers
from chainrule.c_export import _file, _layers, _library, _literals

from .compiled import FMA, address, assert_same_bits, compile_c, predict_rows, shared_object
from .helpers import build

FLAGS = ["-std=c99", "-O1", *FMA]
WITH_FMA = [isa for isa in _core.available_isas() if isa != "baseline"]
needs_fma = pytest.mark.skipif(not WITH_FMA, reason="this CPU has no fused multiply-add")

ROOT = Path(__file__).parent.parent

_rng = np.random.default_rng(3)
X = _rng.normal(size=(150, 4))
CUT = (X @ [1, -1, 0.5, 0]).round(1)
THREE = np.digitize(CUT, [-0.7, 0.7])
STRINGS = np.array(['no*/"', "per\\haps??/", "ja, größer\n"])
CLASSES = {
    "two numbers": np.where(CUT > 0, 7, -3),
    "two strings": STRINGS[[0, 2]][(CUT > 0).astype(int)],
    "booleans": CUT > 0,
    "three floats": THREE * 10.0,
    "three strings": STRINGS[THREE],
    "ends of int64": np.array([-(2**63), 2**63 - 1])[(CUT > 0).astype(int)],
    "ends of uint64": np.array([2**64 - 2, 2**64 - 1], np.uint64)[(CUT > 0).astype(int)],
    "one class": np.full(len(X), 5),
    "labels": np.stack([CUT > 0, X[:, 0] > 0, X[:, 1] > 1], axis=1).astype(int),
    "several": np.stack([THREE, np.where(X[:, 0] > 0, 4, 2)], axis=1),
}


def small(dtype="float32"):
    return build(3, [(4, "relu", 0), (2, "softmax", 0)], dtype)


# ---- the file -----------------------------------------------------------------------------------


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
    starts |= {"scaled", "one_hot", "phase", *_file.ON_STACK, *_file.ALWAYS, *_file.OF_CLASSES}
    starts |= set(_file.OF_CATEGORIES)
    text = " ".join(f"NAME_{start}" for start in starts)
    used = {name for block in _library.needed(dtype, text) for name in block.names}
    assert used == set(named)


def defined(file):
    return _library.DEFINED.findall(_library.snippet(file))


MATH = (ROOT / "cpp" / "kernels" / "math.inl.h").read_text()
NORMAL = (ROOT / "cpp" / "kernels" / "normal.inl.h").read_text()
CONSTANTS = {
    "ROUND": "kRound",
    "LN2_HIGH": "kLn2Hi",
    "LN2_LOW": "kLn2Lo",
    "EXP_LOW": "kExpLow",
    "EXP_HIGH": "kExpHigh",
    "VANISHES": "kVanishes",
    "NORMAL_HIGH": "kNormalHigh",
}
NUMBER = r"-?(?:0x[0-9a-f.]+p[-+]?\d+|\d[\d.]*(?:e[-+]?\d+)?)"


def value(text, dtype):
    return np.dtype(dtype).type(float.fromhex(text) if "x" in text else text)


@pytest.mark.parametrize(("dtype", "kind"), [("float32", "float"), ("float64", "double")])
def test_constants_are_those_of_the_core(dtype, kind):
    """The one thing that stands in the core, too; a wrong last bit would seldom show in results."""
    ours, theirs = _library.snippet(f"{dtype}.c"), MATH.split(f"struct Math<{kind}> {{")[1]
    theirs = theirs.split("};")[0]
    for name, core_name in CONSTANTS.items():
        (found,) = re.findall(rf"#define NAME_{name} \(?({NUMBER})", ours)
        (expected,) = re.findall(rf"\b{core_name} = ({NUMBER})", theirs)
        assert value(found, dtype) == value(expected, dtype), name
    (log2_e,) = re.findall(rf"#define NAME_LOG2_E ({NUMBER})", ours)
    assert value(log2_e, dtype) == value("1.4426950408889634", dtype)
    assert "splat(T(1.4426950408889634))" in MATH
    polynomial = NORMAL.split(f"struct NormalTail<{kind}>")[1].split("};")[0].split("{", 2)[2]
    tail = ours.split("NAME_normal_tail")[1]
    found = [value(text, dtype) for text in re.findall(rf"[ (]({NUMBER})f?[;)]", tail)]
    assert found == [value(text, dtype) for text in re.findall(NUMBER, polynomial)][::-1]
    for name, terms in (("expm1_over_r", "kExpTerms"), ("atanh_series", "kLogTerms")):
        (count,) = re.findall(rf"\b{terms} = (\d+)", theirs)
        function = ours.split(f"NAME_{name}")[1].split("\n}")[0]
        found = [a / value(b, dtype) for a, b in fractions(function, dtype)]
        core = [*range(2, int(count) + 1)][::-1]
        of_exp = [value("1", dtype) / value(str(math.factorial(k)), dtype) for k in core]
        of_log = [value("2", dtype) / value(str(2 * k - 1), dtype) for k in core]
        assert found == (of_exp if terms == "kExpTerms" else of_log)


def fractions(text, dtype):
    return [(value(a, dtype), b) for a, b in re.findall(rf"({NUMBER})f? / ({NUMBER})", text)]


def test_a_file_has_what_it_needs_and_nothing_more(tmp_path):
    cr.export_c(cr.Network([cr.Dense(2, "relu")], 3), tmp_path / "net.c")
    text = (tmp_path / "net.c").read_text("ascii")
    functions = re.findall(r"^static float net_(\w+)\(|^static void net_(\w+)\(", text, re.M)
    assert {first or second for first, second in functions} == {"fma", "dense", "relu"}
    assert "NAME" not in text
    assert "@{" not in text
    assert f"written by chainrule {cr.__version__}." in text
    assert " *     1 Dense: 3 -> 2, relu\n" in text


def test_a_name_may_be_a_word_of_the_snippets(tmp_path):
    cr.export_c(small(), tmp_path / "real.c")
    assert (tmp_path / "real.c").read_text().startswith("/* real: a neural network in C99")
    compile_c("gcc", [*FLAGS, "-c"], [tmp_path / "real.c"], tmp_path / "real.o")


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


@needs_fma
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("language", [["-x", "c", "-std=c99"], ["-x", "c++", "-std=c++11"]])
def test_the_declarations_alone_let_another_file_call_it(language, compiler, tmp_path):
    cr.export_c(small(), tmp_path / "my-net.c")
    (tmp_path / "call.c").write_text(
        "#define MY_NET_HEADER\n"
        '#include "my-net.c"\n'
        '#include "my-net.c"\n'
        "#include <stdio.h>\n"
        "int main(void) {\n"
        "  const float x[MY_NET_INPUTS] = {1, 2, 3};\n"
        "  float out[MY_NET_OUTPUTS];\n"
        "  my_net_predict(x, out);\n"
        '  printf("%.9g %.9g", (double)out[0], (double)out[1]);\n'
        "  return 0;\n"
        "}\n"
    )
    sources = [tmp_path / "call.c", tmp_path / "my-net.c"]
    flags = [*language, *FMA, "-lm" if "c++" in language else "-O1"]
    program = compile_c(compiler, flags, sources, tmp_path / "call")
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    found = np.array(said.split(), dtype=np.float32)
    assert_same_bits(found, small().predict([[1, 2, 3]])[0])


@needs_fma
def test_wide_layers_take_the_callers_memory(tmp_path):
    """No function that would need more than 64 KiB of stack is there."""
    net = cr.Network([cr.Dense(9000, "relu"), cr.Dense(2)], 1, "float64")
    cr.export_c(net, tmp_path / "wide.c")
    library = shared_object("gcc", ["-std=c99", "-O0", *FMA], [tmp_path / "wide.c"], tmp_path / "s")
    assert not hasattr(library, "wide_predict")
    assert not hasattr(library, "wide_predict_rows")
    text = (tmp_path / "wide.c").read_text()
    size = int(re.search(r"#define WIDE_WORKSPACE (\d+)", text)[1])
    assert size == 9002
    assert "wide_predict_in(x, out, workspace);" in text
    assert "takes 72,016 bytes in memory of the caller" in text
    x, out, memory = (np.ones(n) for n in (1, 2, size))
    library.wide_predict_in(address(x), address(out), address(memory))
    assert_same_bits(out, net.predict([[1]])[0])


@needs_fma
def test_no_call_writes_beyond_the_workspace(tmp_path):
    """All of it is the caller's here, with a guard on either side."""
    net = cr.Network(
        [cr.Residual([cr.Dense(7, "tanh"), cr.Residual([cr.LayerNorm(), cr.Dense(5)])])], 3
    )
    cr.export_c(net, tmp_path / "net.c")
    library = shared_object("gcc", FLAGS, [tmp_path / "net.c"], tmp_path / "so")
    size = int(re.search(r"#define NET_WORKSPACE (\d+)", (tmp_path / "net.c").read_text())[1])
    guarded = np.full(size + 64, 7, np.float32)
    x, out = np.ones(3, np.float32), np.empty(5, np.float32)
    library.net_predict_in(address(x), address(out), address(guarded[32:]))
    assert (guarded[:32] == 7).all()
    assert (guarded[-32:] == 7).all()
    assert_same_bits(out, net.predict([[1, 1, 1]])[0])


@needs_fma
def test_threads_do_not_meet(tmp_path, rng):
    net = cr.Network([cr.Dense(64, "tanh"), cr.Dense(64, "gelu"), cr.Dense(8, "softmax")], 16)
    cr.export_c(net, tmp_path / "net.c")
    library = shared_object("gcc", FLAGS, [tmp_path / "net.c"], tmp_path / "so")
    parts = [rng.normal(size=(500, 16)).astype(np.float32) for _ in range(4)]
    outs = [np.empty((500, 8), np.float32) for _ in parts]
    threads = [
        threading.Thread(target=predict_rows, args=(library, "net", part, out))
        for part, out in zip(parts, outs, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for part, out in zip(parts, outs, strict=True):
        assert_same_bits(out, net.predict(part))


@needs_fma
def test_the_program_in_the_file_notices_another_prediction(tmp_path):
    cr.export_c(small(), tmp_path / "net.c")
    path = tmp_path / "net.c"
    for text, said in ((path.read_text(), "0 of 2"), (edited(path.read_text()), "2 of 2")):
        (tmp_path / "edited.c").write_text(text)
        flags = [*FLAGS, "-DNET_MAIN"]
        program = compile_c("gcc", flags, [tmp_path / "edited.c"], tmp_path / "main")
        done = subprocess.run([program], capture_output=True, text=True)
        assert done.stdout.splitlines()[-1] == f"{said} outputs differ from those of chainrule"
        assert done.returncode == (said[0] != "0")


def edited(text):
    """With another first bias in the last layer."""
    return re.sub(r"(net_2_bias\[2\] = \{\s+)[^,]+", r"\g<1>9.0f", text)


OF_GCC = [
    "-Ofast",
    "-funsafe-math-optimizations",
    "-freciprocal-math",
    "-fassociative-math -fno-signed-zeros -fno-trapping-math",
    "-fno-signed-zeros",
]


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [(c, f) for c in ("gcc", "clang") for f in ("-ffast-math", "-ffinite-math-only")]
    + [("gcc", flags) for flags in OF_GCC],
)
def test_fast_math_and_its_parts_are_refused_by_the_file(compiler, flags, tmp_path):
    cr.export_c(small(), tmp_path / "net.c")
    flags = ["-O2", *flags.split(), "-c", "-Wno-unused-command-line-argument"]  # -lm
    with pytest.raises(AssertionError, match="compile without -ffast-math and without the parts"):
        compile_c(compiler, flags, [tmp_path / "net.c"], tmp_path / "net.o")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constants_of_single_precision_are_refused_by_the_file(dtype, tmp_path):
    cr.export_c(small(dtype), tmp_path / "net.c")
    flags = ["-fsingle-precision-constant", "-c"]
    with pytest.raises(AssertionError, match="needs_no_single_precision_constant"):
        compile_c("gcc", flags, [tmp_path / "net.c"], tmp_path / "net.o")


@pytest.mark.parametrize(
    ("method", "dtype", "taken"),
    [
        (0, "float32", True),
        (1, "float32", False),
        (1, "float64", True),
        (2, "float32", False),
        (2, "float64", False),
        (16, "float32", True),
        (16, "float64", True),
        (-1, "float64", False),
    ],
)
def test_only_a_precision_that_changes_results_is_refused(method, dtype, taken, tmp_path):
    cr.export_c(small(dtype), tmp_path / "net.c")
    (tmp_path / "all.c").write_text(
        f"#include <float.h>\n#undef FLT_EVAL_METHOD\n#define FLT_EVAL_METHOD ({method})\n"
        '#include "net.c"\n'
    )

    def compiled():
        compile_c("gcc", ["-O1", *FMA, "-c"], [tmp_path / "all.c"], tmp_path / "net.o")

    if taken:
        compiled()
    else:
        with pytest.raises(AssertionError, match="in their own precision"):
            compiled()


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


# ---- estimators ---------------------------------------------------------------------------------


def fitted(y, kind=MLPClassifier, dtype=np.float64):
    est = kind(hidden_layer_sizes=(8,), max_iter=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five epochs are few
        return est.fit(X.astype(dtype), y)


@needs_fma
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_classifier_gives_probabilities_and_names_classes(dtype, tmp_path):
    models = {name: fitted(y, dtype=dtype) for name, y in CLASSES.items()}
    paths = {name: tmp_path / f"{name.replace(' ', '_')}.c" for name in models}
    for name, est in models.items():
        cr.export_c(est, paths[name])
    library = shared_object("gcc", FLAGS, paths.values(), tmp_path / "so")
    for name, est in models.items():
        expected = est.predict_proba(X.astype(dtype))
        several = isinstance(expected, list)
        expected = np.concatenate(expected, axis=1) if several else expected
        out = predict_rows(library, paths[name].stem, X.astype(dtype), np.empty_like(expected))
        assert_same_bits(out, expected, name)
        has_classes = hasattr(library, f"{paths[name].stem}_class")
        assert has_classes == (name not in ("labels", "several"))
        if has_classes:
            found = [label(library, paths[name].stem, row) for row in out]
            assert found == est.predict(X.astype(dtype)).tolist()


@needs_fma
def test_the_first_of_equal_probabilities_is_the_largest(tmp_path):
    cr.export_c(fitted(CLASSES["three strings"]), tmp_path / "est.c")
    library = shared_object("gcc", FLAGS, [tmp_path / "est.c"], tmp_path / "so")
    for row, place in (([0.25, 0.375, 0.375], 1), ([0.4, 0.2, 0.4], 0), ([0.1, 0.2, 0.7], 2)):
        assert library.est_largest(address(np.array(row))) == place


def label(library, name, row):
    largest, of_place = getattr(library, f"{name}_largest"), getattr(library, f"{name}_class")
    largest.restype = ctypes.c_size_t
    kinds = {"strings": ctypes.c_char_p, "floats": ctypes.c_double, "uint64": ctypes.c_uint64}
    of_place.restype = next((k for end, k in kinds.items() if name.endswith(end)), ctypes.c_int64)
    found = of_place(ctypes.c_size_t(largest(address(row))))
    return found.decode() if isinstance(found, bytes) else found


@needs_fma
def test_a_regressor_and_the_names_of_its_features(tmp_path):
    pandas = pytest.importorskip("pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = pandas.DataFrame(X, columns=["a", "b */", "c", "d"])
        est = MLPRegressor(hidden_layer_sizes=(8,), max_iter=5, random_state=0).fit(
            frame, X[:, :2] ** 2
        )
    cr.export_c(est, tmp_path / "est.c")
    library = shared_object("gcc", FLAGS, [tmp_path / "est.c"], tmp_path / "so")
    expected = est.predict(frame)
    assert_same_bits(predict_rows(library, "est", X, np.empty_like(expected)), expected)
    text = (tmp_path / "est.c").read_text()
    assert " *     x[1]  'b * /'\n" in text
    assert " *     out[1]  target 1\n" in text


# ---- refusals -----------------------------------------------------------------------------------


def test_classes_that_c_would_change_are_refused(tmp_path):
    est = fitted(np.array(["a\0b", "a"], object)[(CUT > 0).astype(int)])
    with pytest.raises(ValueError, match=r"^\[export_c\] classes: .*without NUL.*got 'a\\x00b'$"):
        cr.export_c(est, tmp_path / "est.c")
    for label in (2**64 + 1, -(2**63) - 1, 2**2000 + 1):
        with pytest.raises(ValueError, match=r"^\[x\] classes: expected integers of int64_t or of"):
            _literals.labels("x", [0, label])
    with pytest.raises(ValueError, match=r"^\[x\] classes: .*got 9007199254740993$"):
        _literals.labels("x", [0.5, 2**53 + 1])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "error", "got"),
    [
        ("int", ValueError, "'int'"),
        ("class", ValueError, "'class'"),
        ("2d", ValueError, "'2d'"),
        ("", ValueError, "''"),
        ("_net", ValueError, "'_net'"),
        ("a-b", ValueError, "'a-b'"),
        ("nét", ValueError, "'nét'"),
        ("net\n", ValueError, r"'net\\n'"),
        (3, TypeError, "3"),
    ],
)
def test_names_that_c_cannot_take_are_refused(name, error, got, tmp_path):
    with pytest.raises(error, match=rf"^\[export_c\] name: expected an identifier.*got {got}$"):
        cr.export_c(small(), tmp_path / "net.c", name=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["net", "net.cpp", "net.o", "net.C"])
def test_other_suffixes_are_refused(file, tmp_path):
    with pytest.raises(ValueError, match=r"^\[export_c\] path: expected a file name ending in \.c"):
        cr.export_c(small(), tmp_path / file)
    assert list(tmp_path.iterdir()) == []


def test_other_models_are_refused(tmp_path):
    for model in ("x", None, MLPClassifier, cr.Dense(3)):
        with pytest.raises(TypeError, match=r"^\[export_c\] model: expected a Network, MLPClassif"):
            cr.export_c(model, tmp_path / "net.c")
    with pytest.raises(ValueError, match=r"^\[export_c\] model: expected a fitted estimator"):
        cr.export_c(MLPClassifier(), tmp_path / "net.c")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_diverged_is_refused(tmp_path):
    net = cr.Network([cr.Dense(1)], 1)
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1e30))
    while net.is_finite():
        trainer.step([[1e18]], [1e18])
    with pytest.raises(ValueError, match=r"^\[export_c\] parameters: expected finite numbers"):
        cr.export_c(net, tmp_path / "net.c")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        cr.export_c(small(), tmp_path / "absent" / "net.c")
