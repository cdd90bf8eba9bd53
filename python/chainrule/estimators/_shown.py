"""Weights as scikit-learn shows them: lists of arrays to read, to change in place, to replace.

The lists are copies; what has changed in them since the network took it is what it takes next, and
what the network has learned is written into those that anybody still has.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import message

Array = NDArray[Any]


class Shown:
    """A list with an array for each layer: the `attribute` of an estimator."""

    def __init__(self, attribute: str, arrays: list[Array]) -> None:
        self.attribute, self.arrays = attribute, arrays
        # What the network has, by layer, as bytes: to compare those is one memcmp.
        self._taken: dict[int, bytearray] = {}

    def changes(
        self, where: str, shapes: Sequence[tuple[int, ...]], dtype: "np.dtype[Any]"
    ) -> dict[int, Array]:
        """Arrays, by layer, that the network has not taken yet.

        Raises ValueError or TypeError for a list that does not have these shapes.
        """
        if not isinstance(self.arrays, list | tuple):
            raise TypeError(message(where, self.attribute, "a list of arrays", self.arrays))
        n, got = len(shapes), len(self.arrays)
        if got != n:
            raise ValueError(f"[{where}] {self.attribute}: expected {n} arrays, got {got}")
        changed = {}
        for layer, (given, shape) in enumerate(zip(self.arrays, shapes, strict=True)):
            at = f"{self.attribute}[{layer}]"
            try:
                if np.iscomplexobj(given):
                    raise TypeError
                array = np.ascontiguousarray(given, dtype)
            except (TypeError, ValueError):
                raise TypeError(message(where, at, "an array of numbers", given)) from None
            if np.shape(given) != shape:
                raise ValueError(message(where, at, f"shape {shape}", np.shape(given)))
            if layer not in self._taken or self._taken[layer] != array.data:
                if not np.isfinite(array).all():
                    raise ValueError(message(where, at, "finite numbers", given))
                changed[layer] = array
        return changed

    def onto(self, layer: int, changed: Array, present: Array) -> Array:
        """The present weights with what has changed; the list may be older than those."""
        if layer not in self._taken:
            return changed
        taken = np.frombuffer(self._taken[layer], changed.dtype).reshape(changed.shape)
        return np.where(changed != taken, changed, present)

    def follow(self, arrays: list[Array]) -> None:
        """The network has learned these: into the arrays that are there, as in scikit-learn."""
        if not isinstance(self.arrays, list) or len(self.arrays) != len(arrays):
            self.arrays = arrays
        pairs = list(zip(self.arrays, arrays, strict=True))
        for shown, array in pairs:
            if _can_hold(shown, array):
                shown[...] = array
        for layer, (shown, array) in enumerate(pairs):  # one array may stand in two places
            if not (_can_hold(shown, array) and np.array_equal(shown, array.astype(shown.dtype))):
                self.arrays[layer] = array
        self.taken(
            {
                layer: np.ascontiguousarray(shown, arrays[layer].dtype)
                for layer, shown in enumerate(self.arrays)
            }
        )

    def taken(self, changes: Mapping[int, Array]) -> None:
        """The network has these arrays now."""
        self._taken |= {layer: bytearray(array.data) for layer, array in changes.items()}

    @property
    def may_change(self) -> bool:
        """Whether anybody else has the list or an array of it, or the memory of one."""
        if type(self.arrays) is not list or any(map(_is_of_others, self.arrays)):
            return True
        alone = Shown(self.attribute, [np.empty(0) for _ in self.arrays])
        return self._references() != alone._references()

    def _references(self) -> list[int]:
        return [sys.getrefcount(self.arrays), *map(sys.getrefcount, self.arrays)]


def _is_of_others(array: object) -> bool:
    return type(array) is not np.ndarray or array.base is not None


def _can_hold(shown: Any, array: Array) -> bool:
    """Half precision may overflow."""
    is_array = isinstance(shown, np.ndarray) and shown.flags.writeable
    return is_array and shown.shape == array.shape and shown.dtype in (np.float32, np.float64)
