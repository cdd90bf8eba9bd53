"""The training loop: Python decides, the core does many mini-batches per call.

Start at `Trainer.fit`; the loop itself is `_run.Run`. Between two calls of the core, every 50 ms or
after a longer step, callbacks run and Ctrl-C is seen; the network is then in its state after the
last complete step.
"""

import math
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import starmap
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule import _core
from chainrule._data import Data, Features
from chainrule._errors import check_choice, check_instance, check_integer, check_number
from chainrule._fingerprint import Sources
from chainrule._last_fit import LastFit
from chainrule._optimizer import core_optimizer
from chainrule._run import Run, try_metrics
from chainrule._trainer_checks import (
    RowOrder,
    check_callbacks,
    check_limit,
    check_metrics,
    check_plan,
    check_precision,
    check_rows,
    check_shuffle,
    numbers_of,
    warn_of_range,
)
from chainrule.callbacks import Callback
from chainrule.history import History
from chainrule.losses import Loss, resolve_loss
from chainrule.metrics import Metric
from chainrule.network import Network
from chainrule.optimizers import Adam, Optimizer, resolve_optimizer
from chainrule.schedules import Schedule, as_schedule

CORE_OPTIMIZERS = {"float32": _core.Optimizer32, "float64": _core.Optimizer64}
SECONDS_PER_CALL = 0.05  # a person does not notice a Ctrl-C that takes this long


