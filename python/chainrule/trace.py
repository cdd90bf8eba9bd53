"""Every value of one pass through a network, for reading and teaching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class ByLayer(list[Array]):
    """Arrays of the layers, counted from 1 as in the course: `Z[1]`, .., `Z[L]`."""

    def __init__(self, arrays: list[Array], zeroth: Array | None = None) -> None:
        super().__init__(arrays)
        self._zeroth = zeroth

    def __getitem__(self, layer: Any) -> Any:
        if isinstance(layer, int | np.integer) and not isinstance(layer, bool):
            if layer == 0 and self._zeroth is not None:
                return self._zeroth
            if not 1 <= layer <= len(self):
                first = 1 if self._zeroth is None else 0
                raise IndexError(f"[Trace] layer: expected {first} to {len(self)}, got {layer}")
            return super().__getitem__(layer - 1)
        raise TypeError(f"[Trace] layer: expected an integer, got {layer!r}")


@dataclass(frozen=True, eq=False)
class Trace:
    """One forward and backward pass over m samples; layers l = 1 .. L.

    cost      J
    Z, A, dZ  (m, n[l]): before and after the activation, and the gradient of each sample's loss in
              Z; A[0] is X
    dW, db    (n[l], n[l-1]) and (n[l], 1), the shapes of `net.W[l]` and `net.b[l]`, None for layers
              other than dense ones: gradients of J,
              dW[l] = (1/m) dZ[l]^T A[l-1] and db[l] = (1/m) sum over samples of dZ[l] (with sample
              weights, w_i / sum(w) takes the place of 1/m)
    """

    cost: float
    X: Array
    Z: Any
    A: Any
    dZ: Any
    dW: Any
    db: Any

    def __post_init__(self) -> None:
        for name in ("Z", "dZ", "dW", "db"):
            object.__setattr__(self, name, ByLayer(getattr(self, name)))
        object.__setattr__(self, "A", ByLayer(self.A, zeroth=self.X))

    def __repr__(self) -> str:
        shapes = ", ".join(f"A[{i}] {a.shape}" for i, a in enumerate([self.X, *self.A]))
        return f"Trace(cost={self.cost:.6g}, {shapes})"
