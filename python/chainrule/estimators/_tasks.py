"""scikit-learn's callbacks (1.9): a fit is a task, each of its epochs or iterations a subtask.

`CallbackSupportMixin` gives the estimators `set_callbacks`. Before scikit-learn 1.9 there is none.
"""

import copy
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from chainrule.callbacks import Callback
from chainrule.history import History
from chainrule.trainer import Trainer

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        return method


__all__ = ["CallbackSupportMixin", "Tasks", "with_callbacks"]
Array = NDArray[Any]


class Tasks(Callback):
    """Tells scikit-learn's callbacks of a fit; of its epochs as a callback of the trainer.

    What a hook does not ask for is not made. `rows` are those trained on, None for all. `kept()` is
    what a fit that stops now would restore, by name, or None for the parameters as they are.
    """

    def __init__(self, estimator: Any, X: Any, y: Array, sample_weight: Array | None) -> None:
        self._estimator, self._given = estimator, (X, y, sample_weight)
        self.rows: Array | None = None
        self.kept: Callable[[], dict[str, Array] | None] = lambda: None
        self._fit: Any = None
        self._part: Any = None

    @property
    def wanted(self) -> bool:
        """Whether there are callbacks."""
        return hasattr(self._estimator, "_skl_callbacks")

    def begin(self, most_parts: int) -> None:
        self._fit = self._estimator._init_callback_context(max_subtasks=most_parts)
        self._fit.call_on_fit_task_begin(**self._told)

    def begin_part(self, name: str) -> None:
        """An epoch or iteration, unless one is running."""
        if self._part is None:
            self._part = self._fit.subcontext(task_name=name)
            self._part.call_on_fit_task_begin(**self._told)

    def end_part(self) -> bool:
        """Whether a callback wants to stop."""
        part, self._part = self._part, None
        return bool(part.call_on_fit_task_end(**self._told))

    def end(self) -> None:
        """Of a fit that was begun; a part that is still running has been cut off."""
        if self._part is not None:
            self._part.call_on_fit_task_end(estimator=self._estimator)
        if self._fit is not None:
            self._fit.call_on_fit_task_end(**self._told)

    # ---- As a callback of the trainer ------------------------------------------------------------

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.begin(epochs)

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        self.begin_part("epoch")

    def on_epoch_end(self, trainer: Trainer, epoch: int, logs: Mapping[str, float]) -> None:
        if self.end_part():
            trainer.stop("a callback of scikit-learn returned True")

    # ---- What the hooks may ask for --------------------------------------------------------------

    @cached_property
    def _told(self) -> dict[str, Any]:
        return {
            "estimator": self._estimator,
            "X": lambda: self._trained_on[0],
            "y": lambda: self._trained_on[1],
            "metadata": lambda: self._trained_on[2],
            "reconstruction_attributes": self._fitted,
        }

    @cached_property
    def _trained_on(self) -> tuple[Any, Array, dict[str, Array] | None]:
        X, y, weights = self._given
        if self.rows is not None:
            X, y = X[self.rows], y[self.rows]
            weights = None if weights is None else weights[self.rows]
        metadata = None if weights is None else {"sample_weight": weights}
        return X, self._estimator._decode(y), metadata

    def _fitted(self) -> dict[str, Any]:
        """Attributes that make a copy of the estimator one whose fit has stopped here."""
        est = self._estimator
        est._engine.ready(est._call())
        est._engine.update_lists()
        attributes = {
            name: copy.copy(getattr(est, name))
            for name in ("loss_curve_", "validation_scores_", "_optimizer")
            if hasattr(est, name)
        }
        engine = copy.copy(est._engine)
        kept = self.kept()
        if kept is not None:
            engine.end_training(kept)
        return attributes | {"_engine": engine, "history_": History(est.history_)}
