"""The estimators' benchmark on a tiny case from end to end."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "bench").is_dir():
    pytest.skip("no bench folder beside the tests", allow_module_level=True)

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT)
    from bench import estimators


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
        "scores": [0.5, 0.7, 0.6],
    }
    ours = row | {"fit_seconds": [1.0, 2.0, 9.0]}
    theirs = row | {"fit_seconds": [10.0, 10.0, 18.0]}
    line = estimators.line([ours, theirs])
    assert "| 2.00 s | 10.0 s | 5.0 |" in line
    assert "| 0.6000 +- 0.0816 |" in line


def test_no_seeds_are_refused(capsys):
    with pytest.raises(SystemExit):
        estimators.main(["--seeds", "0"])
    assert "--seeds: expected more than 0" in capsys.readouterr().err
