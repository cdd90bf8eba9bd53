"""An exported C file and who compiles and calls it: declarations, memory, threads, flags."""

import re
import subprocess
import threading

import numpy as np
import pytest

import chainrule as cr

from .compiled import (
    FLAGS,
    FMA,
    address,
    assert_same_bits,
    compile_c,
    predict_rows,
    shared_object,
    small,
)
from .helpers import needs_fma


def test_a_name_may_be_a_word_of_the_snippets(tmp_path):
    cr.export_c(small(), tmp_path / "real.c")
    assert (tmp_path / "real.c").read_text().startswith("/* real: a neural network in C99")
    compile_c("gcc", [*FLAGS, "-c"], [tmp_path / "real.c"], tmp_path / "real.o")


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
