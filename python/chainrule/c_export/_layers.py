"""The statements of layers and activations; of an activation the snippet has its name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._network_checks import check_built_in
from chainrule.activations import Activation
from chainrule.c_export._literals import number
from chainrule.c_export._program import Program, Value
from chainrule.checkpoint import network_tensors
from chainrule.layers import Activate, BatchNorm, Dense, Layer, LayerNorm, Residual
from chainrule.network import Network

Parameters = Mapping[str, NDArray[Any]]


def add_network(program: Program, x: Value, net: Network, where: str) -> Value:
    """The prediction for x.

    Raises ValueError if a parameter is not finite, or for activations that are registered.
    """
    check_built_in(where, net)
    return _all(program, x, net.layers, network_tensors(net, where), "")


def described(layer: Layer, n_in: int) -> str:
    """`Dense: 64 -> 32, relu`."""
    g = getattr(layer, "activation", None)
    options = [] if g is None else [g.name]
    if g is not None and g.slope is not None:
        options.append(f"slope {g.slope:g}")
    if g is not None and g.groups is not None:
        options.append(f"groups {list(g.groups)}")
    return ", ".join([f"{layer.name}: {n_in} -> {layer.n_outputs(n_in)}", *options])


# ---- Layers: (program, x, layer, parameters, its number) -> what x becomes -----------------------


def _all(
    program: Program, x: Value, layers: Sequence[Layer], parameters: Parameters, above: str
) -> Value:
    for i, layer in enumerate(layers, start=1):
        program.comment(f"{above}{i} {described(layer, x.n)}")
        x = LAYERS[layer.name](program, x, layer, parameters, f"{above}{i}")
    return x


def _own(program: Program, parameters: Parameters, path: str, *names: str) -> list[str]:
    """The C names of parameters."""
    return [_array(program, f"{path}.{name}", parameters[f"{path}.{name}"]) for name in names]


def _array(program: Program, path: str, values: NDArray[Any]) -> str:
    return program.array(path.replace(".", "_"), values)


def _linear(program: Program, x: Value, parameters: Parameters, path: str) -> Value:
    W, b = _own(program, parameters, path, "weight", "bias")
    y = program.new(len(parameters[f"{path}.bias"]))
    if y.n == 1:
        program.add(f"NAME_column({x.name}, {x.n}, {W}, {b}, {y.name});")
    else:
        program.add(f"NAME_dense({x.name}, {x.n}, {W}, {b}, {y.n}, {y.name});")
    return program.done(x, y)


def _dense(program: Program, x: Value, layer: Layer, parameters: Parameters, path: str) -> Value:
    activation = cast(Activation, cast(Dense, layer).activation)
    return activate(program, _linear(program, x, parameters, path), activation)


def _batch_norm(
    program: Program, x: Value, layer: Layer, parameters: Parameters, path: str
) -> Value:
    # As the core computes it, in the network's type; IEEE 754 defines each of these operations.
    one, epsilon = (program.dtype.type(value) for value in (1, cast(BatchNorm, layer).epsilon))
    with np.errstate(all="ignore"):
        inverse = one / np.sqrt(parameters[f"{path}.running_variance"] + epsilon)
        factor = _array(program, f"{path}.factor", inverse * parameters[f"{path}.gamma"])
    mean, beta = _own(program, parameters, path, "running_mean", "beta")
    y = program.in_place(x)
    program.add(f"NAME_batch_norm({x.name}, {x.n}, {mean}, {factor}, {beta}, {y.name});")
    return program.done(x, y)


def _layer_norm(
    program: Program, x: Value, layer: Layer, parameters: Parameters, path: str
) -> Value:
    gamma, beta = _own(program, parameters, path, "gamma", "beta")
    epsilon = number(program.dtype.type(cast(LayerNorm, layer).epsilon))
    y = program.in_place(x)
    program.add(f"NAME_layer_norm({x.name}, {x.n}, {epsilon}, {gamma}, {beta}, {y.name});")
    return program.done(x, y)


def _dropout(program: Program, x: Value, layer: Layer, parameters: Parameters, path: str) -> Value:
    return x


def _activate(program: Program, x: Value, layer: Layer, parameters: Parameters, path: str) -> Value:
    return activate(program, x, cast(Activation, cast(Activate, layer).activation))


def _residual(program: Program, x: Value, layer: Layer, parameters: Parameters, path: str) -> Value:
    program.hold(x)
    branch = _all(program, x, cast(Residual, layer).layers, parameters, f"{path}.")
    program.release(x)
    bypass = x
    if f"{path}.projection.weight" in parameters:
        program.comment(f"{path} on the way around")
        bypass = _linear(program, x, parameters, f"{path}.projection")
    else:
        program.comment(f"{path} with what went around")
    y = program.in_place(branch)
    program.each(y.n, f"{y.name}[j] = {branch.name}[j] + {bypass.name}[j]")
    program.done(bypass, y)
    return program.done(branch, y)


LAYERS: dict[str, Callable[[Program, Value, Layer, Parameters, str], Value]] = {
    "Dense": _dense,
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "Dropout": _dropout,
    "Activation": _activate,
    "Residual": _residual,
}


def activate(program: Program, z: Value, activation: Activation) -> Value:
    """g(z)."""
    if activation.name == "identity":
        return z
    a = program.in_place(z)
    if activation.name == "softmax":
        if a != z:
            program.each(z.n, f"{a.name}[j] = {z.name}[j]")
        first = 0
        for n in activation.groups or (z.n,):
            program.add(f"NAME_softmax({a.name}{f' + {first}' if first else ''}, {n});")
            first += n
        return program.done(z, a)
    slope = "" if activation.slope is None else f", {number(program.dtype.type(activation.slope))}"
    program.each(z.n, f"{a.name}[j] = NAME_{activation.name}({z.name}[j]{slope})")
    return program.done(z, a)
