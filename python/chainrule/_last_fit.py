"""The latest fit of a trainer: at work, cut off or ended, in this process or in another."""

from typing import TYPE_CHECKING, Any

from chainrule._errors import message
from chainrule._fingerprint import Prints, Sources
from chainrule._optimizer import read_weights
from chainrule._run import Run
from chainrule._unfinished import Unfinished

if TYPE_CHECKING:
    from chainrule.trainer import Trainer


class LastFit:
    """`unfinished` is what is left of it if it was cut off.

    `expected_data` are fingerprints of its data if a file has told of it.
    """

    def __init__(self) -> None:
        self.run: Run | None = None
        self.unfinished: Unfinished | None = None
        self.expected_data: Prints | None = None
        self._sources: Sources | None = None

    def work(self, run: Run, given: Sources) -> None:
        """Runs to the end, or keeps what is left."""
        outer, self.run = self.run, run
        self._sources, self.unfinished, self.expected_data = given, None, None
        try:
            run.go()
        except BaseException as failure:
            try:
                self.unfinished = run.cut_off(failure)
            except KeyboardInterrupt:  # of somebody impatient
                self.unfinished = run.cut_off(failure)
            raise
        finally:
            self.run = outer

    def to_go_on_from(self, where: str, resume: Any, given: Sources) -> Unfinished | None:
        """What is left, if the next fit is to go on with it. Raises ValueError for other data."""
        if not (resume is None or isinstance(resume, bool) or resume == "other data"):
            expected = "True, False, None or 'other data'"
            raise ValueError(message(where, "resume", expected, resume))
        if resume is None:
            resume = self.expected_data is not None
        if resume is True:
            self._check_data(where, given)
        return self.unfinished if resume else None

    def left_over(self) -> Unfinished | None:
        """What is left at this moment."""
        return self.unfinished if self.run is None else self.run.unfinished()

    def prints(self) -> Prints | None:
        """Fingerprints of its data; None if there was no fit."""
        if self.expected_data is not None or self._sources is None:
            return self.expected_data
        return self._sources.prints()

    def forget_same_weights(self, trainer: "Trainer") -> None:
        if self.unfinished is not None:
            self.unfinished.weights = self.unfinished.other_weights(lambda: read_weights(trainer))

    def _check_data(self, where: str, given: Sources) -> None:
        before = self.prints()
        prints = given.prints() if before else {}
        for name, known in (before or {}).items():
            if known is not None and prints[name] != known:
                raise ValueError(
                    f"[{where}] {name}: expected the data of the last fit, {known}, got "
                    f"{prints[name]}; resume='other data' goes on with them, resume=False begins "
                    "a new fit"
                )
