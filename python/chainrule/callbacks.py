"""Callbacks: what is called while `Trainer.fit` runs. Derive from `Callback` to write your own.

A callback sees the trainer: `trainer.net.parameters` (name -> array; reading copies, assigning
sets), `trainer.history`, `trainer.epoch`. `trainer.stop("reason")` ends training.

What a callback remembers in the midst of a fit it gives and takes by `state` and `restore`; then a
fit that was cut off, be the process killed, goes on as if nothing had happened.
"""

import io
import os
from collections.abc import Mapping
from typing import Any, BinaryIO, ClassVar

from numpy.typing import NDArray

import chainrule._errors  # binds `chainrule`: annotations find there what is on higher floors
from chainrule._calls import explained
from chainrule._errors import (
    check_bool,
    check_instance,
    check_integer,
    check_number,
    message,
    quoted,
)
from chainrule._files import check_path
from chainrule._monitored import check_direction, check_monitor, improves
from chainrule._optimizer import read_weights, write_weights
from chainrule.history import monitored_key

State = dict[str, Any]


class Callback:
    """Does nothing at every occasion; derive from it, for `Trainer.fit(callbacks=[..])`.

    class Norms(cr.Callback):
        def on_epoch_end(self, trainer, epoch, logs):
            print(epoch, logs["loss"], np.linalg.norm(trainer.net.parameters["1.weight"]))
    """

    # Whether a fit may go on without it, because it ends with the same weights then.
    optional: ClassVar[bool] = False
    # Whether it may hear once more of an occasion in which it was interrupted.
    repeatable: ClassVar[bool] = False
    # Whether it hears of everything after the callbacks of which this is False.
    comes_last: ClassVar[bool] = False
    # The arguments of the constructor, kept as attributes of these names, where a file may hold
    # all that is needed to build the callback again.
    arguments: ClassVar[tuple[str, ...]] = ()

    def on_fit_begin(self, trainer: "chainrule.Trainer", epochs: int, steps_per_epoch: int) -> None:
        """Before the first step of a fit that plans this many epochs."""

    def on_epoch_begin(self, trainer: "chainrule.Trainer", epoch: int) -> None:
        """Before the first step of an epoch."""

    def on_steps_end(self, trainer: "chainrule.Trainer", steps: int, loss: float) -> None:
        """After each `steps` mini-batches: as many as fit in 50 ms, or one that takes longer."""

    def on_epoch_end(
        self, trainer: "chainrule.Trainer", epoch: int, logs: Mapping[str, float]
    ) -> None:
        """After an epoch; `logs` is its record in the history."""

    def on_fit_end(self, trainer: "chainrule.Trainer") -> None:
        """At the end of a fit, also when it ends by an exception or Ctrl-C."""

    def state(self) -> State | None:
        """What the callback remembers, for `Trainer.save`: None, or names with plain values.

        Plain values are None, numbers, strings, NumPy arrays, and lists and dicts of them; what is
        large is an array.
        """
        return None

    def restore(self, state: State) -> None:
        """Takes what `state` gave; called after `on_fit_begin` of a fit that goes on."""


class ProgressBar(Callback):
    """One bar (tqdm) over all steps of a fit, with the latest loss and val_loss."""

    optional = repeatable = True

    def __init__(self) -> None:
        self._bar: Any = None
        self._shown: dict[str, str] = {}

    def on_fit_begin(self, trainer: "chainrule.Trainer", epochs: int, steps_per_epoch: int) -> None:
        from tqdm.auto import tqdm

        self._shown = {}
        self._bar = tqdm(total=epochs * steps_per_epoch, unit="step")

    def on_steps_end(self, trainer: "chainrule.Trainer", steps: int, loss: float) -> None:
        self._show(loss=loss)
        self._bar.update(steps)

    def on_epoch_end(
        self, trainer: "chainrule.Trainer", epoch: int, logs: Mapping[str, float]
    ) -> None:
        self._show(**{key: logs[key] for key in ("loss", "val_loss") if key in logs})

    def on_fit_end(self, trainer: "chainrule.Trainer") -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def state(self) -> State | None:
        return None if self._bar is None else {"steps": self._bar.n, "shown": dict(self._shown)}

    def restore(self, state: State) -> None:
        steps = check_integer("ProgressBar", "steps", state["steps"], 0)
        self._shown = {str(key): str(value) for key, value in state["shown"].items()}
        if self._bar is not None:
            self._bar.initial = steps  # so that the rate is that of today
            self._bar.n = steps
            self._bar.set_postfix(self._shown)

    def _show(self, **values: float) -> None:
        self._shown |= {key: f"{value:.4g}" for key, value in values.items()}
        self._bar.set_postfix(self._shown, refresh=False)


