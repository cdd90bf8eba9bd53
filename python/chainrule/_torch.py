"""PyTorch's state dictionaries and Sequentials: `Network.to_torch` and `from_torch`."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import message, quoted
from chainrule.activations import Activation, as_activation
from chainrule.layers import Dense

if TYPE_CHECKING:
    from chainrule.network import Network

Array = NDArray[Any]
FROM = "Network.from_torch"
DTYPES = ("float32", "float64")

# PyTorch's modules for activations, and ours.
MODULES = {
    "Identity": "identity",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "Softmax": "softmax",
}


# ---- to PyTorch ----------------------------------------------------------------------------------


def to_torch(net: "Network") -> dict[str, Any]:
    """The work of `Network.to_torch`."""
    places, place = [], 0
    for number, layer in enumerate(net.layers, start=1):
        where = f"Network.to_torch, layer {number}"
        if not isinstance(layer, Dense):
            raise ValueError(message(where, "layer", "a Dense layer", layer))
        activation = cast(Activation, layer.activation)
        if activation.name not in MODULES.values() or activation.groups is not None:
            expected = f"one of {quoted(MODULES.values())} without groups"
            raise ValueError(message(where, "activation", expected, activation))
        places.append(place)
        place += 1 if activation.name == "identity" else 2
    try:
        import torch
    except ImportError as error:
        raise ImportError("Network.to_torch needs torch: pip install torch") from error
    state = {}
    for number, place in enumerate(places, start=1):
        weight, bias = (net.parameters[f"{number}.{kind}"] for kind in ("weight", "bias"))
        state[f"{place}.weight"] = torch.from_numpy(np.ascontiguousarray(weight.T))
        state[f"{place}.bias"] = torch.from_numpy(bias)
    return state


# ---- from PyTorch --------------------------------------------------------------------------------


def from_torch(kind: Any, source: Any, activations: Any) -> Any:
    """The work of `Network.from_torch`."""
    if isinstance(source, Mapping):
        linear = _linear_layers(source)
        chosen = _given_activations(activations, len(linear))
    elif _torch_name(source):
        if activations is not None:
            expected = "None with a Sequential, which has them"
            raise ValueError(message(FROM, "activations", expected, activations))
        linear, chosen = _read_modules(source)
    else:
        expected = "a torch.nn.Sequential or a state_dict"
        raise TypeError(message(FROM, "source", expected, source))
    _check_chain(linear)
    layers = [Dense(len(bias), g) for (_, _, bias), g in zip(linear, chosen, strict=True)]
    _, first, _ = linear[0]
    net = kind._without_values(layers, first.shape[1], first.dtype, 0, FROM)
    for number, (_, weight, bias) in enumerate(linear, start=1):
        net.parameters[f"{number}.weight"] = weight.T
        net.parameters[f"{number}.bias"] = bias
    return net


Linear = tuple[str, Array, Array]  # name, weight (n_out, n_in), bias (n_out,)


def _linear_layers(state: Mapping[str, Any]) -> list[Linear]:
    """In their order. Raises for entries that are no linear layer's."""
    if not state:
        raise ValueError(message(FROM, "source", "at least one linear layer", state))
    prefixes: dict[str, dict[str, Array]] = {}
    for name, value in state.items():
        prefix, _, kind = str(name).rpartition(".")
        if kind not in ("weight", "bias"):
            expected = "entries named weight and bias, of linear layers"
            raise ValueError(message(FROM, "source", expected, name))
        prefixes.setdefault(prefix, {})[kind] = _array(str(name), value)
    return [_linear(prefix, prefixes[prefix]) for prefix in _in_order(list(prefixes))]


def _in_order(prefixes: list[str]) -> list[str]:
    """By number where they differ in one only: files may hold "10." before "2."."""
    numbers = [prefix.rpartition(".")[2] for prefix in prefixes]
    stems = {prefix.rpartition(".")[0] for prefix in prefixes}
    if len(stems) == 1 and all(number.isdecimal() for number in numbers):
        return sorted(prefixes, key=lambda prefix: int(prefix.rpartition(".")[2]))
    return prefixes


