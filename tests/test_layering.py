"""The house's floors: includes and imports look down only, and each planted breach is seen."""

import ast
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# ---- C++ ----------------------------------------------------------------------------------------

CPP_FLOORS = ["base", "kernels", "ops", "layers", "network", "bindings"]  # a file sees lower ones
THREADS = "base/threads.cpp"  # has the only `omp parallel`
# What is compiled once per instruction set shares no inline function with the rest, so nothing of
# the standard library but types.
PER_ISA = {
    "kernels/isa.cpp",
    "kernels/kernels.h",
    "kernels/lists.h",
    "kernels/constants.h",
    "base/views.h",
}
FREESTANDING = {"cstddef", "cstdint", "immintrin.h", "arm_neon.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]*)"|<([^>]*)>)')
OPENMP = re.compile(r"^\s*#\s*pragma\s+omp\b|_Pragma|\bomp_\w+\s*\(")


def cpp_breaches(cpp: Path) -> Iterator[str]:
    """`file:line what` for each line that a file on its floor must not have."""
    for path in sorted([*cpp.rglob("*.h"), *cpp.rglob("*.cpp")]):
        name = path.relative_to(cpp).as_posix()
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            for breach in line_breaches(cpp, name, line.split("//")[0]):
                yield f"{name}:{number} {breach}"


def line_breaches(cpp: Path, name: str, line: str) -> Iterator[str]:
    if OPENMP.search(line) and name != THREADS:
        yield "uses OpenMP"
    include = INCLUDE.match(line)
    if not include:
        return
    own, system = include.groups()
    if own is not None:
        floor, target = name.split("/")[0], own.split("/")[0]
        if target not in CPP_FLOORS or not (cpp / own).is_file():
            yield f"includes {own}, which is not there"
        elif CPP_FLOORS.index(target) > CPP_FLOORS.index(floor):
            yield f"includes {own} of a higher floor"
    elif system.startswith(("pybind11", "Python.h")) and not name.startswith("bindings/"):
        yield f"includes {system}"
    elif system == "omp.h" and name != THREADS:
        yield "uses OpenMP"
    if name.endswith(".inl.h"):
        yield "is included inside a namespace and includes something"
    if name in PER_ISA and own is not None and not own.endswith(".inl.h") and own not in PER_ISA:
        yield f"is compiled once per instruction set and includes {own}"
    if name in PER_ISA and system is not None and system not in FREESTANDING:
        yield f"is compiled once per instruction set and includes {system}"


def test_cpp_includes_look_down():
    assert list(cpp_breaches(ROOT / "cpp")) == []


PLANTS = [
    ("base/views.h", '#include "kernels/lists.h"', "includes kernels/lists.h of a higher floor"),
    ("ops/panels.h", '#  include "network/plan.h"', "includes network/plan.h of a higher floor"),
    ("layers/dense.cpp", '#include "network/spec.h"', "includes network/spec.h of a higher floor"),
    ("network/pass.cpp", '#include "bindings/arrays.h"', "includes bindings/arrays.h of a higher"),
    ("layers/dense.h", '#include "../ops/panels.h"', "includes ../ops/panels.h, which is not"),
    ("ops/losses.h", '#include "ops/gone.h"', "includes ops/gone.h, which is not there"),
    ("network/plan.cpp", "#include <pybind11/numpy.h>", "includes pybind11/numpy.h"),
    ("base/cpu.cpp", "#include <Python.h>", "includes Python.h"),
    ("base/buffer.h", "#include <omp.h>", "uses OpenMP"),
    ("layers/dense.cpp", "#pragma omp parallel for", "uses OpenMP"),
    ("bindings/module.cpp", "int n = omp_get_max_threads();", "uses OpenMP"),
    ("kernels/rows.inl.h", "#include <cstdint>", "is included inside a namespace and includes"),
    ("kernels/isa.cpp", "#include <cmath>", "is compiled once per instruction set and includes"),
    (
        "kernels/isa.cpp",
        '#include "base/cpu.h"',
        "is compiled once per instruction set and include",
    ),
    ("kernels/kernels.h", "#include <vector>", "is compiled once per instruction set and includes"),
    ("base/views.h", "#include <algorithm>", "is compiled once per instruction set and includes"),
]


@pytest.mark.parametrize(("name", "line", "breach"), PLANTS)
def test_a_planted_line_of_cpp_is_seen(name, line, breach, tmp_path):
    cpp = shutil.copytree(ROOT / "cpp", tmp_path / "cpp")
    text = (cpp / name).read_text()
    (cpp / name).write_text(f"{text}\n{line}  // {line}\n")
    seen = list(cpp_breaches(cpp))
    assert [at.split(" ", 1)[0] for at in seen] == [f"{name}:{text.count(chr(10)) + 2}"] * len(seen)
    assert any(breach in at for at in seen)


def test_comments_are_no_breaches(tmp_path):
    cpp = shutil.copytree(ROOT / "cpp", tmp_path / "cpp")
    with (cpp / "base/views.h").open("a") as file:
        file.write('// #include "network/plan.h", omp_get_max_threads()\n')
    assert list(cpp_breaches(cpp)) == []


# ---- Python -------------------------------------------------------------------------------------

