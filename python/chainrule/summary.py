"""What `net.summary()` returns: a table to look at, with the numbers as attributes."""

from collections.abc import Mapping
from typing import Any, cast

from chainrule.activations import Activation
from chainrule.layers import Dense, Layer


class Summary:
    """Layers, shapes, parameter counts, work and memory of a network; prints as a table.

    Attributes: `n_parameters`; `flops_per_sample` to predict, `training_flops_per_sample` for a
    gradient (a multiplication and an addition count two); `memory`, bytes by purpose for training
    with this batch size and optimizer: "parameters", "gradients", "optimizer" (its states, each as
    large as the parameters), "transposed_weights", "workspace". Together they are what training
    adds to the process, within 12 MiB (large arrays are rounded up to 2 MiB); the data come on top.
    """

    def __init__(
        self,
        layers: tuple[Layer, ...],
        n_inputs: int,
        dtype: str,
        shapes: Mapping[str, tuple[int, ...]],
        sizes: Mapping[str, int],
        batch_size: int,
        optimizer: str,
        n_states: int,
    ) -> None:
        self.dtype, self.n_inputs = dtype, n_inputs
        self.batch_size, self.optimizer = batch_size, optimizer
        counts = [_count(shapes, number) for number in range(1, len(layers) + 1)]
        self.n_parameters = sum(counts)
        self.flops_per_sample = sizes["flops_per_sample"]
        self.training_flops_per_sample = sizes["training_flops_per_sample"]
        self.memory = {
            "parameters": sizes["parameter_bytes"],
            "gradients": sizes["parameter_bytes"],
            "optimizer": n_states * sizes["parameter_bytes"],
            "transposed_weights": sizes["mirror_bytes"],
            "workspace": sizes["workspace_bytes"],
        }
        self._rows = [("layer", "activation", "output", "parameters")]
        for number, (layer, count) in enumerate(zip(layers, counts, strict=True), start=1):
            assert isinstance(layer, Dense)
            activation = cast(Activation, layer.activation)
            name = activation.name
            if activation.slope is not None:
                name += f" ({activation.slope:g})"
            if activation.groups is not None:
                name += f" ({', '.join(map(str, activation.groups))})"
            self._rows.append((f"{number} {layer.name}", name, f"(m, {layer.units})", f"{count:,}"))

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
        return "\n".join(lines)


def _count(shapes: Mapping[str, Any], number: int) -> int:
    """Elements of the parameters of one layer."""
    count = 0
    for name, shape in shapes.items():
        if name.startswith(f"{number}."):
            size = 1
            for n in shape:
                size *= n
            count += size
    return count


def _bytes(n: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"
