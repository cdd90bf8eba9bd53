"""Pictures of diagnoses and range tests. Needs matplotlib: `pip install chainrule[plot]`."""

import os
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule._errors import message
from chainrule.diagnosis.measures import LayerMeasure
from chainrule.diagnosis.rules import DEAD, SATURATED
from chainrule.plots import TRAINING, VALIDATION, picture, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from chainrule.diagnosis.rate_test import RateRangeTest
    from chainrule.diagnosis.report import Diagnosis

UPDATE = "#4e9a06"  # a green dark enough to be told from the orange by all


def plot_diagnosis(diagnosis: "Diagnosis", path: str | os.PathLike[str] | None = None) -> "Figure":
    """Activations, gradients and update ratios above, shares of dead and saturated below."""
    rows = diagnosis.layers
    if not rows:
        raise ValueError(message("Diagnosis.plot", "layers", "at least one", list(rows)))
    width = min(14.0, max(6.0, 2.5 + 0.45 * len(rows)))
    with picture("Diagnosis.plot", (width, 5.5), path) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        for name, color, marker in (
            ("activation", TRAINING, "o"),
            ("gradient", VALIDATION, "s"),
            ("ratio", UPDATE, "^"),
        ):
            _curve(top, rows, name, color, marker)
        top.set_yscale("log")
        top.set_ylabel("root mean square")
        tidy(top)
        places = np.arange(len(rows))
        for name, color, shift in (("dead", TRAINING, -0.2), ("saturated", VALIDATION, 0.2)):
            values = np.nan_to_num([getattr(row, name) for row in rows])
            bottom.bar(places + shift, values, 0.4, color=color, label=f"{name} share")
        # Their limits are near each other: each in the colour of its bars.
        bottom.axhline(DEAD, color=TRAINING, lw=0.8, ls=":")
        bottom.axhline(SATURATED, color=VALIDATION, lw=0.8, ls=":")
        bottom.set_ylim(0, 1)
        bottom.set_ylabel("share")
        many = len(rows) > 8
        bottom.set_xticks(
            places,
            [row.title for row in rows],
            rotation=60 if many else 20,
            ha="right",
            fontsize=8 if many else 9,
        )
        tidy(bottom)
        title = textwrap.fill(str(diagnosis.verdicts[0]), int(10.5 * width))
        figure.suptitle(title, fontsize=10)
    return figure


def _curve(
    ax: "Axes",
    rows: Sequence[LayerMeasure],
    name: str,
    color: str,
    marker: str,
) -> None:
    values = np.array([getattr(row, name) for row in rows], np.float64)
    values[values == 0] = np.nan  # nothing a logarithm can show
    there = np.flatnonzero(np.isfinite(values))
    label = {"ratio": "update / weight"}.get(name, name)
    ax.plot(there, values[there], marker=marker, ms=4, color=color, label=label)


def plot_rate_test(test: "RateRangeTest", path: str | os.PathLike[str] | None = None) -> "Figure":
    """The cost against the learning rate, a line at the suggestion."""
    with picture("RateRangeTest.plot", (7.0, 4.0), path) as figure:
        ax = figure.subplots()
        ax.plot(test.rates, test.costs, color=TRAINING, alpha=0.3, lw=1, label="cost of the batch")
        ax.plot(test.rates, test.smoothed, color=TRAINING, label="smoothed")
        if test.suggestion is not None:
            label = f"suggestion {test.suggestion:.2g}"
            ax.axvline(test.suggestion, color=VALIDATION, ls="--", label=label)
        ax.set_xscale("log")
        # What diverges at the end would leave no room for the rest.
        low, high = (
            float(test.smoothed.min()),
            float(test.smoothed[: max(10, len(test.smoothed) // 3)].max()),
        )
        ax.set_ylim(low - 0.1 * (high - low), high + 0.5 * (high - low))
        ax.set_xlabel("learning rate")
        ax.set_ylabel("cost")
        tidy(ax)
    return figure
