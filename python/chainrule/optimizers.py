"""Optimizers, described: how the gradient g = dJ/dw moves a parameter w.

The loops stand in the compiled core. alpha is the learning rate of the step, `learning_rate` times
the schedule's factor; t counts steps from 1; v, s and m start at zero. Biases move like weights,
but do not decay. Each says where its definition differs from PyTorch's, apart from defaults; there,
weight decay acts on biases, too, and where ours has no such option it adds weight_decay w to g, as
`Trainer(l2=)` does for weights.
"""

from typing import ClassVar

from chainrule._dataclass import dataclass
from chainrule._description import (
    Description,
    Fraction,
    Growth,
    Level,
    NonNegative,
    Positive,
    Switch,
    by_name,
    resolve,
)
from chainrule._errors import message


class Optimizer(Description):
    """Base of all optimizers."""

    full_batches: ClassVar[bool] = False  # whether it is made for them alone
    learning_rate: Positive


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, plain, with momentum mu or with Nesterov momentum (needs mu > 0).

        plain      w <- w - alpha g
        momentum   v <- mu v - alpha g      w <- w + v
        nesterov   v <- mu v - alpha g      w <- w + mu v - alpha g

    Sutskever, Martens, Dahl & Hinton 2013; Nesterov's form is written in the looked-ahead
    parameters, as in Bengio, Boulanger-Lewandowski & Pascanu 2013. PyTorch's v <- mu v + g,
    w <- w - alpha v is the same while alpha stays; where a schedule changes it, v goes on as it is
    here and is scaled along there.

    alpha is `learning_rate` > 0 times the schedule's factor; mu is `momentum`, 0 <= mu < 1.
    """

    name: ClassVar[str] = "sgd"
    learning_rate: Positive = 0.01
    momentum: Fraction = 0.0
    nesterov: Switch = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and self.momentum == 0:
            expected = "a number > 0 with nesterov=True"
            raise ValueError(message("SGD", "momentum", expected, self.momentum))


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """Steps divided by a running root mean square of the gradient.

        s <- rho s + (1 - rho) g^2      w <- w - alpha g / (sqrt(s) + epsilon)

    Tieleman & Hinton 2012, lecture 6.5; epsilon stands outside the root. The same as PyTorch's,
    where rho is called alpha.

    alpha is `learning_rate` > 0 times the schedule's factor; 0 <= rho < 1, epsilon > 0.
    """

    name: ClassVar[str] = "rmsprop"
    learning_rate: Positive = 1e-3
    rho: Fraction = 0.9
    epsilon: Positive = 1e-8


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adaptive moments.

        m <- beta1 m + (1 - beta1) g        m_hat = m / (1 - beta1^t)
        v <- beta2 v + (1 - beta2) g^2      v_hat = v / (1 - beta2^t)
        w <- w - alpha m_hat / (sqrt(v_hat) + epsilon)

    Kingma & Ba 2015, algorithm 1: epsilon is added after the bias correction. With `epsilon_hat`
    it is added to the root of the uncorrected v, as in the remark after the algorithm and in
    scikit-learn: w <- w - alpha sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon). Without
    it this is PyTorch's.

    alpha is `learning_rate` > 0 times the schedule's factor; 0 <= beta1, beta2 < 1,
    epsilon > 0.
    """

    name: ClassVar[str] = "adam"
    learning_rate: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    epsilon_hat: Switch = False


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay; biases do not decay.

        w <- (1 - alpha weight_decay) w      then the step of Adam

    Loshchilov & Hutter 2019, algorithm 2, except that there the schedule alone multiplies the
    decay; here, as is common since and in PyTorch, the whole learning rate does. There biases
    decay, too, as with `Trainer(decay_factors={"1.bias": 1, ..})` here.

    alpha is `learning_rate` > 0 times the schedule's factor; 0 <= beta1, beta2 < 1,
    epsilon > 0, weight_decay >= 0.
    """

    name: ClassVar[str] = "adamw"
    learning_rate: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 0.01


@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam that looks ahead by Nesterov's momentum, with decoupled weight decay.

        mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2)      M(t) = mu(1) mu(2) .. mu(t)
        m, v, v_hat as in Adam
        m_hat = mu(t+1) m / (1 - M(t+1)) + (1 - mu(t)) g / (1 - M(t))
        w <- (1 - alpha weight_decay) w - alpha m_hat / (sqrt(v_hat) + epsilon)

    Dozat 2016, with the schedule of momentum that its section on it proposes; beta1 alone makes m,
    as in PyTorch. There the decay is decoupled with decoupled_weight_decay=True.

    alpha is `learning_rate` > 0 times the schedule's factor; 0 <= beta1, beta2 < 1,
    epsilon > 0, weight_decay and momentum_decay >= 0.
    """

    name: ClassVar[str] = "nadam"
    learning_rate: Positive = 2e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 0.0
    momentum_decay: NonNegative = 4e-3