class Trainer:
    """Minimizes the cost of a network by gradient descent.

    Arguments: `net`; `loss`, by name or object; `optimizer`; `schedule`, whose factor multiplies
    the optimizer's learning rate; `seed` of the order of the rows; `metrics`, names or functions
    reported per epoch; `l2`, `l1`: `J = mean loss + l2/2 sum W^2 + l1 sum |W|` (weights only; the
    course's lambda/m is `l2`). With `penalize="sum"` the penalty is added to the sum of a batch's
    losses and so divided by its rows (or sum of weights), too. Gradients, with the penalty's, are
    cut to [-`clip_value`, `clip_value`] each, then scaled down to a norm of at most `clip_norm`,
    over all parameters together. Raises TypeError or ValueError for anything else.

    Attributes: `net`, `loss`, `optimizer`, `schedule`, `metrics`, `history`, `epoch` (epochs
    completed), `steps` (optimizer steps done), `step_costs` and `step_penalties` (the cost before
    each step of the latest epoch, and the penalty in it), `stop_reason` (None, or why the last fit
    ended early), `is_unfinished`.
    """

    _fit_name = "Trainer.fit"  # what a user called; stands in messages

    def __init__(
        self,
        net: Network,
        loss: str | Loss,
        optimizer: str | Optimizer = Adam(),  # noqa: B008 (frozen)
        schedule: Schedule | Callable[[float], float] | None = None,
        seed: int = 0,
        *,
        metrics: Iterable[Any] = (),
        l2: float = 0.0,
        l1: float = 0.0,
        penalize: Literal["mean", "sum"] = "mean",
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self.net = check_instance("Trainer", "net", net, Network)
        self.loss = resolve_loss(loss, "Trainer")
        self.optimizer = resolve_optimizer(optimizer, "Trainer")
        self.schedule = as_schedule(schedule, "Trainer")
        self.seed = check_integer("Trainer", "seed", seed, 0, 2**63 - 1)
        self.metrics: Sequence[Metric] = check_metrics("Trainer", metrics, net)
        self.l2 = check_number("Trainer", "l2", l2, minimum=0)
        self.l1 = check_number("Trainer", "l1", l1, minimum=0)
        self.penalize = check_choice("Trainer", "penalize", penalize, ("mean", "sum"))
        self.clip_value = check_limit("Trainer", "clip_value", clip_value)
        self.clip_norm = check_limit("Trainer", "clip_norm", clip_norm)
        self.history = History()
        self.step_costs = self.step_penalties = np.zeros(0)
        self.epoch = 0
        self._single_steps = 0  # by `step` and `apply_gradients`
        self.stop_reason: str | None = None
        self._schedule_state = self.schedule.initial_state()
        self._fit = LastFit()
        warn_of_range(net, self.loss)
        for argument, description in (("optimizer", self.optimizer), ("loss", self.loss)):
            check_precision("Trainer", numbers_of(argument, description), net.dtype)
        kind, hyperparameters, _ = core_optimizer(self.optimizer)
        self._state = CORE_OPTIMIZERS[net.dtype.name](net._core, kind, *hyperparameters)

    @property
    def steps(self) -> int:
        """Optimizer steps done."""
        return self._state.steps

    @property
    def is_unfinished(self) -> bool:
        """Whether the last fit was cut off, by Ctrl-C, an exception or a kill, and can go on."""
        return self._fit.unfinished is not None

    def fit(
        self,
        X: Features,
        Y: ArrayLike,
        epochs: int | None = None,
        batch_size: int | Literal["auto"] | None = "auto",
        validation_data: tuple[Any, ...] | None = None,
        sample_weight: ArrayLike | None = None,
        callbacks: Iterable[Callback] | None = None,
        shuffle: bool | RowOrder | None = None,
        rows: ArrayLike | None = None,
        resume: bool | Literal["other data"] | None = None,
    ) -> History:
        """Trains for `epochs` more epochs (None: one) and returns the history of all epochs.

        X (m, n_inputs), an array or a scipy.sparse matrix (only a batch at a time becomes dense);
        Y as the loss takes it, `sample_weight` (m,). `batch_size` samples make a step ("auto": 32,
        or all of fewer), and the last batch of an epoch may be smaller; None is batch gradient
        descent, 1 stochastic. Rows are shuffled anew in every epoch, by (seed, epoch), unless
        `shuffle` is False or a function of the epoch that returns their order. With `rows`,
        indices, only those take part, without a copy of them; the order counts in them.
        `validation_data` is (X, Y) or (X, Y, sample_weight). Metrics take a pass over the data at
        the end of each epoch. `history["loss"]` is the mean cost of the epoch's batches while they
        were trained on. A step whose cost is not finite is not taken: training ends there with a
        RuntimeWarning, as it does at the end of an epoch that leaves a parameter that is not.

        A fit that was cut off, by a kill, Ctrl-C or an exception, goes on where it was and ends
        with the same bits as if it had not been: by itself in a trainer from `Trainer.load`, with
        `resume=True` in the trainer at hand. `epochs`, `batch_size`, `shuffle` and `callbacks` are
        those of then if left out; `epochs` counts from where that fit began. The data must be
        given again. Others than then, here and in any first fit after `Trainer.load`, raise
        ValueError; `resume="other data"` takes them (with another number of rows the epoch starts
        over), and `resume=False` begins a new fit on any.
        """
        where = self._fit_name
        data = self._data(where, X, Y, sample_weight)
        validation = self._validation(where, validation_data)
        given = Sources(X, Y, sample_weight, validation_data, rows)
        chosen = check_rows(where, rows, data.samples.rows)
        n = data.samples.rows if chosen is None else len(chosen)
        left = self._fit.to_go_on_from(where, resume, given)
        before = None if left is None else left.plan
        plan, mixed = check_plan(where, n, epochs, batch_size, shuffle, self.epoch, before)
        order = check_shuffle(where, mixed, chosen, n, self.seed)
        heard = None if callbacks is None else check_callbacks(where, callbacks)
        if heard is not None:
            heard.sort(key=lambda callback: callback.comes_last)
        numbers: dict[int, int] = {}
        if left is not None:
            heard, numbers = left.match(where, heard)

        run = Run(self, plan, data, validation, order, heard or [])
        with self.net._held_by_trainer(where), ExitStack() as at_the_end:
            try_metrics(self, data, validation)
            if left is None:
                self.stop_reason = None
            elif left.weights is None:  # callbacks have the best ones and may put them back
                left.weights = dict(self.net.parameters)
            at_the_end.callback(self._fit.forget_same_weights, self.net.parameters)
            for callback in run.callbacks:
                at_the_end.callback(run.end, callback)  # whatever happens
                callback.on_fit_begin(self, plan.epochs, plan.steps)
            if left is not None:
                run.go_on_from(left, numbers)
            self._fit.work(run, given)
        return self.history

    def step(self, X: Features, Y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """One optimizer step on one batch; returns the cost before it.

        Arguments as in `fit`. Schedules count such a step as an epoch of its own.
        """
        data = self._data("Trainer.step", X, Y, sample_weight)
        with self.net._held_by_trainer("Trainer.step"):
            rates = np.array([self._rate(self.epoch + self._single_steps)])
            costs, _ = self._train(data, None, data.samples.rows, rates, "Trainer.step")
            self._single_steps += 1
        return float(costs[0])

    def apply_gradients(self) -> None:
        """One optimizer step with `net.gradients` as they are, for accumulated gradients.

        `net.backward(X1, Y1, loss)`, `net.backward(X2, Y2, loss, accumulate=True)`, and so on; the
        penalties are those given to `backward`. Schedules count it as an epoch of its own.
        """
        with self.net._held_by_trainer("Trainer.apply_gradients"):
            rate = self._rate(self.epoch + self._single_steps)
            self.net._core.apply_gradients(self._state, rate, self._clip)
            self._single_steps += 1

    def evaluate(
        self, X: Features, Y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> dict[str, float]:
        """`{"loss": J, metric: value, ..}` on these data; J includes the penalties."""
        return self._evaluate(self._data("Trainer.evaluate", X, Y, sample_weight))

    def stop(self, reason: str) -> None:
        """Ends the running fit after the current epoch; called by callbacks."""
        self.stop_reason = str(reason)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything to one safetensors file, whole or not at all; nothing in it is code.

        That is network, optimizer with its state, schedule, counters, history, a fingerprint of the
        data of the last fit and, while it runs or after it was cut off, where it stands, with the
        state of its callbacks. Callbacks may save at every occasion. Raises OSError; ValueError if
        a parameter is not finite; TypeError for a callback's state that no file holds;
        RuntimeError while another thread trains the network.
        """
        from chainrule.trainer_file import save_trainer

        save_trainer(self, path)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        schedule: Schedule | Callable[[float], float] | None = None,
        metrics: Iterable[Any] = (),
    ) -> Self:
        """The trainer that `save` wrote; its `fit` goes on where it was, given the same data.

        A `schedule` or `metrics` of the user's own are in no file and must be given again, as to
        `Trainer`; else ValueError names them. Raises OSError, FileFormatError for a file of another
        kind and for a damaged or hostile one.
        """
        from chainrule.trainer_file import load_trainer

        return load_trainer(cls, path, schedule, metrics)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles and copies hold what a file holds, and the schedule and metrics themselves."""
        from chainrule.trainer_file import trainer_from_bytes, trainer_to_bytes

        own = (self.schedule, tuple(self.metrics))
        return trainer_from_bytes, (type(self), trainer_to_bytes(self), *own)

    def _rates(self, steps: int) -> NDArray[np.float64]:
        """The learning rate of each step of the present epoch."""
        if self.schedule.is_constant_within_epochs:
            return np.full(steps, self._rate(self.epoch))
        return np.array([self._rate(self.epoch + i / steps) for i in range(steps)])

    def _rate(self, epoch: float) -> float:
        return self.optimizer.learning_rate * self.schedule.factor(epoch, self._schedule_state)

    def _train(
        self,
        data: Data,
        order: NDArray[np.int64] | None,
        batch: int,
        rates: NDArray[np.float64],
        where: str,
        parts: list[tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The costs and penalties of the steps done, which are added to `parts`."""
        arguments = (
            self._state,
            data.samples,
            self.loss.name_and_number,
            self.l2,
            self.l1,
            self.penalize == "sum",
            self._clip,
            order,
            batch,
            rates,
            SECONDS_PER_CALL,
            where,
        )
        parts = [] if parts is None else parts
        # One call for Python, so that no Ctrl-C comes between the steps and the record of them.
        parts.extend(starmap(self.net._core.train, [arguments]))
        return parts[-1]

    @property
    def _clip(self) -> tuple[float, float]:
        return self.clip_value or math.inf, self.clip_norm or math.inf

    def _evaluate(self, data: Data, cost: bool = True) -> dict[str, float]:
        values = {}
        if cost:
            share = 1 / data.total_weight if self.penalize == "sum" else 1.0
            l2, l1 = self.l2 * share, self.l1 * share
            loss, where = self.loss.name_and_number, "Trainer.evaluate"
            values["loss"] = self.net._core.cost(data.samples, loss, l2, l1, where)
        if self.metrics:
            prediction = self.net.predict(data.X)
            for metric in self.metrics:
                values[metric.name] = metric(data.Y, prediction, data.weights)
        return values

    def _data(self, where: str, X: Any, Y: Any, sample_weight: Any) -> Data:
        return Data(self.net, where, X, Y, self.loss, sample_weight)

    def _validation(self, where: str, data: Any) -> Data | None:
        if data is None:
            return None
        if not isinstance(data, tuple | list) or len(data) not in (2, 3):
            expected = "(X, Y) or (X, Y, sample_weight)"
            got = type(data).__name__
            if isinstance(data, tuple | list):
                got += f" of {len(data)}"
            raise TypeError(f"[{where}] validation_data: expected {expected}, got {got}")
        return self._data(f"{where}, validation_data", *data, *[None] * (3 - len(data)))

    def __repr__(self) -> str:
        return (
            f"Trainer({self.net!r}, loss={self.loss!r}, optimizer={self.optimizer!r}, "
            f"schedule={self.schedule!r}, seed={self.seed})"
        )
