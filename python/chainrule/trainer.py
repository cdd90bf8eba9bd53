"""The training loop: Python decides, the core does many mini-batches per call.

Start at `Trainer.fit`, and go on to `run_epoch`.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule import _core
from chainrule._class_weight import ClassWeight, weights_of_targets
from chainrule._data import Data, Features
from chainrule._epoch import run_epoch
from chainrule._errors import check_choice, check_instance, check_integer, check_number
from chainrule._evaluation import (
    check_validation,
    evaluate,
    evaluate_epoch,
    record_keys,
    try_metrics,
)
from chainrule._optimizer import core_optimizer
from chainrule._own_options import own_options
from chainrule._trainer_checks import (
    RowOrder,
    check_batch_size,
    check_callbacks,
    check_limit,
    check_metrics,
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
from chainrule.network import Network, check_mixed_rows
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
    over all parameters together.

    By name, of a parameter ("1.weight") or of a layer ("1") and so of all in it, the longest name
    that fits counting: `learning_rate_factors`; `decay_factors` of the optimizer's weight decay (0
    or False for none; by default 1 for weights, 0 for biases); `frozen` names, whose parameters
    keep their bits and whose gradients are not formed and not part of the norm.

    With `ema`, say 0.999, the trainer keeps averages of the weights after each step, those of the
    step t weighing ema^(T - t) of those of the last step, T (divided by the sum of these, so that
    the first steps are averages, too; PyTorch's and Keras' start at the first weights instead).
    `averaged_network()` returns them, `with trainer.averaged():` puts them in the network's place,
    and validation is done with them. Raises TypeError or ValueError for anything else.

    Attributes: `net`, `loss`, `optimizer`, `schedule`, `metrics`, `history`, `epoch` (epochs
    completed), `steps` (optimizer steps done), `step_costs` and `step_penalties` (the cost before
    each step of the latest epoch, and the penalty in it), `stop_reason` (None, or why the last fit
    ended early).
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
        learning_rate_factors: Mapping[str, float] | None = None,
        decay_factors: Mapping[str, float] | None = None,
        frozen: Iterable[str] | None = None,
        ema: float | None = None,
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
        warn_of_range(net, self.loss)
        for argument, description in (("optimizer", self.optimizer), ("loss", self.loss)):
            check_precision("Trainer", numbers_of(argument, description), net.dtype)
        kind, hyperparameters, _ = core_optimizer(self.optimizer)
        self._state = CORE_OPTIMIZERS[net.dtype.name](net._core, kind, hyperparameters)
        by_name = (learning_rate_factors, decay_factors, frozen)
        own = own_options("Trainer", net._core.parameter_table(), self.optimizer, *by_name)
        self._own_options = own
        if own is not None:
            self._state.set_own_options(net._core, own)
        self.ema = None if ema is None else check_number("Trainer", "ema", ema, above=0, below=1)
        if self.ema is not None:
            self._state.start_averages(net._core, self.ema)
        self._shows_averages = False
        # While a fit runs, for callbacks: its data and which rows of them take part (None: all).
        self._fitted: tuple[Data, NDArray[np.int64] | None] | None = None

    @property
    def steps(self) -> int:
        """Optimizer steps done."""
        return self._state.steps

    def fit(
        self,
        X: Features,
        Y: ArrayLike,
        epochs: int = 1,
        batch_size: int | Literal["auto"] | None = "auto",
        validation_data: tuple[Any, ...] | None = None,
        sample_weight: ArrayLike | None = None,
        callbacks: Iterable[Callback] = (),
        shuffle: bool | RowOrder = True,
        rows: ArrayLike | None = None,
        class_weight: ClassWeight = None,
    ) -> History:
        """Trains for `epochs` more epochs and returns the history of all epochs.

        X (m, n_inputs), an array or a scipy.sparse matrix (only a batch at a time becomes dense);
        Y as the loss takes it, `sample_weight` (m,). `batch_size` samples make a step ("auto": 32,
        or all of fewer; all for `Rprop`), and the last batch of an epoch may be smaller; None is
        batch gradient descent, 1 stochastic. Rows are shuffled anew in every epoch, by (seed,
        epoch), unless `shuffle` is False or a function of the epoch that returns their order. With
        `rows`, indices, only those take part, without a copy of them; the order counts in them.
        `validation_data` is (X, Y) or (X, Y, sample_weight). `class_weight`, a dict
        {class: weight}, 1 for those not in it, or "balanced", multiplies the weights of rows by
        those of their classes (indices, or the two targets of one output), in the validation data
        too; balanced classes weigh alike, and a row 1 on average. Metrics take a pass over the data
        at the end of each epoch. `history["loss"]` is the mean cost of the epoch's batches while
        they were trained on. A step whose cost is not finite is not taken: training ends there with
        a RuntimeWarning, as it does at the end of an epoch that leaves a parameter that is not.
        """
        where = self._fit_name
        data = self._data(where, X, Y, sample_weight, class_weight)
        check = partial(self._data, class_weight=class_weight)
        validation = check_validation(where, validation_data, check)
        epochs = check_integer(where, "epochs", epochs, 1)
        chosen = check_rows(where, rows, data.samples.rows)
        n = data.samples.rows if chosen is None else len(chosen)
        batch = check_batch_size(where, batch_size, n, self.optimizer)
        check_mixed_rows(where, self.net, n, batch, "batch_size")
        order = check_shuffle(where, shuffle, chosen, n, self.seed)
        callbacks = check_callbacks(where, callbacks)

        with self._hold(where), ExitStack() as at_the_end:
            try_metrics(self, data, validation)
            self._fitted = data, chosen
            at_the_end.callback(setattr, self, "_fitted", None)
            self.stop_reason = None
            last_epoch = self.epoch + epochs
            for callback in callbacks:
                at_the_end.callback(callback.on_fit_end, self)  # runs whatever happens
                callback.on_fit_begin(self, epochs, -(-n // batch))
            while self.epoch < last_epoch and self.stop_reason is None:
                run_epoch(self, data, batch, order(self.epoch), validation, callbacks)
        return self.history

    def step(self, X: Features, Y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """One optimizer step on one batch; returns the cost before it.

        Arguments as in `fit`. Schedules count such a step as an epoch of its own.
        """
        data = self._data("Trainer.step", X, Y, sample_weight)
        rows = data.samples.rows
        check_mixed_rows("Trainer.step", self.net, rows, rows, "X")
        with self._hold("Trainer.step"):
            rates = np.array([self._rate(self.epoch + self._single_steps)])
            costs, _ = self._train(data, None, rows, rates, "Trainer.step")
            self._single_steps += 1
        return float(costs[0])

    def apply_gradients(self) -> None:
        """One optimizer step with `net.gradients` as they are, for accumulated gradients.

        `net.backward(X1, Y1, loss)`, `net.backward(X2, Y2, loss, accumulate=True)`, and so on; the
        penalties are those given to `backward`. Schedules count it as an epoch of its own.
        """
        with self._hold("Trainer.apply_gradients"):
            rate = self._rate(self.epoch + self._single_steps)
            self.net._core.apply_gradients(self._state, rate, self._clip)
            self._single_steps += 1

    def evaluate(
        self, X: Features, Y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> dict[str, float]:
        """`{"loss": J, metric: value, ..}` on these data; J includes the penalties."""
        return evaluate(self, self._data("Trainer.evaluate", X, Y, sample_weight))

    @contextmanager
    def averaged(self) -> Iterator[Network]:
        """`with trainer.averaged() as net:` gives the network its averages; then its own weights.

        Without `ema`, and before the first step, these are the same. No training meanwhile.
        """
        if self.ema is None or self._shows_averages:
            yield self.net
            return
        self._state.swap_averages(self.net._core)
        self._shows_averages = True
        try:
            yield self.net
        finally:
            self._state.swap_averages(self.net._core)
            self._shows_averages = False

    def averaged_network(self) -> Network:
        """A new network, with the averages of the weights."""
        with self.averaged() as net:
            return copy.copy(net)

    def stop(self, reason: str) -> None:
        """Ends the running fit after the current epoch; called by callbacks."""
        self.stop_reason = str(reason)

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
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.net._core.train(
            self._state,
            data.samples,
            self.loss.parts,
            self.l2,
            self.l1,
            self.penalize == "sum",
            self._clip,
            order,
            batch,
            rates,
            self.seed,
            SECONDS_PER_CALL,
            where,
        )

    @property
    def _clip(self) -> tuple[float, float]:
        return self.clip_value or math.inf, self.clip_norm or math.inf

    def _evaluate_epoch(
        self, data: Data, batch_weights: NDArray[np.float64], validation: Data | None
    ) -> dict[str, float]:
        """What the history says of the latest epoch, besides its number, rate and time."""
        return evaluate_epoch(self, data, batch_weights, validation)

    def _keys(self, validates: bool) -> list[str]:
        """Those of the records of a fit, with validation data or without."""
        return record_keys(self, validates)

    def _hold(self, where: str) -> AbstractContextManager[None]:
        if self._shows_averages:
            raise RuntimeError(
                f"[{where}] the network shows its averages: leave trainer.averaged()"
            )
        return self.net._held_by_trainer(where)

    def _data(
        self, where: str, X: Any, Y: Any, sample_weight: Any, class_weight: ClassWeight = None
    ) -> Data:
        data = Data(self.net, where, X, Y, self.loss, sample_weight)
        if class_weight is None:
            return data
        kind, groups = _core.loss_targets()[self.loss.name], self.net._core.groups
        weights = weights_of_targets(where, class_weight, Y, kind, groups)
        weights = weights if data.weights is None else weights * data.weights
        return Data(self.net, where, data.X, Y, self.loss, weights)

    def __repr__(self) -> str:
        return (
            f"Trainer({self.net!r}, loss={self.loss!r}, optimizer={self.optimizer!r}, "
            f"schedule={self.schedule!r}, seed={self.seed})"
        )
