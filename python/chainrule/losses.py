"""Losses, described. The loops stand in the compiled core.

L is the loss of one sample. The cost is its mean, `J = (1/m) sum_i L_i`, or with sample weights w
`J = sum_i w_i L_i / sum_i w_i`. In the formulas z and a (or p) are a row of Z[L] and A[L], y of Y.

| name                 | its output | Y             | for                                |
| -------------------- | ---------- | ------------- | ---------------------------------- |
| binary_cross_entropy | sigmoid    | from 0 to 1   | independent yes/no answers         |
| cross_entropy        | softmax    | classes       | one class of several               |
| squared_error        | identity   | any real      | means                              |
| absolute_error       | identity   | any real      | medians; outliers count little     |
| huber                | identity   | any real      | means without the pull of outliers |
| quantile             | identity   | any real      | quantiles, ends of intervals       |
| poisson              | exp        | 0 and more    | counts and rates                   |
| binary_focal         | sigmoid    | from 0 to 1   | rare answers among many            |
| focal                | softmax    | classes       | one class, many rows of them easy  |
| hinge                | identity   | 0/1 or -1/1   | yes or no by a margin              |
| multiclass_hinge     | identity   | classes       | one class by a margin              |

Y has the shape (m, n_y), or (m,) for one output or for class indices. With other outputs the
cross-entropies and focal losses clip p to [eps, 1 - eps] and poisson clips a to [eps, infinity),
eps being the dtype's spacing at 1; there is no gradient where they were clipped.

Each says where its definition differs from PyTorch's. Most of those take the mean over the m n_y
elements, where L here is the sum over the outputs, so with n_y outputs the cost is n_y times as
large; those of classes take the mean over rows in both.

`chainrule.register_loss` adds functions of one's own, by name.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar

from chainrule import _custom
from chainrule._dataclass import dataclass
from chainrule._description import (
    Description,
    Fraction,
    Level,
    NonNegative,
    Positive,
    by_name,
    resolve,
)
from chainrule._errors import check_number, message


class Loss(Description):
    """Base of all losses, which have at most two fields, numbers or None.

    Of yes and no, an output above `threshold` is a yes.
    """

    threshold: ClassVar[float] = 0.5

    @cached_property
    def parts(self) -> tuple[Any, ...]:
        """As the core takes a loss: its name and numbers, 0 for those it lacks, -1 for None."""
        values = [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]
        first, second = ([-1.0 if value is None else value for value in values] + [0.0, 0.0])[:2]
        return self.name, first, second


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """`L = -sum_j [y_j log p_j + (1 - y_j) log(1 - p_j)]`: independent yes/no outputs.

    With a sigmoid output it is computed from the logit, `max(z, 0) - z y + log1p(e^-|z|)`, and
    `dZ[L] = A[L] - Y`. Y in [0, 1], shape (m, n_y), or (m,) for one output. With `label_smoothing`
    s, 0 <= s < 1, each y_j counts as `(1 - s) y_j + s / 2`, in every cost. PyTorch's BCELoss and
    BCEWithLogitsLoss are 1 / n_y times this; the former has no logarithm below -100.
    """

    name: ClassVar[str] = "binary_cross_entropy"
    label_smoothing: Fraction = 0.0


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """`L = -sum_j y_j log p_j`: one class out of n_y.

    With a softmax output it is computed from the logits, `logsumexp(z) - sum_j y_j z_j`, and
    `dZ[L] = A[L] - Y`. Y is class indices (m,), or one-hot or soft labels (m, n_y), rows summing
    to 1. With `label_smoothing` s, 0 <= s < 1, each y_j counts as `(1 - s) y_j + s / n_y` (Szegedy
    et al. 2016), in every cost, that of validation data too.

    PyTorch's is the same for classes; for labels and weights of classes it divides by m, not by the
    sum of the weights.

    After a softmax with groups L is the sum of the groups' losses, n_y the units of a group, and Y
    class indices (m, n_groups) or labels (m, units) whose rows sum to 1 in each group.
    """

    name: ClassVar[str] = "cross_entropy"
    label_smoothing: Fraction = 0.0


@dataclass(frozen=True)
class SquaredError(Loss):
    """`L = 1/2 sum_j (a_j - y_j)^2`: regression. The factor 1/2 is part of the definition.

    With an identity output `dZ[L] = A[L] - Y`. Y any real, shape (m, n_y), or (m,) for one output.
    PyTorch's MSELoss has no 1/2 and is a mean over outputs, too: 2 / n_y times this.
    """

    name: ClassVar[str] = "squared_error"


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """`L = sum_j |a_j - y_j|`: the outputs tend to medians. Y any real.

    The gradient in a is sign(a - y), 0 at a = y. PyTorch's L1Loss is 1 / n_y times this.
    """

    name: ClassVar[str] = "absolute_error"


@dataclass(frozen=True)
class Huber(Loss):
    """Squared for small errors, absolute for large ones (Huber 1964). Y any real.

    With e = a - y, `L = sum_j [e^2 / 2 if |e| <= delta else delta (|e| - delta / 2)]`. The gradient
    in a is e clipped to [-delta, delta]; delta > 0. PyTorch's HuberLoss is 1 / n_y times this, its
    SmoothL1Loss(beta=delta) 1 / (n_y delta) times.
    """

    name: ClassVar[str] = "huber"
    delta: Positive = 1.0


@dataclass(frozen=True)
class Quantile(Loss):
    """The pinball loss: the outputs tend to quantiles (Koenker & Bassett 1978). Y any real.

    With q = `quantile`, 0 < q < 1, and e = y - a, `L = sum_j max(q e, (q - 1) e)`. The gradient in
    a is -q where e > 0, 1 - q where e < 0, and 0 at e = 0. For q = 1/2, L is half the absolute
    error. PyTorch has no such loss.
    """

    name: ClassVar[str] = "quantile"
    quantile: Level = 0.5


@dataclass(frozen=True)
class Poisson(Loss):
    """`L = sum_j [y_j log(y_j / a_j) - y_j + a_j]`: counts and rates. Y >= 0.

    That is half the Poisson deviance, 0 where a = y; for y = 0 the logarithm's term is 0. With an
    exp output it is computed from z = log a, and `dZ[L] = A[L] - Y`. PyTorch's PoissonNLLLoss, of
    z, is 1 / n_y times `sum_j [a_j - y_j z_j]`: without the terms that no a changes.
    """

    name: ClassVar[str] = "poisson"


def _check_alpha(where: str, argument: str, value: object) -> float | None:
    if value is None:
        return None
    return check_number(where, argument, value, above=0, below=1, note=" or None")


@dataclass(frozen=True)
class BinaryFocal(Loss):
    """Binary cross-entropy in which what is right already counts little (Lin et al. 2017).

    `L = -sum_j [alpha y_j q_j^gamma log p_j + (1 - alpha) (1 - y_j) p_j^gamma log q_j]`, q = 1 - p.
    gamma >= 0; 0 < alpha < 1 is the weight of the yes, None leaves both weights out. Y as for
    BinaryCrossEntropy, which this is with gamma=0, alpha=None. With a sigmoid output all is
    computed from the logit. PyTorch has no focal loss; torchvision's sigmoid_focal_loss is the same
    element by element, with alpha=-1 for None.
    """

    name: ClassVar[str] = "binary_focal"
    gamma: NonNegative = 2.0
    alpha: Annotated[float | None, _check_alpha] = 0.25


@dataclass(frozen=True)
class Focal(Loss):
    """Cross-entropy in which rows that are right already count little (Lin et al. 2017).

    `L = -sum_j y_j (1 - p_j)^gamma log p_j`, gamma >= 0. Y as for CrossEntropy, which this is with
    gamma=0. With a softmax output all is computed from the logits. Weights of classes are those of
    `Trainer.fit(class_weight=)`. PyTorch has no such loss.
    """

    name: ClassVar[str] = "focal"
    gamma: NonNegative = 2.0


@dataclass(frozen=True)
class Hinge(Loss):
    """`L = sum_j max(0, 1 - s_j a_j)`, s = 1 for a yes, -1 for a no: classification by a margin.

    Y holds 0 and 1, or -1 and 1, shape (m, n_y), or (m,) for one output; no probabilities. A yes is
    predicted where a > 0. The gradient in a is -s where s a < 1, else 0. PyTorch has no such loss;
    its HingeEmbeddingLoss is one of distances.
    """

    name: ClassVar[str] = "hinge"
    threshold: ClassVar[float] = 0.0


@dataclass(frozen=True)
class MulticlassHinge(Loss):
    """`L = max(0, 1 + a_r - a_y)`, y the class, r the highest of the others.

    Crammer & Singer 2001. Y is class indices (m,) or one-hot (m, n_y); no probabilities. The
    gradient in a is 1 at r, the first of equals, and -1 at y where L > 0, else 0. PyTorch's
    MultiMarginLoss is Weston & Watkins' instead: `1/n_y sum_(j != y) max(0, 1 + a_j - a_y)`.
    """

    name: ClassVar[str] = "multiclass_hinge"


LOSSES: dict[str, type[Loss]] = by_name(
    BinaryCrossEntropy,
    CrossEntropy,
    SquaredError,
    AbsoluteError,
    Huber,
    Quantile,
    Poisson,
    BinaryFocal,
    Focal,
    Hinge,
    MulticlassHinge,
)


@dataclass(frozen=True)
class CustomLoss(Loss):
    """A loss of `chainrule.register_loss`, which gives L and its derivative in a."""

    name: str  # type: ignore[misc]

    @cached_property
    def parts(self) -> tuple[Any, ...]:
        """As the core takes it: also what to call."""
        return self.name, 0.0, 0.0, partial(_custom.run_loss, self.name)

    @property
    def targets(self) -> str:
        """The kind of Y, as the core names it."""
        return _custom.find("loss", self.name).targets

    @property
    def n_outputs(self) -> int | None:
        """How many it is for, None for any."""
        return _custom.find("loss", self.name).n_outputs

    @property
    def threshold(self) -> float:  # type: ignore[override]
        """As registered."""
        return _custom.find("loss", self.name).threshold

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.name}


def resolve_loss(loss: object, where: str = "resolve_loss") -> Loss:
    """The loss meant by a name, a `Loss`, or a dict of `to_dict`.

    Raises ValueError for an unknown name, TypeError for anything else.
    """
    if isinstance(loss, CustomLoss):
        loss = loss.name
    given = dict(loss) if isinstance(loss, Mapping) else {"kind": loss}
    name = given.pop("kind", None)
    if isinstance(name, str) and name in _custom.LOSSES:
        if given:
            raise ValueError(message(where, "loss", f"no numbers for {name!r}", given))
        return CustomLoss(name)
    return resolve(loss, LOSSES, where, "loss", _custom.NOTE.format("loss"))
