"""Training by mini-batches, by scikit-learn's rules: when it stops, what the learning rate does.

Formulas and order of events are those of scikit-learn's MLP, so that the same seed gives the same
model. Start at `prepare`. `Rules` is a callback of the trainer; what it finds out becomes
attributes of the estimator.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from chainrule._errors import warn
from chainrule._trainer_checks import check_callbacks
from chainrule.callbacks import Callback, ProgressBar
from chainrule.estimators import _options, _validation
from chainrule.estimators._tasks import Tasks
from chainrule.estimators._validation import Samples, Validation
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.schedules import START, Schedule, ScheduleState
from chainrule.trainer import Trainer

Array = NDArray[Any]
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)
SMALLEST_RATE = 1e-6  # of learning_rate="adaptive"


class LearningRate:
    """The learning rate of an estimator, which changes between epochs."""

    def __init__(self, initial: float, rule: str, power_t: float) -> None:
        self.learning_rate_init = self.learning_rate = initial
        self.rule, self.power_t = rule, power_t

    def epoch_ended(self, samples_seen: int) -> None:
        if self.rule == "invscaling":
            self.learning_rate = self.learning_rate_init / (samples_seen + 1) ** self.power_t

    def lower(self) -> bool:
        """Divides by five; False if there is nothing to lower."""
        if self.rule != "adaptive" or self.learning_rate <= SMALLEST_RATE:
            return False
        self.learning_rate /= 5
        return True


@dataclass(frozen=True)
class FollowedRate(Schedule):
    """The schedule that reads a `LearningRate`."""

    name: ClassVar[str] = "estimator"
    is_constant_within_epochs = True
    rate: LearningRate

    def advance(self, state: ScheduleState, value: float) -> ScheduleState:
        return state

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        return self.rate.learning_rate / self.rate.learning_rate_init


class Rules(Callback):
    """After each epoch: loss curve, validation score, best weights, end of training."""

    def __init__(
        self,
        estimator: Any,
        rate: LearningRate,
        batch_rows: Array,
        validation: Validation | None,
        single: bool,
    ) -> None:
        self.estimator, self.rate, self.batch_rows = estimator, rate, batch_rows
        self.validation, self.single = validation, single
        self.rows = int(batch_rows.sum())
        self.last_finite: dict[str, Array] = {}
        self.diverged = False

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.last_finite = dict(trainer.net.parameters.items())
        if self.estimator.early_stopping and not self.estimator._best_parameters:
            self.estimator._best_parameters = self.last_finite

    def on_epoch_end(self, trainer: Trainer, epoch: int, logs: Mapping[str, float]) -> None:
        est = self.estimator
        est._engine.forget_lists()
        self.diverged = not math.isfinite(logs["loss"])
        if trainer.net._core.parameters_are_finite():
            self.last_finite = dict(trainer.net.parameters.items())
        est.n_iter_ += 1
        est.loss_ = float(self._losses(trainer) @ self.batch_rows) / self.rows
        est.t_ += self.rows
        est.loss_curve_.append(est.loss_)
        self._say(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
        record = dict(logs) | {"epoch": len(est.history_), "loss": est.loss_}
        if self.validation is not None:
            record["val_loss"] = self.validation.loss(est, trainer)
            record["val_score"] = self._score(trainer)
        est.history_.append(record)
        if est.early_stopping:
            self._by_score(trainer, record["val_score"])
        else:
            self._by_loss()
        self.rate.epoch_ended(est.t_)
        if est._no_improvement_count > est.n_iter_no_change:
            self._no_improvement(trainer)
        if est.n_iter_ == est.max_iter and trainer.stop_reason is None and not self.single:
            warn(
                f"Stochastic Optimizer: Maximum iterations ({est.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
            )

    def kept(self, net: Network) -> dict[str, Array] | None:
        """What to restore when training ends here: with early stopping the best parameters, or
        `last_finite` if the last step has ruined those of the network."""
        if self.estimator.early_stopping:
            best: dict[str, Array] = self.estimator._best_parameters
            return best
        return None if net._core.parameters_are_finite() else self.last_finite

    def _losses(self, trainer: Trainer) -> Array:
        """scikit-learn's squared error is a mean over outputs, its gradient that of the sum."""
        costs, penalties = trainer.step_costs, trainer.step_penalties
        with np.errstate(invalid="ignore"):  # of a diverging loss
            return (costs - penalties) / self.estimator._outputs_in_loss() + penalties

    def _score(self, trainer: Trainer) -> float:
        assert self.validation is not None
        score = self.validation.score(self.estimator, trainer.net)
        self._say(f"Validation score: {score:f}")
        return score

    def _by_score(self, trainer: Trainer, score: float) -> None:
        est = self.estimator
        est.validation_scores_.append(score)
        worse = score < est.best_validation_score_ + est.tol
        est._no_improvement_count = est._no_improvement_count + 1 if worse else 0
        if score > est.best_validation_score_:
            est.best_validation_score_ = score
            est._best_parameters = dict(trainer.net.parameters.items())

    def _by_loss(self) -> None:
        est = self.estimator
        worse = est.loss_ > est.best_loss_ - est.tol
        est._no_improvement_count = est._no_improvement_count + 1 if worse else 0
        est.best_loss_ = min(est.loss_, est.best_loss_)

    def _no_improvement(self, trainer: Trainer) -> None:
        est = self.estimator
        what = "Validation score" if est.early_stopping else "Training loss"
        reason = (
            f"{what} did not improve more than tol={est.tol:f} for {est.n_iter_no_change} "
            "consecutive epochs."
        )
        if self.rate.lower():
            self._say(f"{reason} Setting learning rate to {self.rate.learning_rate:f}")
            est._no_improvement_count = 0
        else:
            too_small = " Learning rate too small." if self.rate.rule == "adaptive" else ""
            self._say(f"{reason}{too_small} Stopping.")
            trainer.stop(reason)

    def _say(self, text: str) -> None:
        """Lines as scikit-learn prints them, for a `verbose` that is a number."""
        if self.estimator.verbose and self.estimator.verbose is not True:
            print(text)


