"""Checkpoints: when they are written, under which names, and where training goes on."""

import contextlib
import time

import pytest

import chainrule as cr

from . import checkpoints
from .checkpoints import EPOCHS, STEPS, X, Y, fit, new_trainer, weights
from .saving import names

pytestmark = pytest.mark.usefixtures("one_step_per_call")
expected = pytest.fixture(checkpoints.outcome, scope="module", name="expected")


class Seen(cr.Callback):
    """After which step each file was written; to stand behind the checkpoint."""

    optional = comes_last = True

    def __init__(self, folder):
        self.folder, self.before, self.steps = folder, set(), []

    def look(self, trainer, *arguments):
        now = {(path, path.stat().st_ino) for path in self.folder.iterdir()}
        if now - self.before:
            self.steps.append(trainer.steps)
        self.before = now

    on_epoch_begin = on_steps_end = on_epoch_end = look


@pytest.mark.parametrize(
    ("every", "steps"),
    [("epoch", [5, 10, 15]), (1, [*range(1, 16), 15]), (4, [4, 8, 12, 15]), ("1 h", [15])],
)
def test_checkpoints_are_written_when_due_and_after_the_last_epoch(every, steps, tmp_path):
    seen = Seen(tmp_path)
    fit(new_trainer(), cr.Checkpoint(tmp_path / "run", every), seen)
    assert seen.steps == steps
    assert names(tmp_path) == ["run"]


def test_a_time_is_counted_from_one_file_to_the_next(tmp_path, monkeypatch):
    clock, seen = iter(range(0, 10**6, 20)), Seen(tmp_path)  # a look every 20 s
    now = [0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    class Ticks(cr.Callback):
        def on_steps_end(self, trainer, steps, loss):
            now[0] = next(clock)

    fit(new_trainer(), Ticks(), cr.Checkpoint(tmp_path / "run", "1 min"), seen)
    assert seen.steps == [4, 7, 10, 13, 15]


def test_files_that_a_killed_process_did_not_remove_go_even_if_nothing_is_left_to_do(tmp_path):
    fit(new_trainer(), cr.Checkpoint(tmp_path / "run", every=2, keep=9))
    trainer = cr.Trainer.load(cr.Checkpoint.newest(tmp_path / "run"))
    trainer.fit(X, Y, callbacks=[cr.Checkpoint(tmp_path / "run", keep=2)])
    assert names(tmp_path) == ["run.000007", "run.000008"]


@pytest.mark.parametrize("checkpoint_first", [True, False])
def test_the_last_file_knows_that_training_was_stopped(checkpoint_first, tmp_path):
    class Stop(cr.Callback):
        optional = True

        def on_epoch_end(self, trainer, epoch, logs):
            trainer.stop("enough")

    callbacks = [cr.Checkpoint(tmp_path / "run", "1 h"), Stop()]
    trainer = new_trainer()
    fit(trainer, *callbacks[:: 1 if checkpoint_first else -1])
    loaded = cr.Trainer.load(tmp_path / "run")
    loaded.fit(X, Y)
    assert (loaded.epoch, loaded.steps, loaded.stop_reason) == (1, STEPS, "enough")
    assert weights(loaded) == weights(trainer)


@pytest.mark.parametrize(
    ("every", "seconds"),
    [("5 min", 300), ("30s", 30), ("1.5 h", 5400), ("2 hours", 7200), (" 10 seconds ", 10)],
)
def test_times_are_understood(every, seconds):
    assert cr.Checkpoint("run", every)._seconds == seconds


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"every": "5 parsecs"}, ValueError, "every: expected 'epoch', a number of steps, or a"),
        ({"every": "min"}, ValueError, "every: expected 'epoch', a number of steps, or a time"),
        ({"every": "0 min"}, ValueError, "every: expected 'epoch', a number of steps, or a time"),
        ({"every": 0}, ValueError, "every: expected an integer >= 1 steps, '5 min' or 'epoch'"),
        ({"every": 1.5}, TypeError, "every: expected an integer >= 1 steps, '5 min' or 'epoch'"),
        ({"keep": 0}, ValueError, "keep: expected an integer >= 1, got 0"),
    ],
)
def test_checkpoint_refuses(arguments, error, text):
    with pytest.raises(error, match=rf"^\[Checkpoint\] {text}"):
        cr.Checkpoint("run", **arguments)


def test_a_folder_that_is_not_there_is_told_before_the_first_step(tmp_path):
    trainer = new_trainer()
    with pytest.raises(FileNotFoundError, match="missing"):
        fit(trainer, cr.Checkpoint(tmp_path / "missing" / "run"))
    assert trainer.steps == 0


# ---- which files stay ---------------------------------------------------------------------------


