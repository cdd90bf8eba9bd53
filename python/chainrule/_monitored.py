"""The key of a history that callbacks and schedules go by: which way is better, and by how much."""

from collections.abc import Iterable
from math import isfinite

from chainrule._errors import check_bool, message, quoted
from chainrule.metrics import METRICS, Metric


def check_monitor(where: str, monitor: object, larger_is_better: object) -> None:
    """Raises TypeError for a key, or an answer whether larger is better, that cannot be one."""
    if monitor is not None and not isinstance(monitor, str):
        raise TypeError(message(where, "monitor", "a key of the history or None", monitor))
    if larger_is_better is not None:
        check_bool(where, "larger_is_better", larger_is_better)


def check_direction(
    where: str, monitor: str | None, larger_is_better: bool | None, own: Iterable[Metric] = ()
) -> bool:
    """Whether larger values of a monitored key are better: as told, else as known for its name.

    Known are the loss, which None stands for, the metrics here, an estimator's score and the user's
    `own` metrics with a direction. Raises ValueError where none of these tells.
    """
    check_monitor(where, monitor, larger_is_better)
    if larger_is_better is not None:
        return larger_is_better
    known = {"loss": False, "score": True}
    for metric in (*METRICS.values(), *own):
        if metric.larger_is_better is not None:
            known[metric.name] = metric.larger_is_better
    better = known.get((monitor or "loss").removeprefix("val_"))
    if better is None:
        expected = f"True or False for monitor={monitor!r} (known by name: {quoted(known)})"
        raise ValueError(message(where, "larger_is_better", expected, None))
    return better


def improves(value: float, best: float | None, margin: float, larger_is_better: bool) -> bool:
    """Whether a value is finite and beats the best (None: there is none) by more than `margin`."""
    if best is None or not isfinite(value):
        return isfinite(value)
    return (value - best if larger_is_better else best - value) > margin