@dataclass(frozen=True)
class RAdam(Optimizer):
    """Adam with a rectified learning rate in the first steps, with decoupled weight decay.

        m, v as in Adam      rho(t) = R - 2 t beta2^t / (1 - beta2^t)      R = 2 / (1 - beta2) - 1
        r = sqrt((rho - 4) (rho - 2) R / ((R - 4) (R - 2) rho))
        w <- (1 - alpha weight_decay) w - alpha / (1 - beta1^t) m s
        s = r sqrt(1 - beta2^t) / (sqrt(v) + epsilon) where rho(t) > 5, else 1

    Liu et al. 2020, algorithm 2, which has no epsilon and the bound 4; both are PyTorch's. There
    the decay is decoupled with decoupled_weight_decay=True.

    alpha is `learning_rate` > 0 times the schedule's factor; 0 <= beta1, beta2 < 1,
    epsilon > 0, weight_decay >= 0.
    """

    name: ClassVar[str] = "radam"
    learning_rate: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 0.0


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Steps divided by the root of all squared gradients so far.

        s <- s + g^2      w <- w - alpha g / (sqrt(s) + epsilon)

    Duchi, Hazan & Singer 2011, diagonal form. The same as PyTorch's; its lr_decay is
    `cr.inverse_time`, by epochs here and by steps there.

    alpha is `learning_rate` > 0 times the schedule's factor; epsilon > 0.
    """

    name: ClassVar[str] = "adagrad"
    learning_rate: Positive = 0.01
    epsilon: Positive = 1e-10


@dataclass(frozen=True)
class Lion(Optimizer):
    """The sign of a momentum, with decoupled weight decay; one state where Adam has two.

        w <- (1 - alpha weight_decay) w - alpha sign(beta1 m + (1 - beta1) g)
        m <- beta2 m + (1 - beta2) g

    Chen et al. 2023, algorithm 2; sign(0) = 0. Every parameter moves by alpha, so that should be 3
    to 10 times less than Adam's. PyTorch has no Lion.

    alpha is `learning_rate` > 0 times the schedule's factor; 0 <= beta1, beta2 < 1,
    weight_decay >= 0.
    """

    name: ClassVar[str] = "lion"
    learning_rate: Positive = 1e-4
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99
    weight_decay: NonNegative = 0.0


@dataclass(frozen=True)
class Rprop(Optimizer):
    """Steps whose sizes follow the signs of successive gradients: iRprop-, for full batches.

        g has its sign of the step before    d <- min(eta_plus d, largest_step)
        g has the other sign                 d <- max(eta_minus d, smallest_step), then g <- 0
        w <- w - alpha / learning_rate sign(g) d

    d starts at `learning_rate`, so without a schedule each step has the size d. Igel & Huesken
    2003; the same as PyTorch's Rprop but where a product of two gradients underflows, and that a
    schedule here scales all steps, there none but the first. Signs of the gradients of mini-batches
    are those of their noise: batch_size="auto" is all rows, and fewer rows are warned of.

    alpha is `learning_rate` > 0 times the schedule's factor; 0 < eta_minus < 1 < eta_plus,
    0 < smallest_step <= largest_step.
    """

    name: ClassVar[str] = "rprop"
    full_batches: ClassVar[bool] = True
    learning_rate: Positive = 0.01
    eta_minus: Level = 0.5
    eta_plus: Growth = 1.2
    smallest_step: Positive = 1e-6
    largest_step: Positive = 50.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smallest_step > self.largest_step:
            expected = f"a number >= smallest_step, {self.smallest_step:g}"
            raise ValueError(message("Rprop", "largest_step", expected, self.largest_step))


OPTIMIZERS: dict[str, type[Optimizer]] = by_name(
    SGD, RMSProp, Adam, AdamW, NAdam, RAdam, Adagrad, Lion, Rprop
)


def resolve_optimizer(optimizer: object, where: str = "resolve_optimizer") -> Optimizer:
    """The optimizer meant by a name, an `Optimizer`, or a dict of `to_dict`.

    Raises ValueError for an unknown name, TypeError for anything else.
    """
    return resolve(optimizer, OPTIMIZERS, where, "optimizer")
