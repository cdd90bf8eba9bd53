"""What `net.summary()` returns: a table to look at, with the numbers as attributes."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from itertools import groupby

from chainrule._dataclass import dataclass
from chainrule.activations import Activation
from chainrule.layers import Layer, Residual, walk


@dataclass(frozen=True)
class PythonCost:
    """What functions of `register_activation` and `register_loss` take: Python, on one thread.

    nanoseconds  in NumPy, by the activation's name, per element: (value, derivative)
    share        of the time of a training step, at least: passing the arrays comes on top
    loss         the loss and its nanoseconds per row, value and derivative, or None
    """

    nanoseconds: Mapping[str, tuple[float, float]]
    share: float
    loss: tuple[str, float] | None = None

    def __str__(self) -> str:
        each = [
            f"{name} {value:.1f} ns per value, {derivative:.1f} ns per derivative"
            for name, (value, derivative) in self.nanoseconds.items()
        ]
        if self.loss is not None:
            each.append(f"{self.loss[0]} {self.loss[1]:.1f} ns per row with its derivative")
        return f"in Python, on one thread: {'; '.join(each)}; at least {self.share:.0%} of a step"


class Summary:
    """Layers, shapes, parameter counts, work and memory of a network; prints as a table.

    In the table, layers that repeat the one before share a row; its parameters are their sum.

    Attributes: `n_parameters`; `flops_per_sample` to predict, `training_flops_per_sample` for a
    gradient (a multiplication and an addition count two); `memory`, bytes by purpose for training
    with this batch size and optimizer: "parameters", "gradients", "optimizer" (its states, each as
    large as the parameters), "transposed_weights", "workspace". Together they are what training
    adds to the process, within 12 MiB (large arrays are rounded up to 2 MiB), with sparse data
    less; the data come on top.
    `python`: what activations and the loss cost if they are one's own, a `PythonCost` measured
    now, or None.
    """

    def __init__(
        self,
        layers: tuple[Layer, ...],
        n_inputs: int,
        dtype: str,
        sizes: Mapping[str, int],
        batch_size: int,
        optimizer: str,
        n_states: int,
        python: PythonCost | None,
    ) -> None:
        self.dtype, self.n_inputs, self.python = dtype, n_inputs, python
        self.batch_size, self.optimizer = batch_size, optimizer
        self.flops_per_sample = sizes["flops_per_sample"]
        self.training_flops_per_sample = sizes["training_flops_per_sample"]
        self.memory = {
            "parameters": sizes["parameter_bytes"],
            "gradients": sizes["parameter_bytes"],
            "optimizer": n_states * sizes["parameter_bytes"],
            "transposed_weights": sizes["mirror_bytes"],
            "workspace": sizes["workspace_bytes"],
        }
        self.n_parameters = 0
        blocks: list[list[Row]] = []  # each layer of the network, with those inside it
        for path, layer, n_in in walk(layers, n_inputs):
            shapes = layer.shapes(n_in).items()
            count = sum(math.prod(shape) for name, shape in shapes if name not in layer.tracked)
            self.n_parameters += count
            output = f"(m, {layer.n_outputs(n_in)})"
            own = None if isinstance(layer, Residual) and not count else count
            number, _, inside = path.partition(".")
            blocks += [] if inside else [[]]
            blocks[-1].append((number, inside, layer.name, _options(layer), output, own))
        self._rows = [("layer", "options", "output", "parameters"), *_without_repetition(blocks)]

    def __repr__(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self._rows, strict=True)]
        lines = [f"Network, {self.dtype}, input (m, {self.n_inputs})"]
        for *left, count in self._rows:
            cells = [text.ljust(width) for text, width in zip(left, widths, strict=False)]
            lines.append("  ".join([*cells, count.rjust(widths[-1])]))
        total = sum(self.memory.values())
        lines += [
            f"{self.n_parameters:,} parameters",
            f"{self.flops_per_sample:,} flop per sample to predict, "
            f"{self.training_flops_per_sample:,} to train",
            f"{_bytes(total)} to train with {self.optimizer} and batches of {self.batch_size}: "
            + ", ".join(f"{name.replace('_', ' ')} {_bytes(n)}" for name, n in self.memory.items()),
        ]
        if self.python is not None:
            lines.append(str(self.python))
        return "\n".join(lines)


# Number, path inside the layer of that number, kind, options, output, and parameters if any may be.
Row = tuple[str, str, str, str, str, int | None]


def _without_repetition(blocks: list[list[Row]]) -> Iterator[tuple[str, str, str, str]]:
    """The rows to show: layers like the one before, with several rows in all, have one for all."""
    for _, run in groupby(blocks, key=lambda rows: [row[1:] for row in rows]):
        first, *others = run
        again = [row for rows in others for row in rows]
        for number, inside, kind, options, output, count in first + again * (len(again) == 1):
            path = f"{number}.{inside}" if inside else number
            yield f"{path} {kind}", options, output, "" if count is None else f"{count:,}"
        if len(again) > 1:
            numbers = dict.fromkeys(row[0] for row in (again[0], again[-1]))
            count = sum(row[-1] or 0 for row in again)
            _, _, kind, _, output, _ = first[0]
            yield f"{' to '.join(numbers)} {kind}", f"as {first[0][0]}", output, f"{count:,}"


def _options(layer: Layer) -> str:
    """The activation, or what else a layer was given."""
    shown = []
    for field in dataclasses.fields(layer):  # type: ignore[arg-type]
        value = getattr(layer, field.name)
        if isinstance(value, Activation):
            shown.append(value.name)
            if value.slope is not None:
                shown[-1] += f" ({value.slope:g})"
            if value.groups is not None:
                shown[-1] += f" ({', '.join(map(str, value.groups))})"
        elif isinstance(value, float):
            shown.append(f"{field.name} {value:g}")
    return ", ".join(shown)


def _bytes(n: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"
