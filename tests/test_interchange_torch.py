"""PyTorch's linear layers to networks and back: the parameters to the bit, predictions as well as
two orders of summing agree."""

import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest

import chainrule as cr

from .helpers import build, grouped, relative_difference

NAMES = ["identity", "sigmoid", "tanh", "relu", "leaky_relu", "softmax"]


def arrays(net):
    """What `to_torch` gives, as arrays: of an own numbering of the modules."""
    state, place = OrderedDict(), 0
    for number, layer in enumerate(net.layers, start=1):
        state[f"{place}.weight"] = net.parameters[f"{number}.weight"].T.copy()
        state[f"{place}.bias"] = net.parameters[f"{number}.bias"]
        place += 1 if layer.activation.name == "identity" else 2
    return state


def sequential(torch, net):
    """The modules, as the documentation of `to_torch` has them."""
    made = {
        "sigmoid": torch.nn.Sigmoid,
        "tanh": torch.nn.Tanh,
        "relu": torch.nn.ReLU,
        "softmax": lambda: torch.nn.Softmax(dim=1),
    }
    modules, n_in = [], net.n_inputs
    for layer in net.layers:
        modules.append(torch.nn.Linear(n_in, layer.units, dtype=getattr(torch, net.dtype.name)))
        g, n_in = layer.activation, layer.units
        if g.name == "leaky_relu":
            modules.append(torch.nn.LeakyReLU(g.slope))
        elif g.name != "identity":
            modules.append(made[g.name]())
    return torch.nn.Sequential(*modules)


def random_network(seed, dtype):
    rng = np.random.default_rng(seed)
    n_inputs, *sizes = rng.integers(1, 40, rng.integers(2, 6)).tolist()
    layers = [(n, str(rng.choice(NAMES[:-1])), float(rng.random())) for n in sizes]
    layers[-1] = (sizes[-1], str(rng.choice(NAMES)), float(rng.random()))
    return build(n_inputs, layers, dtype, seed), rng


def same_parameters(net, other):
    assert list(net.parameters) == list(other.parameters)
    assert other.dtype == net.dtype
    for name, value in net.parameters.items():
        assert other.parameters[name].tobytes() == value.tobytes()
    return True


# ---- with PyTorch -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sequential_that_loads_the_state_predicts_the_same_and_comes_back(dtype, torch):
    for seed in range(20):
        net, rng = random_network(seed, dtype)
        model = sequential(torch, net)
        model.load_state_dict(net.to_torch())  # strict: all names and shapes are those of PyTorch
        X = rng.normal(size=(32, net.n_inputs)).astype(dtype)
        with torch.inference_mode():
            found = model(torch.from_numpy(X)).numpy()
        bound = {"float32": 1e-6, "float64": 2e-15}[dtype]
        assert relative_difference(found, net.predict(X)) < bound
        back = cr.Network.from_torch(model)
        assert same_parameters(net, back)
        assert [l.activation for l in back.layers] == [l.activation for l in net.layers]
        assert back.predict(X).tobytes() == net.predict(X).tobytes()
        again = cr.Network.from_torch(model.state_dict(), [l.activation for l in net.layers])
        assert same_parameters(net, again)


def test_the_state_is_a_copy(torch):
    net = cr.Network([cr.Dense(2)], 3)
    before = net.parameters["1.weight"]
    net.to_torch()["0.weight"].zero_()
    np.testing.assert_array_equal(net.parameters["1.weight"], before)


def test_what_pytorch_has_trained_and_nested_modules(torch):
    inner = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False), torch.nn.Tanh())
    model = torch.nn.Sequential(OrderedDict(a=inner, b=torch.nn.Linear(3, 2)))
    X = torch.randn(10, 4)
    model(X).sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
    net = cr.Network.from_torch(model)
    assert [l.activation.name for l in net.layers] == ["tanh", "identity"]
    assert (net.parameters["1.bias"] == 0).all()
    expected = model(X).detach().numpy()
    assert relative_difference(net.predict(X.numpy()), expected) < 1e-6
    single = cr.Network.from_torch(model.b)
    np.testing.assert_array_equal(single.W[1], model.b.weight.detach().numpy())


