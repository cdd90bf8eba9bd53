"""The options of `chainrule train`, and what their words mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule._errors import check_precision
from chainrule.cli.console import InputError
from chainrule.cli.tables import COMPRESSED, SUFFIXES


@dataclass(frozen=True)
class Options:
    """The options of `chainrule train`, as the user gave them."""

    data: Path
    target: str | None
    output: Path | None
    task: str
    test: Path | None
    exclude: tuple[str, ...]
    keep: tuple[str, ...]
    category: tuple[str, ...]
    hidden: str
    epochs: int
    patience: int
    batch_size: int | None
    learning_rate: float
    l2: float
    validation: float
    seed: int
    threads: int | None
    picture: Path | None
    quiet: bool

    def kept(self, batch_size: int) -> dict[str, Any]:
        """Those that decide the result, as JSON holds them, with the batch size that was used."""
        return {
            "data": self.data.name,
            "hidden": parse_hidden(self.hidden),
            "optimizer": "Adam",
            "learning_rate": self.learning_rate,
            "batch_size": batch_size,
            "epochs": self.epochs,
            "patience": self.patience,
            "l2": self.l2,
            "validation": self.validation,
            "seed": self.seed,
        }


def check_held(option: str, value: float) -> None:
    """Steps are of float32. Raises InputError."""
    try:
        check_precision("train", {option: value}, np.dtype(np.float32))
    except ValueError as error:
        raise InputError(str(error).removeprefix("[train] ")) from None


def default_output(data: Path) -> Path:
    """`sales.safetensors`, in the working directory, for `.../sales.csv.gz`."""
    name = Path(data.name)
    while name.suffix.lower() in (*SUFFIXES, *COMPRESSED):
        name = name.with_suffix("")
    return Path(f"{name}.safetensors")


def parse_hidden(text: str) -> list[int]:
    """`"128,64"` as [128, 64]; "none" as []."""
    if text.strip().lower() == "none":
        return []
    try:
        sizes = [int(size) for size in text.split(",")]
    except ValueError:
        sizes = [0]
    if not all(1 <= size <= 65536 for size in sizes):
        raise InputError(
            f"--hidden: expected sizes from 1 to 65536 such as 128,64, or none, got {text!r}"
        )
    return sizes
