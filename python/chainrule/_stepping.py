"""Single steps of a trainer, and the averages that follow them: methods that `Trainer` has.

The core does many mini-batches per call.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import starmap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._data import Data, Features
from chainrule._network_checks import check_mixed_rows
from chainrule._own_options import own_options
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.schedules import Schedule, ScheduleState

if TYPE_CHECKING:
    from chainrule import _core

Floats = NDArray[np.float64]
SECONDS_PER_CALL = 0.05  # a person does not notice a Ctrl-C that takes this long


class Stepping:
    """What it needs of a trainer is listed here; `Trainer` tells of it."""

    _net: Network
    _loss: Loss
    _optimizer: Optimizer
    _schedule: Schedule
    _seed: int
    _l2: float
    _l1: float
    _penalize: str
    _clip_value: float | None
    _clip_norm: float | None
    _learning_rate_factors: dict[str, float]
    _decay_factors: dict[str, float]
    _frozen: list[str]
    _ema: float | None
    epoch: int
    if TYPE_CHECKING:  # who asks for the types of a trainer finds no such class
        _state: _core._Optimizer
    _schedule_state: ScheduleState
    _single_steps: int  # by `step` and `apply_gradients`

    @property
    def steps(self) -> int:
        """Optimizer steps done."""
        return self._state.steps

    @property
    def learning_rate(self) -> float:
        """With which the next epoch begins, or, after single steps, the next of these.

        The optimizer's, times the schedule's factor.
        """
        return self._rate(self.epoch + self._single_steps)

    @learning_rate.setter
    def learning_rate(self, value: object) -> None:
        raise AttributeError(
            "[Trainer] learning_rate: cannot be set; set trainer.schedule, whose factor multiplies "
            "the optimizer's, as in trainer.schedule = lambda epoch: 0.1"
        )

    def step(self, X: Features, Y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """One optimizer step on one batch; returns the cost before it.

        Arguments as in `fit`. Schedules count such a step as an epoch of its own. Weights count
        within the batch, so that of a single row changes nothing.
        """
        data = self._data("Trainer.step", X, Y, sample_weight)
        rows = data.samples.rows
        check_mixed_rows("Trainer.step", self._net, rows, rows, "X")
        with self._hold("Trainer.step"):
            rates = np.array([self._rate(self.epoch + self._single_steps)])
            costs, _ = self._train(data, None, rows, rates, "Trainer.step")
            self._single_steps += 1
        return float(costs[0])

    step.__qualname__ = "Trainer.step"  # in what Python says of a wrong call

    def apply_gradients(self) -> None:
        """One optimizer step with `net.gradients` as they are, for accumulated gradients.

        `net.backward(X1, Y1, loss)`, `net.backward(X2, Y2, loss, accumulate=True)`, and so on; the
        penalties are those given to `backward`. In the next `backward` dropout draws anew.
        Schedules count it as an epoch of its own.
        """
        with self._hold("Trainer.apply_gradients"):
            rate = self._rate(self.epoch + self._single_steps)
            self._net._core.apply_gradients(self._state, rate, self._clip)
            self._net._set_step(self.steps)
            self._single_steps += 1

    @contextmanager
    def averaged(self) -> Iterator[Network]:
        """`with trainer.averaged() as net:` gives the network its averages; then its own weights.

        Without `ema`, and before the first step, these are the same. No training meanwhile.
        """
        if self._ema is None or self._state.shows_averages:
            yield self._net
            return
        try:
            self._state.show_averages(self._net._core, True)
            yield self._net
        finally:
            self._show_own_weights()

    def averaged_network(self) -> Network:
        """A new network, with the averages of the weights."""
        with self.averaged() as net:
            return copy.copy(net)

    def _set_own_options(
        self, rates: dict[str, float], decays: dict[str, float], frozen: list[str]
    ) -> None:
        """What `check_own_options` returned, from the next step on."""
        before = self._learning_rate_factors, self._decay_factors, self._frozen
        if (rates, decays, frozen) != before:
            core = self._net._core
            options = own_options(core.parameter_table(), rates, decays, frozen)
            self._state.set_own_options(core, options)
        self._learning_rate_factors, self._decay_factors, self._frozen = rates, decays, frozen

    def _set_ema(self, ema: float | None) -> None:
        """Checked. Other averages than before begin at zero, where the steps count from."""
        if ema != self._ema:
            self._state.start_averages(self._net._core, ema or 0.0)
        self._ema = ema

    def _show_own_weights(self) -> None:
        self._state.show_averages(self._net._core, False)

    def _rates(self, steps: int) -> Floats:
        """The learning rate of each step of the present epoch."""
        if self._schedule.is_constant_within_epochs:
            rates = np.empty(steps)
            rates.fill(self._rate(self.epoch))  # np.full takes three times as long
            return rates
        return np.array([self._rate(self.epoch + i / steps) for i in range(steps)])

    def _rate(self, epoch: float) -> float:
        return self._optimizer.learning_rate * self._schedule.factor(epoch, self._schedule_state)

    def _train(
        self,
        data: Data,
        order: NDArray[np.int64] | None,
        batch: int,
        rates: Floats,
        where: str,
        parts: list[tuple[Floats, Floats]] | None = None,
    ) -> tuple[Floats, Floats]:
        """The costs and penalties of the steps done, which are added to `parts`."""
        arguments = (
            self._state,
            data.samples,
            self._loss.parts,
            self._l2,
            self._l1,
            self._penalize == "sum",
            self._clip,
            order,
            batch,
            rates,
            self._seed,
            SECONDS_PER_CALL,
            failures := list[BaseException](),
            where,
        )
        parts = [] if parts is None else parts
        # One call for Python, so that no Ctrl-C comes between the steps and the record of them.
        parts_before = len(parts)
        parts.extend(starmap(self._net._core.train, [arguments]))
        if len(parts) == parts_before:
            raise RuntimeError(f"[{where}] a function of one's own raised StopIteration")
        self._net._set_step(self.steps)
        for failure in failures:  # of a function of the user's, after some steps
            raise failure
        return parts[-1]

    @property
    def _clip(self) -> tuple[float, float]:
        return self._clip_value or math.inf, self._clip_norm or math.inf

    def _hold(self, where: str) -> _core._Hold:
        """Keeps trainers of other threads from the network until it is left."""
        if self._state.shows_averages:
            raise RuntimeError(
                f"[{where}] the network shows its averages: leave trainer.averaged()"
            )
        return self._net._core.hold(where)

    def _data(self, where: str, X: Any, Y: Any, sample_weight: Any) -> Data:
        return Data(self._net, where, X, Y, self._loss, sample_weight)
