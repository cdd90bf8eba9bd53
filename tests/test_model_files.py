"""Networks as files: what is written can be read; what cannot be saved or read."""

import copy
import os
import re
import threading

import numpy as np
import pytest
import safetensors.numpy

import chainrule as cr
from chainrule import _container, _files
from chainrule.trainer_file import trainer_to_bytes

from . import saving
from .helpers import diverged
from .saving import names, same

net = pytest.fixture(saving.network, name="net")

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


# ---- what cannot be saved or read ---------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_that_diverged_is_not_saved(value, tmp_path):
    net = diverged()
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
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(cr.FileFormatError, match="a device or a pipe"):
            cr.Network.load(path)
