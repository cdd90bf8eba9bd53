"""Networks as files, pickles and copies; files of every version; saves that fail."""

import contextlib
import copy
import errno
import os
import pickle
import re
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import joblib
import numpy as np
import pytest
import safetensors.numpy

import chainrule as cr
from chainrule import _container, _files
from chainrule._files import remove_leftovers, write_atomically
from chainrule.cli.model_file import load_model
from chainrule.cli.tables import read_table
from chainrule.trainer_file import trainer_to_bytes

from .helpers import build
from .model_files import ESTIMATORS, FOLDER, OPTIONS, X, fit, fit_estimator, network

VERSIONS = sorted(path.name for path in FOLDER.glob("version_*"))


@pytest.fixture
def net():
    return build(5, [(17, "leaky_relu", 0.2), (3, "softmax", 0)], "float32")


def same(net, other):
    assert repr(other) == repr(net)
    for name, value in net.parameters.items():
        assert other.parameters[name].tobytes() == value.tobytes()
    return True


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# ---- what is written can be read ----------------------------------------------------------------


def nested(levels):
    """A dense layer inside so many others."""
    layers = [cr.Dense(6)]
    for _ in range(levels):
        layers = [cr.Residual(layers)]
    return [*layers, cr.Dense(1)]


def test_layers_nest_as_deep_as_a_file_can_hold(tmp_path):
    net = cr.Network(nested(32), 6)
    net.save(tmp_path / "net")
    assert same(net, cr.Network.load(tmp_path / "net"))
    assert same(net, copy.copy(net))


@pytest.mark.parametrize("levels", [33, 110, 2000])
def test_deeper_layers_are_refused(levels):
    deepest = ".".join(["1"] * 34)
    expected = f"[Network, layer {deepest}] layers: expected at most 32 layers around a layer, got"
    with pytest.raises(ValueError, match=rf"^{re.escape(expected)} more$"):
        cr.Network(nested(levels), 6)


@pytest.mark.parametrize("levels", [33, 110, 200])
def test_files_of_deeper_layers_are_refused(levels, tmp_path):
    layer = {"kind": "Dense", "units": 6, "activation": "identity", "initializer": "zeros"}
    for _ in range(levels):
        layer = {"kind": "Residual", "layers": [layer]}
    description = {"layers": [layer], "n_inputs": 6, "dtype": "float32", "seed": 0}
    weights = {
        f"1{'.1' * levels}.{name}": np.zeros(s, "f4")
        for name, s in {"weight": (6, 6), "bias": (6,)}.items()
    }
    content = _container.joined(
        _container.pack("chainrule.network", weights, {"network": description})
    )
    (tmp_path / "net").write_bytes(content)
    with pytest.raises(cr.FileFormatError, match="expected at most 32 layers around a layer"):
        cr.Network.load(tmp_path / "net")


def test_files_whose_schedules_nest_too_deep_are_refused(tmp_path):
    trainer = cr.Trainer(cr.Network([cr.Dense(1)], 2), "squared_error")
    contents = _container.unpack(trainer_to_bytes(trainer))
    schedule = {"kind": "constant"}
    for _ in range(500):
        schedule = {"kind": "warmup", "schedule": schedule, "epochs": 1, "start": 0}
    contents.documents["trainer"]["schedule"] = schedule
    pieces = _container.pack(contents.kind, contents.tensors, contents.documents)
    (tmp_path / "run").write_bytes(_container.joined(pieces))
    with pytest.raises(cr.FileFormatError, match="RecursionError"):
        cr.Trainer.load(tmp_path / "run")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_save_and_load_give_the_same_network(dtype, tmp_path):
    layers = [cr.Dense(17, "exp", "orthogonal"), cr.Dense(1, cr.Activation("leaky_relu", 0.1))]
    net = cr.Network(layers, 3, dtype, seed=2**62)
    net.save(tmp_path / "net.safetensors")
    assert same(net, cr.Network.load(tmp_path / "net.safetensors"))
    assert names(tmp_path) == ["net.safetensors"]


