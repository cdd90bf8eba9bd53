"""The kernels that kernels.py times: how each is called, what it computes, what it moves.

Operations are those of the textbook formula as the kernel's source has it, per element: a fused
multiply-add counts 2, additions, multiplications, divisions and square roots 1, comparisons and
integer operations nothing. Bytes are those of the operands, each read or written once. A division
or a square root takes many times as long as an addition, so exp or Adam in the first-level cache
cannot reach the roof.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chainrule import _core

COLUMNS = 240  # of a matrix: whole panels
# (rows, n_in, n_out): layers of the cases of training.py, one row, and sizes that fill no panel.
PRODUCTS = (
    (1, 512, 512),
    (32, 64, 64),
    (64, 128, 10),
    (100, 64, 1),
    (100, 127, 129),
    (128, 784, 512),
    (256, 256, 256),
    (512, 2048, 2048),
)
ROLES = ("forward", "input gradient", "weight gradient")

# Operations of the functions in float32 and float64, whose polynomials are longer.
FUNCTIONS = {
    "exp": (23, 35),
    "log": (19, 31),
    "log1p": (19, 31),
    "tanh": (26, 38),
    "sigmoid": (25, 37),
    "gelu": (58, 98),
}


@dataclass(frozen=True)
class Kernel:
    """`call` is a function of `_core.timing`; operations and values moved are per element."""

    call: str  # "rows" or "elements"
    name: str
    which: str  # activation, loss or optimizer; or ""
    flops: float
    values: float  # read or written, of the dtype
    other_bytes: float = 0.0  # of another type
    columns: int = COLUMNS

    @property
    def title(self) -> str:
        return f"{self.name} {self.which}".strip()

    def bytes_per_element(self, itemsize: int) -> float:
        return self.values * itemsize + self.other_bytes


def all_kernels(dtype: str) -> Iterator[Kernel]:
    """Everything but the products, from the core's own lists."""
    wide = dtype == "float64"
    f = {name: counts[wide] for name, counts in FUNCTIONS.items()}
    activations = {
        "sigmoid": (f["sigmoid"], 3),
        "tanh": (f["tanh"], 3),
        "relu": (1, 1),
        "leaky_relu": (1, 1),
        "softmax": (f["exp"] + 3, 4),  # difference, sum, product
        "exp": (f["exp"], 1),
        "elu": (f["exp"], 1),
        "selu": (f["exp"] + 1, 1),
        "gelu": (f["gelu"], f["gelu"] + 3),
        "silu": (f["sigmoid"] + 1, f["sigmoid"] + 4),
        "softplus": (f["exp"] + f["log1p"] + 1, f["exp"] + 1),
        "mish": (f["exp"] + 5, f["exp"] + 10),
        "hard_sigmoid": (2, 1),
        "hard_tanh": (1, 1),
    }
    losses = {
        "binary_cross_entropy": (f["exp"] + f["log1p"] + 8, 2 * f["log"] + 10),
        "cross_entropy": (f["exp"] + 9, f["log"] + 4),
        "squared_error": (5, 5),
        "absolute_error": (3, 3),
        "huber": (7, 7),
        "quantile": (4, 4),
        "poisson": (f["exp"] + f["log"] + 6, f["log"] + 7),
        "binary_focal": (3 * f["exp"] + f["log1p"] + 30, 2 * f["exp"] + 2 * f["log"] + 26),
        "focal": (4 * f["exp"] + f["log1p"] + f["log"] + 14, f["exp"] + 2 * f["log"] + 10),
        "hinge": (2, 2),
        "multiclass_hinge": (1, 1),
    }
    updates = {"sgd": 2, "momentum": 4, "nesterov": 6, "rmsprop": 9, "adam": 12}
    updates |= {"nadam": 14, "radam": 12, "adagrad": 7, "lion": 7, "rprop": 16}

    for name in _core.activations():
        if name in activations:  # the identity is never called
            forward, backward = activations[name]
            yield Kernel("rows", "activate", name, forward, 2)
            yield Kernel("rows", "activation_gradient", name, backward, 3)
    for name in _core.losses():
        canonical, general = losses[name]
        yield Kernel("rows", "loss", name, canonical, 3)
        yield Kernel("rows", "loss_of_activation", name, general, 3)
    for name, states in _core.optimizers().items():
        yield Kernel("elements", "update", name, updates[name], 3 + 2 * states)
    yield Kernel("elements", "adjust", "", 9, 3)
    yield Kernel("elements", "sum_of_squares", "", 2, 1)
    yield Kernel("rows", "column_sums", "", 1, 1)
    yield Kernel("rows", "transpose_panel", "", 0, 2, columns=48)
    yield Kernel("rows", "gather_float", "", 0, 1, 4)
    yield Kernel("rows", "gather_double", "", 0, 1, 8)
    for name in ("log", "log1p"):
        yield Kernel("elements", name, "", f[name], 2)
