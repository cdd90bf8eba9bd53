"""PyTorch's modules and ours: which is which, what tensors are called, reading a Sequential.

Where the definitions differ, `Interchange.from_torch` says so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import message
from chainrule.activations import Activation
from chainrule.layers import Activate, BatchNorm, Dense, Dropout, Layer, LayerNorm, Residual

Array = NDArray[Any]
FROM = "Network.from_torch"
DTYPES = ("float32", "float64")

# PyTorch's modules for activations, and ours.
ACTIVATIONS = {
    "Identity": "identity",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "Softmax": "softmax",
    "ELU": "elu",
    "SELU": "selu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Softplus": "softplus",
    "Mish": "mish",
    "Hardsigmoid": "hard_sigmoid",
    "Hardtanh": "hard_tanh",
}
# By layer: the tensors of its module, and ours. A weight matrix is the transpose of the other.
TENSORS = {
    "Dense": {"weight": "weight", "bias": "bias"},
    "BatchNorm": {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "running_mean",
        "running_var": "running_variance",
    },
    "LayerNorm": {"weight": "gamma", "bias": "beta"},
}
COUNTER = "num_batches_tracked"  # of BatchNorm1d, which needs it for a cumulative average only


def has_module(layer: Layer) -> bool:
    """Whether a module for the activation follows that of a dense layer."""
    return isinstance(layer, Dense) and cast(Activation, layer.activation).name != "identity"


def places(
    layers: Sequence[Layer], n_inputs: int, torchs: str = "", ours: str = ""
) -> Iterator[tuple[str, str, Layer]]:
    """`(PyTorch's name, ours, layer)` of each layer but residual ones, whose inner ones are there.

    Modules count from 0, ours from 1. A residual layer is a module with `branch`, a Sequential, and
    where the branch changes the width `projection`, a Linear.
    """
    place = 0
    for number, layer in enumerate(layers, start=1):
        here = f"{torchs}{place}", f"{ours}{number}"
        if isinstance(layer, Residual):
            yield from places(layer.layers, n_inputs, f"{here[0]}.branch.", f"{here[1]}.")
            for name, inside, _ in layer.inner(n_inputs):
                if name == "projection":
                    yield f"{here[0]}.{name}", f"{here[1]}.{name}", inside
        else:
            yield *here, layer
        n_inputs = layer.n_outputs(n_inputs)
        place += 2 if has_module(layer) else 1


def array_of(name: str, value: Any) -> Array:
    """Of a tensor or of an array. Raises TypeError unless it is of float32 or float64."""
    dtype = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
    if dtype not in DTYPES:
        raise TypeError(message(FROM, "source", f"{name!r} of {' or '.join(DTYPES)}", dtype))
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def full_name(above: str, name: str) -> str:
    """PyTorch's, of what is called so in the module of that name, which is "" for the outermost."""
    return f"{above}.{name}" if above else name


def torch_name(module: Any) -> str:
    """Of one of PyTorch's own modules; "" for all else, which may compute anything."""
    kind = type(module)
    return kind.__name__ if kind.__module__.startswith("torch.nn.modules.") else ""


# ---- reading modules -----------------------------------------------------------------------------


class Read(NamedTuple):
    """A layer as a module has it, and its tensors by our names, in our shapes."""

    name: str  # PyTorch's
    layer: Layer
    tensors: Mapping[str, Array]


def read_modules(source: Any) -> list[Read]:
    """The layers of a Sequential, in their order; an activation joins the dense layer before it."""
    found: list[Read] = []
    for name, module in _leaves(source, ""):
        kind = torch_name(module)
        if kind == "Identity":
            continue
        if kind in ACTIVATIONS:
            activation, before = _activation(module, ACTIVATIONS[kind]), found[-1:]
            if before and isinstance(before[0].layer, Dense) and not has_module(before[0].layer):
                dense = Dense(before[0].layer.units, activation)
                found[-1] = before[0]._replace(layer=dense)
            else:
                found.append(Read(name, Activate(activation), {}))
        elif kind in MODULES:
            state = {
                key: array_of(full_name(name, key), value)
                for key, value in module.state_dict().items()
                if key != COUNTER
            }
            found.append(Read(name, *MODULES[kind](name, module, state)))
        else:
            known = f"{', '.join(MODULES)}, {', '.join(ACTIVATIONS)} in a Sequential"
            raise ValueError(message(FROM, "source", known, module))
    return found


