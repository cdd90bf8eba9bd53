"""The callback that saves the trainer while it trains, so that a run survives whatever happens."""

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import chainrule._errors  # as in callbacks.py
from chainrule._calls import explained
from chainrule._errors import FileFormatError, check_integer, message, warn
from chainrule._files import check_path, check_place, remove_leftovers
from chainrule.callbacks import Callback

UNITS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
DURATION = re.compile(r"\s*(\d+(?:\.\d*)?)\s*([a-z]+?)s?\s*")


class Checkpoint(Callback):
    """Saves the trainer every so often: `every="5 min"` (s, min, h), a number of steps, or "epoch".

        trainer.fit(X, Y, epochs=100, callbacks=[cr.Checkpoint("run.safetensors", every="5 min")])
        cr.Trainer.load("run.safetensors").fit(X, Y)      # after a kill: goes on, to the same bits

    Steps and time are looked at when callbacks are, every 50 ms. It also saves at the end of the
    last epoch and when a fit is cut off by Ctrl-C or an exception. A file is whole at any moment,
    and one that was there stays until the new one is. What is saved is always a fit at work: loaded
    after its last epoch, `fit` has nothing left to do but to end: `trainer.epoch` stays.

    `keep=1` writes to `path`. With more, files are numbered, `run.000001.safetensors` and so on,
    and the newest `keep` of them stay; `Checkpoint.newest(path)` finds the one to load.

    A network with parameters that are not finite is not saved. `fit` raises OSError where a save
    fails (no space, no permission) and can go on then, with `resume=True`.
    """

    optional = repeatable = True
    comes_last = True  # so that the file has what others do at the end of the last epoch

    @explained()
    def __init__(
        self, path: str | os.PathLike[str], every: str | int = "epoch", keep: int = 1
    ) -> None:
        self.path = Path(check_path("Checkpoint", path))
        self.every = every
        self._seconds, self._steps = _interval(every)
        self.keep = check_integer("Checkpoint", "keep", keep, 1)
        self._begin()

    def _begin(self) -> None:
        self._saved_at, self._steps_since, self._is_saved = time.monotonic(), 0, True

    @classmethod
    def newest(cls, path: str | os.PathLike[str]) -> Path | None:
        """The newest whole file of a `Checkpoint(path)`, numbered or not; None if there is none.

        Files that are damaged are passed over with a RuntimeWarning. Raises FileFormatError if
        there are only such, OSError if one cannot be read.
        """
        from chainrule.checkpoint import read_file

        base, refusal = Path(check_path("Checkpoint.newest", path)), None
        files = [file for _, file in sorted(_numbered(base), reverse=True)]
        for file in [*files, *([base] if base.exists() else [])]:
            try:
                read_file(file, "Checkpoint.newest")
                return file
            except FileFormatError as error:
                refusal = refusal or error
                warn(f"{error}; it is passed over", RuntimeWarning)
        if refusal is not None:
            raise refusal
        return None

    def on_fit_begin(self, trainer: "chainrule.Trainer", epochs: int, steps_per_epoch: int) -> None:
        self._begin()
        check_place(self._next_path())
        # What a killed process left.
        remove_leftovers(self._next_path())
        self._remove_old()

    def on_steps_end(self, trainer: "chainrule.Trainer", steps: int, loss: float) -> None:
        self._steps_since += steps
        self._is_saved = False
        by_steps = self._steps is not None and self._steps_since >= self._steps
        by_time = self._seconds is not None and time.monotonic() - self._saved_at >= self._seconds
        if by_steps or by_time:
            self._save(trainer)

    def on_epoch_end(
        self, trainer: "chainrule.Trainer", epoch: int, logs: Mapping[str, float]
    ) -> None:
        self._is_saved = False
        run = trainer._fit.run
        if self.every == "epoch" or run is None or run.is_last_epoch:
            self._save(trainer)

    def on_fit_end(self, trainer: "chainrule.Trainer") -> None:
        if trainer.is_unfinished and not self._is_saved:
            self._save(trainer)

    def _save(self, trainer: "chainrule.Trainer") -> None:
        if not trainer.net.is_finite():
            return
        try:
            trainer.save(self._next_path())
        except OSError:
            self._is_saved = True  # as well as can be: it is not tried again
            raise
        self._is_saved = True
        self._saved_at, self._steps_since = time.monotonic(), 0
        self._remove_old()

    def _remove_old(self) -> None:
        if self.keep > 1:
            for _, file in sorted(_numbered(self.path))[: -self.keep]:
                file.unlink(missing_ok=True)

    def _next_path(self) -> Path:
        if self.keep == 1:
            return self.path
        last = max((number for number, _ in _numbered(self.path)), default=0)
        return self.path.with_name(f"{self.path.stem}.{last + 1:06}{self.path.suffix}")


def _numbered(base: Path) -> list[tuple[int, Path]]:
    """The numbered files of this path, with their numbers."""
    name = re.compile(rf"{re.escape(base.stem)}\.(\d{{6,}}){re.escape(base.suffix)}")
    if not base.parent.is_dir():
        return []
    found = ((name.fullmatch(file.name), file) for file in base.parent.iterdir())
    return [(int(match[1]), file) for match, file in found if match]


def _interval(every: Any) -> tuple[float | None, int | None]:
    """(seconds, steps), of which one or both are None."""
    where = "Checkpoint"
    if not isinstance(every, str):
        return None, check_integer(where, "every", every, 1, note=" steps, '5 min' or 'epoch'")
    if every == "epoch":
        return None, None
    match = DURATION.fullmatch(every)
    unit = UNITS.get(match[2]) if match else None
    if match is None or unit is None or float(match[1]) == 0:
        expected = "'epoch', a number of steps, or a time such as '30 s', '5 min' or '1.5 h'"
        raise ValueError(message(where, "every", expected, every))
    return float(match[1]) * unit, None
