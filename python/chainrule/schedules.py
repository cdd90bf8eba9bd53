"""Learning rate schedules: the factor of the optimizer's `learning_rate` as training goes on.

Start at the lowercase functions at the end, the public face, with formulas and sources. Each builds
the frozen `Schedule` of its name, whose `ScheduleState` the trainer keeps and saves.

`epoch` is progress, step / steps_per_epoch: 2.5 is the middle of the third epoch.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import FunctionType
from typing import Annotated, ClassVar

from chainrule._calls import explained
from chainrule._dataclass import dataclass
from chainrule._description import (
    NonNegative,
    Positive,
    Share,
    by_name,
    resolve,
    store,
)
from chainrule._errors import check_number, message, takes
from chainrule._schedule import START as START
from chainrule._schedule import Drop
from chainrule._schedule import ReduceOnPlateau as ReduceOnPlateau
from chainrule._schedule import Schedule as Schedule
from chainrule._schedule import ScheduleState as ScheduleState
from chainrule.metrics import Metric


@dataclass(frozen=True)
class Constant(Schedule):
    name: ClassVar[str] = "constant"
    is_constant_within_epochs = True

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        return 1.0


@dataclass(frozen=True)
class Step(Schedule):
    name: ClassVar[str] = "step"
    every: Positive
    drop: Drop

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        return float(self.drop ** math.floor(epoch / self.every))


@dataclass(frozen=True)
class Exponential(Schedule):
    name: ClassVar[str] = "exponential"
    is_constant_within_epochs = True
    rate: Annotated[float, partial(check_number, above=0, maximum=1)]

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        return float(self.rate ** math.floor(epoch))


@dataclass(frozen=True)
class InverseTime(Schedule):
    name: ClassVar[str] = "inverse_time"
    is_constant_within_epochs = True
    decay: NonNegative

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        return 1 / (1 + self.decay * math.floor(epoch))


@dataclass(frozen=True)
class Cosine(Schedule):
    name: ClassVar[str] = "cosine"
    epochs: Positive
    end: Share

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        progress = min(epoch / self.epochs, 1.0)
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * progress)) / 2


CYCLE = 0.9  # the part of `one_cycle` that is the cycle; Smith says only "slightly smaller"


@dataclass(frozen=True)
class OneCycle(Schedule):
    name: ClassVar[str] = "one_cycle"
    epochs: Positive
    peak: Positive
    start: Positive
    end: NonNegative

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        foot = CYCLE * self.epochs
        if epoch < foot / 2:
            return _line(epoch / (foot / 2), self.start, self.peak)
        if epoch < foot:
            return _line(epoch / (foot / 2) - 1, self.peak, self.start)
        return _line((epoch - foot) / (self.epochs - foot), self.start, self.end)


def _line(progress: float, first: float, last: float) -> float:
    """From `first` at progress 0 to `last` at 1; constant after that."""
    return last if progress >= 1 else first + (last - first) * progress


@dataclass(frozen=True)
class Warmup(Schedule):
    name: ClassVar[str] = "warmup"
    schedule: Schedule
    epochs: Positive
    start: Share

    def __post_init__(self) -> None:
        super().__post_init__()
        schedule = as_schedule(self.schedule, self.where)
        if isinstance(schedule, Warmup):
            raise ValueError(message(self.where, "schedule", "one without warm-up", schedule))
        store(self, schedule=schedule, monitor=schedule.monitor)

    def knowing(self, metrics: Iterable[Metric]) -> Schedule:
        return replace(self, schedule=self.schedule.knowing(metrics))

    def advance(self, state: ScheduleState, value: float) -> ScheduleState:
        if state.epochs < self.epochs:  # the epoch that ended began in the warm-up
            return super().advance(state, value)
        return self.schedule.advance(state, value)

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        if epoch < self.epochs:
            return _line(epoch / self.epochs, self.start, 1.0) * self.schedule.factor(0.0, state)
        return self.schedule.factor(epoch - self.epochs, state)


@dataclass(frozen=True)
class FunctionOfEpoch(Schedule):
    """A user's own function of the epoch. It cannot be saved: `to_dict` raises TypeError."""

    name: ClassVar[str] = "schedule"
    function: Callable[[float], float]

    def factor(self, epoch: float, state: ScheduleState = START) -> float:
        result = self.function(epoch)
        return check_number(self.where, f"result at epoch {epoch:g}", result, minimum=0)


