"""What a trainer reports of data: cost and metrics."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._data import Data
from chainrule.history import OWN_KEYS, monitored_key
from chainrule.losses import Loss
from chainrule.metrics import METRICS, Metric, accuracy

if TYPE_CHECKING:
    from chainrule.trainer import Trainer


def evaluate(trainer: "Trainer", data: Data, cost: bool = True) -> dict[str, float]:
    """`{"loss": J, metric: value, ..}`; J only if `cost`."""
    values = {}
    if cost:
        share = 1 / data.total_weight if trainer.penalize == "sum" else 1.0
        l2, l1 = trainer.l2 * share, trainer.l1 * share
        loss, where = trainer.loss.parts, "Trainer.evaluate"
        values["loss"] = trainer.net._core.cost(data.samples, loss, l2, l1, (False, 0, 0), where)
    if trainer.metrics:
        prediction = trainer.net.predict(data.X)
        for metric in trainer.metrics:
            values[metric.name] = _value(metric, trainer.loss, data, prediction)
    return values


def _value(metric: Metric, loss: Loss, data: Data, prediction: NDArray[Any]) -> float:
    """Accuracy with the answers as the loss has them."""
    if metric == METRICS["accuracy"]:
        return accuracy(data.Y, prediction, data.weights, threshold=loss.threshold)
    return metric(data.Y, prediction, data.weights)


def evaluate_epoch(
    trainer: "Trainer",
    data: Data,
    order: NDArray[np.int64],
    batch: int,
    validation: Data | None,
) -> dict[str, float]:
    """Loss and metrics of the latest epoch; those of the validation data by the averages."""
    weights = data.batch_weights(order, batch)
    # np.average takes three times as long, as long as a small step.
    values = {"loss": float((trainer.step_costs * weights).sum() / weights.sum())}
    if trainer.metrics:
        values |= evaluate(trainer, data, cost=False)
    if validation is not None:
        with trainer.averaged():
            found = evaluate(trainer, validation)
        values |= {f"val_{key}": value for key, value in found.items()}
    return values


def record_keys(trainer: "Trainer", validates: bool) -> list[str]:
    """Those of the records of a fit, with validation data or without."""
    keys = [*OWN_KEYS, *(metric.name for metric in trainer.metrics)]
    if not validates:
        keys.remove("val_loss")
        return keys
    return keys + [f"val_{metric.name}" for metric in trainer.metrics]


def try_first(
    trainer: "Trainer", data: Data, validation: Data | None, rows: NDArray[np.int64] | None
) -> None:
    """Metrics that do not fit the targets or the weights, rows without weight, and schedules that
    give no rate or monitor what is not there, show before the first step."""
    where = trainer._fit_name
    if rows is not None and data.weights is not None and not data.weights[rows].any():
        raise ValueError(f"[{where}] rows: expected at least one of positive weight, got all zero")
    trainer._rate(trainer.epoch)
    keys = trainer._keys(validation is not None)
    monitored_key(keys, trainer.schedule.monitor, trainer.schedule.where)
    given = [d for d in (data, validation) if d is not None]
    for metric in trainer.metrics:
        metric._check(where, "metrics", any(d.weights is not None for d in given))
    if trainer.metrics and not trainer.history:
        for d in given:
            evaluate(trainer, d, cost=False)


def check_validation(where: str, data: Any, check: Callable[..., Data]) -> Data | None:
    """The data of (X, Y) or (X, Y, sample_weight), each as `check(where, ..)` has it."""
    if data is None:
        return None
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        expected = "(X, Y) or (X, Y, sample_weight)"
        got = type(data).__name__
        if isinstance(data, tuple | list):
            got += f" of {len(data)}"
        raise TypeError(f"[{where}] validation_data: expected {expected}, got {got}")
    return check(f"{where}, validation_data", *data, *[None] * (3 - len(data)))
