"""The learning rate of an estimator without a `schedule`, by scikit-learn's rules."""

from dataclasses import dataclass
from typing import ClassVar

from chainrule.schedules import START, Schedule, ScheduleState

SMALLEST_RATE = 1e-6  # of learning_rate="adaptive"


class LearningRate:
    """The learning rate of an estimator, which changes between epochs."""

    def __init__(self, initial: float, rule: str, power_t: float) -> None:
        self.learning_rate_init = self.learning_rate = initial
        self.rule, self.power_t = rule, power_t

    def epoch_ended(self, samples_seen: int) -> None:
        if self.rule == "invscaling":
            try:
                self.learning_rate = self.learning_rate_init / (samples_seen + 1) ** self.power_t
            except OverflowError:
                self.learning_rate = 0.0

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
