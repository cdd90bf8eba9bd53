"""Trainings and functions whose bits are written down: `hashes.txt`, read here and by `golden.cpp`,
and `accuracy.txt`, read here and by `accuracy.cpp`.

Both make the same data from integers alone and train through the same steps, so a hash does not
depend on NumPy, on the C library, on the compiler or on the machine. After a change that means to
change bits, `python -m tests.golden` writes the hashes anew.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr
from chainrule import _core
from chainrule.losses import LOSSES

TABLE = Path(__file__).with_name("hashes.txt")
FUNCTION_TABLE = Path(__file__).with_name("accuracy.txt")
GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
X_STREAM, Y_STREAM, WEIGHT_STREAM, PARAMETER_STREAM = 1, 2, 3, 4  # the first parameter's

Floats = NDArray[np.float64]
# By kind: from the numbers of a line, all seven of them.
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": lambda rate, *rest: cr.SGD(rate),
    "momentum": lambda rate, mu, *rest: cr.SGD(rate, mu),
    "nesterov": lambda rate, mu, *rest: cr.SGD(rate, mu, nesterov=True),
    "rmsprop": lambda rate, rho, beta2, epsilon, *rest: cr.RMSProp(rate, rho, epsilon),
    "adam": lambda *given: cr.AdamW(*given[:5]) if given[4] else cr.Adam(*given[:4]),
    "nadam": lambda *given: cr.NAdam(*given[:6]),
    "radam": lambda *given: cr.RAdam(*given[:5]),
    "adagrad": lambda rate, mu, beta2, epsilon, *rest: cr.Adagrad(rate, epsilon),
    "lion": lambda rate, beta1, beta2, epsilon, decay, *rest: cr.Lion(rate, beta1, beta2, decay),
    "rprop": lambda rate, minus, plus, small, decay, momentum_decay, large: cr.Rprop(
        rate,
        minus,
        plus,
        rate * small,
        rate * large,  # exact where the rate is a power of 2
    ),
}
NUMBERED: dict[str, Callable[..., Any]] = {
    "batch_norm": cr.BatchNorm,
    "layer_norm": cr.LayerNorm,
    "dropout": cr.Dropout,
}


@dataclass(frozen=True)
class Configuration:
    """One line of the table; the fields are its columns."""

    name: str
    dtype: str
    n_inputs: int
    layers: str  # units:activation[:slope or groups],.. and the others, see layers()
    loss: str  # name[:number], 0 if left out
    optimizer: str  # kind:rate:momentum:beta2:epsilon:decay:momentum decay:largest step
    l2: float
    l1: float
    rows: int
    batch: int
    epochs: int
    targets: str  # dense or classes
    weights: str  # equal or unequal
    hash: str


def read() -> Iterator[Configuration]:
    types = [field.type for field in fields(Configuration)]
    for line in TABLE.read_text().splitlines():
        if not line.startswith("#"):
            yield Configuration(*(t(v) for t, v in zip(types, line.split(), strict=True)))


@dataclass(frozen=True)
class Function:
    """One function of the core for one type, from a line of the other table."""

    name: str
    dtype: type[np.floating[Any]]
    low: float
    high: float
    bound: float
    hash: str


def read_functions() -> Iterator[Function]:
    for line in FUNCTION_TABLE.read_text().splitlines():
        if not line.startswith("#"):
            name, *numbers, hash32, hash64 = line.split()
            low32, high32, low64, high64, bound = map(float, numbers)
            yield Function(name, np.float32, low32, high32, bound, hash32)
            yield Function(name, np.float64, low64, high64, bound, hash64)


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The scrambling of splitmix64 (Steele, Lea & Flood 2014)."""
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return x ^ x >> np.uint64(31)


def random_bits(stream: int, n: int) -> NDArray[np.uint64]:
    return mix(GOLDEN_RATIO * (np.uint64(stream << 32) | np.arange(n, dtype=np.uint64)))


def numbers(stream: int, *shape: int) -> Floats:
    """Multiples of 2^-15 in [-1, 1), exact in float32."""
    bits = random_bits(stream, int(np.prod(shape))) >> np.uint64(48)
    return (bits.reshape(shape).astype(np.float64) - 2**15) / 2**15


def digest(*arrays: NDArray[Any]) -> str:
    """A hash of all values, in order, as the bits of float64."""
    values = np.concatenate([array.astype(np.float64).ravel() for array in arrays])
    places = GOLDEN_RATIO * np.arange(1, len(values) + 1, dtype=np.uint64)
    return f"{int(mix(values.view(np.uint64) + places).sum()):016x}"


def loss(c: Configuration) -> cr.losses.Loss:
    name, number = f"{c.loss}:0".split(":")[:2]
    return LOSSES[name](float(number)) if fields(LOSSES[name]) else LOSSES[name]()


def groups(c: Configuration) -> list[int]:
    """The outputs of each softmax, or of the whole layer."""
    units, _, *option = c.layers.split(",")[-1].split(":")
    return [int(n) for n in (option[0] if "+" in "".join(option) else units).split("+")]