@pytest.mark.parametrize(
    ("modules", "found"),
    [
        (lambda nn: [nn.Linear(3, 2), nn.RReLU()], r"in a Sequential, got RReLU"),
        (lambda nn: [nn.Conv1d(3, 2, 1)], r"in a Sequential, got Conv1d"),
        (lambda nn: [nn.BatchNorm1d(3, momentum=None)], r"with a momentum, got '0: BatchNorm1d"),
        (lambda nn: [nn.BatchNorm1d(3, track_running_stats=False)], r"that tracks running stat"),
        (lambda nn: [nn.BatchNorm1d(3, momentum=0.0)], r"momentum: expected a finite number"),
        (lambda nn: [nn.Linear(2, 2), nn.BatchNorm1d(3)], r"'1.weight' of shape \(2,\), got \(3,"),
        (lambda nn: [nn.LayerNorm((3, 3))], r"a LayerNorm of one dimension .* got '0: LayerNorm"),
        (lambda nn: [nn.Linear(3, 2), nn.GELU(approximate="tanh")], r"with approximate='none', g"),
        (lambda nn: [nn.Linear(3, 2), nn.Softplus(2)], r"a Softplus with beta=1, got Softplus"),
        (lambda nn: [nn.Linear(3, 2), nn.Softplus(1, 2)], r"Softplus with threshold >= 20, got S"),
        (lambda nn: [nn.Linear(3, 2), nn.Softplus(2, 2)], r"with beta=1 and threshold >= 20, got"),
        (lambda nn: [nn.Linear(3, 2), nn.Hardtanh(-1, 2)], r"a Hardtanh with max_val=1, got Hard"),
        (lambda nn: [nn.Linear(3, 2), nn.Hardtanh(0, 1)], r"a Hardtanh with min_val=-1, got Hard"),
        (
            lambda nn: [nn.Dropout(1.0), nn.Linear(3, 2)],
            r"rate: expected a finite number >= 0 and < 1",
        ),
        (lambda nn: [nn.Dropout(0.5), nn.ReLU()], r"at least one Linear, got Sequential"),
        (lambda nn: [nn.Linear(3, 2), nn.Softmax(dim=0)], r"a Softmax with dim=1, got Softmax"),
        (lambda nn: [nn.Linear(3, 2), nn.Linear(3, 2)], r"'1.weight' of shape \(n_out, 2\), got"),
        (lambda nn: [nn.Linear(3, 2).half()], r"'0.weight' of float32 or float64, got 'float16'"),
        (lambda nn: [nn.Linear(3, 2), nn.Linear(2, 2).double()], r"one dtype, got \['float32', "),
        (lambda nn: [nn.Linear(3, 2), nn.Softmax(dim=1), nn.Linear(2, 1)], r"is for the last"),
        (lambda nn: [], r"at least one Linear, got Sequential"),
    ],
)
def test_modules_that_do_not_map_are_refused(modules, found, torch):
    with pytest.raises(
        (TypeError, ValueError), match=rf"^\[(Network.from_torch|BatchNorm|Dropout).*{found}"
    ):
        cr.Network.from_torch(torch.nn.Sequential(*modules(torch.nn)))


def test_a_module_of_one_s_own_is_refused(torch):
    class Sequential(torch.nn.Sequential):
        def forward(self, x):
            return -super().forward(x)

    with pytest.raises(TypeError, match=r"source: expected a torch.nn.Sequential or a state_dict"):
        cr.Network.from_torch(Sequential(torch.nn.Linear(1, 1)))