def test_the_same_network_is_the_same_file(net, tmp_path):
    net.save(tmp_path / "a")
    cr.Network.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_reader_of_safetensors_reads_the_file(net, tmp_path):
    net.save(tmp_path / "net")
    tensors = safetensors.numpy.load_file(tmp_path / "net")
    assert set(tensors) == set(net.parameters)
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(tensors[name], value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [16, 10**4, 2**20])
def test_a_file_written_in_pieces_of_any_size_is_the_same(size, dtype, monkeypatch):
    """Also of a layer of few outputs, whose weights are stored transposed, and of averages."""
    layers = [cr.Dense(33, "relu"), cr.BatchNorm(), cr.Dense(2)]
    trainer = cr.Trainer(cr.Network(layers, 71, dtype), "squared_error", ema=0.5)
    trainer.fit(np.eye(71)[:9], np.ones((9, 2)), epochs=2, batch_size=3)
    net, core, state = trainer.net, trainer.net._core, trainer._state
    monkeypatch.setattr(_container, "PIECE", size)
    found = _container.unpack(trainer_to_bytes(trainer)).tensors
    for i, name in enumerate(net.parameters):
        np.testing.assert_array_equal(found[name], net.parameters[name])
        np.testing.assert_array_equal(found[f"average/{name}"], state.average(core, i))
        for which in (0, 1):
            kept = state.state(core, which, i)
            np.testing.assert_array_equal(found[f"optimizer/{which}/{name}"], kept)


@pytest.mark.parametrize("kind", ["network", "trainer"])
def test_who_trains_or_sets_meanwhile_waits_or_is_told(kind, net, tmp_path, monkeypatch):
    """So a file never holds some weights of before a step and some of after it."""
    trainer, real, other, seen = cr.Trainer(net, "squared_error"), os.pwrite, [], []
    expected = {name: value.tobytes() for name, value in net.parameters.items()}

    def train():
        try:
            trainer.step(np.ones((4, 5)), np.ones((4, 3)))
        except RuntimeError as error:
            seen.append(str(error))

    def slowly(handle, data, at):
        if not other:
            with pytest.raises(RuntimeError, match="at work in another thread"):
                net.parameters["1.bias"] = np.ones(17)
            net.predict(np.ones((1, 5)))
            other.append(threading.Thread(target=train))
            other[0].start()
            other[0].join(0.05)
        return real(handle, data, at)

    monkeypatch.setattr(_files.os, "pwrite", slowly)
    (net if kind == "network" else trainer).save(tmp_path / "file")
    other[0].join()
    contents = _container.unpack((tmp_path / "file").read_bytes())
    for name, value in expected.items():
        assert contents.tensors[name].tobytes() == value
    if kind == "network":
        assert trainer.steps == 1
    else:
        assert trainer.steps == 1 or "at work in another thread" in seen[0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_files_of_every_version_load(version, dtype):
    loaded = cr.Network.load(FOLDER / version / f"network_{dtype}.safetensors")
    assert same(network(dtype), loaded)
    assert loaded.predict(X()).tobytes() == network(dtype).predict(X()).tobytes()


TRAINERS = sorted(path for options in OPTIONS for path in FOLDER.glob(f"version_*/{options}_*"))


@pytest.mark.parametrize("path", TRAINERS, ids=lambda p: p.stem)
def test_trainers_of_every_version_go_on(path):
    """Version 1 had none. The bits are those of CPUs with fused multiply-add."""
    options, dtype = path.stem.split("_")
    expected = fit(network(dtype), options)
    trainer = cr.Trainer.load(path)
    assert (trainer.steps, trainer.epoch, trainer.is_unfinished) == (5, 1, True)
    Y = np.arange(6) % 3
    trainer.fit(X(), Y, validation_data=(X()[:3], Y[:3]))
    assert trainer.steps == expected.steps == 6
    for key in ("loss", "val_loss", "accuracy", "learning_rate"):
        np.testing.assert_allclose(trainer.history[key], expected.history[key], rtol=1e-5)
    for got, net in (
        (trainer.net, expected.net),
        (trainer.averaged_network(), expected.averaged_network()),
    ):
        for name, value in net.parameters.items():
            np.testing.assert_allclose(got.parameters[name], value, rtol=1e-4, atol=1e-6)


IN_FILES = sorted(path for name in ESTIMATORS for path in FOLDER.glob(f"version_*/{name}_*"))


@pytest.mark.parametrize("path", IN_FILES, ids=lambda p: p.stem)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_of_every_version_go_on(path):
    """Version 1 had none. The bits are those of CPUs with fused multiply-add."""
    name, dtype = path.stem.split("_")
    est, expected = ESTIMATORS[name][0].load(path), fit_estimator(name, dtype)
    rows = np.concatenate([X(), -X()]).astype(dtype)
    y = expected.predict(rows)
    assert [est.n_iter_, est.t_] == [expected.n_iter_, expected.t_]
    if name == "classifier":
        assert (est.predict(rows) == y).all()
        y[:3] = est.classes_
    for one in (est, expected):
        one.set_params(early_stopping=False).partial_fit(rows, y)
    np.testing.assert_allclose(est.loss_curve_, expected.loss_curve_, rtol=1e-5)
    for got, value in zip(est.coefs_, expected.coefs_, strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-4, atol=1e-6)
    for attribute in ("validation_scores_", "best_validation_score_"):
        assert getattr(est, attribute) == getattr(expected, attribute)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_table_models_of_every_version_load(version):
    model = load_model(FOLDER / version / "table.safetensors")
    probabilities = model.predict(read_table(FOLDER / "rows.csv"))["probability_b"]
    np.testing.assert_allclose(probabilities, [0.388672, 0.592440], atol=1e-6)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_and_copies_are_the_same_network(net, protocol, tmp_path):
    assert same(net, pickle.loads(pickle.dumps(net, protocol)))
    assert same(net, copy.deepcopy(net))
    joblib.dump(net, tmp_path / "net")
    assert same(net, joblib.load(tmp_path / "net"))


def test_a_pickle_keeps_the_class_and_what_is_shared(net):
    class Mine(cr.Network):
        pass

    mine = Mine([cr.Dense(2)], 2)
    first, second = copy.deepcopy([mine, mine])
    assert type(first) is Mine
    assert first is second
    first.W[1] = np.zeros((2, 2))
    assert mine.W[1].any()


DESCRIPTIONS = [
    cr.Dense(3, "tanh", cr.Initializer("normal", {"std": 0.1})),
    cr.Huber(2.0),
    cr.Adam(0.1),
    cr.warmup(cr.reduce_on_plateau(), 3),
    cr.History([{"epoch": 0, "loss": float("inf")}, {"epoch": 1, "val_loss": 0.5}]),
    cr.Metric("accuracy", cr.metrics.accuracy, True),
]


@pytest.mark.parametrize("described", DESCRIPTIONS, ids=lambda thing: type(thing).__name__)
def test_descriptions_are_pickled_and_copied(described):
    for other in (pickle.loads(pickle.dumps(described)), copy.deepcopy(described)):
        assert other == described
        assert repr(other) == repr(described)


@pytest.mark.parametrize("kind", [cr.EarlyStopping, cr.ProgressBar, lambda: cr.CSVLogger("x.csv")])
def test_callbacks_are_pickled_and_copied(kind):
    callback = kind()
    for other in (pickle.loads(pickle.dumps(callback)), copy.deepcopy(callback)):
        assert vars(other) == vars(callback)


# ---- what cannot be saved or read ---------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_that_diverged_is_not_saved(value, tmp_path):
    net = cr.Network([cr.Dense(1)], 1)
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1e30))
    while net.is_finite():
        trainer.step([[1e18]], [1e18])
    message = r"^\[Network.save\] parameters: expected finite numbers, got NaN or infinity$"
    with pytest.raises(ValueError, match=message):
        net.save(tmp_path / "net")
    assert names(tmp_path) == []


