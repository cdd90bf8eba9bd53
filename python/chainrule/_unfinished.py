"""Where a fit stands, and what is left of one that was cut off: what a file holds of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import message
from chainrule.callbacks import REBUILT, Callback, State

Array = NDArray[Any]
BatchSize = int | Literal["auto"] | None  # as the user gave it
PHASES = ("epoch_begin", "steps", "epoch_end")
MOST_ROWS = 2**48  # of any data
NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Plan:
    """What a fit is to do. `rows` take part in it, `batch` of them in a step, as `batch_size` has
    it with so many; `shuffle` is None for a user's function.
    """

    batch_size: BatchSize
    batch: int
    rows: int
    shuffle: bool | None
    first_epoch: int
    last_epoch: int

    @property
    def epochs(self) -> int:
        return self.last_epoch - self.first_epoch

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-self.rows // self.batch)


@dataclass
class Progress:
    """Where a fit is: in one of the `PHASES` of the trainer's present epoch.

    `told` are the callbacks, by number, that have heard of the latest occasion; all have heard of
    `reported` steps. `parts` are the costs and penalties of the steps done, a pair of arrays for
    each call of the core.
    """

    phase: str = "epoch_begin"
    told: frozenset[int] = NOBODY
    reported: int = 0
    seconds: float = 0.0
    parts: list[tuple[Array, Array]] = field(default_factory=list)

    @property
    def done(self) -> int:
        return sum(len(costs) for costs, _ in self.parts)

    @property
    def is_telling(self) -> bool:
        """Whether some callbacks may not have heard of an occasion yet."""
        return bool(self.told) or self.phase == "epoch_end" or self.done > self.reported

    @property
    def last_cost(self) -> float:
        """Of the steps done; the core takes no step with a cost that is not finite."""
        return float(self.parts[-1][0][-1]) if self.parts else 0.0

    def joined(self) -> tuple[Array, Array]:
        """The costs and the penalties of the steps done."""
        if len(self.parts) == 1:
            return self.parts[0]
        costs, penalties = zip(*self.parts, strict=True) if self.parts else ((), ())
        empty = np.zeros(0)
        return np.concatenate([empty, *costs]), np.concatenate([empty, *penalties])


@dataclass(frozen=True)
class SavedCallback:
    """`arguments` build it again, if there are any; `state` goes to its `restore`."""

    kind: str
    optional: bool
    arguments: State | None
    state: State | None


@dataclass
class Unfinished:
    """What is left of a fit that was cut off.

    `weights` are those of that moment, as `read_weights` has them, if callbacks have put others in
    their place since; `callbacks` are the objects, None if they came from a file.
    """

    plan: Plan
    progress: Progress
    saved: list[SavedCallback]
    weights: dict[str, Array] | None = None
    callbacks: list[Callback] | None = None

    def other_weights(self, read_now: Callable[[], Mapping[str, Array]]) -> dict[str, Array] | None:
        """The weights, unless those of now are the same, which are read only if there are any."""
        if self.weights is None:
            return None
        now = read_now()
        same = (np.array_equal(w, now[name]) for name, w in self.weights.items())
        return None if all(same) else self.weights

    def match(
        self, where: str, given: list[Callback] | None
    ) -> tuple[list[Callback], dict[int, int]]:
        """The callbacks to go on with, and which saved one each of them is, by numbers.

        Those of then if none are given. Raises ValueError if one is missing that matters.
        """
        if given is None:
            if self.callbacks is not None:
                return self.callbacks, {i: i for i in range(len(self.callbacks))}
            numbers = [i for i, one in enumerate(self.saved) if one.arguments is not None]
            given = [rebuild(self.saved[i]) for i in numbers]
            pairs = dict(enumerate(numbers))
        else:
            pairs = {}
            for number, one in enumerate(self.saved):
                for i, callback in enumerate(given):
                    if i not in pairs and type(callback).__name__ == one.kind:
                        pairs[i] = number
                        break
        found = set(pairs.values())
        missing = [
            one.kind for i, one in enumerate(self.saved) if i not in found and not one.optional
        ]
        if missing:
            expected = f"{' and '.join(missing)} among them, as in the fit that goes on"
            names = [type(callback).__name__ for callback in given]
            raise ValueError(message(where, "callbacks", expected, names))
        return given, pairs


def rebuild(saved: SavedCallback) -> Callback:
    """As it was built; its state is not restored."""
    return REBUILT[saved.kind](**(saved.arguments or {}))


def save_callback(callback: Callback, failure: BaseException | None = None) -> SavedCallback:
    """With its state, and with arguments if a file may build it again.

    A `state` that raises is noted on the `failure` that has cut the fit off, if that is why it is
    asked for: the fit can go on all the same.
    """
    kind, arguments, state = type(callback).__name__, None, None
    if type(callback) is REBUILT.get(kind):
        arguments = {name: getattr(callback, name) for name in callback.arguments}
    try:
        state = callback.state()
    except Exception as error:
        if failure is None:
            raise
        got = f"{type(error).__name__}: {error}"
        failure.add_note(
            f"{kind}.state() raised {got}; a fit that goes on does so without its state"
        )
    return SavedCallback(kind, callback.optional, arguments, state)
