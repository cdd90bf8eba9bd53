"""Files that are read: networks, trainers, estimators, models and tables of the command line."""

import contextlib
import functools
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import checkpoint
from chainrule.cli.console import InputError
from chainrule.cli.model_file import load_model
from chainrule.cli.tables import read_table
from chainrule.estimators._file import estimator_from_bytes
from chainrule.trainer_file import trainer_from_bytes
from tests.attacks.estimators import whole_estimator
from tests.attacks.parts import whole
from tests.attacks.trainers import whole_trainer
from tests.model_files import FOLDER

from . import Rng, Target, pick
from .mutations import mutated, random_bytes, resealed


@functools.cache
def containers() -> list[bytes]:
    files = [path.read_bytes() for path in sorted(FOLDER.glob("version_*/*.safetensors"))]
    return [whole(), whole_trainer(), *files]


@functools.cache
def table_model() -> bytes:
    return (FOLDER / "version_2" / "table.safetensors").read_bytes()


@functools.cache
def tables() -> list[tuple[str, bytes]]:
    arrays = io.BytesIO()
    np.savez(arrays, X=np.arange(12.0).reshape(4, 3), y=np.arange(4), name=np.array(["a"] * 4))
    rows = b'size;kind;when;flag\n1.5;"a ""b""";2024-01-02 03:04:05;true\n;c;2024-01-03;false\n'
    text = "größe,art\r\n1,ä\r\n2,\r\n".encode()
    return [
        ("table.csv", rows * 3),
        ("table.tsv", rows.replace(b";", b"\t")),
        ("table.csv", text),
        ("table.csv", (FOLDER / "rows.csv").read_bytes()),
        ("table.npz", arrays.getvalue()),
    ]


def hostile(content: bytes, rng: Rng) -> bytes:
    """A changed container: mostly with the right checksum, so that what is behind it is reached."""
    kind = rng.random()
    if kind < 0.02:
        return random_bytes(rng)
    return (mutated if kind < 0.25 else resealed)(content, containers(), rng)


def network(rng: Rng) -> None:
    """What loads can be used, saved and loaded again."""
    content = hostile(pick(rng, [whole(), *containers()]), rng)
    net = checkpoint.network_from_bytes(cr.Network, content)
    assert np.isfinite(net.parameters[next(iter(net.parameters))]).all()
    if net.n_inputs < 1000:
        net.predict(np.zeros((3, net.n_inputs)))
    again = checkpoint.network_from_bytes(cr.Network, checkpoint.network_to_bytes(net))
    assert repr(again) == repr(net)


@contextlib.contextmanager
def asking() -> Iterator[None]:
    """A name that became another may be one of a user's function, which is then asked for."""
    try:
        yield
    except cr.FileFormatError:
        raise
    except ValueError as error:
        if "which no file holds" not in str(error):
            raise


def trainer(rng: Rng) -> None:
    with asking():
        trainer_from_bytes(cr.Trainer, hostile(whole_trainer(), rng), None, ())


def estimator(rng: Rng) -> None:
    with asking():
        estimator_from_bytes(cr.MLPClassifier, hostile(whole_estimator(), rng), {})


def model(rng: Rng) -> None:
    through_file("model.safetensors", hostile(table_model(), rng), load_model)


def table(rng: Rng) -> None:
    name, content = pick(rng, tables())
    others = [other for _, other in tables()]
    changed = mutated(content, others, rng) if rng.random() < 0.98 else random_bytes(rng)
    through_file(name, changed, read_table)


def through_file(name: str, content: bytes, load: Callable[[Path], Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        with contextlib.redirect_stderr(io.StringIO()):  # notes and warnings
            load(path)
        assert [file.name for file in path.parent.iterdir()] == [name]


TARGETS = [
    Target("network", network, (cr.FileFormatError,)),
    Target("trainer", trainer, (cr.FileFormatError,)),
    Target("estimator", estimator, (cr.FileFormatError,)),
    Target("model", model, (InputError,)),
    Target("table", table, (InputError,)),
]
