"""Activation functions, described: g in `A[l] = g(Z[l])`. The loops stand in the compiled core.

| name       | g(z)                                | g'(z), a = g(z)   | note                      |
| ---------- | ----------------------------------- | ----------------- | ------------------------- |
| identity   | z                                   | 1                 | regression output         |
| sigmoid    | 1 / (1 + e^-z)                      | a (1 - a)         | saturates                 |
| tanh       | (e^z - e^-z) / (e^z + e^-z)         | 1 - a^2           | saturates, zero-centred   |
| relu       | max(0, z)                           | 1 if z > 0 else 0 | units can die             |
| leaky_relu | max(s z, z), slope s                | 1 if z > 0 else s | Maas, Hannun & Ng 2013    |
| softmax    | e^(z_j - max z) / sum_k e^(z_k - max z) | (Jacobian)    | output; rows sum to 1     |
| exp        | e^z                                 | a                 | output; rates             |
"""

from dataclasses import dataclass

from chainrule._description import named, store
from chainrule._errors import check_number, message


@dataclass(frozen=True)
class Activation:
    """An activation by name; leaky_relu alone has a `slope`, 0 <= slope < 1, by default 0.01.

    Whether the name is known is checked where a network is built, against the core's one list.
    Raises TypeError or ValueError for a name that is no string and for a slope out of place.
    """

    name: str
    slope: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(message("Activation", "name", "a string", self.name))
        if self.name == "leaky_relu":
            slope = 0.01 if self.slope is None else self.slope
            store(self, slope=check_number("Activation", "slope", slope, minimum=0, below=1))
        elif self.slope is not None:
            raise ValueError(message("Activation", "slope", f"None for {self.name!r}", self.slope))


def as_activation(value: object, where: str = "Activation") -> Activation:
    """The activation meant by a name, an `Activation`, or `{"name": .., "slope": ..}`."""
    return named(value, Activation, where, "activation")
