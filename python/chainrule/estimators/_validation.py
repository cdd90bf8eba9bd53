"""Samples of an estimator; validation data, held out of them or given, and their score."""

import inspect
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from chainrule._data import Data
from chainrule._errors import message, short, warn
from chainrule.estimators._checks import checked_for_validation
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.trainer import Trainer

Array = NDArray[Any]


@dataclass
class Samples:
    """Checked features, encoded targets, weights or None; and the same as the core reads them."""

    X: Any
    y: Array
    weights: Array | None
    data: Data


class Validation(Samples):
    """Samples that are not trained on."""

    def loss(self, est: Any, trainer: Trainer) -> float:
        """As the loss curve has it, without the penalty."""
        name, core = trainer.loss.parts, trainer.net._core
        where = trainer._fit_name
        cost = core.cost(self.data.samples, name, 0.0, 0.0, (False, 0, 0), where)
        return cost / est._outputs_in_loss(trainer.loss)

    def score(self, est: Any, trainer: Trainer, net: Network, loss: float) -> float:
        """By the estimator's `scoring`; NaN where a prediction is not finite.

        Without it by scikit-learn's score, or by `loss`, that of these data, if the trainer's is
        after something else.
        """
        where = trainer._fit_name
        outputs = net.predict(self.X)
        if not np.isfinite(outputs).all():
            return np.nan
        if est.scoring is None:
            if est._score_suits(trainer.loss):
                return float(est._score_outputs(outputs, self.y, self.weights))
            return -loss
        scorer = check_scoring(est, est.scoring)
        options = {}
        if self.weights is not None and _takes_weights(scorer):
            options["sample_weight"] = self.weights
        est._scores_itself = True
        try:
            score = scorer(est, self.X, est._decode(self.y), **options)
        except ValueError as error:  # these data have no such score
            raise ValueError(f"[{where}] scoring: {error}") from error
        finally:
            del est._scores_itself
        if not isinstance(score, numbers.Real):
            raise TypeError(message(where, "scoring", "a scorer that returns a number", score))
        return float(score)


def validation_arguments(
    where: str, X_val: Any, y_val: Any, sample_weight_val: Any
) -> tuple[Any, Any, Any] | None:
    """Those of `fit`, if any are given. Raises ValueError for some without the others."""
    if (X_val is None) != (y_val is None):
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"[{where}] {missing}: X_val and y_val go together")
    if X_val is None and sample_weight_val is not None:
        raise ValueError(f"[{where}] sample_weight_val: needs X_val and y_val")
    return None if X_val is None else (X_val, y_val, sample_weight_val)


def of_user(
    est: Any, where: str, loss: Loss, X_val: Any, y_val: Any, sample_weight_val: Any
) -> Validation:
    """The user's own."""
    X, encoded, weights = checked_for_validation(est, where, X_val, y_val, sample_weight_val)
    weights = est._all_weights(where, encoded, weights)
    _warn_of_weights(est, where, weights)
    data = est._engine.data(where, X, encoded, loss, weights, "_val")
    return Validation(X, encoded, weights, data)


def hold_out(est: Any, where: str, loss: Loss, samples: Samples) -> tuple[Array, Validation]:
    """The rows to train on, and a share of `validation_fraction`, as scikit-learn draws it."""
    try:
        rows, held_out = train_test_split(
            np.arange(samples.X.shape[0]),
            random_state=est._random_state,
            test_size=float(est.validation_fraction),
            stratify=est._stratify(samples.y),
        )
    except ValueError as error:  # a share of no rows, or not of all classes
        raise ValueError(f"[{where}] validation_fraction: {error}") from error
    if len(held_out) < 2:
        raise ValueError(
            f"[{where}] validation_fraction: The validation set is too small. Increase "
            "'validation_fraction' or the size of your dataset."
        )
    X, y = samples.X[held_out], samples.y[held_out]
    weights = None if samples.weights is None else samples.weights[held_out]
    if samples.weights is not None and not samples.weights[rows].any():
        problem = "expected at least one positive weight, got all zero"
        raise ValueError(f"[{where}, rows not held out for validation] sample_weight: {problem}")
    _warn_of_weights(est, where, weights)
    at = f"{where}, rows held out for validation"
    data = est._engine.data(at, X, y, loss, weights)
    return rows, Validation(X, y, weights, data)


def _warn_of_weights(est: Any, where: str, weights: Array | None) -> None:
    """Of a score without them, as scikit-learn's searches do."""
    given = est.scoring
    if weights is None or given is None or _takes_weights(check_scoring(est, given)):
        return
    warn(
        f"[{where}] scoring: {short(repr(given))} does not support sample_weight, so it scores "
        "the validation data without weights (sample_weight or class_weight)"
    )


def _takes_weights(scorer: Any) -> bool:
    """One of scikit-learn's does if its metric has the argument, a function if it may take it."""
    metric = getattr(scorer, "_score_func", None)
    parameters = inspect.signature(metric or scorer).parameters
    kinds = [p.kind for p in parameters.values()]
    may = metric is None and inspect.Parameter.VAR_KEYWORD in kinds
    return "sample_weight" in parameters or may
