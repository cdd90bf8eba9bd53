"""Training and inference benchmarks: counting, statistics, one tiny case from end to end."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "bench").is_dir():
    pytest.skip("no bench folder beside the tests", allow_module_level=True)

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT)
    from bench import (
        cases,
        command,
        inference,
        machine,
        measure,
        peers,
        picture,
        remote,
        report,
        rows,
        training,
    )
    from bench.measure import Measured, Measurement, Settings

CONTEXT = {"versions": {}, "date": "2000-01-01", "commit": None, "dirty": None, "machine": {}}


def measured(peer, seconds, peaks=None, loss=0.5):
    setup = {"loss": {"before": 1.0, "after": loss, "steps": 4}, "compile_seconds": 0.0}
    peaks = peaks or [1e11] * len(seconds)
    return Measured(peer, "ok", setup, 1, list(seconds), list(peaks), [1.0] * len(seconds))


def summarize(*results, others_busy=0.0):
    measurement = Measurement(cases.TINY, [0], list(results), others_busy)
    return rows.summarize(measurement, Settings(), CONTEXT)


def test_cases_are_the_ones_promised():
    assert [(case.sizes, case.batch_size, case.hidden) for case in cases.CASES] == [
        ((30, 64, 1), 1, cases.DENSE),
        ((20, 64, 64, 2), 32, cases.DENSE),
        ((64, 128, 10), 64, cases.DENSE),
        ((54, 256, 256, 256, 7), 256, cases.DENSE),
        ((784, 512, 256, 10), 128, cases.DENSE),
        ((1024, 2048, 2048, 1000), 512, cases.DENSE),
        ((54, 256, 256, 256, 7), 256, cases.BATCH_NORM),
        ((64, *[128] * 17, 10), 128, cases.RESIDUAL),
    ]
    assert all(case.quick().rows <= case.rows for case in cases.CASES)


def test_flops_leave_out_the_gradient_of_the_first_layers_input():
    case = cases.Case("", (3, 4, 5, 2), batch_size=7, rows=14)
    assert case.flops_per_step == 7 * (4 * 3 * 4 + 6 * 4 * 5 + 6 * 5 * 2)


def test_inference_is_the_forward_pass_alone():
    case = cases.Case("", (3, 4, 5, 2), batch_size=7, rows=14, job=cases.INFERENCE)
    assert case.flops_per_step == 7 * 2 * (3 * 4 + 4 * 5 + 5 * 2)
    assert case.steps_per_repeat == 1
    assert cases.INFERENCE_CASES[1].quick().batch_size == 1000


def test_large_data_repeat_their_rows():
    case = cases.Case("", (2, 3), cases.DISTINCT_ROWS + 5, cases.DISTINCT_ROWS + 5)
    X, y = cases.make_data(case, "float32")
    assert len(X) == len(y) == case.rows
    assert np.array_equal(X[-5:], X[:5])


def test_peers_do_the_jobs_they_can():
    training_peers = {peer.name for peer in peers.find_peers(None, cases.TRAINING)}
    inference_peers = {peer.name for peer in peers.find_peers(None, cases.INFERENCE)}
    assert training_peers - inference_peers == {"torch-compile"}
    ours = {"chainrule-predictor", "chainrule-core"}
    assert inference_peers - training_peers == {"onnxruntime"} | ours
    with pytest.raises(ValueError, match="got 'onnxruntime'"):
        peers.find_peers(["onnxruntime"], cases.TRAINING)


def test_probabilities_have_the_loss_of_their_logits():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 3)), rng.integers(0, 2, 50)
    W, b = rng.normal(size=(3, 1)), rng.normal(size=1)
    P = 1 / (1 + np.exp(-(X @ W + b)))
    expected = pytest.approx(cases.mean_loss([(W, b)], X, y), rel=1e-12)
    assert cases.mean_loss_of_probabilities(P, y) == expected
    assert cases.mean_loss_of_probabilities(np.hstack([1 - P, P]), y) == expected


def test_rows_are_whole_batches():
    with pytest.raises(ValueError, match=r"rows: expected a multiple of batch_size 7"):
        cases.Case("", (3, 2), batch_size=7, rows=15)


def test_data_hold_every_class_and_are_always_the_same():
    case = next(case for case in cases.CASES if case.n_classes == 1000).quick()
    X, y = cases.make_data(case, "float32")
    assert X.dtype == np.float32
    assert X.shape == (case.rows, 1024)
    assert set(y.tolist()) == set(range(1000))
    assert np.array_equal(X, cases.make_data(case, "float32")[0])
    assert sorted(cases.shuffled_rows(case, 0, 1)) == list(range(case.rows))


@pytest.mark.parametrize(("n_out", "expected"), [(1, math.log(2)), (2, math.log(2)), (5, 1.609438)])
def test_mean_loss_of_equal_outputs_is_the_log_of_the_number_of_classes(n_out, expected):
    X, y = np.ones((6, 3)), np.array([0, 1, 0, 1, 0, 1])
    # Hidden units below zero, cut off by relu, so that the last layer's weights do not matter.
    last = np.arange(4.0 * n_out).reshape(4, n_out)
    parameters = [(-np.ones((3, 4)), np.zeros(4)), (last, np.zeros(n_out))]
    assert cases.mean_loss(parameters, X, y) == pytest.approx(expected, rel=1e-6)


def test_one_logit_has_the_loss_of_two_that_differ_by_it():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 3)), rng.integers(0, 2, 50)
    W, b = rng.normal(size=(3, 1)), rng.normal(size=1)
    two = [(np.hstack([0 * W, W]), np.hstack([0 * b, b]))]
    assert cases.mean_loss([(W, b)], X, y) == pytest.approx(cases.mean_loss(two, X, y), rel=1e-12)


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


def test_thread_counts():
    assert command.thread_counts(["1", "all", "4"], 4) == [1, 4]
    with pytest.raises(ValueError, match="expected 1 to 4 or all, got '5'"):
        command.thread_counts(["5"], 4)


@pytest.mark.parametrize("option", ["--cases=7-7", "--peers=abacus", "--threads=0", "--rounds=0"])
def test_wrong_options_are_refused(option, capsys):
    with pytest.raises(SystemExit):
        command.parse(cases.TRAINING, None, [option])
    assert "expected" in capsys.readouterr().err


def test_workers_see_their_own_thread_count_only():
    caller = {"OMP_NUM_THREADS": "64", "OMP_WAIT_POLICY": "active", "MKL_CBWR": "AVX", "PATH": "/"}
    environment = remote.worker_environment(caller, 1, "float64", "scratch")
    assert environment["PATH"] == "/"
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "1"
    assert environment["JAX_ENABLE_X64"] == "1"
    assert not {"OMP_WAIT_POLICY", "MKL_CBWR"} & set(environment)


def test_the_machine_is_described():
    described = machine.describe_machine()
    assert described["cpu"]
    assert 1 <= described["usable_cores"] <= described["logical_cpus"]
    assert json.loads(json.dumps(described)) == described


def test_a_peer_that_is_missing_or_fails_does_not_stop_the_others(monkeypatch):
    absent = peers.PeerInfo("absent", "with_absent", ("no_such_module_at_all",), ())
    failing = peers.PeerInfo("abacus", "with_abacus", ("json",), ())  # unknown to the worker
    monkeypatch.setattr(measure, "_start_peak", lambda *_: None)
    cpus = machine.usable_cpus()[:1]
    done = measure.measure(
        cases.TINY, cpus, [absent, failing], Settings(rounds=1), lambda _: None, None
    )
    missing, failed = done.peers
    assert missing.status == "not installed"
    assert failed.status.startswith("failed: ValueError: [bench] --peers")


def test_a_tiny_case_from_end_to_end(tmp_path, capsys):
    pytest.importorskip("chainrule._core")
    file = tmp_path / "rows.json"
    arguments = "--quick --cases tiny --threads 1 --peers chainrule,numpy --rounds 2 --seconds 0.01"
    training.main([*arguments.split(), f"--json={file}"])
    table = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(row["peer"], row["status"]) for row in table] == [("chainrule", "ok"), ("numpy", "ok")]
    for row in table:
        assert len(row["samples"]) == len(row["peaks"]) == 2
        assert min(row["samples"]) > 0
        assert 0 < row["share_of_peak"] < 1
        assert row["machine"]["cpu"]
        assert row["setup"]["loss"]["after"] < row["setup"]["loss"]["before"]
    ours, numpys = (row["setup"]["loss"]["after"] for row in table)
    assert ours == pytest.approx(
        numpys, rel=1e-5
    )  # the same steps; a missing one changes it by 1 %
    printed = capsys.readouterr().out
    assert "x fastest peer" in printed
    assert "tiny: 8-16-2, batch 16, float32, 1 thread" in printed


def test_a_tiny_prediction_from_end_to_end(tmp_path, capsys):
    pytest.importorskip("chainrule._core")
    file = tmp_path / "rows.json"
    names = ["chainrule", "chainrule-predictor", "chainrule-core", "numpy"]
    arguments = f"--quick --cases tiny --threads 1 --peers {','.join(names)} --rounds 2"
    arguments += " --seconds 0.01"
    inference.main([*arguments.split(), f"--json={file}"])
    table = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(row["peer"], row["status"]) for row in table] == [(name, "ok") for name in names]
    for row in table:
        assert row["bench"] == "inference"
        assert min(row["samples"]) > 0
        assert 0 < row["share_of_peak"] < 1
        # The same network as the one with the first weights: no step was taken.
        loss = row["setup"]["loss"]
        assert loss["after"] == pytest.approx(loss["before"], rel=1e-5)
    assert "MFLOP per call" in capsys.readouterr().out
    report.main([str(file)])
    assert "| tiny | 1 |" in capsys.readouterr().out
