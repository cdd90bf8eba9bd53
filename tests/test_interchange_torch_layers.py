"""All layers and activations that PyTorch has modules for, there and back.

Bounds: both sum in other orders; see `test_interchange_torch.py` for those of dense layers alone.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, layers
from chainrule._torch_modules import ACTIVATIONS, MODULES, TENSORS

from .helpers import relative_difference
from .networks import NETWORKS
from .test_interchange_torch import same_parameters

A = cr.Activation
BOUNDS = {"float32": 1e-6, "float64": 1e-12}
NAMES = [name for name in _core.activations() if name in ACTIVATIONS.values()]
MANY = NETWORKS | {
    name: [cr.Dense(8), A(name, slope), cr.Dense(8, A(name, slope)), cr.Dropout(0.2), cr.Dense(3)]
    for name in NAMES
    if name != "softmax"
    for slope in [0.3 if name in ("elu", "leaky_relu") else None]
}
every_network = pytest.mark.parametrize("described", MANY.values(), ids=list(MANY))


def modules(torch, described, n):
    """As the documentation of `to_torch` has them, written anew."""
    nn, found = torch.nn, []
    simple = {
        "identity": nn.Identity,
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
        "softmax": lambda: nn.Softmax(dim=1),
        "selu": nn.SELU,
        "gelu": nn.GELU,
        "silu": nn.SiLU,
        "softplus": lambda: nn.Softplus(threshold=40),
        "mish": nn.Mish,
        "hard_sigmoid": nn.Hardsigmoid,
        "hard_tanh": nn.Hardtanh,
    }

    def activation(g):
        if g.name == "elu":
            return nn.ELU(g.slope)
        return nn.LeakyReLU(g.slope) if g.name == "leaky_relu" else simple[g.name]()

    class Residual(nn.Module):
        def __init__(self, branch, projection=None):
            super().__init__()
            self.branch, self.projection = branch, projection

        def forward(self, x):
            return self.branch(x) + (self.projection(x) if self.projection else x)

    for layer in (layers.as_layer(one, "test") for one in described):
        n_out = layer.n_outputs(n)
        match layer:
            case cr.Dense():
                found.append(nn.Linear(n, n_out))
                if layer.activation.name != "identity":
                    found.append(activation(layer.activation))
            case cr.BatchNorm():
                found.append(nn.BatchNorm1d(n, layer.epsilon, 1 - layer.momentum))
            case cr.LayerNorm():
                found.append(nn.LayerNorm(n, layer.epsilon))
            case cr.Dropout():
                found.append(nn.Dropout(layer.rate))
            case cr.Residual():
                branch = modules(torch, layer.layers, n)
                found.append(Residual(branch, nn.Linear(n, n_out) if n != n_out else None))
            case _:
                found.append(activation(layer.activation))
        n = n_out
    return nn.Sequential(*found)


def trained(described, dtype, rng):
    """So that no bias is zero and no running statistics are those of the beginning."""
    net = cr.Network(described, 7, dtype)
    trainer = cr.Trainer(net, "squared_error", cr.SGD(0.05))
    trainer.fit(rng.normal(size=(48, 7)), rng.random((48, net.n_outputs)), 3, 16)
    return net


@every_network
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_modules_load_the_state_and_predict_the_same(described, dtype, torch, rng):
    net = trained(described, dtype, rng)
    model = modules(torch, described, 7).to(getattr(torch, dtype))
    model.load_state_dict(net.to_torch())  # strict: all names and shapes are those of PyTorch
    X = rng.normal(size=(32, 7)).astype(dtype)
    with torch.inference_mode():
        found = model.eval()(torch.from_numpy(X)).numpy()
    assert relative_difference(found, net.predict(X)) < BOUNDS[dtype]


@every_network
def test_a_state_and_its_layers_give_the_network_back(described, torch):
    net = trained(described, "float64", np.random.default_rng(0))
    back = cr.Network.from_torch(net.to_torch(), layers=described)
    assert same_parameters(net, back)
    assert back.layers == net.layers
    arrays = {name: value.numpy() for name, value in net.to_torch().items()}
    assert same_parameters(net, cr.Network.from_torch(arrays, layers=net.layers))


@every_network
def test_a_sequential_gives_the_network_back(described, torch, rng):
    if any(isinstance(layer, cr.Residual) for layer in described):
        pytest.skip("a module of one's own")
    net = trained(described, "float32", rng)
    model = modules(torch, described, 7)
    model.load_state_dict(net.to_torch())
    back = cr.Network.from_torch(model.eval())
    X = rng.normal(size=(9, 7))
    assert back.predict(X).tobytes() == net.predict(X).tobytes()
    kinds = cr.BatchNorm, cr.LayerNorm, cr.Dropout
    ours, theirs = ([vars(l) for l in n.layers if isinstance(l, kinds)] for n in (net, back))
    assert theirs == [pytest.approx(numbers, rel=1e-15) for numbers in ours]


def test_running_statistics_are_pytorchs(torch, rng):
    """The same batches leave the same running mean and the same, unbiased running variance."""
    described = [cr.BatchNorm(momentum=0.7, epsilon=1e-3), cr.Dense(2)]
    net = cr.Network(described, 5, "float64")
    model = modules(torch, described, 5).to(torch.float64)
    model.load_state_dict(net.to_torch())
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1e-9))
    for rows in (2, 3, 64):
        X = rng.normal(2, 3, (rows, 5))
        model.train()(torch.from_numpy(X))
        trainer.step(X, np.zeros((rows, 2)))
    state = net.to_torch()
    for name in ("0.running_mean", "0.running_var"):
        np.testing.assert_allclose(state[name], model.state_dict()[name], rtol=1e-13)


def test_numbers_that_pytorch_counts_are_left_alone(torch):
    state = cr.Network([cr.BatchNorm(), cr.Dense(2)], 3).to_torch()
    assert state["0.num_batches_tracked"] == 0
    assert state["0.num_batches_tracked"].dtype == torch.int64
    state["0.num_batches_tracked"] += 7
    cr.Network.from_torch(state, layers=[cr.BatchNorm(), cr.Dense(2)])


def test_modules_without_scale_or_bias_get_ones_and_zeros(torch):
    model = torch.nn.Sequential(
        torch.nn.BatchNorm1d(3, affine=False), torch.nn.LayerNorm(3, bias=False)
    )
    net = cr.Network.from_torch(model)
    np.testing.assert_array_equal(net.parameters["1.gamma"], np.ones(3))
    np.testing.assert_array_equal(net.parameters["1.beta"], np.zeros(3))
    np.testing.assert_array_equal(net.parameters["2.beta"], np.zeros(3))


def test_every_layer_and_module_has_its_place():
    assert set(TENSORS) | {"Dropout", "Activation", "Residual"} == set(layers.LAYERS)
    assert set(_core.activations()) - set(ACTIVATIONS.values()) == {"exp"}
    assert len(MODULES) == len(TENSORS) + 1


@pytest.mark.parametrize("where", [0, 1])
def test_an_activation_inside_that_pytorch_lacks_is_refused(where):
    net = cr.Network([cr.Dense(3), cr.Residual([A("exp"), cr.Dense(3, "exp")][where:])], 3)
    with pytest.raises(ValueError, match=r"^\[Network.to_torch, layer 2.1\] activation: expected"):
        net.to_torch()


W = np.zeros((2, 3), np.float32)
LINEAR = {"0.weight": W, "0.bias": W[:, 0]}


@pytest.mark.parametrize(
    ("source", "options", "found"),
    [
        (LINEAR, {"layers": [cr.Dense(3)]}, r"'0.weight' of shape \(3, 3\), got \(2, 3\)"),
        (LINEAR, {"layers": []}, "layers: expected a list of at least one layer"),
        (LINEAR, {"layers": [cr.Dropout(0.5)]}, "layers: expected at least one with parameters"),
        (LINEAR, {"layers": [cr.BatchNorm()]}, r"entries of these layers, \['0.weight', '0.bi"),
        (LINEAR, {"layers": [cr.Dropout(0.1), cr.Dense(2)]}, "an array named '1.weight', got"),
        ({"0.weight": W}, {"layers": [cr.Dense(2)]}, "entries of these layers, .* got"),
        (LINEAR | {"1.x": W}, {"layers": [cr.Dense(2)]}, "entries of these layers, .* '1.x'"),
        ({"0.weight": np.float32(1)}, {"layers": [cr.Dense(2)]}, "an array named '0.weight'"),
        ({}, {"layers": [cr.Dense(2)]}, "an array named '0.weight'"),
        (LINEAR, {"layers": [cr.Dense(2)], "activations": ["relu"]}, "None beside layers"),
        (
            LINEAR | {"0.bias": np.zeros(2)},
            {"layers": [cr.Dense(2)]},
            r"of one dtype, got \['float32', 'float64'\]",
        ),
        (
            {"0.weight": np.zeros((2, 0)), "0.bias": np.zeros(2)},
            {"layers": [cr.Dense(2)]},
            "n_inputs: expected an integer from 1",
        ),
        (LINEAR | {"0.running_mean": W}, {"activations": ["relu"]}, "or the argument layers"),
    ],
)
def test_states_that_do_not_fit_the_layers_are_refused(source, options, found):
    with pytest.raises((TypeError, ValueError), match=rf"^\[Network.from_torch\] .*{found}"):
        cr.Network.from_torch(source, **options)


def test_a_sequential_takes_no_layers(torch):
    with pytest.raises(ValueError, match="layers: expected None with a Sequential, which has them"):
        cr.Network.from_torch(torch.nn.Sequential(torch.nn.Linear(1, 1)), layers=[cr.Dense(1)])
