"""Losses, described. The loops stand in the compiled core.

L is the loss of one sample. The cost is its mean, `J = (1/m) sum_i L_i`, or with sample weights w
`J = sum_i w_i L_i / sum_i w_i`. In the formulas z and a (or p) are a row of Z[L] and A[L], y of Y.
"""

from dataclasses import dataclass
from typing import ClassVar

from chainrule._description import Description, by_name, resolve


class Loss(Description):
    """Base of all losses."""


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """`L = -sum_j [y_j log p_j + (1 - y_j) log(1 - p_j)]`: independent yes/no outputs.

    With a sigmoid output it is computed from the logit, `max(z, 0) - z y + log1p(e^-|z|)`, and
    `dZ[L] = A[L] - Y`. Y in [0, 1], shape (m, n_y), or (m,) for one output.
    """

    name: ClassVar[str] = "binary_cross_entropy"


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """`L = -sum_j y_j log p_j`: one class out of n_y.

    With a softmax output it is computed from the logits, `logsumexp(z) - sum_j y_j z_j`, and
    `dZ[L] = A[L] - Y`. Y is class indices (m,), or one-hot or soft labels (m, n_y), rows summing
    to 1.
    """

    name: ClassVar[str] = "cross_entropy"


@dataclass(frozen=True)
class SquaredError(Loss):
    """`L = 1/2 sum_j (a_j - y_j)^2`: regression. The factor 1/2 is part of the definition.

    With an identity output `dZ[L] = A[L] - Y`. Y any real, shape (m, n_y), or (m,) for one output.
    """

    name: ClassVar[str] = "squared_error"


LOSSES: dict[str, type[Loss]] = by_name(BinaryCrossEntropy, CrossEntropy, SquaredError)


def resolve_loss(loss: object, where: str = "resolve_loss") -> Loss:
    """The loss meant by a name, a `Loss`, or a dict of `to_dict`.

    Raises ValueError for an unknown name, TypeError for anything else.
    """
    return resolve(loss, LOSSES, where, "loss")
