"""PyTorch's state dictionaries and Sequentials: `Network.to_torch` and `from_torch`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import message, quoted
from chainrule._torch_modules import (
    ACTIVATIONS,
    COUNTER,
    FROM,
    TENSORS,
    Read,
    array_of,
    full_name,
    linear,
    places,
    read_modules,
    torch_name,
)
from chainrule.activations import Activation, as_activation
from chainrule.layers import Dense, Layer, check_layer_list, walk

if TYPE_CHECKING:
    from chainrule.network import Network

Array = NDArray[Any]


# ---- to PyTorch ----------------------------------------------------------------------------------


def to_torch(net: "Network") -> dict[str, Any]:
    """The work of `Network.to_torch`."""
    for path, layer, _ in walk(net.layers, net.n_inputs):
        activation = getattr(layer, "activation", None)
        if activation is None:
            continue
        if activation.name not in ACTIVATIONS.values() or activation.groups is not None:
            expected = f"one of {quoted(ACTIVATIONS.values())} without groups"
            raise ValueError(
                message(f"Network.to_torch, layer {path}", "activation", expected, activation)
            )
    try:
        import torch
    except ImportError as error:
        raise ImportError("Network.to_torch needs torch: pip install torch") from error
    state = {}
    for torchs, ours, layer in places(net.layers, net.n_inputs):
        for name, parameter in TENSORS.get(layer.name, {}).items():
            value = np.ascontiguousarray(net.parameters[f"{ours}.{parameter}"].T)
            state[f"{torchs}.{name}"] = torch.from_numpy(value)
        if layer.name == "BatchNorm":
            state[f"{torchs}.{COUNTER}"] = torch.tensor(0)
    return state


# ---- from PyTorch --------------------------------------------------------------------------------


def from_torch(kind: Any, source: Any, activations: Any, layers: Any) -> Any:
    """The work of `Network.from_torch`."""
    is_state = isinstance(source, Mapping)
    if not is_state and not torch_name(source):
        expected = "a torch.nn.Sequential or a state_dict"
        raise TypeError(message(FROM, "source", expected, source))
    for name, given in (("activations", activations), ("layers", layers)):
        if given is not None and not is_state:
            raise ValueError(message(FROM, name, "None with a Sequential, which has them", given))
    if layers is not None:
        if activations is not None:
            expected = "None beside layers, which have them"
            raise ValueError(message(FROM, "activations", expected, activations))
        return _from_named(kind, source, check_layer_list(FROM, "layers", layers))
    read = _linear_layers(source, activations) if is_state else read_modules(source)
    with_tensors = [one for one in read if one.tensors]
    if not with_tensors:
        raise ValueError(message(FROM, "source", "at least one Linear", source))
    _check_chain(with_tensors)
    first = next(iter(with_tensors[0].tensors.values()))
    tensors = {
        f"{number}.{name}": array
        for number, one in enumerate(read, start=1)
        for name, array in one.tensors.items()
    }
    return _built(kind, [one.layer for one in read], first.shape[0], tensors)


def _built(kind: Any, layers: Sequence[Layer], n_inputs: int, tensors: Mapping[str, Array]) -> Any:
    """Raises ValueError for tensors of several dtypes and, from the door, for NaN."""
    dtypes = {str(array.dtype) for array in tensors.values()}
    if len(dtypes) > 1:
        raise ValueError(message(FROM, "source", "tensors of one dtype", sorted(dtypes)))
    net = kind._without_values(layers, n_inputs, dtypes.pop(), 0, FROM)
    for name, array in tensors.items():
        net.parameters[name] = array
    return net


def _check_chain(read: Sequence[Read]) -> None:
    """Each layer takes what the one before gives."""
    n = len(next(iter(read[0].tensors.values())))
    for name, layer, tensors in read:
        array = next(iter(tensors.values()))
        if len(array) != n:
            weight = full_name(name, "weight")
            shape = f"(n_out, {n})" if isinstance(layer, Dense) else f"({n},)"
            raise ValueError(message(FROM, "source", f"{weight!r} of shape {shape}", array.T.shape))
        n = layer.n_outputs(n)


# ---- a state of linear layers only ---------------------------------------------------------------


def _linear_layers(state: Mapping[str, Any], activations: Any) -> list[Read]:
    """In their order. Raises for entries that are no linear layer's."""
    if not state:
        raise ValueError(message(FROM, "source", "at least one linear layer", state))
    prefixes: dict[str, dict[str, Array]] = {}
    for name, value in state.items():
        prefix, _, kind = str(name).rpartition(".")
        if kind not in ("weight", "bias"):
            expected = "entries named weight and bias, of linear layers, or the argument layers"
            raise ValueError(message(FROM, "source", expected, name))
        prefixes.setdefault(prefix, {})[kind] = array_of(str(name), value)
    read = [Read(prefix, *linear(prefix, prefixes[prefix])) for prefix in _in_order(list(prefixes))]
    chosen = _given_activations(activations, len(read))
    return [
        one._replace(layer=Dense(cast(Dense, one.layer).units, g))
        for one, g in zip(read, chosen, strict=True)
    ]


