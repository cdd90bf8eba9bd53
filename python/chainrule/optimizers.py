"""Optimizers, described: how the gradient g = dJ/dw moves a parameter w.

The loops stand in the compiled core. alpha is the learning rate of the step, `learning_rate` times
the schedule's factor; t counts steps from 1; v, s and m start at zero. Biases move like weights,
but never decay.
"""

from dataclasses import dataclass
from typing import ClassVar

from chainrule._description import (
    Decay,
    Description,
    NonNegative,
    Positive,
    Switch,
    by_name,
    resolve,
)
from chainrule._errors import message


class Optimizer(Description):
    """Base of all optimizers."""

    learning_rate: Positive


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, plain, with momentum mu or with Nesterov momentum (needs mu > 0).

        plain      w <- w - alpha g
        momentum   v <- mu v - alpha g      w <- w + v
        nesterov   v <- mu v - alpha g      w <- w + mu v - alpha g

    Sutskever, Martens, Dahl & Hinton 2013; Nesterov's form is written in the looked-ahead
    parameters, as in Bengio, Boulanger-Lewandowski & Pascanu 2013.
    """

    name: ClassVar[str] = "sgd"
    learning_rate: Positive = 0.01
    momentum: Decay = 0.0
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

    Tieleman & Hinton 2012, lecture 6.5; epsilon stands outside the root.
    """

    name: ClassVar[str] = "rmsprop"
    learning_rate: Positive = 1e-3
    rho: Decay = 0.9
    epsilon: Positive = 1e-8


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adaptive moments.

        m <- beta1 m + (1 - beta1) g        m_hat = m / (1 - beta1^t)
        v <- beta2 v + (1 - beta2) g^2      v_hat = v / (1 - beta2^t)
        w <- w - alpha m_hat / (sqrt(v_hat) + epsilon)

    Kingma & Ba 2015, algorithm 1: epsilon is added after the bias correction. With `epsilon_hat`
    it is added to the root of the uncorrected v, as in the remark after the algorithm and in
    scikit-learn: w <- w - alpha sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon).
    """

    name: ClassVar[str] = "adam"
    learning_rate: Positive = 1e-3
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    epsilon: Positive = 1e-8
    epsilon_hat: Switch = False


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay; biases do not decay.

        w <- (1 - alpha weight_decay) w      then the step of Adam

    Loshchilov & Hutter 2019, algorithm 2, except that there the schedule alone multiplies the
    decay; here, as is common since, the whole learning rate does.
    """

    name: ClassVar[str] = "adamw"
    learning_rate: Positive = 1e-3
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 0.01


OPTIMIZERS: dict[str, type[Optimizer]] = by_name(SGD, RMSProp, Adam, AdamW)


def resolve_optimizer(optimizer: object, where: str = "resolve_optimizer") -> Optimizer:
    """The optimizer meant by a name, an `Optimizer`, or a dict of `to_dict`.

    Raises ValueError for an unknown name, TypeError for anything else.
    """
    return resolve(optimizer, OPTIMIZERS, where, "optimizer")