@pytest.mark.parametrize("last", ["exp", cr.Activation("softmax", groups=(1, 2))])
def test_activations_that_pytorch_lacks_are_refused(last):
    net = cr.Network([cr.Dense(2), cr.Dense(3, last)], 3)
    with pytest.raises(
        ValueError, match=r"^\[Network.to_torch, layer 2\] activation: expected one"
    ):
        net.to_torch()


# ---- of arrays, without PyTorch -----------------------------------------------------------------


def test_names_are_taken_as_they_come_and_numbered_ones_in_order(rng):
    net = build(3, [(4, "relu", 0), *[(4, "identity", 0)] * 9, (2, "softmax", 0)], "float32")
    names = [layer.activation for layer in net.layers]
    state = arrays(net)
    assert list(state)[-2] == "11.weight"
    alphabetical = dict(sorted(state.items()))  # as safetensors files have them
    assert same_parameters(net, cr.Network.from_torch(alphabetical, names))
    prefixed = {f"model.{name}": value for name, value in alphabetical.items()}
    assert same_parameters(net, cr.Network.from_torch(prefixed, names))
    words = {"zeta": "1", "alpha": "2"}
    two = build(3, [(4, "relu", 0), (2, "softmax", 0)], "float64")
    state = {
        f"{word}.{kind}": two.parameters[f"{number}.{kind}"].T
        for word, number in words.items()
        for kind in ("weight", "bias")
    }
    assert same_parameters(two, cr.Network.from_torch(state, ["relu", "softmax"]))


W = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("state", "activations", "found"),
    [
        ({}, [], "at least one linear layer, got {}"),
        ({"0.weight": W}, None, "activations: expected a list of 1, one for each linear layer"),
        ({"0.weight": W}, "relu", "activations: expected a list of 1, one for each .* got 'relu'"),
        ({"0.weight": W}, ["relu", "relu"], r"expected a list of 1, .* got \['relu', 'relu'\]"),
        ({"0.weight": W}, ["gulp"], "expected one of .* got 'gulp'"),
        ({"0.weight": W[0]}, ["relu"], r"'0.weight' of a linear layer, \(n_out, n_in\), got \(3,"),
        ({"0.bias": W[0]}, ["relu"], r"'0.weight' with the bias, got \['bias'\]"),
        ({"weight": W, "bias": W[0]}, ["relu"], r"source: expected 'bias' of shape \(2,\), got"),
        ({"0.weight": W, "0.bias": W[0]}, ["relu"], r"'0.bias' of shape \(2,\), got \(3,\)"),
        ({"0.weight": W, "0.running_mean": W}, ["relu"], "entries named weight and bias"),
        ({"0.weight": W.astype(np.int8)}, ["relu"], "'0.weight' of float32 or float64, got 'int8'"),
        ({"0.weight": "x"}, ["relu"], "'0.weight' of float32 or float64, got 'str'"),
        ({"0.weight": W + np.nan}, ["relu"], "1.weight: expected finite"),
        ([W], ["relu"], r"source: expected a torch.nn.Sequential or a state_dict, got \[array"),
    ],
)
def test_states_that_do_not_map_are_refused(state, activations, found):
    with pytest.raises((TypeError, ValueError), match=found):
        cr.Network.from_torch(state, activations)


def test_to_torch_without_torch_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"Network.to_torch needs torch: pip install torch"):
        cr.Network([cr.Dense(1)], 1).to_torch()


def test_reading_a_state_imports_no_torch_and_no_scikit_learn():
    code = """
import sys, numpy as np, chainrule as cr
cr.Network.from_torch({"0.weight": np.zeros((2, 3))}, ["relu"])
assert not {"torch", "sklearn", "onnx"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_network_that_is_grouped_or_not_keeps_its_seedless_description():
    net = cr.Network.from_torch({"weight": W}, [cr.Activation("softmax", groups=(1, 1))])
    assert net.layers[0].activation.groups == (1, 1)
    assert grouped(3, [], (1, 1), "float32").layers[0].activation == net.layers[0].activation
