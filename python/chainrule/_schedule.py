"""What a schedule is, and the one that looks at the history: it waits for a plateau.

The others stand in `chainrule.schedules`, and so do the functions that build them.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, ClassVar

from chainrule._dataclass import dataclass
from chainrule._description import Count, Description, NonNegative, Share
from chainrule._errors import check_number
from chainrule._monitored import check_direction, check_monitor, improves
from chainrule.metrics import Metric


@dataclass(frozen=True)
class ScheduleState:
    """Epochs that ended; for the plateau its factor, the best value and the bad epochs since."""

    epochs: int = 0
    factor: float = 1.0
    best: float | None = None
    bad_epochs: int = 0


START = ScheduleState()


class Schedule(Description):
    """Base of all schedules. `monitor` is the key of the value for `advance`; None: the loss."""

    monitor: str | None = None
    is_constant_within_epochs: ClassVar[bool] = False

    @property
    def where(self) -> str:
        return self.name

    def knowing(self, metrics: Iterable[Metric]) -> "Schedule":
        """The same, told whether larger values of what it monitors are better.

        Raises ValueError where neither it nor one of the user's `metrics` tells.
        """
        return self

    def advance(self, state: ScheduleState, value: float) -> ScheduleState:
        """The state after an epoch that ended with this value of the monitored quantity."""
        return replace(state, epochs=state.epochs + 1)

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        """The factor of the learning rate at this progress."""
        raise NotImplementedError


def _check_drop(where: str, argument: str, value: float) -> float:
    """The field `drop` is the argument `factor` of the functions; `factor` itself is a method."""
    return check_number(where, "factor", value, above=0, below=1)


Drop = Annotated[float, _check_drop]


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    name: ClassVar[str] = "reduce_on_plateau"
    is_constant_within_epochs = True
    drop: Drop
    patience: Count
    min_factor: Share
    threshold: NonNegative
    monitor: str | None = None
    larger_is_better: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_monitor(self.where, self.monitor, self.larger_is_better)

    def knowing(self, metrics: Iterable[Metric]) -> "ReduceOnPlateau":
        better = check_direction(self.where, self.monitor, self.larger_is_better, metrics)
        return replace(self, larger_is_better=better)

    def advance(self, state: ScheduleState, value: float) -> ScheduleState:
        state = super().advance(state, value)
        better = check_direction(self.where, self.monitor, self.larger_is_better)
        margin = self.threshold * abs(state.best or 0.0)
        if improves(value, state.best, margin, better):
            return replace(state, best=value, bad_epochs=0)
        if state.bad_epochs + 1 < self.patience:
            return replace(state, bad_epochs=state.bad_epochs + 1)
        return replace(state, factor=max(state.factor * self.drop, self.min_factor), bad_epochs=0)

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        return state.factor
