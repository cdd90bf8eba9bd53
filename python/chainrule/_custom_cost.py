"""What the activations of `register_activation` cost a network: measured, for `Network.summary`."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._custom import run_activation
from chainrule.layers import Layer, walk
from chainrule.summary import PythonCost

Array = NDArray[Any]
BLOCK = 16384  # elements, as the core hands them over
MOST_ROWS = 256  # on which the core is measured


def measure(
    layers: Sequence[Layer],
    n_inputs: int,
    dtype: "np.dtype[Any]",
    rows: int,
    predict: Callable[[Array], Array],
    backward_ratio: float,
) -> PythonCost | None:
    """None for a network without such activations.

    The core's share of a training step is that of a prediction of as many rows, at most 256, times
    `backward_ratio`, the ratio of the operations of the two.
    """
    units: dict[str, int] = {}
    for _, layer, n in walk(layers, n_inputs):
        activation = getattr(layer, "activation", None)
        if activation is not None and activation.is_registered:
            units[activation.name] = units.get(activation.name, 0) + layer.n_outputs(n)
    if not units:
        return None
    rng = np.random.default_rng(0)
    X = rng.normal(size=(min(rows, MOST_ROWS), n_inputs)).astype(dtype)
    nanoseconds = {}
    for name, n in units.items():
        z = rng.normal(size=min(BLOCK, len(X) * n)).astype(dtype)
        value = _seconds(partial(run_activation, name, False, z))
        derivative = _seconds(partial(run_activation, name, True, z))
        nanoseconds[name] = 1e9 / z.size * value, 1e9 / z.size * derivative
    values = sum(len(X) * n * nanoseconds[name][0] for name, n in units.items()) * 1e-9
    derivatives = sum(len(X) * n * nanoseconds[name][1] for name, n in units.items()) * 1e-9
    core = max(_seconds(lambda: predict(X)) - values, 0.0) * backward_ratio
    return PythonCost(nanoseconds, (values + derivatives) / (core + values + derivatives))


def _seconds(call: Callable[[], Any]) -> float:
    """The median of five, after one that finds the caches cold."""
    taken = []
    for _ in range(6):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[1:]))