def layers(c: Configuration) -> list[Any]:
    """The layers of the column `layers`; those between [ and ] are a residual block."""
    open_blocks: list[list[Any]] = [[]]
    for text in c.layers.split(","):
        name, *options = text.split(":")
        if name == "[":
            open_blocks.append([])
        elif name == "]":
            block = cr.Residual(open_blocks.pop())
            open_blocks[-1].append(block)
        elif name in NUMBERED:
            open_blocks[-1].append(NUMBERED[name](*map(float, options)))
        elif name == "activation":
            open_blocks[-1].append(cr.Activation(options[0], *map(float, options[1:])))
        else:
            g, *option = options
            activation = (
                cr.Activation(g, None, groups(c))
                if g == "softmax"
                else cr.Activation(g, *map(float, option))
            )
            open_blocks[-1].append(cr.Dense(int(name), activation, "zeros"))
    return open_blocks[0]


def network(c: Configuration) -> cr.Network:
    """Weights in +-2^-k, 4^k about n_in; vectors in +-1, those that are not trained in 1 .. 3."""
    net = cr.Network(layers(c), c.n_inputs, c.dtype)
    for i, (name, value) in enumerate(net.parameters.items()):
        k = value.shape[0].bit_length() // 2 if value.ndim == 2 else 0
        tracked = 2 * name.split(".")[-1].startswith("running")
        net.parameters[name] = numbers(PARAMETER_STREAM + i, *value.shape) / 2**k + tracked
    return net


def samples(c: Configuration) -> tuple[Floats, NDArray[Any], Floats | None]:
    """(X, Y, sample_weight) in float64, which the core converts; golden.cpp hands over `dtype`."""
    of_groups = groups(c)
    n_outputs = sum(of_groups)
    X = numbers(X_STREAM, c.rows, c.n_inputs)
    weights = (random_bits(WEIGHT_STREAM, c.rows) % np.uint64(4)).astype(np.float64) / 2
    sample_weight = weights if c.weights == "unequal" else None
    name = loss(c).name
    if name != "cross_entropy":
        Y = numbers(Y_STREAM, c.rows, n_outputs)
        if name == "binary_cross_entropy":
            Y = (Y + 1) / 2
        if name == "poisson":
            Y = np.where(Y < 0, 0.0, 4 * Y)
        return X, Y, sample_weight
    bits = random_bits(Y_STREAM, c.rows * len(of_groups)).reshape(c.rows, -1)
    classes = (bits % np.array(of_groups, np.uint64)).astype(np.int64)
    if c.targets == "classes":
        return X, classes if len(of_groups) > 1 else classes.ravel(), sample_weight
    labels, first = np.zeros((c.rows, n_outputs)), 0  # three quarters one class, one the next
    for n, of_group in zip(of_groups, classes.T, strict=True):
        labels[np.arange(c.rows), first + of_group] = 0.75
        labels[np.arange(c.rows), first + (of_group + 1) % n] = 0.25
        first += n
    return X, labels, sample_weight


class Recorder(cr.Trainer):
    """A trainer that keeps the cost of every step."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.costs: list[Floats] = []

    def _train(self, *arguments: Any) -> tuple[Floats, Floats]:
        costs, penalties = super()._train(*arguments)
        self.costs.append(costs)
        return costs, penalties


def trainer(c: Configuration, net: cr.Network) -> Recorder:
    kind, *given = c.optimizer.split(":")
    hyperparameters = [*map(float, given), *[0.0] * 6][:7]
    optimizer = OPTIMIZERS[kind](*hyperparameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of outputs out of the loss's range
        return Recorder(net, loss(c), optimizer, l2=c.l2, l1=c.l1)


def fit(c: Configuration, t: Recorder) -> None:
    """All epochs in one go."""
    X, Y, sample_weight = samples(c)
    t.fit(X, Y, c.epochs, c.batch, sample_weight=sample_weight)


def bits(c: Configuration, run: Callable[[Configuration, Recorder], None] = fit) -> str:
    """The hash of a training: parameters, the cost of every step, the prediction."""
    net = network(c)
    t = trainer(c, net)
    run(c, t)
    return digest(*net.parameters.values(), *t.costs, net.predict(samples(c)[0]))


def arguments(f: Function) -> NDArray[Any]:
    """Half of them evenly spread over [low, high], half of every magnitude in it."""
    n = 2**14
    even = (f.low + (f.high - f.low) * ((numbers(1, n) + 1) / 2)).astype(f.dtype)
    bits = np.uint32 if f.dtype is np.float32 else np.uint64
    any_ = random_bits(2, 16 * n).astype(bits).view(f.dtype)
    with np.errstate(invalid="ignore"):  # NaNs are among them
        wide = any_.astype(np.float64)
    normal = np.abs(wide) >= float(np.finfo(f.dtype).tiny)
    return np.concatenate([even, any_[normal & (f.low <= wide) & (wide <= f.high)][:n]])


def function_bits(f: Function) -> str:
    """The hash of a function's values."""
    return digest(getattr(_core.kernels, f.name)(arguments(f)))
