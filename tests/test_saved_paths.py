"""Where files are saved: links, permissions, and paths that hold or name no file."""

import errno
import os
import re
import stat

import pytest

import chainrule as cr

from .saving import names, network, same

net = pytest.fixture(network, name="net")


def test_a_save_to_what_is_no_file_names_it_and_changes_nothing(net, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.symlink("pipe", "link")
    os.symlink("circle", "circle")
    folder, device = "expected the name of a file, got a folder", "expected a regular file, got a"
    for path, text in (
        (".", folder),
        ("", folder),
        (tmp_path, folder),
        ("pipe", device),
        (tmp_path / "link", device),
        ("circle", "Too many levels"),
        ("missing/net", "No such file"),
        ("/proc/no-place-for-files", "No such file"),  # for temporaries, either
    ):
        with pytest.raises(OSError, match=text) as caught:
            net.save(path)
        assert str(caught.value).endswith(f": {os.fspath(path)!r}")
    assert names(tmp_path) == ["circle", "link", "pipe"]
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


def test_a_checkpoint_with_no_place_for_its_file_is_refused_before_the_first_step(net, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    trainer = cr.Trainer(net, "cross_entropy")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing" / "run"):
        with pytest.raises(OSError, match=r"expected|No such file") as caught:
            trainer.fit([[1.0] * 5] * 4, [0, 1, 2, 0], 1, callbacks=[cr.Checkpoint(path)])
        assert caught.value.filename == os.fspath(path)
        assert trainer.steps == 0


def test_a_link_stays_and_the_file_that_it_leads_to_is_written(net, tmp_path):
    (tmp_path / "far").mkdir()
    os.symlink("far/net", tmp_path / "link")
    os.symlink(tmp_path / "link", tmp_path / "link to the link")
    for _ in range(2):  # nothing is there, then a file
        net.W[1] = 2 * net.W[1]
        net.save(tmp_path / "link to the link")
        assert (tmp_path / "link to the link").is_symlink()
        assert (tmp_path / "link").is_symlink()
        assert names(tmp_path / "far") == ["net"]
        assert same(net, cr.Network.load(tmp_path / "far" / "net"))


def test_a_new_file_has_the_rights_of_any_and_one_that_is_replaced_keeps_its_own(net, tmp_path):
    path, before = tmp_path / "net", os.umask(0o027)
    try:
        net.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        for mode in (0o600, 0o664):
            path.chmod(mode)
            net.save(path)
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(before)


def test_a_save_leaves_the_umask_alone(net, tmp_path, monkeypatch):
    """It is that of all threads, and Ctrl-C could come before it is put back."""
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask is changed"))
    net.save(tmp_path / "net")


@pytest.mark.parametrize("name", ["n" * 255, "\N{GRINNING FACE}" * 63])
def test_a_name_may_be_as_long_as_names_can_be(name, net, tmp_path):
    net.save(tmp_path / name)
    assert same(net, cr.Network.load(tmp_path / name))


def test_what_is_no_path_is_a_type_error_before_anything(net):
    est = cr.MLPClassifier((), solver="lbfgs").fit([[0.0], [1.0]] * 4, [0, 1] * 4)
    doors = {
        "Network.save": net.save,
        "Network.load": cr.Network.load,
        "Trainer.save": cr.Trainer(net, "cross_entropy").save,
        "Trainer.load": cr.Trainer.load,
        "MLPClassifier.save": est.save,
        "MLPClassifier.load": cr.MLPClassifier.load,
        "Checkpoint": cr.Checkpoint,
        "Checkpoint.newest": cr.Checkpoint.newest,
        "CSVLogger": cr.CSVLogger,
        "export_c": lambda path: cr.export_c(net, path),
        "export_onnx": lambda path: cr.export_onnx(net, path),
    }
    for where, use in doors.items():
        for path in (5, None, b"net", ["net"]):
            with pytest.raises(TypeError) as caught:
                use(path)
            expected = f"[{where}] path: expected a str or a pathlib.Path, got {path!r}"
            assert str(caught.value) == expected
        with pytest.raises(ValueError, match=re.escape(f"[{where}] path: expected a name without")):
            use("net\0.c")


def test_a_failed_exchange_names_the_file_and_not_the_temporary(net, tmp_path, monkeypatch):
    def replace(source, target):
        raise OSError(errno.EBUSY, "Device or resource busy", source, None, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="busy") as caught:
        net.save(tmp_path / "net")
    assert str(caught.value).endswith(f"busy: {os.fspath(tmp_path / 'net')!r}")
    assert names(tmp_path) == []