PYTHON_FLOORS = [  # a module imports from lower floors only, a package also from itself
    {"_core", "_errors"},
    {"_calls"},
    {"_dataclass", "_fingerprint", "_metric_calls", "reference", "trace"},
    {"_attributes", "_class_weight", "_container", "_custom", "_description", "_files"}
    | {"history", "runtime"},
    {"activations", "losses", "metrics", "optimizers"},
    {"_custom_checks", "_encoding", "_history_file", "_monitored"},
    {"_schedule"},
    {"initializers", "schedules", "plots", "_data", "_optimizer", "_own_options", "parameters"},
    {"custom", "layers", "ops", "callbacks", "_evaluation", "_schedule_file"},
    {"summary", "_network_checks", "_unfinished", "_sklearn", "_torch_modules"},
    {"_custom_cost", "_torch"},
    {"interchange"},
    {"network"},
    {"_trainer_checks", "predictor"},
    {"_options", "checkpoint", "_fit_file", "_stepping"},
    {"_run", "trainer_file", "checkpointing"},
    {"_last_fit"},
    {"trainer", "gradient_check"},
    {"estimators", "diagnosis"},
    {"c_export", "onnx"},
    {"__init__"},
    {"cli"},
    {"__main__"},
]
FLOOR = {module: i for i, floor in enumerate(PYTHON_FLOORS) for module in floor}
CORE_IMPORTERS = {"custom", "network", "ops", "runtime", "trainer", "_data", "_optimizer"}
CORE_IMPORTERS |= {"_network_checks", "_trainer_checks", "onnx"}
# Conveniences whose work stands on a higher floor: imported when called.
LATE = {("history", "_monitored"), ("interchange", "checkpoint"), ("network", "predictor")}
# Packages that import themselves and stand on other packages; loaded when first named.
EXTRAS = {"c_export", "cli", "diagnosis", "estimators", "onnx"}
# Third-party packages at import time; all others are imported when they are needed.
PACKAGES = {"numpy"}
PACKAGES_OF = {"_container": {"safetensors"}}


def imports(
    tree: ast.AST, late: bool = False
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import and whether it waits for a call; those for type checkers only are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, late
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from imports(other, late)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports(node, late or inside)


def modules_of(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Full names; of `from chainrule import x` the module x if there is one, else chainrule."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif node.level:
        yield "." * node.level
    elif node.module == "chainrule":
        for alias in node.names:
            yield f"chainrule.{alias.name}" if alias.name in FLOOR else "chainrule"
    else:
        yield node.module or ""


def python_breaches(package: Path) -> Iterator[str]:
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package).with_suffix("")
        module = relative.parts[0]
        if module not in FLOOR:
            yield f"{relative}: on no floor"
            continue
        for node, late in imports(ast.parse(path.read_text())):
            for name in modules_of(node):
                for breach in import_breaches(module, name, late):
                    yield f"{relative}:{node.lineno} {breach}"


def import_breaches(module: str, name: str, late: bool) -> Iterator[str]:
    first, *rest = name.split(".")
    if module == "reference":
        if name == "." or first == "numpy" or first in sys.stdlib_module_names:
            return
        yield f"reference imports {name}"
    elif first == "chainrule":
        target = rest[0] if rest else "__init__"
        if target == module and module in EXTRAS:
            return
        if target not in FLOOR:
            yield f"imports {name}, which is on no floor"
        elif FLOOR[target] >= FLOOR[module] and not (late and (module, target) in LATE):
            yield f"imports {target}, which is not on a lower floor"
        elif target == "_core" and module not in CORE_IMPORTERS:
            yield "imports _core"
    elif name.startswith("."):
        yield "has a relative import"
    elif late or module in EXTRAS or first in sys.stdlib_module_names:
        return
    elif first not in PACKAGES | PACKAGES_OF.get(module, set()):
        yield f"imports {first} before it is needed"


def test_python_imports_look_down():
    assert list(python_breaches(ROOT / "python" / "chainrule")) == []


PYTHON_PLANTS = [
    ("layers.py", "from chainrule.network import Network", "imports network, which is not on a"),
    ("losses.py", "from chainrule import optimizers", "imports optimizers, which is not on a"),
    ("_errors.py", "import chainrule.history", "imports history, which is not on a lower floor"),
    ("network.py", "import chainrule as cr", "imports __init__, which is not on a lower floor"),
    ("network.py", "from chainrule.trainer import Trainer", "imports trainer, which is not on a"),
    ("network.py", "from chainrule import checkpoint", "imports checkpoint, which is not on a"),
    ("network.py", "def f():\n    from chainrule import trainer", "imports trainer, which is not"),
    (
        "trainer.py",
        "try:\n    import chainrule.cli\nexcept ImportError:\n    pass",
        "imports cli, ",
    ),
    ("checkpoint.py", "from chainrule import _core", "imports _core"),
    ("metrics.py", "from chainrule._core import philox", "imports _core"),
    ("history.py", "import pandas as pd", "imports pandas before it is needed"),
    ("trainer.py", "from .network import Network", "has a relative import"),
    ("reference/losses.py", "from chainrule._errors import message", "reference imports chain"),
    ("reference/losses.py", "from .. import metrics", "reference imports .."),
    ("reference/losses.py", "import scipy", "reference imports scipy"),
    ("novelty.py", "x = 1", "on no floor"),
]


@pytest.mark.parametrize(("name", "line", "breach"), PYTHON_PLANTS)
def test_a_planted_import_is_seen(name, line, breach, tmp_path):
    package = tmp_path / "chainrule"
    (package / name).parent.mkdir(parents=True)
    source = ROOT / "python" / "chainrule" / name
    (package / name).write_text(f"{source.read_text() if source.exists() else ''}\n{line}\n")
    (seen,) = python_breaches(package)
    assert seen.startswith(name.removesuffix(".py"))
    assert breach in seen
