"""Names, paths and models that `export_c` refuses."""

import pytest

import chainrule as cr
from chainrule import MLPClassifier

from .compiled import small
from .helpers import diverged


@pytest.mark.parametrize(
    ("name", "error", "got"),
    [
        ("int", ValueError, "'int'"),
        ("class", ValueError, "'class'"),
        ("2d", ValueError, "'2d'"),
        ("", ValueError, "''"),
        ("_net", ValueError, "'_net'"),
        ("a-b", ValueError, "'a-b'"),
        ("nét", ValueError, "'nét'"),
        ("net\n", ValueError, r"'net\\n'"),
        (3, TypeError, "3"),
    ],
)
def test_names_that_c_cannot_take_are_refused(name, error, got, tmp_path):
    with pytest.raises(error, match=rf"^\[export_c\] name: expected an identifier.*got {got}$"):
        cr.export_c(small(), tmp_path / "net.c", name=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["net", "net.cpp", "net.o", "net.C"])
def test_other_suffixes_are_refused(file, tmp_path):
    with pytest.raises(ValueError, match=r"^\[export_c\] path: expected a file name ending in \.c"):
        cr.export_c(small(), tmp_path / file)
    assert list(tmp_path.iterdir()) == []


def test_other_models_are_refused(tmp_path):
    for model in ("x", None, MLPClassifier, cr.Dense(3)):
        with pytest.raises(TypeError, match=r"^\[export_c\] model: expected a Network, MLPClassif"):
            cr.export_c(model, tmp_path / "net.c")
    with pytest.raises(ValueError, match=r"^\[export_c\] model: expected a fitted estimator"):
        cr.export_c(MLPClassifier(), tmp_path / "net.c")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_diverged_is_refused(tmp_path):
    net = diverged()
    with pytest.raises(ValueError, match=r"^\[export_c\] parameters: expected finite numbers"):
        cr.export_c(net, tmp_path / "net.c")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        cr.export_c(small(), tmp_path / "absent" / "net.c")