SCHEDULES: dict[str, type[Schedule]] = by_name(
    Constant, Step, Exponential, InverseTime, Cosine, OneCycle, ReduceOnPlateau, Warmup
)


def as_schedule(schedule: object, where: str = "as_schedule") -> Schedule:
    """The schedule meant by itself, None (constant), a function of the epoch, or a saved dict."""
    if schedule is None:
        return Constant()
    if isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, Mapping):
        return resolve(schedule, SCHEDULES, where, "schedule")
    expected = "a schedule, a function epoch -> factor or None"
    if isinstance(schedule, FunctionType | type) and schedule.__module__ == __name__:
        expected = f"{schedule.__name__}(...), with its numbers"
    elif callable(schedule) and takes(schedule, 1):
        return FunctionOfEpoch(schedule)
    raise TypeError(message(where, "schedule", expected, schedule))


def constant() -> Schedule:
    """The learning rate of the optimizer throughout: factor 1."""
    return Constant()


@explained()
def step(every: float, factor: float = 0.1) -> Schedule:
    """`factor ** floor(epoch / every)`, 0 < factor < 1: a drop after each `every` epochs."""
    return Step(every, factor)


@explained()
def exponential(rate: float) -> Schedule:
    """`rate ** floor(epoch)`, 0 < rate <= 1: the course's `0.95^epoch`."""
    return Exponential(rate)


@explained()
def inverse_time(decay: float) -> Schedule:
    """`1 / (1 + decay * floor(epoch))`, decay >= 0 per epoch: the course's learning rate decay."""
    return InverseTime(decay)


@explained()
def cosine(epochs: float, end: float = 0.0) -> Schedule:
    """`end + (1 - end) (1 + cos(pi epoch / epochs)) / 2`: half a cosine, constant after `epochs`.

    From 1 to `end`, 0 <= end <= 1. Loshchilov & Hutter 2017 (SGDR), eq. 5, without restarts.
    """
    return Cosine(epochs, end)


@explained()
def one_cycle(epochs: float, peak: float = 10.0, start: float = 1.0, end: float = 0.01) -> Schedule:
    """Three lines: `start` up to `peak`, back to `start`, down to `end`; constant after `epochs`.

    They take 45, 45 and 10 % of `epochs`. By default the optimizer's learning rate is the lowest
    of the cycle. Smith 2018, "A disciplined approach to neural network hyper-parameters": a cycle
    slightly smaller than the run, then orders of magnitude below its start. Momentum is not cycled.
    """
    return OneCycle(epochs, peak, start, end)


@explained()
def warmup(
    schedule: Schedule | Callable[[float], float] | None, epochs: float, start: float = 0.0
) -> Schedule:
    """A line from `start` to 1 over `epochs`, times the schedule's first factor; then the schedule.

    `Trainer(net, loss, schedule=cr.warmup(cr.cosine(50), 5))`. The schedule begins when the warm-up
    ends: it sees `epoch - epochs`, and a plateau does not count the epochs before. Goyal et al.
    2017, sec. 2.2 ("gradual warmup").
    """
    return Warmup(as_schedule(schedule, "warmup"), epochs, start)


@explained()
def reduce_on_plateau(
    factor: float = 0.1,
    patience: int = 10,
    min_factor: float = 0.0,
    threshold: float = 1e-4,
    monitor: str | None = None,
    larger_is_better: bool | None = None,
) -> Schedule:
    """Multiplies by `factor` after each `patience` epochs in a row without improvement.

    The result stays at `min_factor` or above. An epoch improves if its value is finite and beats
    the best by more than `threshold * |best|`. After a drop the count starts anew; the best value
    stays. `monitor` is a key of the history, None for "val_loss" (without validation data "loss");
    of a metric of your own its `Metric` says whether `larger_is_better`, or you here.
    """
    return ReduceOnPlateau(factor, patience, min_factor, threshold, monitor, larger_is_better)
