"""Validation data of an estimator: held out of the training data, or given; and their score."""

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight

from chainrule._data import Data
from chainrule.network import Network
from chainrule.trainer import Trainer

Array = NDArray[Any]


@dataclass
class Validation:
    """Data that are not trained on: features, encoded targets, weights or None."""

    X: Any
    y: Array
    sample_weight: Array | None
    _data: Data | None = None

    def loss(self, est: Any, trainer: Trainer) -> float:
        """As the loss curve has it, without the penalty."""
        if self._data is None:
            y = est._targets(self.y)
            self._data = Data(trainer.net, "fit", self.X, y, trainer.loss, self.sample_weight)
        name, core = trainer.loss.name_and_number, trainer.net._core
        return core.cost(self._data.samples, name, 0.0, 0.0, "fit") / est._outputs_in_loss()

    def score(self, est: Any, net: Network) -> float:
        """By the estimator's `scoring`; NaN where a prediction is not finite."""
        outputs = net.predict(self.X)
        if not np.isfinite(outputs).all():
            return np.nan
        if est.scoring is None:
            return float(est._score_outputs(outputs, self.y, self.sample_weight))
        scorer = check_scoring(est, est.scoring)
        options = {}
        if self.sample_weight is not None and _takes_weights(scorer):
            options["sample_weight"] = self.sample_weight
        est._scores_itself = True
        try:
            return float(scorer(est, self.X, est._decode(self.y), **options))
        finally:
            del est._scores_itself


def given(est: Any, X_val: Any, y_val: Any, sample_weight_val: Any) -> Validation:
    """The user's own."""
    X, y = est._checked(X_val, y_val, reset=False)
    weights = sample_weight_val
    if weights is not None:
        weights = _check_sample_weight(sample_weight_val, X)
    encoded = est._encode_for_validation(y)
    return Validation(X, encoded, est._all_weights(encoded, weights))


def _takes_weights(scorer: Any) -> bool:
    """scikit-learn's scorers do; a function must have the argument."""
    parameters = inspect.signature(scorer).parameters
    kinds = [p.kind for p in parameters.values()]
    return "sample_weight" in parameters or inspect.Parameter.VAR_KEYWORD in kinds


def hold_out(est: Any, X: Any, y: Array, weights: Array | None) -> tuple[Array, Validation]:
    """The rows to train on, and a share of `validation_fraction`, as scikit-learn draws it."""
    rows, held_out = train_test_split(
        np.arange(X.shape[0]),
        random_state=est._random_state,
        test_size=est.validation_fraction,
        stratify=est._stratify(y),
    )
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of "
            "your dataset."
        )
    of_rows = None if weights is None else weights[held_out]
    return rows, Validation(X[held_out], y[held_out], of_rows)