def prepare(
    est: Any,
    where: str,
    samples: Samples,
    loss: Loss,
    given: tuple[Any, Any, Any] | None,
    tasks: Tasks,
    incremental: bool,
) -> Callable[[], None]:
    """What trains the network for `max_iter` epochs at most, `incremental` for one."""
    if est.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    if est.early_stopping and est.validation_scores_ is None:  # warm start without it before
        est.validation_scores_, est.best_validation_score_ = [], -np.inf
    rows, validation = None, None
    if given is not None:
        validation = _validation.given(est, where, loss, *given)
    elif est.early_stopping:
        rows, validation = _validation.hold_out(est, where, loss, samples)
    n = samples.X.shape[0] if rows is None else len(rows)
    net = est._engine.net
    batch = _batch_size(est, n)
    trainer = _trainer(est, where, net, loss, incremental)
    sizes = np.minimum(batch, n - np.arange(0, n, batch))
    rules = Rules(est, est._optimizer, sizes, validation, incremental)
    tasks.rows, tasks.kept = rows, lambda: rules.kept(net)
    callbacks: list[Callback] = [rules]
    if est.verbose is True:
        callbacks.append(ProgressBar())
    if tasks.wanted:
        callbacks.append(tasks)
    options: dict[str, Any] = {
        "epochs": 1 if incremental else est.max_iter,
        "batch_size": batch,
        "sample_weight": samples.weights,
        "callbacks": callbacks + check_callbacks(where, est.callbacks or ()),
        "shuffle": _shuffled(est, n),
        "rows": rows,
    }

    def train() -> None:
        est.n_iter_ = 0
        try:
            trainer.fit(samples.X, samples.y, **options)
        except KeyboardInterrupt:
            warn("Training interrupted by user.")
        est._engine.forget_lists()
        kept = rules.kept(net)
        est._engine.set_parameters(kept or {})
        if (rules.diverged or kept is not None) and not est.early_stopping:
            raise ValueError(NOT_FINITE)
        tasks.end()

    return train


def _trainer(est: Any, where: str, net: Network, loss: Loss, incremental: bool) -> Trainer:
    """A new one, or for partial_fit the one that is there; sets `_optimizer`."""
    engine = est._engine
    if not (incremental and engine.has_optimizer and hasattr(est, "_optimizer")):
        rule = est.learning_rate if est.solver == "sgd" else "constant"
        est._optimizer = LearningRate(est.learning_rate_init, rule, est.power_t)
        engine.forget_optimizer()
    if engine.trainer is None:
        schedule = est.schedule if est.schedule is not None else FollowedRate(est._optimizer)
        optimizer = engine.saved_optimizer or _options.optimizer(est, where, net.dtype)
        engine.set_trainer(Trainer(net, loss, optimizer, schedule, l2=est.alpha, penalize="sum"))
    trainer: Trainer = engine.trainer
    trainer._fit_name = where
    trainer.l2, trainer.loss = est.alpha, loss  # may change between calls
    trainer.clip_value, trainer.clip_norm = est.clip_value, est.clip_norm
    return trainer


def _batch_size(est: Any, n: int) -> int:
    if est.batch_size == "auto":
        return min(200, n)
    if est.batch_size > n:
        warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
    return min(int(est.batch_size), n)


def _shuffled(est: Any, n: int) -> Callable[[int], Array]:
    """The order of each epoch as scikit-learn draws it: the last one, shuffled."""
    order = np.arange(n)

    def next_order(epoch: int) -> Array:
        nonlocal order
        if est.shuffle:
            positions = np.arange(n)
            est._random_state.shuffle(positions)
            order = order[positions]
        return order

    return next_order
