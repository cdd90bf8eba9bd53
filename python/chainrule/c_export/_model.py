"""What a file is made of, and that of a network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.c_export._layers import add_network, described
from chainrule.c_export._program import Program, Value
from chainrule.layers import walk
from chainrule.network import Network

Array = NDArray[Any]


@dataclass(frozen=True)
class Model:
    """The program reads `x`, a row, and writes `out`."""

    program: Program
    description: Sequence[str]  # lines for the comment at the top
    example: Array  # a row, (n_inputs,) of its type
    expected: Array  # (n_outputs,) what comes out for it
    classes: Sequence[Any] = ()  # of each output, if it is the probability of one
    categories: Sequence[Sequence[str]] = ()  # of each column, those that have a number


def network_model(net: Network, where: str) -> Model:
    """Raises ValueError if a parameter is not finite."""
    program = Program(net.dtype)
    add_result(program, add_network(program, Value("x", net.n_inputs), net, where), net.n_outputs)
    x = example_row(net.n_inputs, net.dtype)
    return Model(program, list(layer_lines(net)), x[0], net.predict(x)[0])


def add_result(program: Program, y: Value, n_outputs: int) -> None:
    """Writes `out`. One number for two outputs is the probability of the second class."""
    program.comment("the result")
    if y.n == n_outputs:
        program.add(f"memcpy(out, {y.name}, sizeof(real) * {n_outputs});")
    else:
        program.add(f"out[0] = 1 - {y.name}[0];")
        program.add(f"out[1] = {y.name}[0];")


def example_row(n: int, dtype: Any) -> Array:
    """(1, n) numbers of usual size, the same ones each time."""
    return np.random.default_rng(0).normal(size=(1, n)).round(3).astype(dtype)


def layer_lines(net: Network) -> Iterator[str]:
    """A list of the layers, those inside others indented."""
    yield f"Layers, in {net.dtype}"
    for path, layer, n_in in walk(net.layers, net.n_inputs):
        yield f"    {'    ' * path.count('.')}{path} {described(layer, n_in)}"


def place_lines(array: str, meanings: Sequence[str]) -> Iterator[str]:
    """What stands where in `x` or `out`, if that is known."""
    yield from (f"    {array}[{place}]  {meaning}" for place, meaning in enumerate(meanings))
