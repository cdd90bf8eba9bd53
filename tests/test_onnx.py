"""Networks as ONNX files: ONNX Runtime predicts what `predict` does."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest

import chainrule as cr
from chainrule import _core, layers
from chainrule.layers import walk
from chainrule.onnx import _graph, _layers

from .helpers import build, grouped, relative_difference
from .test_layers import NETWORKS

ACTIVATIONS = list(_core.activations())


def session(path):
    """Of ONNX Runtime; a warning of its own about the file would be printed as an error."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path, X):
    return session(path).run(None, {"X": X})


def difference(net, path, X):
    """The largest of any output, relative to the largest A or Z of the last layer.

    Z has the rounding of its own size, also where A is its tanh and never larger than 1.
    """
    X = X.astype(net.dtype)
    (output,) = run(path, X)
    assert output.dtype == net.dtype
    assert output.shape == (len(X), net.n_outputs)
    is_dense = isinstance(net.layers[-1], cr.Dense)  # otherwise an activation of its own
    last = cr.Dense(net.n_outputs) if is_dense else cr.Dropout(0)
    linear = cr.Network([*net.layers[:-1], last], net.n_inputs, net.dtype)
    for name, value in net.parameters.items():
        linear.parameters[name] = value
    return relative_difference(output, net.predict(X), float(np.max(np.abs(linear.predict(X)))))


# ---- the numbers --------------------------------------------------------------------------------


def hidden_activations(dtype):
    left_out = ("softmax", "exp", "gelu") if dtype == "float64" else ("softmax", "exp")
    return [name for name in ACTIVATIONS if name not in left_out]


def random_network(seed, dtype="float32"):
    """1 to 5 layers of 1 to 64 units and any activations, at the end perhaps a grouped softmax.

    An exp comes last: before other layers it would magnify the rounding that there was before it.
    """
    rng = np.random.default_rng(seed)
    hidden = hidden_activations(dtype)
    n_inputs, *sizes = rng.integers(1, 65, rng.integers(2, 7)).tolist()
    described = [(n, str(rng.choice(hidden)), float(rng.random())) for n in sizes]
    last = str(rng.choice([*hidden, "softmax", "exp", "groups"]))
    if last == "groups":
        groups = tuple(rng.integers(1, 6, rng.integers(1, 5)).tolist())
        return grouped(n_inputs, described[:-1], groups, dtype, seed), rng
    described[-1] = (sizes[-1], last, float(rng.random()))
    return build(n_inputs, described, dtype, seed), rng


def test_200_random_networks_agree_to_a_millionth(tmp_path):
    """float32, 64 rows each. Both round each of up to 5 x 64 sums in a row, in different order, by
    at most 6e-8 of it; most cancel. Of 1000 such networks the median is 1.9e-7, the worst 6.6e-7.
    """
    path, worst = tmp_path / "net.onnx", {}
    for seed in range(200):
        net, rng = random_network(seed)
        cr.export_onnx(net, path)
        X = rng.normal(size=(64, net.n_inputs))
        worst[seed] = difference(net, path, X)
    assert {seed: found for seed, found in worst.items() if found > 1e-6} == {}


def random_layers(rng, n, hidden, fewest, depth=0):
    """2 to 5 layers of any kind behind n columns, and how many columns they leave.

    Layer normalization is of `fewest` units at least.
    """
    described = []
    for kind in rng.choice(list(layers.LAYERS), rng.integers(2, 6)).tolist():
        if kind == "Residual" and depth < 2:
            inner, n_out = random_layers(rng, n, hidden, fewest, depth + 1)
            described.append(cr.Residual(inner))
            n = n_out
        elif kind == "Activation":
            described.append(cr.Activation(str(rng.choice(hidden))))
        elif kind == "Dropout":
            described.append(cr.Dropout(0.5))
        elif kind == "BatchNorm":
            described.append(cr.BatchNorm())
        elif kind == "LayerNorm" and n >= fewest:
            described.append(cr.LayerNorm())
        else:
            n = int(rng.integers(1, 65))
            described.append(cr.Dense(n, str(rng.choice(hidden))))
    return described, n


def random_network_of_any_layers(seed, dtype="float32", fewest=3):
    """Normalization, dropout, residual blocks and activations among dense layers, one at the end.

    Running statistics, factors and shifts are random, too.
    """
    rng = np.random.default_rng(seed)
    n_inputs = int(rng.integers(1, 65))
    hidden = hidden_activations(dtype)
    described, _ = random_layers(rng, n_inputs, hidden, fewest)
    last = str(rng.choice([*hidden, "softmax"]))
    net = cr.Network([*described, cr.Dense(int(rng.integers(1, 65)), last)], n_inputs, dtype, seed)
    for name, value in net.parameters.items():
        if value.ndim == 1:
            drawn = rng.normal(0, 0.3, value.shape)
            of_variance = name.endswith("variance")
            net.parameters[name] = np.exp(drawn) if of_variance else drawn + name.endswith("gamma")
    return net, rng


@pytest.mark.parametrize(("fewest", "bound"), [(3, 2e-6), (1, 1e-5)])
def test_200_random_networks_of_any_layers_agree(fewest, bound, tmp_path):
    """As above, but normalization magnifies rounding where it divides by a small deviation, that of
    two units above all; both are then as far from float64. Of 1000 such networks the median is
    2.1e-7, the worst 1.7e-6, and with layer normalization of two units 9.2e-6.
    """
    path, worst, kinds = tmp_path / "net.onnx", {}, set()
    for seed in range(200):
        net, rng = random_network_of_any_layers(seed, fewest=fewest)
        kinds |= {layer.name for _, layer, _ in walk(net.layers, net.n_inputs)}
        cr.export_onnx(net, path)
        worst[seed] = difference(net, path, rng.normal(size=(64, net.n_inputs)))
    assert {seed: found for seed, found in worst.items() if found > bound} == {}
    assert kinds == set(layers.LAYERS)


