"""The benchmarks of training and inference: peers, options, workers, tiny cases end to end."""

import json

import pytest

pytest.importorskip("bench", reason="no bench folder beside the tests")

from bench import cases, command, inference, machine, measure, peers, remote, report, training
from bench.measure import Settings


def test_peers_do_the_jobs_they_can():
    training_peers = {peer.name for peer in peers.find_peers(None, cases.TRAINING)}
    inference_peers = {peer.name for peer in peers.find_peers(None, cases.INFERENCE)}
    assert training_peers - inference_peers == {"torch-compile"}
    ours = {"chainrule-predictor", "chainrule-core"}
    assert inference_peers - training_peers == {"onnxruntime"} | ours
    with pytest.raises(ValueError, match="got 'onnxruntime'"):
        peers.find_peers(["onnxruntime"], cases.TRAINING)


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
