"""The learning-rate range test (Smith 2017): training on a copy while the rate grows."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._data import Features
from chainrule._errors import check_instance, check_integer, check_number
from chainrule._network_checks import check_mixed_rows
from chainrule._trainer_checks import check_batch_size
from chainrule.diagnosis.probe import row_order, run_steps, twin
from chainrule.trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Costs are smoothed by exponential averages, with Adam's correction for the first ones. Each is a
# mean over about 10 steps, a small part of the rates' range.
SMOOTHING = 0.9
# Training is over when the smoothed cost is this many times the lowest: it has diverged.
DIVERGED = 4.0
# At the lowest cost the fall has just come to an end: that rate is on the edge. A decade below it
# is where experience puts a rate that lasts a whole training.
BELOW_LOWEST = 10.0
# A lowest cost that fell by less than this share of the first is noise.
FELL = 0.05
RULE = "a tenth of the rate at which the smoothed cost is lowest"


@dataclass(frozen=True, eq=False, repr=False)
class RateRangeTest:
    """The curve of a range test; prints as a table.

    rates, costs, smoothed   of each step: its learning rate, the cost before it, and that smoothed
    suggestion               a learning rate, None if the cost did not fall
    """

    rates: NDArray[np.float64]
    costs: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggestion: float | None

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """The curve and the suggestion. `path` as in `Diagnosis.plot`."""
        from chainrule.diagnosis.pictures import plot_rate_test

        return plot_rate_test(self, path)

    @property
    def said(self) -> str:
        """The suggestion in words."""
        if self.suggestion is None:
            return "no suggestion: the cost did not fall"
        return f"suggested learning rate {self.suggestion:.2g}: {RULE}"

    def _cells(self) -> list[tuple[str, str]]:
        shown = np.unique(np.linspace(0, len(self.rates) - 1, 12).astype(int))
        return [(f"{self.rates[i]:.2e}", f"{self.smoothed[i]:.4g}") for i in shown]

    def __repr__(self) -> str:
        table = [("learning rate", "cost"), *self._cells()]
        return "\n".join([self.said, *(f"{rate:>13}  {cost:>9}" for rate, cost in table)])

    def _repr_html_(self) -> str:
        body = "".join(f"<tr><td>{rate}</td><td>{cost}</td></tr>" for rate, cost in self._cells())
        head = "<thead><tr><th>learning rate</th><th>cost</th></tr></thead>"
        return f"<p>{self.said}</p><table>{head}<tbody>{body}</tbody></table>"


def learning_rate_range_test(
    trainer: Trainer,
    X: Features,
    Y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 300,
    batch_size: Any = "auto",
) -> RateRangeTest:
    """Trains a copy for so many steps while the rate grows from `lowest` to `highest`, by a factor.

    It ends early where the cost is not finite or four times its lowest. The suggestion is a tenth
    of the rate at which the smoothed cost is lowest. Data and batches as in `Trainer.fit`; network
    and trainer stay as they are. (Smith 2017, "Cyclical learning rates".)

    Raises ValueError or TypeError as `Trainer.fit` would, and unless 0 < lowest < highest and the
    first cost is finite.
    """
    where = "learning_rate_range_test"
    check_instance(where, "trainer", trainer, Trainer)
    low = check_number(where, "lowest", lowest, above=0)
    high = check_number(where, "highest", highest, above=low)
    steps = check_integer(where, "steps", steps, 10, 10**6)
    data = trainer._data(where, X, Y, sample_weight)
    rows = data.samples.rows
    _, batch = check_batch_size(where, batch_size, rows, trainer.optimizer)
    check_mixed_rows(where, trainer.net, batch, batch, "batch_size")
    rates = np.geomspace(low, high, steps)
    order = row_order(rows, batch, steps, trainer.seed)
    other = twin(trainer)
    costs: list[float] = []
    smoothed: list[float] = []
    average, best = 0.0, math.inf
    while len(costs) < steps:
        done = len(costs)
        few = slice(done, done + 10)
        taken = order[done * batch : few.stop * batch]
        costs.extend(run_steps(other, data, taken, batch, rates[few]))
        for step, cost in enumerate(costs[done:], start=done + 1):
            average = SMOOTHING * average + (1 - SMOOTHING) * cost
            smoothed.append(average / (1 - SMOOTHING**step))
        now = smoothed[-1]
        if not math.isfinite(now) or now > DIVERGED * best:
            break
        best = min(best, now)
    n = len(costs) if math.isfinite(costs[-1]) else len(costs) - 1
    if n == 0:
        expected = "data with a finite cost before the first step"
        raise ValueError(f"[{where}] X: expected {expected}, got {costs[0]}")
    curve = np.array(smoothed[:n])
    return RateRangeTest(rates[:n], np.array(costs[:n]), curve, _suggestion(rates, curve))


def _suggestion(rates: NDArray[np.float64], smoothed: NDArray[np.float64]) -> float | None:
    at = int(np.argmin(smoothed))
    if smoothed[at] >= (1 - FELL) * smoothed[: at + 1].max():
        return None
    return float(rates[at] / BELOW_LOWEST)
