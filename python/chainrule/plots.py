"""Pictures of training. Needs matplotlib: `pip install chainrule[plot]`."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from chainrule._calls import explained
from chainrule._errors import check_instance, message
from chainrule.history import OWN_KEYS, History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION = "#3465a4", "#d9730d"  # blue and orange, for every kind of colour vision
# Of several runs; Okabe & Ito 2008, likewise.
RUNS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]


@explained()
def plot_history(
    history: History | Mapping[str, History],
    path: str | os.PathLike[str] | None = None,
    title: str | None = None,
) -> "Figure":
    """Learning curves: the loss, and below it a panel for each metric. Returns the Figure.

    Training is solid, validation dashed, and a dot marks the lowest validation loss. Of several
    histories, `{"sgd": h1, "adam": h2}`, each has a colour. With `path` the figure is saved there
    (the suffix picks the format); without, `pyplot.show()` shows it.

    Raises ValueError for a history without epochs, ImportError without matplotlib.
    """
    several = isinstance(history, Mapping)
    runs = dict(history) if isinstance(history, Mapping) else {"": history}
    if not runs:
        raise ValueError(message("plot_history", "history", "at least one history", runs))
    for run, one in runs.items():
        argument = f"history[{run!r}]" if several else "history"
        check_instance("plot_history", argument, one, History)
        if not len(one):
            raise ValueError(message("plot_history", argument, "at least one epoch", one))
    keys = dict.fromkeys(key for one in runs.values() for key in one.keys())  # noqa: SIM118
    names = [key for key in keys if key not in OWN_KEYS and not key.startswith("val_")]
    panels = ["loss", *names]
    with picture("plot_history", (7.0, 1.2 + 2.4 * len(panels)), path) as figure:
        from matplotlib.ticker import MaxNLocator

        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for ax, name in zip(axes, panels, strict=True):
            if several:
                _compare(ax, runs, name)
            else:
                _draw(ax, runs[""], name, (TRAINING, VALIDATION), ("training", "validation"))
            ax.set_ylabel(name.replace("_", " "))
            tidy(ax)
            if several and any(f"val_{name}" in one for one in runs.values()):
                ax.get_legend().set_title("dashed: validation")
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


def _compare(ax: "Axes", runs: Mapping[str, History], name: str) -> None:
    """One panel of several runs, each in its colour."""
    from matplotlib import colormaps

    colors: list[Any] = RUNS
    if len(runs) > len(RUNS):
        colors = [colormaps["viridis"](i / len(runs)) for i in range(len(runs))]
    for (run, history), color in zip(runs.items(), colors, strict=False):
        if name in history:
            _draw(ax, history, name, (color, color), (str(run), None))


def _draw(
    ax: "Axes",
    history: History,
    name: str,
    colors: tuple[Any, Any],
    labels: tuple[str, str | None],
) -> None:
    """The curve of a key and, if there is one, of its validation, which may go without a label."""
    epochs = history["epoch"] if "epoch" in history else range(1, len(history) + 1)
    marker = "o" if len(history) == 1 else None
    (line,) = ax.plot(epochs, history[name], color=colors[0], marker=marker, label=labels[0])
    if f"val_{name}" not in history:
        return
    values = history[f"val_{name}"]
    ax.plot(epochs, values, "--", color=colors[1], marker=marker, label=labels[1])
    best = min(range(len(values)), key=lambda i: values[i] if isfinite(values[i]) else inf)
    if name == "loss" and isfinite(values[best]):
        lowest = f"lowest: {values[best]:.4g} in epoch {epochs[best]}"
        (dot,) = ax.plot(epochs[best], values[best], "o", color=colors[1], ms=5)
        if labels[1] is None:
            line.set_label(f"{labels[0]}, {lowest}")
        else:
            dot.set_label(lowest)
