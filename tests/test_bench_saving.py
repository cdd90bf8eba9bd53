"""The benchmark of saving on a small file from end to end."""

import json

import pytest

pytest.importorskip("bench", reason="no bench folder beside the tests")

from bench import saving


def test_quick_run(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    saving.main(["--quick", "--json", str(path), "--folder", str(tmp_path)])
    assert "| network | float32 | 1 MB |" in capsys.readouterr().out
    for row, name in zip(
        map(json.loads, path.read_text().splitlines()), ("network", "trainer"), strict=True
    ):
        assert row["case"] == name
        assert row["bytes"] == pytest.approx(saving.QUICK_BYTES, rel=0.05)
        assert all(len(row["seconds"][job]) == 2 for job in saving.TIMES)
    assert list(tmp_path.iterdir()) == [path]


def test_a_line_has_medians_of_times_and_of_ratios():
    seconds = {"write": [1.0, 1.0, 4.0], "save": [2.0, 3.0, 6.0], "read": [1.0] * 3}
    row = {"case": "c", "dtype": "float32", "bytes": 10**8}
    line = saving.line(row | {"seconds": seconds | {"load": [2.0, 5.0, 3.0]}})
    assert line == "| c | float32 | 100 MB | 1.00 s | 3.00 s | 2.00 | 1.00 s | 3.00 s | 3.00 |"


def test_no_rounds_are_refused(capsys):
    with pytest.raises(SystemExit):
        saving.main(["--rounds", "0"])
    assert "--rounds: expected more than 0" in capsys.readouterr().err
