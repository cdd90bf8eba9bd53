"""The sweep's rules with planted violations, and the sweep itself on a few tiny shapes."""

import json

import pytest

pytest.importorskip("bench", reason="no bench folder beside the tests")

from bench import sweep, sweep_rules, sweep_shapes
from bench.sweep_shapes import grid_shape

WIDTHS = (127, 128, 129, 256)
LINE = [grid_shape(width, 32) for width in WIDTHS]


def broken(seconds, threads=1):
    """(kind, slow, fast) of the rules that these times of LINE break."""
    cost = {(shape, threads): t for shape, t in zip(LINE, seconds, strict=True)}
    rules = sweep_rules.neighbour_rules([LINE], threads)
    names = [(rule.kind, rule.slow[0].name, rule.fast[0].name) for rule in rules]
    found = sweep_rules.suspects(sweep_rules.neighbour_rules([LINE], threads), cost)
    assert {(r.kind, r.slow[0].name, r.fast[0].name) for r in found} <= set(names)
    return [(r.kind, r.slow[0].sizes[0], r.fast[0].sizes[0]) for r in found]


def test_times_that_grow_as_the_work_does_break_no_rule():
    assert broken([shape.flops for shape in LINE]) == []
    assert broken([1.0, 1.0, 1.0, 1.0]) == []


@pytest.mark.parametrize(("factor", "breaks"), [(1.09, False), (1.12, True)])
def test_a_smaller_problem_that_is_slower_is_found(factor, breaks):
    expected = [("slower than a larger one", 127, 128)] if breaks else []
    assert broken([factor, 1.0, 1.0, 4.0]) == expected


@pytest.mark.parametrize(("factor", "breaks"), [(1.4, False), (1.6, True)])
def test_a_jump_beyond_the_work_is_found(factor, breaks):
    growth = LINE[2].flops / LINE[1].flops
    seconds = [1.0, 1.0, factor * growth, 4.0]
    assert broken(seconds) == ([("jump", 129, 128)] if breaks else [])


def test_a_jump_may_be_as_large_as_the_work_where_neighbours_are_far_apart():
    growth = LINE[3].flops / LINE[2].flops  # about four
    assert broken([1.0, 1.0, 1.0, 1.4 * growth]) == []
    assert broken([1.0, 1.0, 1.0, 1.6 * growth]) == [("jump", 256, 129)]


@pytest.mark.parametrize(("factor", "breaks"), [(1.04, False), (1.06, True), (0.5, False)])
def test_two_threads_that_are_slower_than_one_are_found(factor, breaks):
    rules = list(sweep_rules.thread_rules(LINE[:1], [1, 2]))
    cost = {(LINE[0], 1): 1.0, (LINE[0], 2): factor}
    assert len(sweep_rules.suspects(rules, cost)) == breaks
    assert list(sweep_rules.thread_rules(LINE, [2])) == []


def test_a_suspect_is_believed_after_three_trials_only():
    (rule,) = sweep_rules.thread_rules(LINE[:1], [1, 2])
    trials = iter([[1.2, 1.2, 0.1], [1.3] * 3, [1.1] * 3])
    assert sweep_rules.confirmed(rule, lambda _: next(trials)) == 1.1
    trials = iter([[1.2] * 3, [1.04] * 3, [1.3] * 3])
    assert sweep_rules.confirmed(rule, lambda _: next(trials)) is None
    assert sweep_rules.confirmed(rule, lambda _: [1.0, 1.0, 9.0]) is None  # one turn of noise
    assert "with 2 thread(s) takes 1.20 times as long" in rule.describe(1.2)


def test_the_clock_is_taken_out():
    fast_clock = sweep.Cell([1.0, 1.0], [2e9, 2e9])
    slow_clock = sweep.Cell([2.0, 2.0], [1e9, 1e9])
    assert fast_clock.time_at_peak == slow_clock.time_at_peak
    shape = grid_shape(8, 1)
    assert sweep.share_of_peak((shape, 2), fast_clock) == shape.flops / 4e9


def test_every_cell_of_the_grid_has_its_rules():
    options = sweep.parse(["--threads=1"])
    kinds = [rule.kind for rule in sweep.rules_of(options)]
    widths, batches = len(sweep_shapes.WIDTHS), len(sweep_shapes.BATCHES)
    pairs = (widths - 1) * batches + widths * (batches - 1)
    assert kinds.count("jump") == kinds.count("slower than a larger one") == pairs
    assert len(set(sweep.shapes_of(options))) == widths * batches + len(sweep_shapes.ODD)


@pytest.mark.parametrize(
    "option",
    ["--widths=0", "--batches=x", "--threads=0", "--rounds=-1", "--rounds=0", "--seconds=0"],
)
def test_wrong_options_are_refused(option):
    with pytest.raises(SystemExit):
        sweep.parse([option])


@pytest.mark.parametrize("shape", sweep_shapes.ODD, ids=lambda shape: shape.name)
def test_odd_shapes_take_steps(shape):
    if shape.flops > 3e8:
        pytest.skip("takes long")
    stepper = sweep_shapes.Stepper(shape, "float32")
    stepper.steps = 2
    assert stepper.step_seconds() > 0
    assert stepper.trainer.steps == 2


def test_the_time_is_that_of_one_step(monkeypatch):
    stepper = sweep_shapes.Stepper(grid_shape(8, 1), "float32")
    stepper.steps, ticks = 7, iter([10.0, 13.5])
    monkeypatch.setattr(sweep_shapes, "perf_counter", lambda: next(ticks))
    assert stepper.step_seconds() == 0.5


@pytest.mark.parametrize(("width", "steps"), [(8, 17), (512, 4)])
def test_steps_before_the_time_is_taken_are_as_many_as_a_trial_and_one(width, steps):
    stepper = sweep_shapes.Stepper(grid_shape(width, 64), "float32")
    stepper.settle()
    assert stepper.trainer.steps == steps


@pytest.mark.parametrize("found", [None, 2.0])
def test_a_tiny_sweep_from_end_to_end(found, tmp_path, capsys, monkeypatch):
    plant = sweep_rules.Rule("planted", (LINE[0], 1), (LINE[1], 1), 1.0)
    monkeypatch.setattr(sweep, "suspects", lambda *_: [plant])
    monkeypatch.setattr(sweep, "confirmed", lambda *_: found)
    file = tmp_path / "rows.json"
    arguments = "--quick --widths 8,16 --batches 1,2 --threads 1 --rounds 2 --seconds 0.001"
    assert sweep.main([*arguments.split(), f"--json={file}"]) == (found is not None)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(rows) == 4 + 2
    for row in rows:
        assert row["bench"] == "sweep"
        assert len(row["samples"]) == 2
        assert 0 < row["share_of_peak"] < 1
    printed = capsys.readouterr().out
    assert "% of peak, 1 thread(s)" in printed
    assert ("! planted: w127-b32" in printed) == (found is not None)
