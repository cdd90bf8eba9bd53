"""The same bits from other compilers and on aarch64; `golden/everywhere.py` runs all of it."""

import os
from functools import cache
from pathlib import Path

import pytest

from .golden import FUNCTION_TABLE, TABLE, read
from .golden.everywhere import TOOLCHAINS, Toolchain

CLANG, AARCH64 = TOOLCHAINS[1:]
QUICK = [c.name for c in read() if c.name != "wide64"]  # which takes an emulator seconds


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a toolchain's programs at -O2, built when first asked for."""

    @cache
    def build(toolchain: Toolchain) -> Path:
        if missing := toolchain.missing():
            pytest.skip(f"needs {missing}")
        folder = tmp_path_factory.mktemp(toolchain.compiler.replace("+", "p"))
        toolchain.build("-O2", folder)
        return folder

    return build


@pytest.mark.parametrize("toolchain", [CLANG, AARCH64], ids=["clang", "aarch64"])
def test_another_compiler_and_another_architecture_give_the_hashes_written_down(toolchain, built):
    said = toolchain.golden(built(toolchain), "1,7", *QUICK)
    assert said.startswith(f"{len(QUICK)} right, 0 wrong, on up to 7 threads of ")


@pytest.mark.parametrize("toolchain", [CLANG, AARCH64], ids=["clang", "aarch64"])
def test_functions_have_the_bits_written_down_and_keep_their_bounds(toolchain, built):
    """And products are compared with plain loops of fused multiply-adds, bit for bit."""
    assert toolchain.accuracy(built(toolchain)).count(" ULP\n") == 24


def test_a_wrong_hash_is_seen(built, tmp_path):
    text = TABLE.read_text()
    hashes = [line.split()[-1] for line in text.splitlines() if line.startswith("digits ")]
    wrong = tmp_path / "hashes.txt"
    wrong.write_text(text.replace(hashes[0], hashes[0][::-1]))
    with pytest.raises(RuntimeError, match=rf"digits on .*: {hashes[0]}, not {hashes[0][::-1]}"):
        CLANG.run(built(CLANG) / "golden", str(wrong), "1", "digits")


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [(5, "0.5", "tanh is beyond its bound"), (7, "0" * 16, "tanh on .*: .*, not 0{16}")],
)
def test_a_bound_or_a_bit_that_is_not_kept_is_seen(column, value, said, built, tmp_path):
    table = [line.split() for line in FUNCTION_TABLE.read_text().splitlines() if line[0] != "#"]
    for row in table:
        row[column] = value
    wrong = tmp_path / "accuracy.txt"
    wrong.write_text("\n".join(map(" ".join, table)))
    with pytest.raises(RuntimeError, match=f"wrong: {said}"):
        CLANG.run(built(CLANG) / "accuracy", str(wrong))


@pytest.mark.skipif(
    not os.environ.get("CHAINRULE_EVERYWHERE"), reason="takes minutes: CHAINRULE_EVERYWHERE=1"
)
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("level", ["-O2", "-O3"])
@pytest.mark.parametrize("toolchain", TOOLCHAINS, ids=lambda toolchain: toolchain.compiler)
def test_every_compiler_at_every_level_gives_the_hashes_written_down(toolchain, level, tmp_path):
    if missing := toolchain.missing():
        pytest.skip(f"needs {missing}")
    toolchain.build(level, tmp_path)
    toolchain.golden(tmp_path)
    toolchain.accuracy(tmp_path)
