"""Networks as ONNX files: ONNX Runtime predicts what `predict` does."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, layers
from chainrule.layers import walk

from .helpers import build, grouped, relative_difference
from .onnx_runtime import difference, run, session
from .test_layers import NETWORKS

ACTIVATIONS = list(_core.activations())
SLOPES = [cr.Activation("leaky_relu", slope) for slope in (0.0, 1e-300)]
HIDDEN = [name for name in ACTIVATIONS if name not in ("softmax", "exp")]


def random_network(seed, dtype="float32"):
    """1 to 5 layers of 1 to 64 units and any activations, at the end perhaps a grouped softmax.

    An exp comes last: before other layers it would magnify the rounding that there was before it.
    """
    rng = np.random.default_rng(seed)
    n_inputs, *sizes = rng.integers(1, 65, rng.integers(2, 7)).tolist()
    described = [(n, str(rng.choice(HIDDEN)), float(rng.random())) for n in sizes]
    last = str(rng.choice([*HIDDEN, "softmax", "exp", "groups"]))
    if last == "groups":
        groups = tuple(rng.integers(1, 6, rng.integers(1, 5)).tolist())
        return grouped(n_inputs, described[:-1], groups, dtype, seed), rng
    described[-1] = (sizes[-1], last, float(rng.random()))
    return build(n_inputs, described, dtype, seed), rng


@pytest.mark.parametrize("nodes", ["close", "native"])
def test_200_random_networks_agree_to_a_millionth(nodes, tmp_path):
    """float32, 64 rows each. Of 1000 such networks the median is 5.3e-8 and the worst 4.0e-7, with
    ONNX's own operations 1.9e-7 and 6.6e-7.
    """
    path, worst = tmp_path / "net.onnx", {}
    for seed in range(200):
        net, rng = random_network(seed)
        cr.export_onnx(net, path, nodes=nodes)
        worst[seed] = difference(net, path, rng.normal(size=(64, net.n_inputs)))
    assert {seed: found for seed, found in worst.items() if found > 1e-6} == {}


def random_layers(rng, n, depth=0):
    """2 to 5 layers of any kind behind n columns, and how many columns they leave.

    Layer normalization is of four units at least; see below.
    """
    described = []
    for kind in rng.choice(list(layers.LAYERS), rng.integers(2, 6)).tolist():
        if kind == "Residual" and depth < 2:
            inner, n_out = random_layers(rng, n, depth + 1)
            described.append(cr.Residual(inner))
            n = n_out
        elif kind == "Activation":
            described.append(cr.Activation(str(rng.choice(HIDDEN))))
        elif kind == "Dropout":
            described.append(cr.Dropout(0.5))
        elif kind == "BatchNorm":
            described.append(cr.BatchNorm())
        elif kind == "LayerNorm" and n >= 4:
            described.append(cr.LayerNorm())
        else:
            n = int(rng.integers(1, 65))
            described.append(cr.Dense(n, str(rng.choice(HIDDEN))))
    return described, n


def random_network_of_any_layers(seed, dtype="float32"):
    """Normalization, dropout, residual blocks and activations among dense layers, one at the end.

    Running statistics, factors and shifts are random, too.
    """
    rng = np.random.default_rng(seed)
    n_inputs = int(rng.integers(1, 65))
    described, _ = random_layers(rng, n_inputs)
    last = str(rng.choice([*HIDDEN, "softmax"]))
    net = cr.Network([*described, cr.Dense(int(rng.integers(1, 65)), last)], n_inputs, dtype, seed)
    for name, value in net.parameters.items():
        if value.ndim == 1:
            drawn = rng.normal(0, 0.3, value.shape)
            of_variance = name.endswith("variance")
            net.parameters[name] = np.exp(drawn) if of_variance else drawn + name.endswith("gamma")
    return net, rng


@pytest.mark.parametrize(("nodes", "bound"), [("close", 1e-6), ("native", 2e-6)])
def test_200_random_networks_of_any_layers_agree(nodes, bound, tmp_path):
    """As above, with normalization, which magnifies rounding where it divides by a small deviation.
    Of 1000 such networks the median is 1.0e-7 and the worst 7.3e-7, with ONNX's own operations
    1.9e-7 and 9.9e-7.
    """
    path, worst, kinds = tmp_path / "net.onnx", {}, set()
    for seed in range(200):
        net, rng = random_network_of_any_layers(seed)
        kinds |= {layer.name for _, layer, _ in walk(net.layers, net.n_inputs)}
        cr.export_onnx(net, path, nodes=nodes)
        worst[seed] = difference(net, path, rng.normal(size=(64, net.n_inputs)))
    assert {seed: found for seed, found in worst.items() if found > bound} == {}
    assert kinds == set(layers.LAYERS)


@pytest.mark.parametrize("units", [2, 3])
def test_where_normalization_magnifies_rounding_predict_is_as_far_from_float64(units, tmp_path):
    """Layer normalization divides two units by their difference, which may be tiny."""
    errors, of_predict = [], []
    for seed in range(50):
        stack = [cr.Dense(64, "gelu"), cr.Dense(units), cr.LayerNorm(), cr.Dense(5)]
        net, exact = (cr.Network(stack, 64, dtype, seed) for dtype in ("float32", "float64"))
        for name, value in net.parameters.items():
            exact.parameters[name] = value
        X = np.random.default_rng(seed).normal(size=(64, 64)).astype(np.float32)
        cr.export_onnx(net, tmp_path / "net.onnx")
        wanted = exact.predict(X.astype(np.float64))
        errors.append(relative_difference(run(tmp_path / "net.onnx", X)[0], wanted))
        of_predict.append(relative_difference(net.predict(X), wanted))
    assert max(errors) < 2 * max(of_predict)


@pytest.mark.parametrize(
    ("random", "bound"), [(random_network, 1e-15), (random_network_of_any_layers, 3e-15)]
)
@pytest.mark.parametrize("seed", range(200, 220))
def test_random_networks_in_float64_agree_too(seed, random, bound, tmp_path):
    """Of 1000 each the worst have 7.3e-16 and 1.6e-15."""
    net, rng = random(seed, "float64")
    cr.export_onnx(net, tmp_path / "net.onnx")
    found = difference(net, tmp_path / "net.onnx", rng.normal(size=(64, net.n_inputs)))
    assert found < bound


@pytest.mark.skipif(_core.isa() == "baseline", reason="chainrule then rounds without fma")
@pytest.mark.parametrize("rows", [1, 77])
def test_up_to_255_products_are_summed_to_the_same_bits(rows, tmp_path, rng):
    net = build(255, [(97, "relu", 0.1), (33, "leaky_relu", 0.2), (5, "hard_tanh", 0.1)], "float32")
    cr.export_onnx(net, tmp_path / "net.onnx")
    X = rng.normal(size=(rows, 255)).astype(np.float32)
    np.testing.assert_array_equal(run(tmp_path / "net.onnx", X)[0], net.predict(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_far_from_zero_too(name, dtype, tmp_path):
    """One unit after another from -50 to 50, where tanh and sigmoid have long been constant."""
    net = cr.Network([cr.Dense(101, name)], 1, dtype)
    net.W[1] = np.zeros((101, 1))
    net.b[1] = np.linspace(-50, 50, 101)[:, np.newaxis]
    cr.export_onnx(net, tmp_path / "net.onnx")
    bound = {"float32": 5e-7, "float64": 1e-15}[dtype]
    assert difference(net, tmp_path / "net.onnx", np.zeros((1, 1))) < bound


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", [*HIDDEN, *SLOPES])
def test_where_z_overflows_it_gives_what_predict_does(activation, dtype, tmp_path):
    """NaN only of a slope of 0, where both multiply it by -infinity."""
    net = cr.Network([cr.Dense(2, activation)], 1, dtype)
    large = 1e30 if dtype == "float32" else 1e300
    net.W[1] = [[-large], [large]]
    cr.export_onnx(net, tmp_path / "net.onnx")
    x = np.full((1, 1), large, dtype)
    wanted = net.predict(x)
    np.testing.assert_allclose(run(tmp_path / "net.onnx", x)[0], wanted, atol=1e-30)
    slope = getattr(activation, "slope", None)
    assert np.isnan(wanted).any() == (slope is not None and np.dtype(dtype).type(slope) == 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-3, 1e-8, 1e-12])
@pytest.mark.parametrize("name", ["elu", "selu", "tanh", "gelu", "silu", "mish"])
def test_small_values_keep_their_digits(name, size, dtype, tmp_path, rng):
    net = cr.Network([cr.Dense(8, name), cr.Dense(3)], 5, dtype)
    cr.export_onnx(net, tmp_path / "net.onnx")
    bound = {"float32": 1e-6, "float64": 2e-15}[dtype]
    assert difference(net, tmp_path / "net.onnx", size * rng.normal(size=(40, 5))) < bound


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 3e-7), ("float64", 1e-15)])
def test_the_tail_of_softplus_keeps_its_digits(dtype, bound, tmp_path):
    """log(1 + e^z) is e^z there, which a sum with 1 would drown."""
    net = cr.Network([cr.Activation("softplus")], 1, dtype)
    cr.export_onnx(net, tmp_path / "net.onnx")
    z = np.linspace(-60, -5, 111, dtype=dtype)[:, np.newaxis]
    np.testing.assert_allclose(run(tmp_path / "net.onnx", z)[0], net.predict(z), rtol=bound)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [2, 33])
def test_layer_norm_keeps_the_digits_of_nearby_units(n, dtype, tmp_path, rng):
    net = cr.Network([cr.LayerNorm(), cr.Dense(4)], n, dtype)
    cr.export_onnx(net, tmp_path / "net.onnx")
    bound = {"float32": 1e-6, "float64": 2e-15}[dtype]
    X = np.concatenate([1000 + 0.01 * rng.normal(size=(40, n)), np.full((1, n), 0.1)])
    assert difference(net, tmp_path / "net.onnx", X) < bound


@pytest.mark.parametrize("last", [cr.LayerNorm(), cr.BatchNorm(), cr.Residual([cr.Dense(6)])])
def test_the_last_layer_may_be_any(last, tmp_path, rng):
    net = cr.Network([cr.Dense(6, "tanh"), last], 5)
    X = rng.normal(size=(40, 5)).astype(np.float32)
    cr.export_onnx(net, tmp_path / "net.onnx")
    assert relative_difference(run(tmp_path / "net.onnx", X)[0], net.predict(X)) < 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "softmax"])
def test_each_activation_may_follow_another(name, dtype, tmp_path):
    """ONNX Runtime joins some pairs of nodes, not all of them for float64."""
    z = np.linspace(-3, 3, 61)[:, np.newaxis]
    for first in set(ACTIVATIONS) - {"softmax"}:
        net = cr.Network([cr.Activation(first), cr.Activation(name)], 1, dtype)
        cr.export_onnx(net, tmp_path / "net.onnx")
        bound = {"float32": 1e-6, "float64": 2e-15}[dtype]
        assert difference(net, tmp_path / "net.onnx", z) < bound, first


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
