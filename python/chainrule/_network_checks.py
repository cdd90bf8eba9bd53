"""The network's door: its description must make sense and fit the machine."""

import contextlib
import os
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from chainrule import _core
from chainrule._errors import message, quoted, unknown
from chainrule.activations import Activation
from chainrule.layers import Activate, Dense, Layer, count_parameters, walk


def check_dtype(where: str, dtype: Any, names: Iterable[str]) -> "np.dtype[Any]":
    for name in names:
        with contextlib.suppress(TypeError):  # NumPy's, for what is no dtype at all
            if dtype is not None and np.dtype(dtype) == name:  # None is NumPy's float64
                return np.dtype(name)
    raise ValueError(message(where, "dtype", f"one of {quoted(names)}", dtype))


def check_places(where: str, layers: Sequence[Layer], n_inputs: int) -> None:
    known = _core.activations()
    for path, layer, n in walk(layers, n_inputs):
        at = f"{where}, layer {path} ({layer.name})"
        layer.check(at, n)
        if not isinstance(layer, Dense | Activate):
            continue
        name = cast(Activation, layer.activation).name
        if name not in known:
            raise unknown(at, "activation", name, known)
        if name == "softmax" and path != str(len(layers)):
            raise ValueError(f"[{at}] activation: softmax is for the last layer")


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