def _in_order(prefixes: list[str]) -> list[str]:
    """By number where they differ in one only: files may hold "10." before "2."."""
    numbers = [prefix.rpartition(".")[2] for prefix in prefixes]
    stems = {prefix.rpartition(".")[0] for prefix in prefixes}
    if len(stems) == 1 and all(number.isdecimal() for number in numbers):
        return sorted(prefixes, key=lambda prefix: int(prefix.rpartition(".")[2]))
    return prefixes


def _given_activations(given: Any, n_layers: int) -> list[Activation]:
    expected = f"a list of {n_layers}, one for each linear layer"
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TypeError(message(FROM, "activations", expected, given))
    if len(given) != n_layers:
        raise ValueError(message(FROM, "activations", expected, given))
    return [as_activation(g, FROM) for g in given]


# ---- a state of any layers, which are given ------------------------------------------------------


def _from_named(kind: Any, state: Mapping[str, Any], layers: Sequence[Layer]) -> Any:
    """Raises ValueError unless the entries are those that `to_torch` gives for these layers."""
    arrays = {
        str(name): array_of(str(name), value)
        for name, value in state.items()
        if str(name).rpartition(".")[2] != COUNTER
    }
    first = next(iter(_names(layers, 1)), None)  # the same for any number of inputs
    if first is None:
        raise ValueError(message(FROM, "layers", "at least one with parameters", layers))
    if first not in arrays or not arrays[first].ndim:
        raise ValueError(message(FROM, "source", f"an array named {first!r}", sorted(arrays)))
    n_inputs = arrays[first].shape[-1]
    names = _names(layers, n_inputs)
    if set(names) != set(arrays):
        expected = f"the entries of these layers, {list(names)}"
        raise ValueError(message(FROM, "source", expected, sorted(arrays)))
    shapes = {
        f"{path}.{name}": shape
        for path, layer, n in walk(layers, n_inputs)
        for name, shape in layer.shapes(n).items()
    }
    for name, ours in names.items():
        if arrays[name].shape != shapes[ours][::-1]:
            expected = f"{name!r} of shape {shapes[ours][::-1]}"
            raise ValueError(message(FROM, "source", expected, arrays[name].shape))
    tensors = {ours: arrays[name].T for name, ours in names.items()}
    return _built(kind, layers, n_inputs, tensors)


def _names(layers: Sequence[Layer], n_inputs: int) -> dict[str, str]:
    """PyTorch's names of the tensors, and ours."""
    return {
        f"{torchs}.{name}": f"{ours}.{parameter}"
        for torchs, ours, layer in places(layers, n_inputs)
        for name, parameter in TENSORS.get(layer.name, {}).items()
    }
