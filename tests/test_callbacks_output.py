"""What callbacks write: tables and progress bars, driven by a small stand-in for the trainer."""

import csv

import pytest

from chainrule.callbacks import Callback, CSVLogger, ProgressBar

from .fake_trainer import FakeTrainer, losses


@pytest.fixture
def trainer():
    return FakeTrainer()


# ---- CSVLogger -----------------------------------------------------------------------------------


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_csv_has_a_line_per_epoch(trainer, tmp_path):
    path = tmp_path / "log.csv"
    trainer.fit([{"loss": 0.1 + 0.2, "val_loss": 2}, {"loss": 0.5, "val_loss": 1}], CSVLogger(path))
    assert rows(path) == [
        ["epoch", "loss", "val_loss"],
        ["1", "0.30000000000000004", "2"],  # every digit: the numbers can be read back
        ["2", "0.5", "1"],
    ]


def test_csv_is_written_at_once(trainer, tmp_path):
    path, seen = tmp_path / "log.csv", []

    class Reader(Callback):
        def on_epoch_end(self, trainer, epoch, logs):
            seen.append(len(rows(path)))

    trainer.fit(losses(3, 2, 1), CSVLogger(str(path)), Reader())
    assert seen == [2, 3, 4]


def test_csv_starts_anew_or_appends(trainer, tmp_path):
    path = tmp_path / "log.csv"
    for append, epochs in [
        (False, ["1"]),
        (False, ["2"]),
        (True, ["2", "3"]),
        (True, ["2", "3", "4"]),
    ]:
        trainer.fit(losses(1), CSVLogger(path, append=append))
        assert [row[0] for row in rows(path)] == ["epoch", *epochs]


def test_csv_appends_to_a_file_that_is_not_there_yet(trainer, tmp_path):
    trainer.fit(losses(1), CSVLogger(tmp_path / "log.csv", append=True))
    assert rows(tmp_path / "log.csv") == [["epoch", "loss"], ["1", "1"]]


@pytest.mark.parametrize("append", [False, True])
def test_csv_refuses_columns_that_are_not_those_of_the_header(trainer, tmp_path, append):
    path = tmp_path / "log.csv"
    records = [*losses(1), {"loss": 1, "r2": 0.5}]
    if append:
        trainer.fit([records.pop(0)], CSVLogger(path))
    refusal = r"\[CSVLogger\] keys: expected the header of .*'epoch', 'loss'"
    with pytest.raises(ValueError, match=refusal):
        trainer.fit(records, CSVLogger(path, append))
    assert len(rows(path)) == 2


def test_csv_file_is_closed_after_an_exception(trainer, tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit([*losses(1), KeyboardInterrupt()], logger)
    assert logger._file is None
    assert len(rows(tmp_path / "log.csv")) == 2


# ---- ProgressBar ---------------------------------------------------------------------------------


def test_progress_bar_counts_steps_and_shows_losses(trainer, capsys):
    trainer.fit([{"loss": 0.5, "val_loss": 0.75}, {"loss": 0.25, "val_loss": 0.625}], ProgressBar())
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert "8/8" in shown
    assert "loss=0.25, val_loss=0.625" in shown


def test_progress_bar_is_closed_after_an_exception(trainer, capsys):
    bar, inner = ProgressBar(), []

    class Keeper(Callback):
        def on_epoch_end(self, trainer, epoch, logs):
            inner.append(bar._bar)

    with pytest.raises(KeyboardInterrupt):
        trainer.fit([*losses(1), KeyboardInterrupt()], bar, Keeper())
    assert inner[0].disable  # tqdm's mark of a closed bar
    assert bar._bar is None
    assert "4/8" in capsys.readouterr().err
