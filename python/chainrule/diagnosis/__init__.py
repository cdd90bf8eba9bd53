"""What ails a network: measured layer by layer, named by rules, and the right learning rate found.

Start at `diagnose`. Rooms: `measures` (numbers of each layer), `probe` (steps on a copy), `rules`
(thresholds and verdicts), `report` (what is returned), `rate_test`, `callback`, `pictures`.
"""

from chainrule.diagnosis.callback import Diagnose
from chainrule.diagnosis.examination import diagnose
from chainrule.diagnosis.rate_test import RateRangeTest, learning_rate_range_test
from chainrule.diagnosis.report import Diagnosis
from chainrule.diagnosis.rules import Verdict

__all__ = [
    "Diagnose",
    "Diagnosis",
    "RateRangeTest",
    "Verdict",
    "diagnose",
    "learning_rate_range_test",
]
