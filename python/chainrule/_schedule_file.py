"""Schedules in files of trainers and estimators: what describes them, and where they stand.

A schedule of the user's own is in no file; its name is, and who loads the file gives it again.
"""

import re
from typing import Any

from chainrule._errors import check_integer, check_number
from chainrule._history_file import check_fields
from chainrule.schedules import Schedule, ScheduleState, as_schedule


def schedule_document(schedule: Schedule) -> dict[str, Any]:
    """Its dict, or the name of one that is the user's own, as a whole or in part."""
    try:
        document = schedule.to_dict()
        if as_schedule(document) == schedule:  # else it is of a class derived from ours
            return document
    except (TypeError, ValueError):
        pass
    return {"own": re.sub(r" at 0x[0-9a-f]+", "", repr(schedule))}


def read_schedule(document: Any) -> Schedule | str:
    """The schedule of `schedule_document`, or the name of one that must be given again."""
    if isinstance(document, dict) and set(document) == {"own"}:
        return str(document["own"])
    if not isinstance(document, dict):
        raise TypeError("the schedule is no object")
    return as_schedule(document, "Trainer")


def read_schedule_state(document: Any) -> ScheduleState:
    """The state of which `dataclasses.asdict` made a document."""
    d = check_fields(document, "schedule_state", {"epochs", "factor", "best", "bad_epochs"})
    return ScheduleState(
        check_integer("Trainer", "epochs", d["epochs"], 0),
        check_number("Trainer", "factor", d["factor"], minimum=0),
        None if d["best"] is None else check_number("Trainer", "best", d["best"]),
        check_integer("Trainer", "bad_epochs", d["bad_epochs"], 0),
    )
