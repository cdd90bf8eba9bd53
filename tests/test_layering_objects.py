"""What is compiled per instruction set exports one symbol; lists that stand in two places agree."""

import ast
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chainrule import _core, activations, losses, optimizers, reference
from chainrule._optimizer import core_optimizer

ROOT = Path(__file__).parent.parent
CMAKE = (ROOT / "CMakeLists.txt").read_text()
X86 = platform.machine() in ("x86_64", "AMD64")

# name -> compiler flags of each instruction set, as CMakeLists.txt has them
ISAS = {
    name: flags.split() for name, flags in re.findall(r"^ +add_isa\((\w+)([^)]*)\)", CMAKE, re.M)
}
HERE = [name for name in ISAS if (name != "neon") == X86]

COMPILER = shutil.which(os.environ.get("CXX", "c++"))
NM = shutil.which("nm")


def compiled(name: str, cpp: Path, folder: Path) -> Path:
    """The object of one instruction set; unoptimized, so that nothing shared is hidden by inlining.

    Skips the test where there is no compiler that can make it.
    """
    if COMPILER is None or NM is None:
        pytest.skip("needs a C++ compiler and nm")
    command = [COMPILER, "-std=c++17", "-O0", "-fno-math-errno", *ISAS[name], "-x", "c++"]
    probe = subprocess.run([*command, "-fsyntax-only", os.devnull], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"{COMPILER} does not know {' '.join(ISAS[name])}: {probe.stderr[:200]}")
    target = folder / f"{name}.o"
    source = cpp / "kernels" / "isa.cpp"
    define = f"-DCHAINRULE_ISA={name}"
    subprocess.run([*command, define, f"-I{cpp}", "-c", source, "-o", target], check=True)
    return target


def foreign_symbols(target: Path, name: str) -> Iterator[str]:
    """Symbols that the linker sees, but for the one that is meant to be seen."""
    listing = subprocess.run([NM or "nm", "-C", target], capture_output=True, text=True, check=True)
    exported = f"T chainrule::kernel_tables_{name}()"
    seen = [re.sub(r"^[0-9a-f]* +", "", line) for line in listing.stdout.splitlines()]
    if exported not in seen:
        yield f"no {exported}"
    # Lower case is local, but for unique (u) and weak (v, w) symbols. U is undefined here.
    for symbol in seen:
        kind, symbol_name = symbol.split(" ", 1)
        needed = symbol_name in ("memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_")
        if (
            (kind.isupper() or kind in "uvw")
            and symbol != exported
            and not (kind == "U" and needed)
        ):
            yield symbol


@pytest.mark.parametrize("name", HERE)
def test_an_object_exports_one_symbol_and_none_that_is_weak(name, tmp_path):
    assert list(foreign_symbols(compiled(name, ROOT / "cpp", tmp_path), name)) == []


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        ("kernels/isa.cpp", "int another() { return 1; }", "T another()"),
        (
            "kernels/lists.h",
            "inline int shared() { return 1; } int (*f)() = shared;",
            "W sh",
        ),
        (
            "base/views.h",
            "template <class T> int odd(T x) { return x; } static int g = odd(1);",
            "W",
        ),
        ("kernels/isa.cpp", "double log(double); static double h = log(2.0);", "U log(double)"),
    ],
)
def test_a_planted_symbol_is_seen(file, line, found, tmp_path):
    cpp = shutil.copytree(ROOT / "cpp", tmp_path / "cpp")
    with (cpp / file).open("a") as source:
        source.write(f"\n{line}\n")
    assert any(
        s.startswith(found) for s in foreign_symbols(compiled(HERE[0], cpp, tmp_path), HERE[0])
    )


# ---- lists --------------------------------------------------------------------------------------


def test_activations_agree():
    names = list(_core.activations())
    documented = re.findall(r"^\| (\w+) +\| ", activations.__doc__, re.M)
    assert documented[1:] == names
    assert list(reference.ACTIVATIONS) == names
    for name, (_, _, has_slope, _) in _core.activations().items():
        assert (activations.Activation(name).slope is not None) == has_slope


def test_losses_agree():
    assert list(losses.LOSSES) == list(_core.losses()) == list(reference.LOSSES)
    for name, canonical in _core.losses().items():
        assert reference.LOSSES[name].canonical == canonical


def test_optimizers_agree():
    assert list(optimizers.OPTIMIZERS) == list(reference.OPTIMIZERS)
    described = [kind() for kind in optimizers.OPTIMIZERS.values()]
    described += [optimizers.SGD(momentum=0.9), optimizers.SGD(momentum=0.9, nesterov=True)]
    reached = {}
    for optimizer in described:
        kind, hyperparameters, n_states = core_optimizer(optimizer)
        assert len(hyperparameters) == 7
        reached[kind] = n_states
    assert reached == _core.optimizers()
    for name in ("rmsprop", "adam", "nadam", "radam", "adagrad", "lion", "rprop"):
        assert len(reference.OPTIMIZERS[name].moments) == reached[name]


def test_the_stub_declares_what_the_core_has():
    stub = ast.parse((ROOT / "python" / "chainrule" / "_core.pyi").read_text())
    declared = {
        node.name
        for node in stub.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    }
    assert declared == {name for name in dir(_core) if not name.startswith("_")}


def test_instruction_sets_agree():
    dispatch = (ROOT / "cpp" / "kernels" / "dispatch.cpp").read_text()
    paths = re.findall(r'^ +\{"(\w+)", kernel_tables_(\w+)\}', dispatch, re.M)
    assert all(name == table for name, table in paths)
    assert {name for name, _ in paths} == set(ISAS)
    assert set(_core.available_isas()) <= set(HERE)


def test_cmake_lists_every_source():
    listed = set(re.findall(r"cpp/\S+\.cpp", CMAKE))
    there = {p.relative_to(ROOT).as_posix() for p in (ROOT / "cpp").rglob("*.cpp")}
    assert listed == there