def test_the_newest_files_stay_and_each_of_them_goes_on(tmp_path, expected):
    path = tmp_path / "run.safetensors"
    fit(new_trainer(), cr.Checkpoint(path, every=2, keep=3))
    assert names(tmp_path) == [f"run.{n:06}.safetensors" for n in (6, 7, 8)]
    for file in tmp_path.iterdir():
        trainer = cr.Trainer.load(file)
        trainer.fit(X, Y)
        assert weights(trainer) == expected
    assert cr.Checkpoint.newest(path) == tmp_path / "run.000008.safetensors"
    fit(new_trainer(), cr.Checkpoint(path, keep=2))  # counts on, and leaves other files alone
    (tmp_path / "run.12.safetensors").touch()
    (tmp_path / "other.000001.safetensors").touch()
    fit(new_trainer(), cr.Checkpoint(path, keep=2))
    assert names(tmp_path) == [
        *("other.000001.safetensors", "run.000013.safetensors", "run.000014.safetensors"),
        "run.12.safetensors",
    ]


def test_the_newest_whole_file_is_found(tmp_path):
    path = tmp_path / "run"
    assert cr.Checkpoint.newest(path) is None
    assert cr.Checkpoint.newest(tmp_path / "missing" / "run") is None
    fit(new_trainer(), cr.Checkpoint(path))
    assert cr.Checkpoint.newest(str(path)) == path
    fit(new_trainer(), cr.Checkpoint(path, keep=5))
    newest, second = tmp_path / "run.000003", tmp_path / "run.000002"
    assert cr.Checkpoint.newest(path) == newest
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(RuntimeWarning, match=r"run\.000003'.*; it is passed over"):
        assert cr.Checkpoint.newest(path) == second
    for file in tmp_path.iterdir():
        file.write_bytes(b"")
    with (
        pytest.warns(RuntimeWarning, match="it is passed over"),
        pytest.raises(cr.FileFormatError, match=r"^\[Checkpoint.newest\] path: .*run\.000003"),
    ):
        cr.Checkpoint.newest(path)


def test_leftovers_of_killed_writers_go(tmp_path):
    for keep, name in ((1, "run.st"), (2, "run.000001.st")):
        leftover = tmp_path / f".{name}.part-abc"
        leftover.touch()
        fit(new_trainer(), cr.Checkpoint(tmp_path / "run.st", keep=keep))
        assert not leftover.exists()


# ---- the end of a fit ---------------------------------------------------------------------------


class Raise(cr.Callback):
    optional = True

    def __init__(self, error, step):
        self.error, self.step = error, step

    def on_steps_end(self, trainer, steps, loss):
        if trainer.steps == self.step:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError()])
@pytest.mark.parametrize("checkpoint_first", [True, False])
def test_ctrl_c_and_exceptions_leave_a_file_of_that_step(
    error, checkpoint_first, tmp_path, expected
):
    callbacks = [cr.Checkpoint(tmp_path / "run"), Raise(error, 8)]
    callbacks = [*callbacks[:: 1 if checkpoint_first else -1], cr.EarlyStopping(50)]
    with pytest.raises(type(error)):
        fit(new_trainer(), *callbacks)
    trainer = cr.Trainer.load(tmp_path / "run")
    assert trainer.steps == 8
    trainer.fit(X, Y)
    assert weights(trainer) == expected


def test_a_run_goes_on_by_the_same_lines(tmp_path, expected):
    """A script that is started again and again, and ends each time at another step."""
    path = tmp_path / "run"
    for step in (2, 6, 7, 13, None, None):
        newest = cr.Checkpoint.newest(path)
        trainer = cr.Trainer.load(newest) if newest else new_trainer()
        callbacks = [cr.Checkpoint(path, every=3), Raise(KeyboardInterrupt(), step)]
        with contextlib.suppress(KeyboardInterrupt):
            fit(trainer, *callbacks)
    assert weights(trainer) == expected
    assert trainer.epoch == EPOCHS
    assert trainer.history["epoch"] == [0, 1, 2]


def test_csv_files_and_progress_bars_go_on(tmp_path, capsys):
    log, whole = tmp_path / "log.csv", tmp_path / "whole.csv"
    fit(new_trainer(), cr.CSVLogger(whole))
    path = tmp_path / "run"

    def callbacks():
        return [cr.CSVLogger(log), cr.Checkpoint(path, every=1), cr.ProgressBar()]

    class Kill(Raise):  # what is written after the file was saved is to be written again
        def on_epoch_end(self, trainer, epoch, logs):
            if epoch == 1:
                raise self.error

        def on_steps_end(self, trainer, steps, loss):
            if trainer.steps == 8:
                saved.append(path.read_bytes())

    saved = []
    with pytest.raises(SystemExit):
        fit(new_trainer(), *callbacks(), Kill(SystemExit(), 0))
    path.write_bytes(saved[0])
    assert len(log.read_text().splitlines()) == 3
    capsys.readouterr()
    trainer = cr.Trainer.load(path)
    trainer.fit(X, Y, callbacks=callbacks())
    shown = capsys.readouterr().err
    assert "15/15" in shown
    assert " 7/15" in shown  # the file was written before the bar heard of step 8
    columns = [
        [line.split(",")[:2] for line in file.read_text().splitlines()] for file in (log, whole)
    ]
    assert columns[0] == columns[1]
