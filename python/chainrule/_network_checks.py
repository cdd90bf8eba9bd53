"""The network's door: its description must make sense and fit the machine."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from chainrule import _core, _custom
from chainrule._errors import message, quoted, unknown
from chainrule.activations import Activation
from chainrule.layers import Activate, BatchNorm, Dense, Layer, count_parameters, walk

if TYPE_CHECKING:
    from chainrule.network import Network

MOST_LEVELS = 32  # of layers inside others: what goes down them stays far from Python's limit


def check_dtype(where: str, dtype: Any, names: Iterable[str]) -> "np.dtype[Any]":
    """One of these, in whatever form NumPy takes it. Raises ValueError."""
    for name in names:
        with contextlib.suppress(TypeError, ValueError):  # NumPy's, for what is no dtype at all
            if dtype is not None and np.dtype(dtype) == name:  # None is NumPy's float64
                return np.dtype(name)
    raise ValueError(message(where, "dtype", f"one of {quoted(names)}", dtype))


def check_nesting(where: str, layers: object) -> None:
    """No layer, nor a dict that describes one, may stand inside more than `MOST_LEVELS` others.

    Looks at them level by level, before anything goes down them.
    """
    level = list(_numbered("", layers))
    for _ in range(MOST_LEVELS + 1):
        level = [inside for path, layer in level for inside in _inside(path, layer)]
    for path, _ in level:
        expected = f"at most {MOST_LEVELS} layers around a layer"
        raise ValueError(f"[{where}, layer {path}] layers: expected {expected}, got more")


def _inside(path: str, layer: object) -> Iterator[tuple[str, object]]:
    layers = layer.get("layers") if isinstance(layer, Mapping) else getattr(layer, "layers", None)
    return _numbered(f"{path}.", layers)


def _numbered(above: str, layers: object) -> Iterator[tuple[str, object]]:
    listed = layers if isinstance(layers, list | tuple) else ()
    return ((f"{above}{number}", layer) for number, layer in enumerate(listed, start=1))


def check_places(where: str, layers: Sequence[Layer], n_inputs: int) -> None:
    """Raises ValueError for a layer that cannot stand where it does, or an unknown activation."""
    for path, layer, n in walk(layers, n_inputs):
        at = f"{where}, layer {path} ({layer.name})"
        layer.check(at, n)
        if not isinstance(layer, Dense | Activate):
            continue
        name = cast(Activation, layer.activation).name
        check_activation_name(at, name)
        if name == "softmax" and path != str(len(layers)):
            raise ValueError(f"[{at}] activation: softmax is for the last layer")


def check_activation_name(where: str, name: str) -> None:
    """Raises ValueError for one that is neither the core's nor registered."""
    known = [*_core.activations(), *_custom.ACTIVATIONS]
    if name not in known:
        raise unknown(where, "activation", name, known, _custom.NOTE.format("activation"))


def check_registered_names(layers: Sequence[Layer], n_inputs: int) -> None:
    """Of layers from a file. Raises NotRegisteredError."""
    for _, layer, _ in walk(layers, n_inputs):
        if isinstance(layer, Dense | Activate):
            name = cast(Activation, layer.activation).name
            _custom.check_registered("activation", name, _core.activations())


def check_built_in(where: str, net: "Network") -> None:
    """Raises ValueError for activations that are registered, which no other program knows."""
    for path, layer, _ in walk(net.layers, net.n_inputs):
        activation = cast(Activation | None, getattr(layer, "activation", None))
        if activation is not None and activation.is_registered:
            at = f"{where}, layer {path} ({layer.name})"
            raise ValueError(message(at, "activation", "one that is built in", activation.name))


def check_size(
    where: str, layers: tuple[Layer, ...], n_inputs: int, dtype: "np.dtype[Any]"
) -> None:
    """Parameters that cannot fit are refused before the core lists them, which takes memory too."""
    elements = count_parameters(layers, n_inputs)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if elements * dtype.itemsize > memory:
        expected = f"parameters that fit in this machine's {memory / 2**30:.0f} GiB"
        got = f"{elements * dtype.itemsize / 2**30:.0f} GiB of them"
        raise ValueError(f"[{where}] layers: expected {expected}, got {got}")


def check_mixed_rows(where: str, net: "Network", rows: int, batch: int, argument: str) -> None:
    """Batches of `batch` of so many rows, where the last one may be smaller, all have two rows."""
    if 1 not in (batch, rows % batch):
        return
    for path, layer, _ in walk(net.layers, net.n_inputs):
        if isinstance(layer, BatchNorm):
            expected = "at least two rows in every batch, whose variance it takes"
            got = (
                "one" if batch == 1 else f"one in the last batch, {rows} rows in batches of {batch}"
            )
            at = f"{where}, layer {path} ({layer.name})"
            raise ValueError(f"[{at}] {argument}: expected {expected}, got {got}")
