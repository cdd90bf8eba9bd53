"""Training by mini-batches, by scikit-learn's rules: when it stops, what the learning rate does.

Formulas and order of events are those of scikit-learn's MLP, so that the same seed gives the same
model. `Rules` is a callback of the trainer; what it finds out becomes attributes of the estimator.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from chainrule.callbacks import Callback
from chainrule.schedules import START, Schedule, ScheduleState
from chainrule.trainer import Trainer

Array = NDArray[Any]
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

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        return self.rate.learning_rate / self.rate.learning_rate_init


@dataclass
class Validation:
    """Data that are not trained on: features, encoded targets, weights or None."""

    X: Any
    y: Array
    sample_weight: Array | None


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
        self.last_finite: dict[str, Array] | None = None

    def on_epoch_end(self, trainer: Trainer, epoch: int, logs: Mapping[str, float]) -> None:
        est = self.estimator
        est.n_iter_ += 1
        est.loss_ = float(np.average(self._losses(trainer), weights=self.batch_rows))
        est.t_ += int(self.batch_rows.sum())
        est.loss_curve_.append(est.loss_)
        self._say(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
        record = dict(logs) | {"loss": est.loss_}
        if self.validation is not None:
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
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({est.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _losses(self, trainer: Trainer) -> Array:
        """scikit-learn's squared error is a mean over outputs, its gradient that of the sum."""
        costs, penalties = trainer.step_costs, trainer.step_penalties
        return (costs - penalties) / self.estimator._outputs_in_loss() + penalties

    def _score(self, trainer: Trainer) -> float:
        assert self.validation is not None
        score = self.estimator._validation_score(trainer.net, self.validation)
        self._say(f"Validation score: {score:f}")
        return float(score)

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
