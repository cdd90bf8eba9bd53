"""Pictures of training. Needs matplotlib: `pip install chainrule[plot]`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf, isfinite
from typing import TYPE_CHECKING

from chainrule._calls import explained
from chainrule._errors import check_instance, message
from chainrule.history import OWN_KEYS, History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION = "#3465a4", "#d9730d"  # blue and orange, for every kind of colour vision


@explained()
def plot_history(
    history: History, path: str | os.PathLike[str] | None = None, title: str | None = None
) -> "Figure":
    """Learning curves: the loss, and below it a panel for each metric. Returns the Figure.

    Training is solid, validation dashed, and a dot marks the lowest validation loss. With `path`
    the figure is saved there (the suffix picks the format); without, `pyplot.show()` shows it.

    Raises ValueError for a history without epochs, ImportError without matplotlib.
    """
    check_instance("plot_history", "history", history, History)
    if not len(history):
        raise ValueError(message("plot_history", "history", "at least one epoch", history))
    names = [key for key in history.to_dict() if key not in OWN_KEYS and not key.startswith("val_")]
    panels = ["loss", *names]
    with picture("plot_history", (7.0, 1.2 + 2.4 * len(panels)), path) as figure:
        from matplotlib.ticker import MaxNLocator

        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for ax, name in zip(axes, panels, strict=True):
            _draw(ax, history, name)
        axes[-1].set_xlabel("epoch")
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        figure.align_ylabels(axes)
        if title is not None:
            figure.suptitle(title)
    return figure


@contextmanager
def picture(
    where: str, size: tuple[float, float], path: str | os.PathLike[str] | None
) -> "Iterator[Figure]":
    """A figure to draw in; then it is saved, if there is a path. `where` stands in refusals."""
    try:
        import matplotlib.pyplot as plt
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"{where} needs matplotlib: pip install 'chainrule[plot]'") from error
    # A figure that goes to a file must not stay in pyplot's list of open figures.
    figure = plt.figure(figsize=size) if path is None else Figure(figsize=size)
    figure.set_layout_engine("constrained")
    yield figure
    if path is not None:
        figure.savefig(path, dpi=150)


def tidy(ax: "Axes") -> None:
    """The look of a panel."""
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)


def _draw(ax: "Axes", history: History, name: str) -> None:
    """One panel: the curve of a key and, if there is one, of its validation."""
    epochs = history["epoch"] if "epoch" in history else range(1, len(history) + 1)
    marker = "o" if len(history) == 1 else None
    ax.plot(epochs, history[name], color=TRAINING, marker=marker, label="training")
    if f"val_{name}" in history:
        values = history[f"val_{name}"]
        ax.plot(epochs, values, "--", color=VALIDATION, marker=marker, label="validation")
        best = min(range(len(values)), key=lambda i: values[i] if isfinite(values[i]) else inf)
        if name == "loss" and isfinite(values[best]):
            label = f"lowest: {values[best]:.4g} in epoch {epochs[best]}"
            ax.plot(epochs[best], values[best], "o", color=VALIDATION, ms=5, label=label)
    ax.set_ylabel(name.replace("_", " "))
    tidy(ax)
