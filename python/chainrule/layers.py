"""Layers, described. A layer has no memory: `chainrule.Network` gives it parameters and shapes.

Each says where its definition differs from PyTorch's; `Network.to_torch`, `from_torch` translate.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._dataclass import dataclass
from chainrule._description import (
    Count,
    Description,
    Fraction,
    Level,
    Positive,
    Switch,
    by_name,
    resolve,
    store,
)
from chainrule._errors import message
from chainrule.activations import Activation, as_activation
from chainrule.initializers import Initializer, as_initializer, initialize

Array = NDArray[Any]


class Layer(Description):
    """Base of all layers."""

    def n_outputs(self, n_inputs: int) -> int:
        """Columns of its output."""
        return n_inputs

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, ...]]:
        """Of its own parameters, by name; those in `tracked` are not trained."""
        return {}

    tracked: ClassVar[tuple[str, ...]] = ()

    def first_values(self, n_inputs: int, rng: "np.random.Generator") -> "dict[str, Array]":
        """Parameters that do not start at zero."""
        return {}

    def inner(self, n_inputs: int) -> Iterator[tuple[str, "Layer", int]]:
        """`(name, layer, its n_inputs)` of each layer inside."""
        return iter(())

    def for_core(self, n_inputs: int) -> dict[str, Any]:
        """As the core takes it."""
        return self.to_dict()

    def check(self, at: str, n_inputs: int) -> None:
        """Raises ValueError if it cannot stand behind so many columns; `at` names its place."""


@dataclass(frozen=True)
class Dense(Layer):
    """Fully connected: `A[l] = g(A[l-1] W + b)`.

    Shapes: A[l-1] (m, n_in), W (n_in, units), b (units,), A[l] (m, units).
    `activation` is g; `initializer` is that of W, where "auto" suits the activation; b starts at
    zero. Both are given by name or as objects and stored as `Activation` and `Initializer`.
    PyTorch's Linear holds the transpose of W, and draws W and b between +-1 / sqrt(n_in).

    Raises TypeError or ValueError if `units` is not an integer >= 1, the groups of a softmax do not
    add up to `units`, or the others make no sense.
    """

    name: ClassVar[str] = "Dense"
    units: Count
    activation: str | Activation = "identity"
    initializer: str | Initializer = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        store(
            self,
            activation=as_activation(self.activation, "Dense"),
            initializer=as_initializer(self.initializer, "Dense"),
        )
        check_groups("Dense", cast(Activation, self.activation), self.units)

    def __repr__(self) -> str:
        """As one would write it: names for what a name is enough for, and no defaults."""
        shown = [f"units={self.units}"]
        for field, default in (("activation", "identity"), ("initializer", "auto")):
            given = getattr(self, field)
            short = given.name if type(given)(given.name) == given else given
            if short != default:
                shown.append(f"{field}={short!r}")
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def n_outputs(self, n_inputs: int) -> int:
        return self.units

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, ...]]:
        return {"weight": (n_inputs, self.units), "bias": (self.units,)}

    def first_values(self, n_inputs: int, rng: "np.random.Generator") -> "dict[str, Array]":
        return {"weight": initialize(self.initializer, rng, n_inputs, self.units, self.activation)}

    def for_core(self, n_inputs: int) -> dict[str, Any]:
        activation = cast(Activation, self.activation)
        return {"kind": self.name, "units": self.units, "activation": activation.parts}


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch normalization: `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`, by column.

    In training mean and variance are those of the batch, where rows count by their sample weights.
    In prediction they are running ones, `running = momentum * running + (1 - momentum) * batch` in
    each step, with the variance's estimate for the population, m / (m - 1) times the batch's.
    Parameters: `gamma` (starts at 1), `beta`, and, not trained, `running_mean` and
    `running_variance` (starts at 1), all (n_in,). A batch of one row, which has no variance, is
    refused. (Ioffe & Szegedy 2015.) PyTorch's momentum is 1 minus ours, the weight of the batch,
    and it knows no sample weights.

    Raises TypeError or ValueError unless 0 <= momentum < 1 and epsilon > 0.
    """

    name: ClassVar[str] = "BatchNorm"
    tracked: ClassVar[tuple[str, ...]] = ("running_mean", "running_variance")
    momentum: Fraction = 0.9
    epsilon: Positive = 1e-5

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("gamma", "beta", *self.tracked), (n_inputs,))

    def first_values(self, n_inputs: int, rng: "np.random.Generator") -> "dict[str, Array]":
        return {"gamma": np.ones(n_inputs), "running_variance": np.ones(n_inputs)}


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Layer normalization: `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`, by row.

    Mean and variance are those of the row's columns. Parameters: `gamma` (starts at 1) and `beta`,
    both (n_in,). (Ba, Kiros & Hinton 2016.) The same as PyTorch's of that shape.

    Raises TypeError or ValueError unless 0 < epsilon < 1, so also for the width, which PyTorch's
    takes first.
    """

    name: ClassVar[str] = "LayerNorm"
    epsilon: Level = 1e-5

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, ...]]:
        return {"gamma": (n_inputs,), "beta": (n_inputs,)}

    def first_values(self, n_inputs: int, rng: "np.random.Generator") -> "dict[str, Array]":
        return {"gamma": np.ones(n_inputs)}


@dataclass(frozen=True)
class Dropout(Layer):
    """Zeroes a share `rate` of the elements in training and scales the rest by 1 / (1 - rate).

    Which ones depends on the trainer's seed (the network's in `Network.backward`), the step, the
    layer and the element's row and column in the batch alone, so it is the same on any number of
    threads. The rate is rounded to 1/65536. (Srivastava et al. 2014.) The factor is PyTorch's, too;
    there the rate is not rounded, and other elements are drawn.

    Raises TypeError or ValueError unless 0 <= rate < 1.
    """

    name: ClassVar[str] = "Dropout"
    rate: Fraction


@dataclass(frozen=True)
class Activate(Layer):
    """An activation as a layer of its own; an `Activation` among the layers becomes one.

    The core runs a built-in one inside the layer before it if that has no activation of its own;
    one of `register_activation`, or with no layer before it, runs by itself.
    """

    name: ClassVar[str] = "Activation"
    activation: str | Activation

    def __post_init__(self) -> None:
        super().__post_init__()
        store(self, activation=as_activation(self.activation, "Activation"))

    def for_core(self, n_inputs: int) -> dict[str, Any]:
        activation = cast(Activation, self.activation)
        return {"kind": self.name, "units": n_inputs, "activation": activation.parts}

    def check(self, at: str, n_inputs: int) -> None:
        check_groups(at, cast(Activation, self.activation), n_inputs)


def check_layer_list(where: str, argument: str, value: object) -> tuple[Layer, ...]:
    """At least one layer, each in a form that `as_layer` takes. Raises TypeError or ValueError."""
    if not isinstance(value, list | tuple) or not value:
        raise TypeError(message(where, argument, "a list of at least one layer", value))
    return tuple(as_layer(layer, f"{where}, layer {i}") for i, layer in enumerate(value, start=1))


@dataclass(frozen=True)
class Residual(Layer):
    """`y = branch(x) + x`, where the branch is a list of layers.

    Where the branch changes the width, `y = branch(x) + x W + b`: the parameters
    "projection.weight" and "projection.bias" stand before those of the layer's number; with
    `projection=False` such a branch is refused. (He, Zhang, Ren & Sun 2016.)

    Every branch adds its own variance, so many of them in a row start with enormous values unless
    there is a normalization in each, or each begins as nothing: with `initializer="zeros"` in its
    last dense layer a block is the identity at first (Zhang, Dauphin & Ma 2019, "Fixup"). The
    digits with blocks of 64 relu units: the first loss of 20 blocks is 2.6 instead of 900 to 1000,
    of 100 blocks 2.5 instead of 1e14 and more, from where no training leads back. PyTorch has no
    such layer.

    Raises TypeError or ValueError for layers that are none. A network refuses a layer that stands
    inside more than 32 others.
    """

    name: ClassVar[str] = "Residual"
    layers: Annotated[Sequence[Layer], check_layer_list]
    projection: Switch = True

    def n_outputs(self, n_inputs: int) -> int:
        for layer in self.layers:
            n_inputs = layer.n_outputs(n_inputs)
        return n_inputs

    def inner(self, n_inputs: int) -> Iterator[tuple[str, Layer, int]]:
        n = n_inputs
        for number, layer in enumerate(self.layers, start=1):
            yield str(number), layer, n
            n = layer.n_outputs(n)
        if n != n_inputs:
            yield "projection", Dense(n), n_inputs

    def for_core(self, n_inputs: int) -> dict[str, Any]:
        inner = [layer.for_core(n) for name, layer, n in self.inner(n_inputs) if name.isdigit()]
        return {"kind": self.name, "layers": inner}

    def check(self, at: str, n_inputs: int) -> None:
        n_outputs = self.n_outputs(n_inputs)
        if n_outputs != n_inputs and not self.projection:
            expected = f"a branch that ends with the {n_inputs} columns it began with"
            raise ValueError(f"[{at}] layers: expected {expected}, got {n_outputs}")


LAYERS: dict[str, type[Layer]] = by_name(Dense, BatchNorm, LayerNorm, Dropout, Activate, Residual)


def check_groups(where: str, activation: Activation, units: int) -> None:
    """Raises ValueError for groups of a softmax that are not so many units together."""
    groups = activation.groups
    if groups is not None and sum(groups) != units:
        expected = f"groups that add up to {units} units"
        raise ValueError(message(where, "activation", expected, groups))


def as_layer(value: object, where: str) -> Layer:
    """The layer meant by a layer, an `Activation` or a dict of `to_dict`."""
    if isinstance(value, Activation):
        return Activate(value)
    if isinstance(value, Layer):
        return value
    if isinstance(value, Mapping):
        return layer_from_dict(value, where)
    raise TypeError(message(where, "layer", "a layer such as Dense(64, 'relu')", value))


def layer_from_dict(values: Mapping[str, Any], where: str = "layer_from_dict") -> Layer:
    """The layer described by a dict of `to_dict`. Unknown kinds and fields are ValueErrors."""
    return resolve(values, LAYERS, where, "kind")


def walk(layers: Sequence[Layer], n_inputs: int) -> Iterator[tuple[str, Layer, int]]:
    """`(path, layer, its n_inputs)` of all layers, those inside others after them: "2", "2.1"."""
    for number, layer in enumerate(layers, start=1):
        yield from _walk(str(number), layer, n_inputs)
        n_inputs = layer.n_outputs(n_inputs)


def _walk(path: str, layer: Layer, n_inputs: int) -> Iterator[tuple[str, Layer, int]]:
    yield path, layer, n_inputs
    for name, inside, n in layer.inner(n_inputs):
        yield from _walk(f"{path}.{name}", inside, n)


def count_parameters(layers: Sequence[Layer], n_inputs: int, tracked: bool = True) -> int:
    """Elements of all parameters, or of those that are trained, without building the network."""
    return sum(
        math.prod(shape)
        for _, layer, n in walk(layers, n_inputs)
        for name, shape in layer.shapes(n).items()
        if tracked or name not in layer.tracked
    )
