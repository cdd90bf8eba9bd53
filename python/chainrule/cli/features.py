"""Which columns are features, and of which kind: what `chainrule train` chooses for the user."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from chainrule.cli.console import InputError, names, warning
from chainrule.cli.tables import Table

KINDS = ("number", "boolean", "category", "time")
MAX_CATEGORIES = 100  # per column; the rarer ones share one indicator

# A column that numbers the rows says nothing about new rows, but much about the order of these.
ROW_NAMES = re.compile(r"(column 1|unnamed: 0|index|row|row.?(id|number|no)|id|)", re.IGNORECASE)
ID_NAMES = re.compile(r"(.*[ _.-])?(id|key|uuid|guid)|.*[a-z]I[Dd]", re.IGNORECASE)
# As tables for people have numbers: $1,234.50 or 12 %.
WRITTEN_NUMBER = re.compile(r"[$€£]? ?[-+]?(\d{1,3}([,' ]\d{3})+|\d+)(\.\d+)? ?[%$€£]?")
MOSTLY = 0.8  # of the values: a share that tells what the others should be


@dataclass(frozen=True)
class Feature:
    """A column the network sees, with its kind: "number", "boolean", "category" or "time"."""

    name: str
    kind: str


def kind_of(values: Any) -> str:
    """The kind of a column of `Table.frame`."""
    if values.dtype.kind == "M":
        return "time"
    if values.dtype.kind == "b":
        return "boolean"
    if values.dtype.kind != "O":
        return "number"
    return (
        "boolean" if any(isinstance(value, bool) for value in values.dropna()[:1]) else "category"
    )


def choose_features(
    table: Table,
    target: str,
    exclude: Collection[str] = (),
    keep: Collection[str] = (),
    category: Collection[str] = (),
) -> list[Feature]:
    """The features among all columns but the target.

    Left out, saying so, unless named in `keep`: columns without values or with a single one, text
    that is different in nearly every row, and numbers that count the rows. Columns named in
    `category` are categories, whatever they look like. Raises InputError if none is left.
    """
    for option, chosen in (("--exclude", exclude), ("--keep", keep), ("--category", category)):
        table.check_names([name for name in chosen if name not in table.unsupported], option)
    usable = [name for name in table.frame.columns if name not in {target, *exclude}]
    for name, kind in table.unsupported.items():
        if name not in exclude:
            advice = f"leave it out with --exclude {name!r}"
            raise InputError(f"{table.path}: column {name!r} holds {kind}, not a feature; {advice}")
    features = []
    left_out: dict[str, list[str]] = {}
    for name in usable:
        values = table.frame[name]
        kind = "category" if name in category else kind_of(values)
        if kind == "category" and name not in category:
            _comment_on_numbers(name, values.dropna())
        reason = None if name in keep else _reason_against(name, values, kind)
        if reason is None:
            features.append(Feature(name, kind))
            _comment(name, values, kind)
        else:
            left_out.setdefault(reason, []).append(name)
    for reason, columns in left_out.items():
        warning(f"left out {names(columns)}: {reason}; --keep COLUMN uses it all the same")
    if not features:
        raise InputError(f"{table.path}: no column is left to predict {target!r} from")
    return features


def _reason_against(name: str, values: pd.Series, kind: str) -> str | None:
    present = values.dropna()
    if present.empty:
        return "no values"
    distinct = present.nunique()
    if distinct == 1 and len(present) == len(values):
        return "the same value in all rows"
    if kind == "category" and len(present) >= 20 and distinct > 0.9 * len(present):
        return "text that differs in nearly all rows"
    if kind == "number" and ROW_NAMES.fullmatch(name) and _counts_rows(values):
        return "numbers the rows"
    return None


def _counts_rows(values: pd.Series) -> bool:
    # The index of a frame is the row in the file, also where rows without a target are left out.
    ahead = values.to_numpy(np.float64) - values.index.to_numpy()
    return len(values) > 2 and bool((ahead == ahead[0]).all())


def _comment(name: str, values: pd.Series, kind: str) -> None:
    """Warns about features that may do harm."""
    present = values.dropna()
    distinct = present.nunique()
    if kind == "category" and distinct > MAX_CATEGORIES:
        text = (
            f"{distinct:,} categories, of which the {MAX_CATEGORIES} most frequent are told apart"
        )
        warning(f"column {name!r}: {text}")
    whole = kind == "number" and len(present) >= 20 and distinct == len(values)
    if whole and ID_NAMES.fullmatch(name) and bool((present % 1 == 0).all()):
        warning(f"column {name!r} looks like an identifier; --exclude {name!r} leaves it out")


def _comment_on_numbers(name: str, present: pd.Series) -> None:
    """Warns about numbers that are read as text for the sake of a few words, or of their commas."""
    plain = pd.to_numeric(present, errors="coerce").notna()
    others = present[~plain]
    written = others.map(lambda value: bool(WRITTEN_NUMBER.fullmatch(str(value)))).sum()
    if others.empty or plain.sum() + written < MOSTLY * len(present):
        return
    cause = f"{len(others):,} of {len(present):,} values are no plain numbers"
    advice = f"rewrite or empty them, or --category {name!r} if it is meant so"
    warning(f"column {name!r} is text: {cause}, such as {others.mode()[0]!r}; {advice}")


def as_kind(table: Table, feature: Feature) -> pd.Series:
    """The column of a new table as its kind in training; InputError where it cannot be that."""
    values = table.frame[feature.name]
    found = kind_of(values)
    if found == feature.kind or values.isna().all():
        return values
    if feature.kind == "category" and found in ("number", "boolean"):
        return _as_text(values)
    if {found, feature.kind} == {"number", "boolean"} and set(values.dropna()) <= {0, 1}:
        return values
    example = values.dropna().iloc[0]
    where = f"{table.path}: column {feature.name!r}"
    raise InputError(
        f"{where}: expected {plural(feature.kind)} as in training, got {plural(found)}, "
        f"e.g. {str(example)!r} in row {values.first_valid_index() + 1}"
    )


def _as_text(values: pd.Series) -> pd.Series:
    """Numbers and booleans as text; 3.0 is "3", as in a file of whole numbers."""

    def text(value: Any) -> str | None:
        if value is None or value != value:
            return None
        return (
            str(int(value))
            if not isinstance(value, (bool, np.bool_)) and value % 1 == 0
            else str(value)
        )

    return pd.Series([text(value) for value in values.tolist()], dtype=object)


def plural(kind: str) -> str:
    return {"number": "numbers", "boolean": "booleans", "category": "text", "time": "dates"}[kind]
