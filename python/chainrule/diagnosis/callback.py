"""A diagnosis every few epochs of a fit."""

from collections.abc import Mapping

from chainrule._errors import check_bool, check_integer
from chainrule.callbacks import Callback
from chainrule.diagnosis.examination import diagnose, some_rows, spread
from chainrule.diagnosis.report import Diagnosis
from chainrule.trainer import Trainer


class Diagnose(Callback):
    """Diagnoses the network every `every` epochs, with at most `max_rows` of the fit's rows.

    `diagnoses` keeps what `cr.diagnose` said, by epoch; the latest fit's. With `verbose` verdicts
    other than those of the time before are printed. `probe` judges the learning rate, too, which
    takes 600 to 1800 steps on copies each time. The training is the same bits with it and without.
    """

    def __init__(
        self, every: int = 1, *, verbose: bool = True, probe: bool = True, max_rows: int = 1024
    ) -> None:
        self.every = check_integer("Diagnose", "every", every, 1)
        self.verbose = check_bool("Diagnose", "verbose", verbose)
        self.probe = check_bool("Diagnose", "probe", probe)
        self.max_rows = check_integer("Diagnose", "max_rows", max_rows, 1)
        self.diagnoses: dict[int, Diagnosis] = {}
        self._begin = 0
        self._said = ""

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.diagnoses, self._said, self._begin = {}, "", trainer.epoch

    def on_epoch_end(self, trainer: Trainer, epoch: int, logs: Mapping[str, float]) -> None:
        if (epoch + 1 - self._begin) % self.every or trainer._fitted is None:
            return
        data, rows = trainer._fitted
        X, Y, weights = data.X, data.Y, data.weights
        if rows is not None:
            X, Y, weights = some_rows(data, rows[spread(len(rows), self.max_rows)])
        found = diagnose(
            trainer.net,
            X,
            Y,
            trainer=trainer,
            sample_weight=weights,
            probe=self.probe,
            max_rows=self.max_rows,
        )
        self.diagnoses[epoch] = found
        names = "; ".join(verdict.name for verdict in found.verdicts)
        if self.verbose and names != self._said:
            print(f"epoch {epoch}: " + "; ".join(map(str, found.verdicts)))
        self._said = names
