"""Exported C files, compiled and called, and a small network: what their tests share."""

import ctypes
import platform
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import chainrule as cr

from .helpers import build

Array = NDArray[Any]

FMA = ["-mfma"] if platform.machine() in ("x86_64", "AMD64") else []
FLAGS = ["-std=c99", "-O1", *FMA]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
BITS = {"float32": np.uint32, "float64": np.uint64}


def compile_c(compiler: str, flags: Iterable[str], sources: Iterable[Path], target: Path) -> Path:
    """Skips the test where this compiler is not there; any warning is an error."""
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    command = [compiler, *STRICT, *flags, *map(str, sources), "-o", str(target), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2000)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[:2000]}"
    return target


def shared_object(
    compiler: str, flags: Iterable[str], sources: Iterable[Path], folder: Path
) -> ctypes.CDLL:
    """All sources included in one."""
    folder.mkdir()
    (folder / "all.c").write_text("".join(f'#include "{source}"\n' for source in sources))
    flags = ["-shared", "-fPIC", *flags]
    return ctypes.CDLL(str(compile_c(compiler, flags, [folder / "all.c"], folder / "all.so")))


def address(array: Array) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


def predict_rows(library: ctypes.CDLL, name: str, X: Array, out: Array) -> Array:
    """`out` (rows, n_outputs), which C writes for the rows X."""
    X = np.ascontiguousarray(X)
    getattr(library, f"{name}_predict_rows")(address(X), ctypes.c_size_t(len(X)), address(out))
    return out


def assert_same_bits(found: Array, expected: Array, what: object = "") -> None:
    """NaN equals NaN, whose bits no processor promises."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    kind = BITS[expected.dtype.name]
    same = (found.view(kind) == expected.view(kind)) | (np.isnan(found) & np.isnan(expected))
    if not same.all():
        at = tuple(np.argwhere(~same)[0])
        wrong = f"{(~same).sum()} of {same.size} differ, first {at}"
        raise AssertionError(f"{what}: {wrong}: {found[at]!r}, not {expected[at]!r}")


def small(dtype: str = "float32") -> cr.Network:
    return build(3, [(4, "relu", 0), (2, "softmax", 0)], dtype)
