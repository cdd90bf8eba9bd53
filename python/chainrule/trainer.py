"""The training loop: Python decides, the core does many mini-batches per call.

Start at `Trainer.fit`; the loop itself is `_run.Run`. Between two calls of the core, every 50 ms or
after a longer step, callbacks run and Ctrl-C is seen; the network is then in its state after the
last complete step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._attributes import check_class
from chainrule._calls import explained
from chainrule._class_weight import ClassWeight, weights_of_targets
from chainrule._data import Data, Features, target_kind
from chainrule._errors import check_instance, check_number, check_precision
from chainrule._evaluation import check_validation, evaluate, evaluate_epoch, record_keys, try_first
from chainrule._fingerprint import Sources
from chainrule._last_fit import LastFit
from chainrule._network_checks import check_mixed_rows
from chainrule._optimizer import CORE_OPTIMIZERS, core_optimizer, read_weights
from chainrule._options import Options, warn_of_slips
from chainrule._own_options import check_own_options
from chainrule._run import Run
from chainrule._stepping import Stepping
from chainrule._trainer_checks import (
    RowOrder,
    check_callbacks,
    check_plan,
    check_rows,
    check_shuffle,
    numbers_of,
)
from chainrule.callbacks import Callback
from chainrule.history import History
from chainrule.losses import Loss, resolve_loss
from chainrule.metrics import resolve_metrics
from chainrule.network import Network
from chainrule.optimizers import Adam, Optimizer, resolve_optimizer
from chainrule.schedules import START, Schedule, as_schedule


class Trainer(Options, Stepping):
    """Minimizes the cost of a network by gradient descent.

        trainer = cr.Trainer(net, "cross_entropy", cr.Adam(1e-3), metrics=["accuracy"])
        history = trainer.fit(X, Y, epochs=20, validation_data=(X_val, Y_val))

    Arguments: `net`; `loss` and `optimizer`, objects or their names, such as "huber" for `Huber()`
    and "adamw" for `AdamW()`; `schedule`, such as `cosine(20)`, whose factor multiplies the
    optimizer's learning rate; `seed` of the order of the rows; `metrics` reported per epoch,
    "accuracy", "log_loss", "r2", "mean_absolute_error", a `Metric` or a function; `l2`, `l1`:
    `J = mean loss + l2/2 sum W^2 + l1 sum |W|` (weights only; the course's lambda/m is `l2`). With
    `penalize="sum"` the penalty is added to the sum of a batch's losses and so divided by its rows
    (or sum of weights), too. Gradients, with the penalty's, are cut to [-`clip_value`,
    `clip_value`] each, then scaled down to a norm of at most `clip_norm`, over all parameters
    together (by clip_norm / norm; PyTorch divides by norm + 1e-6).

    By name, of a parameter ("1.weight") or of a layer ("1") and so of all in it, the longest name
    that fits counting: `learning_rate_factors`; `decay_factors` of the optimizer's weight decay (0
    or False for none; by default 1 for weights, 0 for biases); `frozen` names, whose parameters
    keep their bits and whose gradients are not formed and not part of the norm. A BatchNorm that is
    frozen whole keeps its running statistics (in Keras, too; not in PyTorch); steps normalize by
    those of the batch all the same.

    With `ema`, say 0.999, the trainer keeps averages of the weights after each step, those of the
    step t weighing ema^(T - t) of those of the last step, T (divided by the sum of these, so that
    the first steps are averages, too; PyTorch's and Keras' start at the first weights instead).
    `averaged_network()` returns them, `with trainer.averaged():` puts them in the network's place,
    and validation is done with them. Raises TypeError or ValueError for anything else.

    Attributes: these, `history`, `epoch` (epochs completed), `steps` (optimizer steps done),
    `step_costs` and `step_penalties` (the cost before each step of the latest epoch, and the
    penalty in it), `stop_reason` (None, or why the last fit ended early), `is_unfinished`,
    `learning_rate` (the next). `loss`, `schedule`, which changes the rate, `metrics`, `seed`,
    penalties and clipping may be set, and are checked then; the other arguments stay as they are.
    """

    _fit_name = "Trainer.fit"  # what a user called; stands in messages

    @explained()
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
        check_class(type(self), Trainer, "Trainer")
        self.net = check_instance("Trainer", "net", net, Network)
        self.loss = resolve_loss(loss, "Trainer")
        self.optimizer = resolve_optimizer(optimizer, "Trainer")
        self.schedule = as_schedule(schedule, "Trainer")
        self.seed = seed
        self.metrics = resolve_metrics(metrics, "Trainer")
        self.l2, self.l1, self.penalize = l2, l1, penalize
        self.clip_value, self.clip_norm = clip_value, clip_norm
        self.history = History()
        self.step_costs = self.step_penalties = np.zeros(0)
        self.epoch = 0
        self._single_steps = 0  # by `step` and `apply_gradients`
        self.stop_reason: str | None = None
        self._schedule_state = START
        self._fit = LastFit()
        check_precision("Trainer", numbers_of("optimizer", self.optimizer), net.dtype)
        kind, hyperparameters, _ = core_optimizer(self.optimizer)
        self._state = CORE_OPTIMIZERS[net.dtype.name](net._core, kind, hyperparameters)
        net._set_step(0)
        table = net._core.parameter_table()
        given = learning_rate_factors, decay_factors, frozen
        by_name = check_own_options("Trainer", table, self.optimizer, *given, net.dtype)
        self.learning_rate_factors, self.decay_factors, self.frozen = {}, {}, []
        self._set_own_options(*by_name)
        self.ema = None
        if ema is not None:
            self._set_ema(check_number("Trainer", "ema", ema, above=0, below=1))
        # While a fit runs, for callbacks: its data and which rows of them take part (None: all).
        self._fitted: tuple[Data, NDArray[np.int64] | None] | None = None

    @property
    def is_unfinished(self) -> bool:
        """Whether the last fit was cut off, by Ctrl-C, an exception or a kill, and can go on."""
        return self._fit.unfinished is not None

    @explained(
        validation_split="it takes rows as they are: validation_data=(X_val, Y_val)",
        verbose="callbacks=[cr.ProgressBar()] shows a bar, and print(history) a table",
    )
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
        class_weight: ClassWeight = None,
        resume: bool | Literal["other data"] | None = None,
    ) -> History:
        """Trains for `epochs` more epochs (None: one) and returns the history of all epochs.

        X (m, n_inputs), an array (by columns, up to 512 MB, it is copied) or a scipy.sparse matrix;
        Y as the loss takes it, `sample_weight` (m,). `batch_size` samples make a step ("auto": 32,
        or all for `Rprop`), all where there are fewer, and the last batch of an epoch may be
        smaller; None is batch gradient descent, 1 stochastic. Rows are shuffled anew in every
        epoch, by (seed, epoch), unless `shuffle` is False or a function of the epoch that returns
        their order. With `rows`, indices or a mask, only those take part, without a copy; the order
        counts in them. `validation_data` is (X, Y) or (X, Y, sample_weight). `class_weight`, a dict
        {class: weight}, 1 for those not in it, or "balanced", multiplies the weights of rows by
        those of their classes (indices, or the two targets of one output), in the validation data
        too; balanced classes weigh alike, and a row 1 on average. Metrics pass over the data after
        each epoch. `history["loss"]` is the mean cost of the epoch's batches while they were
        trained on. A step whose cost is not finite is not taken: training ends there with a
        RuntimeWarning, as at the end of an epoch that leaves a parameter that is not.

        A fit that was cut off, by a kill, Ctrl-C or an exception, goes on where it was and ends
        with the same bits as if it had not been: by itself in a trainer from `Trainer.load`, with
        `resume=True` in the trainer at hand. `epochs`, `batch_size`, `shuffle` and `callbacks` are
        those of then if left out; `epochs` counts from where that fit began. The data must be
        given again. Others than then, here and in any first fit after `Trainer.load`, raise
        ValueError; `resume="other data"` takes them (with another number of rows the epoch starts
        over), and `resume=False` begins a new fit on any.
        """
        where = self._fit_name
        warn_of_slips(where, self)
        data = self._data(where, X, Y, sample_weight, class_weight)
        check = partial(self._data, class_weight=class_weight)
        validation = check_validation(where, validation_data, check)
        weights = sample_weight if class_weight is None else data.weights
        given = Sources(X, Y, weights, validation_data, rows)
        taken = check_rows(where, rows, data.samples.rows)
        n = data.samples.rows if taken is None else len(taken)
        left = self._fit.to_go_on_from(where, resume, given)
        before = left.plan if left else None
        plan, shuffling = check_plan(
            where, n, epochs, batch_size, shuffle, self.epoch, before, self.optimizer
        )
        self.schedule.knowing(self.metrics)  # or it raises
        check_mixed_rows(where, self.net, n, plan.batch, "batch_size")
        order = check_shuffle(where, shuffling, taken, n, self.seed)
        listeners = None if callbacks is None else check_callbacks(where, callbacks)
        if listeners is not None:
            listeners.sort(key=lambda callback: callback.comes_last)
        numbers: dict[int, int] = {}
        if left is not None:
            listeners, numbers = left.match(where, listeners)

        run = Run(self, plan, data, validation, order, listeners or [])
        with self._hold(where), ExitStack() as at_the_end:
            try_first(self, data, validation, taken)
            self._fitted = data, taken
            at_the_end.callback(setattr, self, "_fitted", None)
            if left is not None and left.weights is None:
                left.weights = read_weights(self)  # callbacks have the best and may put them back
            at_the_end.callback(self._fit.forget_same_weights, self)
            run.begin(left, numbers, at_the_end)
            self._fit.work(run, given)
        return self.history

    def evaluate(
        self, X: Features, Y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> dict[str, float]:
        """`{"loss": J, metric: value, ..}` on these data; J includes the penalties."""
        return evaluate(self, self._data("Trainer.evaluate", X, Y, sample_weight))

    def stop(self, reason: str) -> None:
        """Ends the running fit after the current epoch; called by callbacks."""
        self.stop_reason = str(reason)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything to one safetensors file, whole or not at all; nothing in it is code.

        That is network, optimizer with its state, averages, schedule, counters, history, a
        fingerprint of the data of the last fit and, while it runs or after it was cut off, where it
        stands, with the state of its callbacks. Callbacks may save at every occasion. Raises
        OSError; ValueError if a parameter is not finite; TypeError for a callback's state that no
        file holds; RuntimeError while another thread trains the network, or it shows its averages.
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

    def _evaluate_epoch(
        self, data: Data, order: NDArray[np.int64], batch: int, validation: Data | None
    ) -> dict[str, float]:
        """What the history says of the latest epoch, besides its number, rate and time."""
        return evaluate_epoch(self, data, order, batch, validation)

    def _keys(self, validates: bool) -> list[str]:
        """Those of the records of a fit, with validation data or without."""
        return record_keys(self, validates)

    def _data(
        self, where: str, X: Any, Y: Any, sample_weight: Any, class_weight: ClassWeight = None
    ) -> Data:
        data = super()._data(where, X, Y, sample_weight)
        if class_weight is None:
            return data
        kind, groups = target_kind(self.loss), self.net._core.groups
        weights = weights_of_targets(where, class_weight, Y, kind, groups, data.weights)
        return super()._data(where, data.X, Y, weights)

    def __repr__(self) -> str:
        shown = f"loss={self.loss!r}, optimizer={self.optimizer!r}, schedule={self.schedule!r}"
        return f"Trainer({self.net!r}, {shown}, seed={self.seed})"
