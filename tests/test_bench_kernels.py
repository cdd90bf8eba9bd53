"""The kernels' benchmark: its list is complete, its roof is one, a quick run gives sane rows."""

import json

import pytest

pytest.importorskip("bench", reason="no bench folder beside the tests")

from bench import kernels
from bench.kernel_list import all_kernels

from chainrule import _core


class FixedRoof:
    """100 GFLOP/s and 10 GB/s."""

    seconds = 0.0

    def peak(self):
        return 1e11

    def bandwidth(self, working_set):
        return 1e10


@pytest.mark.parametrize(
    ("flops", "size", "seconds", "bound", "share"),
    [(1e9, 1e3, 0.02, "flops", 0.5), (1e3, 1e9, 0.2, "bytes", 0.5), (0, 1e9, 0.1, "bytes", 1.0)],
)
def test_the_roof_is_the_lower_of_peak_and_bandwidth(flops, size, seconds, bound, share):
    item = kernels.Item("made up", "", flops, size, lambda _: seconds)
    row = kernels.measure(item, FixedRoof(), rounds=3)
    assert row["bound"] == bound
    assert row["share_of_roof"] == pytest.approx(share)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_list_has_every_activation_loss_and_optimizer(dtype):
    titles = {kernel.title for kernel in all_kernels(dtype)}
    for name in _core.activations():
        assert (f"activate {name}" in titles) == (name != "identity")
    assert {f"loss {name}" for name in _core.losses()} <= titles
    assert {f"update {name}" for name in _core.optimizers()} <= titles


def test_products_count_each_operand_once():
    item = next(kernels.product_items("float64", quick=True))
    assert item.size == "32 x 64 x 64"
    assert item.flops == 2 * 32 * 64 * 64
    assert item.bytes == 8 * (32 * 64 + 64 * 64 + 32 * 64)


def test_working_sets_are_filled_with_whole_rows():
    adam = next(k for k in all_kernels("float32") if k.title == "update adam")
    item = kernels.item_of(adam, "float32", "L1", 16 << 10)
    assert 0.5 < item.bytes / (16 << 10) <= 1
    assert item.flops / item.bytes == pytest.approx(12 / 28)


@pytest.mark.parametrize("call", ["product", "rows", "elements"])
def test_unknown_kernels_are_refused(call):
    sizes = {"product": (2, 2, 2), "rows": ("", 2, 2), "elements": ("", 16)}[call]
    with pytest.raises(ValueError, match="abacus"):
        getattr(_core.timing, call)("float32", "abacus", *sizes, 0.0)


@pytest.mark.parametrize(
    "option", ["--isa=abacus", "--kernels=abacus", "--rounds=-1", "--rounds=0", "--seconds=0"]
)
def test_wrong_options_are_refused(option, capsys):
    with pytest.raises(SystemExit):
        kernels.parse([option])
    assert "expected" in capsys.readouterr().err


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_quick_run_times_every_kernel(dtype, tmp_path, capsys):
    file, before = tmp_path / "rows.json", _core.isa()
    isa = _core.available_isas()[0]
    kernels.main(["--quick", f"--isa={isa}", f"--dtype={dtype}", f"--json={file}"])
    assert _core.isa() == before
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert {row["isa"] for row in rows} == {isa}
    assert len({row["kernel"] for row in rows}) == 3 + len(list(all_kernels(dtype)))
    for row in rows:
        assert 0 < row["seconds"] < 1
        assert row["share_of_roof"] > 0
    assert "of roof" in capsys.readouterr().out
