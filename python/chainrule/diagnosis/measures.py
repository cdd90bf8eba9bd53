"""The numbers of each layer in one pass, in float64. Start at `measure_layers`."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._custom import find, run_activation
from chainrule.activations import Activation
from chainrule.gradient_check import in_float64
from chainrule.layers import Layer, Residual
from chainrule.losses import Loss
from chainrule.network import Network

Array = NDArray[Any]

# Zero over half of their inputs, with a derivative of zero there: a unit that is there for every
# row learns nothing.
DYING = {"relu"}
# With limits on both sides, where the derivative goes to zero.
LIMITED = {
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
}
# With s the place between the limits, 4 s (1 - s) is the derivative's share of its largest value,
# for sigmoid and tanh alike: below it a unit passes back less than a twentieth of the gradient.
# Of functions of the user's the largest value is sought at so many places of the domain.
SATURATED_BELOW = 0.05
POINTS = 1003


@dataclass(frozen=True)
class LayerMeasure:
    """One layer, by its path ("2", or "2.1" inside a residual block).

    activation   root mean square of A
    gradient     root mean square over the rows of the norm of dZ, the gradient of a row's loss
    weight       root mean square of its weight matrix, NaN if it has none; as are
    update       that of the change of it in the optimizer's next step, and
    ratio        update / weight
    dead         share of units that are zero for all rows, NaN for activations that cannot die
    saturated    share of values near a limit, NaN for activations without limits
    is_unknown   whether it is the user's activation, and neither of these could be judged
    """

    path: str
    kind: str
    units: int
    activation: float
    gradient: float
    weight: float
    update: float
    ratio: float
    dead: float
    saturated: float
    is_unknown: bool = False

    @property
    def is_inside(self) -> bool:
        """Whether it stands in a residual block."""
        return "." in self.path

    @property
    def title(self) -> str:
        """Path and kind."""
        return f"{self.path} {self.kind}"


def measure_layers(
    net: Network, X: Any, Y: Any, loss: Loss, weights: Any, updates: Mapping[str, Array]
) -> list[LayerMeasure]:
    """Of all layers in order; `updates` by name of parameter."""
    # Where products of many large or small numbers stay in range.
    rows = _measured(in_float64(net), X, Y, loss, weights, "")
    return [_with_updates(row, net.parameters, updates) for row in rows]


def _measured(
    net: Network, X: Any, Y: Any, loss: str | Loss, weights: Any, above: str
) -> Iterator[LayerMeasure]:
    trace = net.trace(X, Y, loss, weights)
    for number, layer in enumerate(net.layers, start=1):
        path = f"{above}{number}"
        yield _measure(path, layer, trace.Z[number], trace.A[number], trace.dZ[number])
        if isinstance(layer, Residual):
            x, dy = trace.A[number - 1], trace.dZ[number]
            yield from _branch(net, layer, str(number), x, dy, weights, f"{path}.")


def _branch(
    net: Network, block: Residual, path: str, x: Array, dy: Array, weights: Any, above: str
) -> Iterator[LayerMeasure]:
    """A pass through a residual's branch with its input x and the gradient dy of its output.

    The loss 1/2 (a - y)^2 has the gradient a - y in a: with y = a - dy it is the one wanted.
    """
    branch = Network._without_values(block.layers, x.shape[1], "float64", net.seed)
    for name in branch.parameters:
        branch.parameters[name] = net.parameters[f"{path}.{name}"]
    last = len(block.layers)
    a = branch.trace(x, np.zeros_like(dy), "squared_error", weights).A[last]
    yield from _measured(branch, x, a - dy, "squared_error", weights, above)


def _measure(path: str, layer: Layer, Z: Array, A: Array, dZ: Array) -> LayerMeasure:
    activation = cast(Activation | None, getattr(layer, "activation", None))
    name = "" if activation is None else activation.name
    kind = layer.name if name in ("", "identity") else f"{layer.name} {name}"
    dead = saturated = np.nan
    is_registered = activation is not None and activation.is_registered
    if is_registered:
        dead, saturated = _of_derivative(name, Z, A)
    elif name in DYING:
        dead = float(np.mean(np.all(A == 0, axis=0)))
    elif name in LIMITED:
        low, high = LIMITED[name]
        s = (A - low) / (high - low)
        saturated = float(np.mean(4 * s * (1 - s) < SATURATED_BELOW))
    gradient = rms(dZ) * math.sqrt(dZ.shape[1])
    n, none, known = A.shape[1], np.nan, not (is_registered and np.isnan([dead, saturated]).all())
    values = rms(A), gradient, none, none, none, dead, saturated
    return LayerMeasure(path, kind, n, *values, is_unknown=not known)


def _of_derivative(name: str, Z: Array, A: Array) -> tuple[float, float]:
    """Dead and saturated as the registered derivative has them: it is next to zero at both ends of
    the domain, or zero at one and not at the other.
    """
    functions = find("activation", name)
    slopes = np.abs(run_activation(name, True, np.linspace(*functions.domain, POINTS)[1:-1]))
    there = np.abs(run_activation(name, True, Z))
    small, ends = SATURATED_BELOW * slopes.max(), slopes[[0, -1]]
    if (ends < small).all():
        return np.nan, float(np.mean(there < small))
    if (ends == 0).any():
        return float(np.mean(np.all((A == 0) & (there == 0), axis=0))), np.nan
    return np.nan, np.nan


def _with_updates(
    row: LayerMeasure, parameters: Mapping[str, Array], updates: Mapping[str, Array]
) -> LayerMeasure:
    name = f"{row.path}.weight"
    if name not in updates:
        return row
    weight, update = rms(parameters[name]), rms(updates[name])
    ratio = update / weight if weight else np.inf
    return dataclasses.replace(row, weight=weight, update=update, ratio=ratio)


def rms(values: Array) -> float:
    """The root of the mean square, of values of any size."""
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.mean(np.square(values / largest, dtype=np.float64))))


def main_path(rows: Sequence[LayerMeasure]) -> list[LayerMeasure]:
    """The layers of the network itself, through which every gradient goes."""
    return [row for row in rows if not row.is_inside]
