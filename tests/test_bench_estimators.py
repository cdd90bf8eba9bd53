"""The estimators' benchmark on a tiny case from end to end."""

import json

import pytest

pytest.importorskip("bench", reason="no bench folder beside the tests")

from bench import estimator_jobs, estimators


def test_quick_run(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    estimators.main(["--quick", "--json", str(path)])
    table = capsys.readouterr().out
    assert "| digits, 5 epochs | float64 |" in table
    ours, theirs = map(json.loads, path.read_text().splitlines())
    assert (ours["peer"], theirs["peer"]) == ("chainrule", "sklearn")
    assert ours["scores"] == theirs["scores"]  # the same seeds give the same models
    assert len(ours["fit_seconds"]) == 2


def test_a_line_has_medians_of_times_and_of_ratios():
    row = {
        "case": "c",
        "dtype": "float64",
        "one_row_seconds": [1e-6] * 3,
        "more_rows_seconds": [],  # lbfgs
        "scores": [0.5, 0.7, 0.6],
    }
    ours = row | {"fit_seconds": [1.0, 2.0, 9.0]}
    theirs = row | {"fit_seconds": [10.0, 10.0, 18.0]}
    line = estimators.line([ours, theirs])
    assert "| 2.00 s | 10.0 s | 5.0 | 1.00 us | 1.00 us | 1.0 | - | - | - |" in line
    assert "| 0.6000 +- 0.0816 |" in line


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_quick_run_of_jobs(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    estimators.main(["--quick", "--jobs", "2", "--json", str(path)])
    assert "| digits, 5 epochs | float64 | 40 |" in capsys.readouterr().out
    (row,) = map(json.loads, path.read_text().splitlines())
    assert row["jobs"] == 2
    for name in ("one_thread", "one_job", "jobs", "loop_one_thread", "loop_jobs"):
        assert len(row[f"{name}_seconds"]) == 2


def test_a_line_of_jobs_compares_with_one_jobs_work_divided():
    row = {"case": "c", "dtype": "float64", "fits": 8, "jobs": 2, "one_job_seconds": [3.0] * 3}
    row |= {"one_thread_seconds": [4.0, 4.0, 8.0], "jobs_seconds": [2.0, 2.2, 3.0]}
    row |= {"loop_one_thread_seconds": [4.0] * 3, "loop_jobs_seconds": [2.0, 2.2, 2.4]}
    assert estimator_jobs.line(row).endswith("| 8 | 4.00 s | 3.00 s | 2 | 2.20 s | 1.00 | 1.10 |")


@pytest.mark.parametrize("jobs", ["0", "1"])
def test_one_job_is_refused(capsys, jobs):
    with pytest.raises(SystemExit):
        estimators.main(["--jobs", jobs])
    assert "--jobs: expected more than 1" in capsys.readouterr().err


def test_no_seeds_are_refused(capsys):
    with pytest.raises(SystemExit):
        estimators.main(["--seeds", "0"])
    assert "--seeds: expected more than 0" in capsys.readouterr().err
