"""Layers, described. A layer has no memory: `chainrule.Network` gives it parameters and shapes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from chainrule._description import Count, Description, by_name, resolve, store
from chainrule._errors import message
from chainrule.activations import Activation, as_activation
from chainrule.initializers import Initializer, as_initializer


class Layer(Description):
    """Base of all layers."""


@dataclass(frozen=True)
class Dense(Layer):
    """Fully connected: `A[l] = g(A[l-1] W + b)`.

    Shapes: A[l-1] (m, n_in), W (n_in, units), b (units,), A[l] (m, units).
    `activation` is g; `initializer` is that of W, where "auto" suits the activation; b starts at
    zero. Both are given by name or as objects and stored as `Activation` and `Initializer`.

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
        groups = cast(Activation, self.activation).groups
        if groups is not None and sum(groups) != self.units:
            expected = f"groups that add up to {self.units} units"
            raise ValueError(message("Dense", "activation", expected, groups))


LAYERS: dict[str, type[Layer]] = by_name(Dense)


def layer_from_dict(values: Mapping[str, Any], where: str = "layer_from_dict") -> Layer:
    """The layer described by a dict of `to_dict`. Unknown kinds and fields are ValueErrors."""
    return resolve(values, LAYERS, where, "kind")
