"""The same bits from every compiler, at every level, on x86-64 and aarch64.

    python tests/golden/everywhere.py [folder]

builds golden.cpp and accuracy.cpp with each compiler that is there, -O2 and -O3, runs them (aarch64
in qemu's emulation), and compares. Takes some minutes; `folder` keeps the builds for the next time.
`tests/test_golden_everywhere.py` runs part of it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LEVELS = ("-O2", "-O3")


@dataclass(frozen=True)
class Toolchain:
    """A compiler, what CMake must know of it, and what runs its programs."""

    compiler: str
    options: tuple[str, ...] = ()
    emulator: tuple[str, ...] = ()

    def missing(self) -> str:
        """What is not there, or does not run, of what `build` and `run` need; "" if all is."""
        needed = ["cmake", self.compiler, *self.emulator[:1]]
        lacking = [tool for tool in needed if not runs(tool)]
        if not runs("ninja") and not runs("make"):
            lacking.append("ninja")
        if not lacking and not has_openmp(self.compiler):
            lacking.append(f"OpenMP for {self.compiler}")
        return ", ".join(lacking)

    def build(self, level: str, folder: Path) -> None:
        """Both programs, into `folder`."""
        options = [f"-DCMAKE_CXX_COMPILER={self.compiler}", f"-DCHAINRULE_OPTIMIZE={level}"]
        generator = ["-G", "Ninja"] if runs("ninja") else []
        source = ["-S", str(HERE.parent.parent), "-B", str(folder), "-DCHAINRULE_GOLDEN=ON"]
        command(["cmake", *generator, *source, *options, *self.options])
        command(["cmake", "--build", str(folder), "--parallel", str(os.cpu_count())])

    def golden(self, folder: Path, threads: str = "1,2,3,7", *names: str) -> str:
        return self.run(folder / "golden", str(HERE / "hashes.txt"), threads, *names)

    def accuracy(self, folder: Path) -> str:
        return self.run(folder / "accuracy", str(HERE / "accuracy.txt"))

    def run(self, *arguments: str | Path) -> str:
        return command([*self.emulator, *map(str, arguments)])


TOOLCHAINS = (
    Toolchain("g++"),
    Toolchain("clang++"),
    Toolchain(
        "aarch64-linux-gnu-g++",
        ("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"),
        ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"),
    ),
)


def runs(tool: str) -> bool:
    found = shutil.which(tool)
    return (
        found is not None
        and not subprocess.run([found, "--version"], capture_output=True).returncode
    )


def has_openmp(compiler: str) -> bool:
    check = [compiler, "-fopenmp", "-fsyntax-only", "-x", "c++", "-"]
    return not subprocess.run(check, input=b"#include <omp.h>", capture_output=True).returncode


def command(arguments: list[str]) -> str:
    """What it prints; RuntimeError with it all where it fails."""
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        functions = ""
        for toolchain in TOOLCHAINS:
            if missing := toolchain.missing():
                print(f"{toolchain.compiler}: left out, no {missing}")
                continue
            for level in LEVELS:
                folder = root / f"{toolchain.compiler}{level}"
                toolchain.build(level, folder)
                print(f"{folder.name}: {toolchain.golden(folder)}", end="", flush=True)
                functions = toolchain.accuracy(folder)
        print(functions, end="")


if __name__ == "__main__":
    main()
