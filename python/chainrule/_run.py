"""The loop of a fit.

Start at `Run.go`. Wherever it is left, by a kill, Ctrl-C or an exception, `Progress` says where to
go on: between any two calls of the core, and with the callbacks that have not heard of the latest
occasion yet.
"""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import starmap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._data import Data
from chainrule._errors import warn
from chainrule._optimizer import read_weights, write_weights
from chainrule._trainer_checks import RowOrder, is_own
from chainrule._unfinished import NOBODY, Plan, Progress, Unfinished, save_callback
from chainrule.callbacks import Callback
from chainrule.history import monitored_key
from chainrule.schedules import SCHEDULES

if TYPE_CHECKING:
    from chainrule.trainer import Trainer

OVERFLOW = "a parameter became infinite or NaN"
STOPPED = "raised StopIteration"  # which only its caller could tell from the end of a loop


class Run:
    """A fit at work on checked data: `begin`, then `go`."""

    def __init__(
        self,
        trainer: "Trainer",
        plan: Plan,
        data: Data,
        validation: Data | None,
        order: RowOrder,
        callbacks: Sequence[Callback],
    ) -> None:
        self.trainer, self.plan, self.order = trainer, plan, order
        self.data, self.validation, self.callbacks = data, validation, list(callbacks)
        for read in (data, validation):  # in every epoch
            if read is not None:
                read.bring_rows_together()
        self.at = Progress()
        self._warned = False  # of a learning rate of 0
        self._prepared: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None

    def begin(
        self, left: Unfinished | None, numbers: Mapping[int, int], at_the_end: ExitStack
    ) -> None:
        """Tells the callbacks, and `at_the_end` of the end, whatever happens; then goes on.

        If one raises, the fit before is still the last one, and so is the reason of its end.
        """
        t, reason = self.trainer, self.trainer.stop_reason
        if left is None:
            t.stop_reason = None
        try:
            for callback in self.callbacks:
                at_the_end.callback(self.end, callback)
                callback.on_fit_begin(t, self.plan.epochs, self.plan.steps)
            if left is not None:
                self._go_on_from(left, numbers)
        except BaseException:
            t.stop_reason = reason
            raise

    def _go_on_from(self, left: Unfinished, numbers: Mapping[int, int]) -> None:
        """Begins where a fit was cut off; `numbers` are those of `match`."""
        for i, callback in enumerate(self.callbacks):
            state = left.saved[numbers[i]].state if i in numbers else None
            if state is not None:
                callback.restore(state)
        at = replace(left.progress, parts=list(left.progress.parts))
        if at.is_telling:  # new callbacks begin with the next occasion
            old = {None, *at.told}
            everybody = range(len(self.callbacks))
            at.told = frozenset(i for i in everybody if numbers.get(i) in old)
        if self.plan.rows != left.plan.rows and at.phase == "steps":
            at = Progress()  # of other data: the epoch has other steps
        write_weights(self.trainer, left.weights or {})
        self.at = at

    def go(self) -> None:
        """To the end, phase by phase, each of which may have been begun before."""
        phases = {"epoch_begin": self._begin, "steps": self._train, "epoch_end": self._end}
        while not self._is_over():
            phases[self.at.phase]()

    def end(self, callback: Callback) -> None:
        """Tells a callback of the end; a Ctrl-C meanwhile must not leave half of the weights."""
        try:
            callback.on_fit_end(self.trainer)
        except KeyboardInterrupt:
            if callback.repeatable:
                callback.on_fit_end(self.trainer)
            raise

    def unfinished(self, failure: BaseException | None = None) -> Unfinished:
        """What is left to do; `failure` as in `save_callback`."""
        at = replace(self.at, parts=list(self.at.parts))
        saved = [save_callback(callback, failure) for callback in self.callbacks]
        return Unfinished(self.plan, at, saved, callbacks=self.callbacks)

    def cut_off(self, failure: BaseException) -> Unfinished:
        """What is left to do, with the weights, before callbacks put others in their place."""
        records = self.trainer.history._records
        if records and records[-1].get("epoch") == self.trainer.epoch:  # half of `_finish_epoch`
            records.pop()
        self.trainer._show_own_weights()  # Ctrl-C may keep `averaged` from it
        left = self.unfinished(failure)
        left.weights = read_weights(self.trainer)
        return left

    @property
    def is_last_epoch(self) -> bool:
        """Whether no epoch begins after the present one, as far as can be told."""
        t = self.trainer
        return t.epoch >= self.plan.last_epoch or t.stop_reason is not None

    def _is_over(self) -> bool:
        return self.at.phase == "epoch_begin" and not self.at.told and self.is_last_epoch

    def _tell(self, occasion: str, *arguments: Any) -> None:
        at = self.at
        for i, callback in enumerate(self.callbacks):
            told = getattr(callback, occasion)
            if i in at.told or not is_own(told, occasion):
                continue
            at.told = at.told | {i}
            heard: list[Any] = []
            try:
                # One call for Python: Ctrl-C comes before the callback is through or after.
                heard.extend(starmap(told, [(self.trainer, *arguments)]))
                if not heard:
                    called = f"{type(callback).__name__}.{occasion}"
                    raise RuntimeError(f"[{self.trainer._fit_name}] callbacks: {called} {STOPPED}")
            except BaseException:
                if callback.repeatable and not heard:
                    at.told = at.told - {i}
                raise

    def _epoch(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The order of the rows and the learning rate of each step of the present epoch."""
        return self.order(self.trainer.epoch), self.trainer._rates(self.plan.steps)

    def _begin(self) -> None:
        self._prepared = self._epoch()  # takes a while, so it is done before anybody looks
        self._warn_of_rest(self._prepared[1])
        self._tell("on_epoch_begin", self.trainer.epoch)
        self.at.phase, self.at.told = "steps", NOBODY

    def _warn_of_rest(self, rates: NDArray[np.float64]) -> None:
        """Of a schedule that has ended; one that has not begun, or a function, means it."""
        t = self.trainer
        ends = t.epoch > 0 and t.schedule.name in SCHEDULES
        if ends and not self._warned and not rates.any():
            self._warned = True
            warn(
                f"[{t._fit_name}] schedule: {t.schedule!r} makes the learning rate 0 in epoch "
                f"{t.epoch}; it counts the epochs of all fits, so make it last for them, or set "
                "another"
            )

    def _train(self) -> None:
        t, at, batch, steps = self.trainer, self.at, self.plan.batch, self.plan.steps
        (order, rates), self._prepared = self._prepared or self._epoch(), None
        done, now = at.done, time.perf_counter()
        while True:
            if done > at.reported:
                self._tell("on_steps_end", done - at.reported, at.last_cost)
                at.reported, at.told = done, NOBODY
            before, now = now, time.perf_counter()
            at.seconds += now - before
            if done >= steps or not math.isfinite(at.last_cost):
                break
            t._train(self.data, order[done * batch :], batch, rates[done:], t._fit_name, at.parts)
            done = at.done
        self._finish_epoch(order, float(rates[-1]))

    def _finish_epoch(self, order: NDArray[np.int64], rate: float) -> None:
        t, at, steps = self.trainer, self.at, self.plan.steps
        costs, penalties = at.joined()
        if len(costs) < steps:  # the last one is not finite
            rest = np.full(steps - len(costs), costs[-1])
            costs, penalties = np.append(costs, rest), np.append(penalties, rest)
        t.step_costs, t.step_penalties = costs, penalties
        found = t._evaluate_epoch(self.data, order, self.plan.batch, self.validation)
        logs = {"epoch": t.epoch, **found, "learning_rate": rate, "seconds": at.seconds}
        monitored = monitored_key(logs, t.schedule.monitor, t.schedule.where)
        state = t.schedule.knowing(t.metrics).advance(t._schedule_state, logs[monitored])
        t.history.append(logs)
        # No call from here on, so no Ctrl-C: the epoch ends as a whole (see `cut_off`).
        t._schedule_state = state
        t.epoch += 1
        at.phase, at.told, at.reported, at.seconds, at.parts = "epoch_end", NOBODY, 0, 0.0, []

    def _end(self) -> None:
        t = self.trainer
        self._tell("on_epoch_end", t.epoch - 1, t.history.last())
        loss = t.history.last()["loss"]
        if not (math.isfinite(loss) and t.net._core.parameters_are_finite()):
            t.stop(f"the cost became {loss}" if not math.isfinite(loss) else OVERFLOW)
            warn(
                f"[{t._fit_name}] epoch {t.epoch - 1}: {t.stop_reason}; lower the learning rate or "
                "scale the data",
                RuntimeWarning,
            )
        self.at.phase, self.at.told = "epoch_begin", NOBODY
