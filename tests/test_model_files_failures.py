"""Saves that fail leave the old file, and nothing else."""

import contextlib
import errno
import itertools
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import _files
from chainrule._files import remove_leftovers, write_atomically

from . import saving
from .saving import CALLS, failing, names, same

net = pytest.fixture(saving.network, name="net")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    call, error, net, tmp_path, monkeypatch
):
    path, n = tmp_path / "net", 0
    net.save(path)
    while True:  # fail at the first such call, then at the second, until there are no more
        before = path.read_bytes()
        net.W[1] = 2 * net.W[1]
        with monkeypatch.context() as patch, failing(patch, call, n, error) as failed:
            net.save(path)
        if not failed:
            break
        last_step = call == "fsync" and n == 1
        assert (path.read_bytes() == before) != last_step
        assert names(tmp_path) == ["net"]
        n += 1
    assert n == {"fsync": 2, "open": 2}.get(call, n)
    assert n > 0
    assert same(net, cr.Network.load(path))


def test_folders_that_cannot_be_flushed_are_no_failure(net, tmp_path, monkeypatch):
    real = os.fsync

    def no_folders(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(handle)

    monkeypatch.setattr(_files.os, "fsync", no_folders)
    net.save(tmp_path / "net")
    assert same(net, cr.Network.load(tmp_path / "net"))


def test_what_is_written_in_pieces_is_whole(tmp_path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(_files.os, "pwrite", lambda handle, data, at: real(handle, data[:7], at))
    pieces = [(0, b"0123456789" * 3), (30, np.arange(30, dtype=np.uint8)), (60, b""), (1, b"x" * 8)]
    write_atomically(tmp_path / "file", pieces)
    expected = b"0xxxxxxxx9" + b"0123456789" * 2 + bytes(range(30))
    assert (tmp_path / "file").read_bytes() == expected


FULL = """
import resource, signal, sys
import chainrule as cr
net = cr.Network([cr.Dense(100)], 100)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    net.save(sys.argv[1])
except OSError as error:
    print(error.strerror)
print(net.predict([[1.0] * 100]).shape)
"""


def test_a_full_disk_is_an_error_that_leaves_the_old_file(net, tmp_path):
    net.save(tmp_path / "net")
    command = [sys.executable, "-c", FULL, str(tmp_path / "net")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "File too large\n(1, 100)\n"
    assert same(net, cr.Network.load(tmp_path / "net"))
    assert names(tmp_path) == ["net"]


def test_a_folder_without_permission_is_an_error(net):
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as at_the_end:
        folder = Path(name)
        net.save(folder / "net")
        folder.chmod(0o555)
        at_the_end.callback(folder.chmod, 0o700)
        (folder / "net").chmod(0)
        if os.geteuid() == 0:  # to whom everything is permitted
            at_the_end.callback(os.seteuid, 0)
            os.seteuid(65534)
        with pytest.raises(PermissionError):
            net.save(folder / "net")
        with pytest.raises(PermissionError):
            cr.Network.load(folder / "net")
        at_the_end.close()
        assert same(net, cr.Network.load(folder / "net"))


# A file that is dropped as it is opened closes itself, and Python would have it said.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_ctrl_c_at_any_call_of_a_save_leaves_no_temporary(net, tmp_path):
    def interrupt(frame, event, function):
        if frame.f_code.co_filename == _files.__file__:
            calls.append(event)
            if len(calls) == n:
                sys.setprofile(None)
                raise KeyboardInterrupt

    path = tmp_path / "net"
    for n in itertools.count(1):
        calls = []
        path.unlink(missing_ok=True)
        try:
            sys.setprofile(interrupt)
            net.save(path)
        except KeyboardInterrupt:
            assert names(tmp_path) in ([], ["net"])
        finally:
            sys.setprofile(None)
        if len(calls) < n:
            break
    assert n > 50
    assert same(net, cr.Network.load(path))


def test_leftovers_of_killed_writers_go_and_those_at_work_stay(tmp_path):
    at_work = _files._create(_files._temporary(tmp_path / "net"), 0o600)
    (tmp_path / ".net.part-killed").write_bytes(b"half")
    (tmp_path / ".other.part-killed").write_bytes(b"half")
    (tmp_path / "far").mkdir()
    os.symlink("../net", tmp_path / "far" / "link")
    remove_leftovers(tmp_path / "far" / "link")
    shutil.rmtree(tmp_path / "far")
    assert names(tmp_path) == sorted([".other.part-killed", os.path.basename(at_work.name)])
    at_work.close()


def test_leftovers_are_those_of_this_very_name(tmp_path):
    """None of its characters stands for others."""
    own, other = ".net[1]*.part-killed", ".net1.part-killed"
    for name in (own, other):
        (tmp_path / name).write_bytes(b"half")
    remove_leftovers(tmp_path / "net[1]*")
    assert names(tmp_path) == [other]