def test_places_that_hold_no_file_are_refused(net, tmp_path):
    with pytest.raises(FileNotFoundError):
        cr.Network.load(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        net.save(tmp_path / "missing" / "net")
    with pytest.raises(IsADirectoryError):
        cr.Network.load(tmp_path)
    with pytest.raises(IsADirectoryError):
        net.save(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(cr.FileFormatError, match="a device or a pipe"):
            cr.Network.load(path)


def test_what_is_saved_has_the_rights_of_any_new_file(net, tmp_path):
    before = os.umask(0o027)
    try:
        net.save(tmp_path / "net")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "net").stat().st_mode) == 0o640


# ---- saves that fail ----------------------------------------------------------------------------

CALLS = ("open", "pwrite", "fchmod", "fsync", "replace")


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


@contextlib.contextmanager
def failing(patch, call, n, error):
    """Lets the n-th call of a function of `os` fail; yields a list that tells of it."""
    real, calls, failed = getattr(os, call), [], []

    def fails(*arguments, **options):
        calls.append(arguments)
        if len(calls) == n + 1:
            failed.append(error)
            raise error
        return real(*arguments, **options)

    patch.setattr(_files.os, call, fails)
    try:
        yield failed
    except type(error) as caught:
        if caught is not error:
            raise
    else:
        assert not failed


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


def test_leftovers_of_killed_writers_go_and_those_at_work_stay(tmp_path):
    handle, at_work = _files._create(tmp_path / "net")
    (tmp_path / ".net.part-killed").write_bytes(b"half")
    (tmp_path / ".other.part-killed").write_bytes(b"half")
    remove_leftovers(tmp_path / "net")
    assert names(tmp_path) == sorted([".other.part-killed", os.path.basename(at_work)])
    os.close(handle)