class EarlyStopping(Callback):
    """Ends training after `patience` epochs in a row without improvement; keeps the best weights.

    An epoch improves if its value is finite and beats the best by more than `min_delta`.
    `monitor` is a key of the history, None for "val_loss" (without validation data "loss"); of a
    metric of your own its `Metric` says whether `larger_is_better`, or you here.

    With `restore_best` the weights of the best epoch, and the trainer's averages of them, come back
    when the fit ends, however it ends; the optimizer keeps its latest state. Each fit starts anew.
    Afterwards `best` is the best value (None if no epoch had a finite one) and `best_epoch` its
    epoch.

    `fit` raises ValueError where nothing says whether larger values of `monitor` are better, and at
    the end of the first epoch, listing the keys, if it is none of them.
    """

    repeatable = True  # what it finds out it stores at the end, without a call in between
    arguments = ("patience", "monitor", "min_delta", "restore_best", "larger_is_better")

    @explained()
    def __init__(
        self,
        patience: int = 10,
        monitor: str | None = None,
        min_delta: float = 0.0,
        restore_best: bool = True,
        larger_is_better: bool | None = None,
    ) -> None:
        where = "EarlyStopping"
        self.patience = check_integer(where, "patience", patience, 1)
        self.monitor = monitor
        self.min_delta = check_number(where, "min_delta", min_delta, minimum=0)
        self.restore_best = check_bool(where, "restore_best", restore_best)
        check_monitor(where, monitor, larger_is_better)
        self.larger_is_better = larger_is_better
        self._larger_is_better = False  # what that comes to in a fit
        self._forget()

    def _forget(self) -> None:
        self.best: float | None = None
        self.best_epoch: int | None = None
        self._bad_epochs = 0
        self._best_weights: dict[str, NDArray[Any]] = {}

    def on_fit_begin(self, trainer: "chainrule.Trainer", epochs: int, steps_per_epoch: int) -> None:
        told, own = self.larger_is_better, trainer.metrics
        self._larger_is_better = check_direction("EarlyStopping", self.monitor, told, own)
        self._forget()

    def on_epoch_end(
        self, trainer: "chainrule.Trainer", epoch: int, logs: Mapping[str, float]
    ) -> None:
        key = monitored_key(logs, self.monitor, "EarlyStopping")
        if improves(logs[key], self.best, self.min_delta, self._larger_is_better):
            best = read_weights(trainer) if self.restore_best else {}
            self.best, self.best_epoch, self._bad_epochs = logs[key], epoch, 0
            self._best_weights = best
            return
        bad_epochs = self._bad_epochs + 1
        if bad_epochs >= self.patience:
            best_one = f"best {self.best} in epoch {self.best_epoch}"
            trainer.stop(f"{key} did not improve for {bad_epochs} epochs ({best_one})")
        self._bad_epochs = bad_epochs

    def on_fit_end(self, trainer: "chainrule.Trainer") -> None:
        write_weights(trainer, self._best_weights)
        self._best_weights = {}

    def state(self) -> State:
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "bad_epochs": self._bad_epochs,
            "best_parameters": dict(self._best_weights),
        }

    def restore(self, state: State) -> None:
        where, best, epoch = "EarlyStopping", state["best"], state["best_epoch"]
        self.best = None if best is None else check_number(where, "best", best)
        self.best_epoch = None if epoch is None else check_integer(where, "best_epoch", epoch, 0)
        self._bad_epochs = check_integer(where, "bad_epochs", state["bad_epochs"], 0)
        self._best_weights = check_instance(where, "weights", state["best_parameters"], dict)


class CSVLogger(Callback):
    """Writes a line per epoch to a CSV file, at once; the header is the first epoch's keys.

    With `append` lines are added to an existing file, whose header must be the same; else the first
    line of a fit starts the file anew. A fit that goes on takes back the lines that were written
    after it was saved. Raises ValueError if an epoch's keys are not those of the header.
    """

    optional = repeatable = True

    @explained()
    def __init__(self, path: str | os.PathLike[str], append: bool = False) -> None:
        from pathlib import Path  # here, because 4 ms of `import chainrule` are many

        self.path = Path(check_path("CSVLogger", path))
        self.append = check_bool("CSVLogger", "append", append)
        self._header: list[str] = []
        self._file: BinaryIO | None = None
        self._end: int | None = None  # of the lines that stay; None: of the file

    def on_fit_begin(self, trainer: "chainrule.Trainer", epochs: int, steps_per_epoch: int) -> None:
        self._file = self.path.open("ab")  # writes at the end, wherever that is
        self._header = self._read_header() if self.append else []
        self._end = None if self.append else 0

    def _read_header(self) -> list[str]:
        import csv

        with self.path.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])

    def on_epoch_end(
        self, trainer: "chainrule.Trainer", epoch: int, logs: Mapping[str, float]
    ) -> None:
        import csv  # 2 ms, likewise

        assert self._file is not None
        size = self._file.seek(0, os.SEEK_END)
        if self._end is not None and self._end < size:
            size = self._file.truncate(self._end)
        self._end = size  # until the line is there
        lines = io.StringIO(newline="")
        writer = csv.writer(lines)
        if not self._header or size == 0:
            self._header = list(logs)
            writer.writerow(self._header)
        if list(logs) != self._header:
            expected = f"the header of {self.path}, {quoted(self._header)}"
            raise ValueError(message("CSVLogger", "keys", expected, list(logs)))
        writer.writerow(logs.values())
        self._file.write(lines.getvalue().encode())
        self._file.flush()
        self._end = None

    def on_fit_end(self, trainer: "chainrule.Trainer") -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def state(self) -> State | None:
        if self._file is None:
            return None
        end = self._file.seek(0, os.SEEK_END) if self._end is None else self._end
        return {"header": list(self._header), "bytes": end}

    def restore(self, state: State) -> None:
        self._header = list(state["header"])
        self._end = check_integer("CSVLogger", "bytes", state["bytes"], 0)


# Callbacks that a file tells how to build. None of them writes anywhere: a file from a stranger
# must not choose where.
REBUILT: dict[str, type[Callback]] = {kind.__name__: kind for kind in (EarlyStopping, ProgressBar)}
