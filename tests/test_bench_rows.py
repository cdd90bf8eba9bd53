"""The benchmarks' rows: statistics, warnings, tables, the picture."""

import pytest

pytest.importorskip("bench", reason="no bench folder beside the tests")

from bench import cases, picture, report, rows
from bench.measure import Measured, Measurement, Settings

CONTEXT = {"versions": {}, "date": "2000-01-01", "commit": None, "dirty": None, "machine": {}}


def measured(peer, seconds, peaks=None, loss=0.5):
    setup = {"loss": {"before": 1.0, "after": loss, "steps": 4}, "compile_seconds": 0.0}
    peaks = peaks or [1e11] * len(seconds)
    return Measured(peer, "ok", setup, 1, list(seconds), list(peaks), [1.0] * len(seconds))


def summarize(*results, others_busy=0.0):
    measurement = Measurement(cases.TINY, [0], list(results), others_busy)
    return rows.summarize(measurement, Settings(), CONTEXT)


def test_ratios_are_taken_within_rounds():
    clock = [1.0, 1.3, 0.8, 1.1]  # the peers slow down and speed up together
    ours = measured("chainrule", [1e-3 * c for c in clock])
    theirs = measured("torch", [2e-3 * c for c in clock])
    row, _ = summarize(ours, theirs)
    ratio = row["to_fastest_peer"]
    assert ratio["peer"] == "torch"
    assert [ratio[key] for key in ("q1", "median", "q3")] == pytest.approx([2, 2, 2])


def test_the_fastest_peer_is_never_chainrule():
    ours = [measured("chainrule", [1.0]), measured("chainrule-predictor", [0.9])]
    others = [measured("jax", [2.0]), measured("numpy", [3.0])]
    assert rows.fastest_peer([*ours, *others]).peer == "jax"
    assert rows.fastest_peer(ours) is None


def test_share_of_peak_follows_the_clock():
    flops = cases.TINY.flops_per_step
    seconds, peaks = [1e-6, 2e-6, 4e-6], [4e11, 2e11, 1e11]
    (row,) = summarize(measured("numpy", seconds, peaks))
    assert row["share_of_peak"] == pytest.approx(flops / 1e-6 / 4e11)
    assert row["gflops"] == pytest.approx(flops / 2e-6 / 1e9)


def test_quartiles():
    assert rows.quartiles([5.0, 1.0, 3.0, 2.0, 4.0]) == (2.0, 3.0, 4.0)
    assert rows.quartiles([7.0]) == (7.0, 7.0, 7.0)


def test_the_summary_tells_how_far_losses_are_apart():
    apart = summarize(measured("a", [1.0], loss=1.0), measured("b", [1.0], loss=1.01))
    assert report.losses_within(apart) == "0.5 %"
    assert report.losses_within(summarize(Measured("a", "not installed"))) == ""


def test_the_picture_shows_the_last_run_of_each_case(tmp_path):
    pytest.importorskip("matplotlib")
    once = summarize(measured("chainrule", [1e-6, 2e-6]), measured("jax", [2e-6, 3e-6]))
    again = summarize(measured("chainrule", [5e-7, 5e-7]))
    (panel,) = picture.panels_of(once + again).values()
    shares = {row["peer"]: row["share_of_peak"] for row in panel}
    assert shares["chainrule"] == again[0]["share_of_peak"] != once[0]["share_of_peak"]
    for suffix in ("svg", "png"):
        picture.draw(once + again, tmp_path / f"picture.{suffix}")
        assert (tmp_path / f"picture.{suffix}").stat().st_size > 1000
    with pytest.raises(ValueError, match="got none"):
        picture.draw(summarize(Measured("jax", "not installed")), tmp_path / "nothing.svg")


def test_doubtful_rows_are_told():
    odd = summarize(
        *[measured(name, [1.0], loss=x) for name, x in (("a", 1.0), ("b", 1.0), ("c", 1.1))]
    )
    assert rows.warnings_of(odd) == ["c: the loss is +10 % off the median"]
    disturbed = summarize(measured("a", [1.0]), others_busy=0.25)
    assert rows.warnings_of(disturbed) == ["other programs used 25% of the CPUs meanwhile"]
    spinning = measured("a", [1.0])
    spinning.idle_share, spinning.busy = 0.9, [2.0]
    assert len(rows.warnings_of(summarize(spinning))) == 2


def test_tables_show_numbers_and_what_is_missing():
    table = summarize(
        measured("chainrule", [1e-6]), measured("jax", [2e-6]), Measured("torch", "not installed")
    )
    text = report.text_table(table)
    assert "torch: not installed" in text
    assert "2.00 (2.00-2.00)" in text
    assert "torch: not installed" in report.markdown_table(table)
    *_, line = report.markdown_summary(table).splitlines()
    peak = cases.TINY.flops_per_step / 1e-6 / 1e11
    expected = ["tiny", "1", "1.00 us", "2.00 us", "", f"{100 * peak:.2g} %", "2.00 (2.00-2.00)"]
    expected.append("< 0.001 %")  # losses within
    assert line.strip("|").replace(" ", "").split("|")[:-1] == [
        c.replace(" ", "") for c in expected
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (123.4e-9, "123 ns"),
        (1.234e-6, "1.23 us"),
        (12.34e-3, "12.3 ms"),
        (0.9997, "1.00 s"),
        (123.4, "123 s"),
    ],
)
def test_durations_have_three_digits(seconds, text):
    assert report.duration(seconds) == text
