"""The benchmark of more threads on a tiny case from end to end."""

import json

import pytest

pytest.importorskip("bench", reason="no bench folder beside the tests")

from bench import scaling
from bench.remote import WorkerError


def test_quick_run(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    scaling.main(["--quick", "--cases", "tiny", "--threads", "1", "--json", str(path)])
    assert "| tiny | 1 |" in capsys.readouterr().out
    row = json.loads(path.read_text())
    assert (row["bench"], row["case"], row["threads"]) == ("scaling", "tiny", 1)
    for name in ("one", "copies", "team"):
        assert len(row[f"{name}_steps_per_second"]) == 2
        assert min(row[f"{name}_steps_per_second"]) > 0


def test_a_line_has_medians_of_times_and_of_ratios_within_a_round():
    row = {"case": "c", "threads": 4}
    steps = {"one": [100.0, 200.0, 100.0], "copies": [320.0, 480.0, 320.0], "team": [240.0] * 3}
    row |= {f"{name}_steps_per_second": rates for name, rates in steps.items()}
    assert scaling.line(row) == "| c | 4 | 10.0 ms | 4.17 ms | 2.40 | 0.60 | 0.80 | 0.75 |"


@pytest.mark.parametrize(
    "option", ["--cases=none", "--cases=", "--threads=0", "--rounds=0", "--seconds=inf"]
)
def test_wrong_options_are_refused(option, capsys):
    with pytest.raises(SystemExit):
        scaling.main([option])
    assert ": expected " in capsys.readouterr().err


def test_a_case_that_fails_does_not_stop_the_others(monkeypatch, capsys):
    compare, failures = scaling.compare, [WorkerError("the worker has ended")]

    def fails_once(*arguments):
        if failures:
            raise failures.pop()
        return compare(*arguments)

    monkeypatch.setattr(scaling, "compare", fails_once)
    with pytest.raises(SystemExit) as failed:
        scaling.main(["--quick", "--cases", "tiny,tiny", "--threads", "1"])
    assert failed.value.code == 1
    assert "failed: the worker has ended" in capsys.readouterr().out
