"""Activation functions, described: g in `A[l] = g(Z[l])`. The loops stand in the compiled core.

| name         | g(z)                        | g'(z), a = g(z)        | note                   |
| ------------ | --------------------------- | ---------------------- | ---------------------- |
| identity     | z                           | 1                      | regression output      |
| sigmoid      | 1 / (1 + e^-z)              | a (1 - a)              | saturates              |
| tanh         | (e^z - e^-z) / (e^z + e^-z) | 1 - a^2                | saturates, centred     |
| relu         | max(0, z)                   | 1 if z > 0 else 0      | units can die          |
| leaky_relu   | max(s z, z), slope s        | 1 if z > 0 else s      | Maas et al. 2013       |
| softmax      | e^(z_j - max z) / sum_k e^(z_k - max z) | (Jacobian) | output; rows sum to 1  |
| exp          | e^z                         | a                      | output; rates          |
| elu          | z or s (e^z - 1), slope s   | 1 if z > 0 else a + s  | Clevert et al. 2016    |
| selu         | 1.0507 elu(z), s = 1.6733   | 1.0507 times elu's     | Klambauer et al. 2017  |
| gelu         | z P(Z < z), Z normal        | P(Z < z) + z density   | Hendrycks, Gimpel 2016 |
| silu         | z s, s = sigmoid(z)         | s + z s (1 - s)        | also called swish      |
| softplus     | log(1 + e^z)                | 1 - e^-a               | a smooth relu          |
| mish         | z t, t = tanh(log(1 + e^z)) | t + z s (1 - t^2)      | s = sigmoid(z)         |
| hard_sigmoid | z / 6 + 1/2 within [0, 1]   | 1/6 if 0 < a < 1       | else 0; units can die  |
| hard_tanh    | z within [-1, 1]            | 1 if -1 < a < 1        | else 0; units can die  |

At -infinity gelu, silu and mish are 0, their limit. NaN stays NaN.

All but exp are PyTorch's, with these differences: gelu is its `approximate="none"`; its softplus is
z above a threshold of 20; its hard_sigmoid has 1/6 in float32 as derivative in float64, too, which
is 5e-9 more; and it has no groups.

With `groups` a softmax is one of each group of neighbouring units: several classifications at once.

`chainrule.register_activation` adds functions of one's own, by name.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from chainrule import _custom
from chainrule._dataclass import dataclass
from chainrule._description import named, store
from chainrule._errors import check_integer, check_number, message

# name -> the slope by default, and its check.
SLOPES = {
    "leaky_relu": (0.01, partial(check_number, minimum=0, below=1)),
    "elu": (1.0, partial(check_number, minimum=0)),
}


@dataclass(frozen=True)
class Activation:
    """An activation by name, in `Dense` or a layer on its own: `Activation("relu")`.

    Names: identity, sigmoid, tanh, relu, leaky_relu, elu, selu, gelu, silu, softplus, mish,
    hard_sigmoid, hard_tanh, and in the last layer softmax, and exp for rates. Formulas stand in
    `chainrule.activations`. Two have a `slope` below 0: leaky_relu, 0 <= slope < 1, by default
    0.01, and elu, where it is that at 0 (elu's alpha), slope >= 0, by default 1.

    Softmax alone has `groups`, the units of each: `Activation("softmax", groups=(3, 4, 2))` makes
    three softmaxes of nine units. None is one group of all units.

    Whether the name is known is checked where a network is built, against the core's one list and
    the activations that are registered.
    Raises TypeError or ValueError for a name that is no string and for a slope or groups out of
    place.
    """

    name: str
    slope: float | None = None
    groups: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(message("Activation", "name", "a string", self.name))
        if self.name in SLOPES:
            default, check = SLOPES[self.name]
            slope = default if self.slope is None else self.slope
            store(self, slope=check("Activation", "slope", slope))
        elif self.slope is not None:
            raise ValueError(message("Activation", "slope", f"None for {self.name!r}", self.slope))
        if self.groups is not None:
            store(self, groups=_check_groups(self.name, self.groups))

    @property
    def parts(self) -> tuple[Any, ...]:
        """As the core takes it: name, slope, groups, and of a registered one what to call."""
        own = (partial(_custom.run_activation, self.name),) if self.is_registered else ()
        return self.name, self.slope or 0.0, tuple(self.groups or ()), *own

    @property
    def is_registered(self) -> bool:
        """Whether it is one of `register_activation`."""
        return self.name in _custom.ACTIVATIONS


def _check_groups(name: str, groups: object) -> tuple[int, ...]:
    if name != "softmax":
        raise ValueError(message("Activation", "groups", f"None for {name!r}", groups))
    if not isinstance(groups, tuple | list) or not groups:
        expected = "a tuple of at least one integer or None"
        raise TypeError(message("Activation", "groups", expected, groups))
    return tuple(check_integer("Activation", "groups", units, 1, 2**31) for units in groups)


def as_activation(value: object, where: str = "Activation") -> Activation:
    """The activation meant by a name, an `Activation`, or a dict of its fields."""
    return named(value, Activation, where, "activation")