@pytest.mark.parametrize(
    ("random", "bound"), [(random_network, 2e-15), (random_network_of_any_layers, 5e-15)]
)
@pytest.mark.parametrize("seed", range(200, 220))
def test_random_networks_in_float64_agree_too(seed, random, bound, tmp_path):
    """Of 1000 each the worst have 1.1e-15 and 4.1e-15."""
    net, rng = random(seed, "float64")
    cr.export_onnx(net, tmp_path / "net.onnx")
    found = difference(net, tmp_path / "net.onnx", rng.normal(size=(64, net.n_inputs)))
    assert found < bound


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_far_from_zero_too(name, dtype, tmp_path):
    """One unit after another from -50 to 50, where tanh and sigmoid have long been constant."""
    if (name, dtype) == ("gelu", "float64"):
        pytest.skip("refused, see below")
    net = cr.Network([cr.Dense(101, name)], 1, dtype)
    net.W[1] = np.zeros((101, 1))
    net.b[1] = np.linspace(-50, 50, 101)[:, np.newaxis]
    cr.export_onnx(net, tmp_path / "net.onnx")
    bound = {"float32": 5e-7, "float64": 1e-15}[dtype]
    assert difference(net, tmp_path / "net.onnx", np.zeros((1, 1))) < bound


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in ("softmax", "gelu")])
def test_each_activation_may_follow_another(name, dtype, tmp_path):
    """ONNX Runtime joins some pairs of nodes, not all of them for float64."""
    z = np.linspace(-3, 3, 61)[:, np.newaxis]
    for first in set(ACTIVATIONS) - {"softmax", "gelu"}:
        net = cr.Network([cr.Activation(first), cr.Activation(name)], 1, dtype)
        cr.export_onnx(net, tmp_path / "net.onnx")
        bound = {"float32": 1e-6, "float64": 2e-15}[dtype]
        assert difference(net, tmp_path / "net.onnx", z) < bound, first


def test_gelu_is_for_float32(tmp_path):
    net = cr.Network([cr.Dense(3, "gelu")], 2, "float64")
    with pytest.raises(ValueError, match=r"\[export_onnx, gelu\] dtype: expected float32, because"):
        cr.export_onnx(net, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.parametrize("network", NETWORKS.values(), ids=list(NETWORKS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layers_in_any_nesting(network, dtype, tmp_path, rng):
    X, y = rng.normal(size=(77, 7)), rng.integers(0, 3, 77)
    net = cr.Network(network, 7, dtype)
    cr.Trainer(net, "cross_entropy").fit(X, y, epochs=3, batch_size=11)
    cr.export_onnx(net, tmp_path / "net.onnx")
    bound = {"float32": 1e-6, "float64": 2e-15}[dtype]
    assert difference(net, tmp_path / "net.onnx", X) < bound


@pytest.mark.parametrize("groups", [(3,), (1, 1), (3, 4, 2), (1, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_of_groups(groups, dtype, tmp_path, rng):
    net = grouped(5, [(7, "relu", 0)], groups, dtype)
    cr.export_onnx(net, tmp_path / "net.onnx")
    bound = {"float32": 5e-7, "float64": 1e-15}[dtype]
    assert difference(net, tmp_path / "net.onnx", rng.normal(size=(40, 5))) < bound


def test_the_slope_is_exact_in_float64(tmp_path):
    net = cr.Network([cr.Dense(1, cr.Activation("leaky_relu", 0.1))], 1, "float64")
    net.W[1] = [[1.0]]
    cr.export_onnx(net, tmp_path / "net.onnx")
    (output,) = run(tmp_path / "net.onnx", np.array([[-1.0], [3.0]]))
    np.testing.assert_array_equal(output, [[-0.1], [3.0]])


def test_any_number_of_rows(tmp_path, rng):
    net = build(4, [(8, "tanh", 0), (3, "softmax", 0)], "float32")
    cr.export_onnx(net, tmp_path / "net.onnx")
    at_work = session(tmp_path / "net.onnx")
    for m in (1, 2, 1000, 0):
        X = rng.normal(size=(m, 4)).astype(np.float32)
        (output,) = at_work.run(None, {"X": X})
        assert output.shape == (m, 3)
        if m:
            np.testing.assert_allclose(output, net.predict(X), atol=1e-6)


# ---- the file -----------------------------------------------------------------------------------


def test_every_layer_and_activation_has_an_entry():
    assert set(_layers.LAYERS) == set(layers.LAYERS)
    assert set(_layers.ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_file_says_what_it_is(dtype, tmp_path):
    net = build(3, [(4, "relu", 0), (2, "identity", 0)], dtype)
    cr.export_onnx(net, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == _graph.OPSET
    assert (model.producer_name, model.producer_version) == ("chainrule", cr.__version__)
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    assert set(arrays) == set(net.parameters)
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(arrays[name], value)
    read = session(tmp_path / "net.onnx")
    (x,), (y,) = read.get_inputs(), read.get_outputs()
    kind = {"float32": "tensor(float)", "float64": "tensor(double)"}[dtype]
    assert (x.name, x.shape, x.type) == ("X", ["rows", 3], kind)
    assert (y.name, y.shape, y.type) == ("output", ["rows", 2], kind)


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


def test_a_network_that_diverged_is_refused(tmp_path):
    net = cr.Network([cr.Dense(1)], 1)
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1e30))
    while net.is_finite():
        trainer.step([[1e18]], [1e18])
    with pytest.raises(ValueError, match=r"^\[export_onnx\] parameters: expected finite numbers"):
        cr.export_onnx(net, tmp_path / "net.onnx")


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
