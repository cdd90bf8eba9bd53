"""The files of `export_onnx`: what they say of themselves, and what is refused."""

import sys

import numpy as np
import onnx
import pytest

import chainrule as cr
from chainrule import _core, layers
from chainrule.cli.app import Nodes
from chainrule.onnx import _activations, _graph, _layers

from .helpers import build, diverged
from .onnx_runtime import difference, session


def arrays_of(path):
    """The constants by name."""
    return {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer}


def test_every_layer_and_activation_has_an_entry():
    assert set(_layers.LAYERS) == set(layers.LAYERS)
    assert {*_activations.FORMULAS, "softmax"} == set(_core.activations())
    assert set(_activations.NATIVE) < set(_activations.FORMULAS)


def test_the_command_line_has_the_same_nodes():
    assert tuple(Nodes) == _graph.NODES


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_file_says_what_it_is(dtype, tmp_path):
    net = build(3, [(4, "relu", 0), (2, "identity", 0)], dtype)
    cr.export_onnx(net, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == _graph.OPSET
    assert (model.producer_name, model.producer_version) == ("chainrule", cr.__version__)
    arrays = arrays_of(tmp_path / "net.onnx")
    for number in (1, 2):
        rows = arrays[f"{number}.bias_and_weight"]
        np.testing.assert_array_equal(rows, np.vstack([net.b[number].T, net.W[number].T]))
    read = session(tmp_path / "net.onnx")
    (x,), (y,) = read.get_inputs(), read.get_outputs()
    kind = {"float32": "tensor(float)", "float64": "tensor(double)"}[dtype]
    assert (x.name, x.shape, x.type) == ("X", ["rows", 3], kind)
    assert (y.name, y.shape, y.type) == ("output", ["rows", 2], kind)


def test_a_native_file_has_the_operations_of_onnx(tmp_path, rng):
    """And the parameters as they are."""
    inner = [cr.LayerNorm(), cr.Dense(4, "elu"), cr.BatchNorm()]
    net = cr.Network([cr.Residual(inner), cr.Dense(2, "gelu"), cr.Dense(3, "softmax")], 4)
    cr.export_onnx(net, tmp_path / "net.onnx", nodes="native")
    model = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(model, full_check=True)
    block = ["LayerNormalization", "Gemm", "Elu", "BatchNormalization", "Add"]
    last = ["Gemm", "Gelu", "Gemm", "Softmax", "Identity"]
    assert [node.op_type for node in model.graph.node] == [*block, *last]
    arrays = arrays_of(tmp_path / "net.onnx")
    assert set(arrays) == set(net.parameters)
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(arrays[name], value)
    assert difference(net, tmp_path / "net.onnx", rng.normal(size=(20, 4))) < 1e-6


@pytest.mark.parametrize("name", ["slope", "epsilon"])
def test_a_native_file_keeps_options(name, tmp_path, rng):
    nets = {
        "slope": [cr.Activation("leaky_relu", 0.3), cr.Activation("elu", 0.7)],
        "epsilon": [cr.LayerNorm(0.2), cr.BatchNorm(epsilon=0.3)],
    }
    net = cr.Network([*nets[name], cr.Dense(3)], 4)
    cr.export_onnx(net, tmp_path / "net.onnx", nodes="native")
    assert difference(net, tmp_path / "net.onnx", rng.normal(size=(20, 4))) < 1e-6


def test_the_same_network_is_the_same_file_and_is_written_whole(tmp_path, monkeypatch):
    net = build(3, [(4, "relu", 0), (2, "softmax", 0)], "float32")
    path = tmp_path / "net.onnx"
    cr.export_onnx(net, path)
    before = path.read_bytes()
    cr.export_onnx(net, str(path))
    assert path.read_bytes() == before
    other = build(3, [(4, "relu", 0), (2, "softmax", 0)], "float64")

    def fails(*arguments):
        raise OSError("no")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(OSError, match="no"):
        cr.export_onnx(other, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# ---- refusals -----------------------------------------------------------------------------------


def test_other_models_are_refused(tmp_path):
    with pytest.raises(
        TypeError, match=r"^\[export_onnx\] model: expected a Network, MLPClass.*'x'"
    ):
        cr.export_onnx("x", tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("dtype", "nodes", "complaint"),
    [
        ("float64", "native", "expected 'close' for float64, .* got 'native'"),
        ("float64", "exact", "expected 'close' for float64, .* got 'exact'"),
        ("float32", "fast", "expected .*close.*exact.*native.*, got 'fast'"),
        ("float32", True, "expected .*close.*exact.*native.*, got True"),
    ],
)
def test_some_nodes_are_for_float32(dtype, nodes, complaint, tmp_path):
    with pytest.raises(ValueError, match=rf"^\[export_onnx\] nodes: {complaint}"):
        cr.export_onnx(cr.Network([cr.Dense(1)], 1, dtype), tmp_path / "net.onnx", nodes=nodes)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_diverged_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^\[export_onnx\] parameters: expected finite numbers"):
        cr.export_onnx(diverged(), tmp_path / "net.onnx")


def test_more_than_a_file_can_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_graph, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"^\[export_onnx\] model: expected parameters of less"):
        cr.export_onnx(cr.Network([cr.Dense(10)], 10), tmp_path / "net.onnx")


def test_without_onnx_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("chainrule.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(cr, "onnx", raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"needs onnx: pip install 'chainrule\[onnx\]'"):
        cr.export_onnx(None, "net.onnx")