def _linear(prefix: str, found: Mapping[str, Array]) -> Linear:
    name = f"{prefix}.weight" if prefix else "weight"
    weight = found.get("weight")
    if weight is None:
        raise ValueError(f"[{FROM}] source: there is a bias but no {name!r}")
    if weight.ndim != 2:
        expected = f"{name!r} of a linear layer, (n_out, n_in)"
        raise ValueError(message(FROM, "source", expected, weight.shape))
    bias = found.get("bias", np.zeros(len(weight), weight.dtype))
    if bias.shape != (len(weight),):
        expected = f"{prefix}.bias of shape {(len(weight),)}"
        raise ValueError(message(FROM, "source", expected, bias.shape))
    return name, weight, bias


def _array(name: str, value: Any) -> Array:
    """Of a tensor or of an array."""
    dtype = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
    if dtype not in DTYPES:
        raise TypeError(message(FROM, "source", f"{name!r} of {' or '.join(DTYPES)}", dtype))
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _check_chain(linear: Sequence[Linear]) -> None:
    """Each layer takes what the one before gives, in the same dtype."""
    for (_, before, _), (name, weight, _) in pairwise(linear):
        if weight.shape[1] != len(before):
            expected = f"{name!r} of shape (n_out, {len(before)})"
            raise ValueError(message(FROM, "source", expected, weight.shape))
    found = {str(array.dtype) for _, *arrays in linear for array in arrays}
    if len(found) > 1:
        raise ValueError(message(FROM, "source", "tensors of one dtype", sorted(found)))


def _given_activations(given: Any, n_layers: int) -> list[Activation]:
    expected = f"a list of {n_layers}, one for each linear layer"
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TypeError(message(FROM, "activations", expected, given))
    if len(given) != n_layers:
        raise ValueError(message(FROM, "activations", expected, given))
    return [as_activation(g, FROM) for g in given]


def _read_modules(source: Any) -> tuple[list[Linear], list[Activation]]:
    """The linear layers of a Sequential and what follows each of them."""
    linear: list[Linear] = []
    chosen: list[Activation | None] = []
    for name, module in _leaves(source, ""):
        kind = _torch_name(module)
        if kind == "Linear":
            state = module.state_dict()
            arrays = {key: _array(f"{name}.{key}", value) for key, value in state.items()}
            linear.append(_linear(name, arrays))
            chosen.append(None)
        elif kind not in MODULES:
            known = f"Linear, {', '.join(MODULES)} in a Sequential"
            raise ValueError(message(FROM, "source", known, module))
        elif not chosen or chosen[-1] is not None:
            expected = "each activation right after a Linear"
            raise ValueError(message(FROM, "source", expected, f"{name}: {module!r}"))
        else:
            chosen[-1] = _activation(module)
    if not linear:
        raise ValueError(message(FROM, "source", "at least one Linear", source))
    return linear, [g or Activation("identity") for g in chosen]


def _leaves(module: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The modules of nested Sequentials in their order, with the names PyTorch gives them."""
    if _torch_name(module) != "Sequential":
        yield name, module
        return
    for child_name, child in module.named_children():
        yield from _leaves(child, f"{name}.{child_name}" if name else child_name)


def _torch_name(module: Any) -> str:
    """Of one of PyTorch's own modules; "" for all else, which may compute anything."""
    kind = type(module)
    return kind.__name__ if kind.__module__.startswith("torch.nn.modules.") else ""


def _activation(module: Any) -> Activation:
    name = MODULES[_torch_name(module)]
    if name == "softmax" and module.dim not in (1, -1):
        raise ValueError(message(FROM, "source", "a Softmax with dim=1", module))
    slope = float(module.negative_slope) if name == "leaky_relu" else None
    return Activation(name, slope)