def _leaves(module: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The modules of nested Sequentials in their order, with the names PyTorch gives them."""
    if torch_name(module) != "Sequential":
        yield name, module
        return
    for child_name, child in module.named_children():
        yield from _leaves(child, full_name(name, child_name))


def linear(name: str, state: Mapping[str, Array]) -> tuple[Layer, dict[str, Array]]:
    """A dense layer of a weight (n_out, n_in) and perhaps a bias; `name` is PyTorch's."""
    weight, of_weight = state.get("weight"), full_name(name, "weight")
    if weight is None:
        raise ValueError(message(FROM, "source", f"{of_weight!r} with the bias", list(state)))
    if weight.ndim != 2:
        expected = f"{of_weight!r} of a linear layer, (n_out, n_in)"
        raise ValueError(message(FROM, "source", expected, weight.shape))
    bias = state.get("bias", np.zeros(len(weight), weight.dtype))
    if bias.shape != (len(weight),):
        expected = f"{full_name(name, 'bias')!r} of shape {(len(weight),)}"
        raise ValueError(message(FROM, "source", expected, bias.shape))
    return Dense(len(weight)), {"weight": weight.T, "bias": bias}


def _linear(name: str, module: Any, state: Mapping[str, Array]) -> tuple[Layer, dict[str, Array]]:
    return linear(name, state)


def _batch_norm(
    name: str, module: Any, state: Mapping[str, Array]
) -> tuple[Layer, dict[str, Array]]:
    if "running_mean" not in state or module.momentum is None:
        expected = "a BatchNorm1d that tracks running statistics, with a momentum"
        raise ValueError(message(FROM, "source", expected, f"{name}: {module!r}"))
    layer = BatchNorm(momentum=1 - float(module.momentum), epsilon=float(module.eps))
    return layer, _scaled(state, "BatchNorm", state["running_mean"])


def _layer_norm(
    name: str, module: Any, state: Mapping[str, Array]
) -> tuple[Layer, dict[str, Array]]:
    if len(module.normalized_shape) != 1 or "weight" not in state:
        expected = "a LayerNorm of one dimension with a weight"
        raise ValueError(message(FROM, "source", expected, f"{name}: {module!r}"))
    return LayerNorm(float(module.eps)), _scaled(state, "LayerNorm", state["weight"])


def _scaled(state: Mapping[str, Array], kind: str, like: Array) -> dict[str, Array]:
    """A normalization's tensors; without weight and bias they are ones and zeros."""
    given = {"weight": np.ones_like(like), "bias": np.zeros_like(like)} | dict(state)
    return {ours: given[torchs] for torchs, ours in TENSORS[kind].items()}


def _dropout(name: str, module: Any, state: Mapping[str, Array]) -> tuple[Layer, dict[str, Array]]:
    return Dropout(float(module.p)), {}


MODULES: dict[str, Callable[[str, Any, Mapping[str, Array]], tuple[Layer, dict[str, Array]]]] = {
    "Linear": _linear,
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Dropout": _dropout,
}


def _activation(module: Any, name: str) -> Activation:
    """Raises ValueError for options that ours has not."""
    options: dict[str, dict[str, tuple[Any, ...]]] = {  # the fitting values of each
        "softmax": {"dim": (1, -1)},
        "gelu": {"approximate": ("none",)},
        "softplus": {"beta": (1,)},
        "hard_tanh": {"min_val": (-1,), "max_val": (1,)},
    }
    wrong = [
        f"{option}={fitting[0]!r}"
        for option, fitting in options.get(name, {}).items()
        if getattr(module, option) not in fitting
    ]
    if name == "softplus" and not module.threshold >= 20:  # the line ours comes near, from there on
        wrong.append("threshold >= 20")
    if wrong:
        expected = f"a {torch_name(module)} with {' and '.join(wrong)}"
        raise ValueError(message(FROM, "source", expected, module))
    slopes = {"leaky_relu": "negative_slope", "elu": "alpha"}
    return Activation(name, float(getattr(module, slopes[name])) if name in slopes else None)
