"""First values of the weights W (n_in, n_out); biases start at zero.

Weights start random because equal units stay equal, and at a scale that keeps the variance of a
layer's values (or gradients) the same from layer to layer. Normal distributions are not truncated.

The same generator state gives the same weights. `orthogonal` goes through LAPACK, whose last bits
differ between machines.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule._dataclass import dataclass
from chainrule._description import named, store
from chainrule._errors import check_number, message, quoted, unknown
from chainrule.activations import Activation, as_activation

Array = NDArray[np.float64]
Generator: TypeAlias = "np.random.Generator"  # quoted: imported when first needed


def he_normal(rng: Generator, n_in: int, n_out: int, slope: float = 0.0) -> Array:
    """N(0, 2 / ((1 + slope^2) n_in)): He et al. 2015, eq. 15; for (leaky) ReLU of that slope."""
    return rng.normal(0.0, np.sqrt(2 / ((1 + slope**2) * n_in)), (n_in, n_out))


def he_uniform(rng: Generator, n_in: int, n_out: int, slope: float = 0.0) -> Array:
    """U(-a, a), a = sqrt(6 / ((1 + slope^2) n_in)): the variance of `he_normal`."""
    return _uniform(rng, n_in, n_out, np.sqrt(6 / ((1 + slope**2) * n_in)))


def glorot_normal(rng: Generator, n_in: int, n_out: int) -> Array:
    """N(0, 2 / (n_in + n_out)): Glorot & Bengio 2010, eq. 12; for tanh and the like."""
    return rng.normal(0.0, np.sqrt(2 / (n_in + n_out)), (n_in, n_out))


def glorot_uniform(rng: Generator, n_in: int, n_out: int) -> Array:
    """U(-a, a), a = sqrt(6 / (n_in + n_out)): Glorot & Bengio 2010, eq. 16."""
    return _uniform(rng, n_in, n_out, np.sqrt(6 / (n_in + n_out)))


def lecun_normal(rng: Generator, n_in: int, n_out: int) -> Array:
    """N(0, 1 / n_in): LeCun, Bottou, Orr & Mueller 1998 (Efficient BackProp), sec. 4.6."""
    return rng.normal(0.0, np.sqrt(1 / n_in), (n_in, n_out))


def lecun_uniform(rng: Generator, n_in: int, n_out: int) -> Array:
    """U(-a, a), a = sqrt(3 / n_in): the variance of `lecun_normal`."""
    return _uniform(rng, n_in, n_out, np.sqrt(3 / n_in))


def orthogonal(rng: Generator, n_in: int, n_out: int, gain: float = 1.0) -> Array:
    """`gain` times a matrix whose rows or columns, whichever are fewer, are orthonormal.

    Saxe, McClelland & Ganguli 2014. Drawn uniformly: the Q of a Gaussian matrix, with the signs of
    R's diagonal (Mezzadri 2007).
    """
    tall = rng.standard_normal((max(n_in, n_out), min(n_in, n_out)))
    q, r = np.linalg.qr(tall)
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return gain * np.ascontiguousarray(q if n_in >= n_out else q.T)


def normal(rng: Generator, n_in: int, n_out: int, std: float = 0.01) -> Array:
    """N(0, std^2), whatever the shape."""
    return rng.normal(0.0, std, (n_in, n_out))


def zeros(rng: Generator, n_in: int, n_out: int) -> Array:
    """All zero: for a linear model; in a hidden layer all units would stay the same."""
    return np.zeros((n_in, n_out))


def _uniform(rng: Generator, n_in: int, n_out: int, limit: float) -> Array:
    return rng.uniform(-limit, limit, (n_in, n_out))


INITIALIZERS: dict[str, Callable[..., Array]] = {
    function.__name__: function
    for function in (
        he_normal,
        he_uniform,
        glorot_normal,
        glorot_uniform,
        lecun_normal,
        lecun_uniform,
        orthogonal,
        normal,
        zeros,
    )
}


@dataclass(frozen=True)
class Initializer:
    """An initializer by name, with its parameters: `Initializer("orthogonal", {"gain": 2.0})`.

    Names: he_normal, he_uniform (both with `slope`, by default 0), glorot_normal, glorot_uniform,
    lecun_normal, lecun_uniform, orthogonal (`gain`, 1), normal (`std`, 0.01), zeros, and auto,
    which is he_normal for relu and its like, lecun_normal for selu, else glorot_uniform. Formulas
    stand in `chainrule.initializers`.

    Raises ValueError or TypeError for unknown names and parameters and for values that are no
    finite numbers >= 0.
    """

    name: str
    parameters: dict[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        known = ["auto", *INITIALIZERS]
        if self.name not in known:
            raise unknown("Initializer", "name", self.name, known)
        where = f"Initializer {self.name}"
        if not isinstance(self.parameters, Mapping):
            raise TypeError(message(where, "parameters", "a dict of numbers", self.parameters))
        parameters = _defaults(self.name)
        for name, value in self.parameters.items():
            if name not in parameters:
                allowed = f"only {quoted(parameters)}" if parameters else "none"
                raise ValueError(message(where, "parameters", allowed, name))
            parameters[name] = check_number(where, name, value, minimum=0)
        store(self, parameters=parameters)


def _defaults(name: str) -> dict[str, float]:
    """The parameters of an initializer beyond (rng, n_in, n_out), from its signature."""
    if name == "auto":
        return {}
    parameters = inspect.signature(INITIALIZERS[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


LIKE_RELU = ("relu", "elu", "gelu", "silu", "softplus", "mish")


def auto(activation: Activation) -> Initializer:
    """What "auto" means: he_normal for relu and its like, leaky_relu (its slope), elu, gelu, silu,
    softplus and mish; lecun_normal for selu, which needs it; else glorot_uniform."""
    if activation.name == "leaky_relu":
        return Initializer("he_normal", {"slope": activation.slope or 0.0})
    if activation.name in LIKE_RELU:
        return Initializer("he_normal")
    return Initializer("lecun_normal" if activation.name == "selu" else "glorot_uniform")


def as_initializer(value: object, where: str = "Initializer") -> Initializer:
    """The initializer meant by a name, an `Initializer`, or `{"name": .., "parameters": ..}`."""
    return named(value, Initializer, where, "initializer")


def initialize(
    initializer: str | Initializer,
    rng: Generator,
    n_in: int,
    n_out: int,
    activation: str | Activation = "identity",
) -> Array:
    """First weights of a layer with this activation: (n_in, n_out), float64, C-contiguous."""
    chosen = as_initializer(initializer)
    if chosen.name == "auto":
        chosen = auto(as_activation(activation))
    return INITIALIZERS[chosen.name](rng, n_in, n_out, **chosen.parameters)
