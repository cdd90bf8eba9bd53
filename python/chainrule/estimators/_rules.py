"""What happens after each epoch of an estimator, by scikit-learn's rules.

`Rules` is a callback of the trainer, the first of all; what it finds out becomes attributes of the
estimator. `RuledTrainer` has the estimator's losses and score in its history.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from chainrule._class_weight import ClassWeight
from chainrule._data import Data
from chainrule._errors import warn
from chainrule.callbacks import Callback
from chainrule.estimators import _options
from chainrule.estimators._engine import weights_of
from chainrule.estimators._learning_rate import LearningRate
from chainrule.estimators._validation import Samples, Validation
from chainrule.network import Network
from chainrule.trainer import Trainer

Array = NDArray[Any]


class Rules(Callback):
    """After each epoch: loss curve, validation score, best weights, end of training.

    `single` is the one epoch of partial_fit.
    """

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
        self.last_finite: dict[str, Array] = {}  # before the present epoch
        self.diverged = False

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.last_finite = weights_of(trainer)
        if self.estimator.early_stopping and not self.estimator._best_parameters:
            self.estimator._best_parameters = self.last_finite

    def evaluate(self, trainer: Trainer) -> dict[str, float]:
        """The losses and the score of the latest epoch, as the history and callbacks have them."""
        est = self.estimator
        total = np.add.reduce(self._losses(trainer) * self.batch_rows)
        values = {"loss": float(total) / self.rows}
        if self.validation is not None:
            with trainer.averaged() as net:
                values["val_loss"] = self.validation.loss(est, trainer)
                values["val_score"] = self.validation.score(est, trainer, net, values["val_loss"])
        return values

    def on_epoch_end(self, trainer: Trainer, epoch: int, logs: Mapping[str, float]) -> None:
        est = self.estimator
        self.diverged = not math.isfinite(logs["loss"])
        if not self.single and trainer.net._core.parameters_are_finite():
            self.last_finite = weights_of(trainer)
        est.n_iter_ += 1
        est.t_ += self.rows
        est.loss_ = logs["loss"]
        est.loss_curve_.append(est.loss_)
        est.history_.append(dict(logs) | {"epoch": len(est.history_)})
        self._say(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
        if "val_score" in logs:
            self._say(f"Validation score: {logs['val_score']:f}")
        if est.early_stopping:
            self._by_score(trainer, logs["val_score"])
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
        """What to restore when training ends here, as `weights_of` has it: with early stopping the
        best parameters, or `last_finite` if the last step has ruined those of the network."""
        if self.estimator.early_stopping:
            best: dict[str, Array] = self.estimator._best_parameters
            return best
        return None if net._core.parameters_are_finite() else self.last_finite

    def _losses(self, trainer: Trainer) -> Array:
        """scikit-learn's squared error is a mean over outputs, its gradient that of the sum."""
        costs, penalties = trainer.step_costs, trainer.step_penalties
        outputs = self.estimator._outputs_in_loss(trainer.loss)
        if outputs == 1:
            return costs
        with np.errstate(invalid="ignore"):  # of a diverging loss
            return (costs - penalties) / outputs + penalties

    def _by_score(self, trainer: Trainer, score: float) -> None:
        est = self.estimator
        est.validation_scores_.append(score)
        worse = score < est.best_validation_score_ + float(est.tol)
        est._no_improvement_count = est._no_improvement_count + 1 if worse else 0
        if score > est.best_validation_score_:
            est.best_validation_score_ = score
            est._best_parameters = weights_of(trainer)

    def _by_loss(self) -> None:
        est = self.estimator
        worse = est.loss_ > est.best_loss_ - float(est.tol)
        est._no_improvement_count = est._no_improvement_count + 1 if worse else 0
        if est.loss_ < est.best_loss_:  # not min: of a NaN that would be NaN from then on
            est.best_loss_ = est.loss_

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
        """Lines as scikit-learn prints them."""
        if self.estimator.verbose and not _options.shows_bar(self.estimator):
            print(text)


class RuledTrainer(Trainer):
    """Takes its numbers from `rules`, so that callbacks and schedules go by the same."""

    rules: Rules
    samples: Samples

    @contextmanager
    def following(self, rules: Rules, samples: Samples, where: str) -> Iterator[None]:
        """For one fit, on these samples, which a trainer does not keep; `where` stands in messages.

        A callback may call `partial_fit` amidst a fit.
        """
        own = vars(self)
        these = {"rules": rules, "samples": samples, "_fit_name": where}
        outer = {name: own[name] for name in these if name in own}
        own.update(these)
        try:
            yield
        finally:
            for name in these:
                del own[name]
            own.update(outer)

    @property
    def _is_followed(self) -> bool:
        """Otherwise it is a callback's, which has kept it, and a trainer as any other."""
        return hasattr(self, "rules")

    def _data(
        self, where: str, X: Any, Y: Any, sample_weight: Any, class_weight: ClassWeight = None
    ) -> Data:
        known: Samples | None = vars(self).get("samples")
        if known and X is known.X and Y is known.y and sample_weight is known.weights:
            return known.data  # checked
        return super()._data(where, X, Y, sample_weight, class_weight)

    def _train(self, *arguments: Any) -> Any:
        """What a program has changed in the lists of weights counts in the steps that follow."""
        if not self._is_followed:
            return super()._train(*arguments)
        engine = self.rules.estimator._engine
        engine.ready(self._fit_name)
        done = super()._train(*arguments)
        engine.update_lists()
        return done

    def _evaluate_epoch(
        self, data: Data, order: Array, batch: int, validation: Data | None
    ) -> dict[str, float]:
        if not self._is_followed:
            return super()._evaluate_epoch(data, order, batch, validation)
        self.rules.estimator._engine.ready(self._fit_name)
        return self.rules.evaluate(self)

    def _keys(self, validates: bool) -> list[str]:
        if not self._is_followed:
            return super()._keys(validates)
        validates = self.rules.validation is not None
        return super()._keys(validates) + ["val_score"] * validates
