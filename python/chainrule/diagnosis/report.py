"""What `cr.diagnose` returns: verdicts, a table for terminal and notebook, and a picture."""

import dataclasses
import html
import math
import os
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.diagnosis.measures import LayerMeasure
from chainrule.diagnosis.rules import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADER = ("layer", "units", "activation", "gradient", "update", "ratio", "dead", "saturated")
SHARES = ("dead", "saturated")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Diagnosis:
    """Verdicts and numbers; prints as a table.

    verdicts         of all rules that fired, causes first, or the one "healthy"
    layers           a `LayerMeasure` for each layer; none if parameters are not finite
    cost             of the rows, as the network predicts; `validation_cost` of the validation data
    baseline         the cost of the best constant prediction
    """

    layers: Sequence[LayerMeasure]
    verdicts: Sequence[Verdict]
    cost: float
    validation_cost: float | None
    baseline: float

    @property
    def verdict(self) -> str:
        """The name of the first."""
        return self.verdicts[0].name

    @property
    def is_healthy(self) -> bool:
        """Whether no rule found a trouble."""
        return self.verdict == "healthy"

    def plot(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """The numbers of the layers as curves, the first verdict as the title.

        With `path` the figure is saved there; without, `pyplot.show()` shows it. Raises
        ImportError without matplotlib, ValueError without layers.
        """
        from chainrule.diagnosis.pictures import plot_diagnosis

        return plot_diagnosis(self, path)

    def _cells(self) -> list[list[str]]:
        return [
            [row.title, str(row.units)]
            + [_shown(getattr(row, name), name in SHARES) for name in HEADER[2:]]
            for row in self.layers
        ]

    def _costs(self) -> str:
        validation = (
            "" if self.validation_cost is None else f", validation {self.validation_cost:.4g}"
        )
        return f"cost {self.cost:.4g}{validation}; of a constant {self.baseline:.4g}"

    def __repr__(self) -> str:
        lines = []
        for verdict in self.verdicts:
            lines += textwrap.wrap(str(verdict), 100, subsequent_indent="  ")
            if verdict.rule:
                lines.append(f"  rule: {verdict.rule}")
        lines.append(self._costs())
        if self.layers:
            table = [list(HEADER), *self._cells()]
            widths = [max(map(len, column)) for column in zip(*table, strict=True)]
            for name, *numbers in table:
                shown = map(str.rjust, numbers, widths[1:])
                lines.append("  ".join([name.ljust(widths[0]), *shown]))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        said = "".join(
            f"<li><b>{html.escape(v.name)}</b>: {html.escape(v.text)}"
            f"{f' <i>({html.escape(v.rule)})</i>' if v.rule else ''}</li>"
            for v in self.verdicts
        )
        head = "".join(f"<th>{name}</th>" for name in HEADER)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
            for row in self._cells()
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<ul>{said}</ul><p>{self._costs()}</p>{table}"


def _shown(value: float, is_share: bool) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.0%}" if is_share else f"{value:.2g}"
