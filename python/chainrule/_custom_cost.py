"""What functions of one's own cost a network: measured, for `Network.summary`."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._custom import find, run_activation, run_loss
from chainrule._custom_checks import draw_targets
from chainrule.activations import Activation
from chainrule.layers import Layer, Residual, walk
from chainrule.losses import CustomLoss, Loss
from chainrule.summary import PythonCost

Array = NDArray[Any]
BLOCK = 16384  # elements, as the core hands them over (kCustomBlock in ops/custom.h)
MOST_ROWS = 256  # on which all is measured


def measure(
    layers: Sequence[Layer],
    n_inputs: int,
    dtype: "np.dtype[Any]",
    rows: int,
    loss: Loss | None,
    predict_of: Callable[[Sequence[Layer]], Callable[[Array], Array]],
    backward_ratio: float,
) -> PythonCost | None:
    """None where neither an activation nor the loss is such a function.

    They get numbers from their domains, never what the network would make of random inputs. The
    core's share of a training step is the time in which a network of these layers without them
    predicts as many rows, at most 256, times `backward_ratio`, the ratio of the operations of the
    two. `predict_of` gives such a network's `predict`.
    """
    units: dict[str, int] = {}
    n_outputs = n_inputs
    for path, layer, n in walk(layers, n_inputs):
        activation = getattr(layer, "activation", None)
        if activation is not None and activation.is_registered:
            units[activation.name] = units.get(activation.name, 0) + layer.n_outputs(n)
        if "." not in path:
            n_outputs = layer.n_outputs(n)
    if not units and not isinstance(loss, CustomLoss):
        return None
    rng = np.random.default_rng(0)
    m = min(rows, MOST_ROWS)
    total, nanoseconds = 0.0, {}
    for name, n in units.items():
        z = find("activation", name).draw(rng, (min(BLOCK, m * n),)).astype(dtype)
        value = _seconds(partial(run_activation, name, False, z)) / z.size
        derivative = _seconds(partial(run_activation, name, True, z)) / z.size
        nanoseconds[name] = 1e9 * value, 1e9 * derivative
        total += m * n * (value + derivative)
    of_loss = None
    if isinstance(loss, CustomLoss):
        functions = find("loss", loss.name)
        A = functions.draw(rng, (m, n_outputs)).astype(dtype)
        Y = draw_targets(functions.targets, rng, m, n_outputs).astype(dtype)
        seconds = _seconds(partial(run_loss, loss.name, A, Y, True))
        of_loss = loss.name, 1e9 * seconds / m
        total += seconds
    predict = predict_of([_without_own(layer) for layer in layers])
    X = rng.normal(size=(m, n_inputs)).astype(dtype)
    core = _seconds(partial(predict, X)) * backward_ratio
    return PythonCost(nanoseconds, total / (core + total), of_loss)


def _without_own(layer: Layer) -> Layer:
    """The layer with the identity in place of activations of one's own."""
    if isinstance(layer, Residual):
        return dataclasses.replace(layer, layers=[_without_own(inner) for inner in layer.layers])
    activation = cast(Activation | None, getattr(layer, "activation", None))
    if activation is None or not activation.is_registered:
        return layer
    return cast(Layer, dataclasses.replace(cast(Any, layer), activation="identity"))


def _seconds(call: Callable[[], Any]) -> float:
    """The median of five, after one that finds the caches cold."""
    taken = []
    for _ in range(6):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[1:]))
