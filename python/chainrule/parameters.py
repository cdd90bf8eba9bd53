"""A network's parameters and gradients as mappings: by name, and by the course's symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._errors import check_array, message, unknown

if TYPE_CHECKING:
    from chainrule import _core

Array = NDArray[Any]


class Parameters(Mapping[str, Array]):
    """`"1.weight"` (n_in, n_out), `"1.bias"` (n_out,), ..: reading copies, assigning sets.

    Assigning raises ValueError if the shape differs or a value is not finite. Copies and pickles
    are plain dicts of arrays:

        best = copy.deepcopy(net.parameters)
        for name, array in best.items():
            net.parameters[name] = array
    """

    def __init__(self, core: _core._Network) -> None:
        self._core = core
        self._index = {name: i for i, (name, *_) in enumerate(core.parameter_table())}
        self._read: Callable[[int], Array] = core.parameter

    def __getitem__(self, name: str) -> Array:
        return self._read(self._at(name))

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        self._core.set_parameter(self._at(name), value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"

    def copy(self) -> dict[str, Array]:
        """All of them, as they are now."""
        return {name: self._read(i) for name, i in self._index.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles and copies are the arrays of now."""
        return dict, (self.copy(),)

    def _at(self, name: str) -> int:
        if not isinstance(name, str) or name not in self._index:
            where = f"Network.{type(self).__name__.lower()}"
            raise KeyError(str(unknown(where, "name", name, self._index)))
        return self._index[name]


class Gradients(Parameters):
    """As `Parameters`, read only: the gradients of the last `backward`.

    Training forms its gradients where they are used up and may leave anything here.
    """

    def __init__(self, core: _core._Network) -> None:
        super().__init__(core)
        self._read = core.gradient

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        raise TypeError("[Network.gradients] read only; backward() computes them")


class CourseView(Sequence[Array]):
    """`net.W[l]`, (n[l], n[l-1]), or `net.b[l]`, (n[l], 1): reading copies, assigning sets.

    Layers other than dense ones have none. Copies and pickles are plain dicts, `{1: W[1], ..}`, of
    the layers that have one.
    """

    def __init__(self, parameters: Parameters, kind: str, layers: Sequence[str]) -> None:
        self._parameters, self._kind, self._layers = parameters, kind, layers  # names of kinds

    def __getitem__(self, layer: int) -> Array:  # type: ignore[override]
        array = self._parameters[self._name(layer)]
        return array.T.copy() if array.ndim == 2 else array[:, np.newaxis]

    def __setitem__(self, layer: int, value: ArrayLike) -> None:
        name, shape = self._name(layer), self[layer].shape
        symbol = f"{'W' if self._kind == 'weight' else 'b'}[{layer}]"
        array = check_array("Network", symbol, f"shape {shape}", value)
        if array.shape != shape:
            raise ValueError(message("Network", symbol, f"shape {shape}", array.shape))
        self._parameters[name] = array.T if self._kind == "weight" else array[:, 0]

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Array]:
        return (self[layer] for layer in range(1, len(self) + 1))

    def __reversed__(self) -> Iterator[Array]:
        return (self[layer] for layer in range(len(self), 0, -1))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles and copies are the arrays of now, by the numbers of their layers."""
        layers = range(1, len(self) + 1)
        having = [layer for layer in layers if f"{layer}.{self._kind}" in self._parameters]
        return dict, ({layer: self[layer] for layer in having},)

    def _name(self, layer: Any) -> str:
        if isinstance(layer, bool) or not isinstance(layer, int | np.integer):
            raise TypeError(message("Network", "layer", f"1 to {len(self)}", layer))
        if not 1 <= layer <= len(self):
            raise IndexError(message("Network", "layer", f"1 to {len(self)}", layer))
        name, kind = f"{layer}.{self._kind}", self._layers[layer - 1]
        if name not in self._parameters:
            raise KeyError(
                message("Network", "layer", f"one with a {self._kind}", f"{kind} {layer}")
            )
        return name
