"""Checkpoints that cannot be saved: an error, after which all goes on."""

import contextlib
import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import chainrule as cr
from chainrule import _files

from . import checkpoints
from .checkpoints import EPOCHS, X, Y, fit, new_trainer, weights
from .saving import CALLS, failing, names

pytestmark = pytest.mark.usefixtures("one_step_per_call")
expected = pytest.fixture(checkpoints.outcome, scope="module", name="expected")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("keep", [1, 2])
def test_a_save_that_fails_is_an_error_after_which_all_goes_on(
    call, error, keep, tmp_path, monkeypatch, expected
):
    path, n = tmp_path / "run", 0
    while True:  # fail at the first such call, then at the second, until there are no more
        for file in tmp_path.iterdir():
            file.unlink()
        trainer = new_trainer()
        checkpoint = cr.Checkpoint(path, every=4, keep=keep)
        oserror = OSError(error, "it failed")
        with monkeypatch.context() as patch, failing(patch, call, n, oserror) as failed:
            fit(trainer, checkpoint)
        if not failed:
            break
        if call in ("pwrite", "fsync", "fchmod"):
            assert Path(oserror.filename).name == ("run" if keep == 1 else oserror.filename[-10:])
        assert trainer.is_unfinished
        assert not [name for name in names(tmp_path) if "part" in name]
        for file in tmp_path.iterdir():  # the previous one, or with the last flush the new one
            loaded = cr.Trainer.load(file)
            loaded.fit(X, Y)
            assert weights(loaded) == expected
        trainer.fit(X, Y, resume=True)
        assert weights(trainer) == expected
        n += 1 if call != "pwrite" else 5
    replaced = 3 if keep == 1 else 0  # files, which alone get the permissions of others
    assert n >= (replaced if call == "fchmod" else 4)
    assert weights(trainer) == expected


FULL = """
import resource, signal, sys
import numpy as np, chainrule as cr
X = np.random.default_rng(0).normal(size=(300, 20))
def new():
    net = cr.Network([cr.Dense(50, "relu"), cr.Dense(2)], 20)
    return cr.Trainer(net, "squared_error")
trainer, path = new(), sys.argv[1]
trainer.save(path)
size = len(open(path, "rb").read())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, resource.RLIM_INFINITY))
try:
    trainer.fit(X, X[:, :2], 2, callbacks=[cr.Checkpoint(path)])
except OSError as error:
    print(type(error).__name__, error.strerror, error.filename == path)
print(cr.Trainer.load(path).steps, trainer.epoch)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
trainer.fit(X, X[:, :2], resume=True)
other = new()
other.fit(X, X[:, :2], 2)
print(trainer.history["loss"] == other.history["loss"], cr.Trainer.load(path).epoch)
"""


def test_a_limit_of_size_is_an_error_that_leaves_the_old_file(tmp_path):
    command = [sys.executable, "-c", FULL, str(tmp_path / "run")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["OSError File too large True", "0 1", "True 2"]
    assert names(tmp_path) == ["run"]


def test_a_disk_that_is_full_is_an_error_that_leaves_the_old_file(tmp_path, expected):
    """A real one, where the machine lets us mount a small file system."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted")
    try:
        path, trainer = tmp_path / "run", new_trainer()
        fit(trainer, cr.Checkpoint(path))
        before = path.read_bytes()
        (tmp_path / "other").write_bytes(bytes(4096 * (6 - -(-2 * len(before) // 4096))))
        trainer = new_trainer()
        trainer.save(path)
        old = path.read_bytes()
        with contextlib.suppress(OSError), (tmp_path / "rest").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
        with pytest.raises(OSError, match=r"No space left on device.*run"):
            fit(trainer, cr.Checkpoint(path))
        assert path.read_bytes() == old
        assert names(tmp_path) == ["other", "rest", "run"]
        (tmp_path / "rest").unlink()
        trainer.fit(X, Y, resume=True, callbacks=[cr.Checkpoint(path)])
        assert weights(trainer) == expected
        assert cr.Trainer.load(path).epoch == EPOCHS
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_folder_without_permission_is_an_error(expected):
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as at_the_end:
        folder = Path(name)
        trainer, path = new_trainer(), folder / "run"
        trainer.save(path)
        folder.chmod(0o555)
        at_the_end.callback(folder.chmod, 0o700)
        if os.geteuid() == 0:  # to whom everything is permitted
            at_the_end.callback(os.seteuid, 0)
            os.seteuid(65534)
        with pytest.raises(PermissionError, match="run"):
            fit(trainer, cr.Checkpoint(path))
        assert cr.Trainer.load(path).steps == 0
        at_the_end.close()
        assert names(folder) == ["run"]
        trainer.fit(X, Y, resume=True)
        assert weights(trainer) == expected
        assert cr.Trainer.load(path).epoch == EPOCHS


def test_ctrl_c_during_a_save_is_saved_at_the_end(tmp_path, monkeypatch, expected):
    real, calls = os.fsync, []

    def interrupted(handle):
        calls.append(handle)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(_files.os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(new_trainer(), cr.Checkpoint(tmp_path / "run", every=2))
    trainer = cr.Trainer.load(tmp_path / "run")
    assert trainer.steps == 4
    trainer.fit(X, Y)
    assert weights(trainer) == expected
    assert names(tmp_path) == ["run"]
