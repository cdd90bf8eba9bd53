"""What the descriptions of layers, losses, optimizers and schedules share: checks and plain dicts.

Each is a frozen dataclass derived from `Description`. Its checks and its dict form follow from the
dataclass fields, so no other list exists. A field says what it may hold by its type:
`learning_rate: Positive`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING
from functools import cache, partial
from typing import Annotated, Any, ClassVar, TypeVar

from chainrule._errors import (
    check_bool,
    check_integer,
    check_number,
    message,
    quoted,
    unknown,
)

T = TypeVar("T")
D = TypeVar("D", bound="Description")

# Types of fields that carry their check.
Switch = Annotated[bool, check_bool]
Count = Annotated[int, partial(check_integer, minimum=1)]
Positive = Annotated[float, partial(check_number, above=0)]
NonNegative = Annotated[float, partial(check_number, minimum=0)]
Share = Annotated[float, partial(check_number, minimum=0, maximum=1)]
Fraction = Annotated[float, partial(check_number, minimum=0, below=1)]
Level = Annotated[float, partial(check_number, above=0, below=1)]
Growth = Annotated[float, partial(check_number, above=1)]


class Description:
    """Base of the frozen dataclasses that describe a part of a model or of its training.

    `name` tells the class from its siblings. Checked fields are stored as plain int, float, bool.
    The checks are read from the annotations, which `from __future__ import annotations` would hide.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            for check in getattr(field.type, "__metadata__", ()):
                value = check(self.where, field.name, getattr(self, field.name))
                store(self, **{field.name: value})

    @property
    def where(self) -> str:
        """What stands in square brackets in refusals: the name the user typed to build this."""
        return type(self).__name__

    def to_dict(self) -> dict[str, Any]:
        """`{"kind": name, field: value, ...}`, with nothing in it that JSON cannot hold."""
        return {"kind": self.name} | _fields_to_dict(self)


def store(description: Any, **values: Any) -> None:
    """Sets checked values of a frozen dataclass; for `__post_init__` only."""
    for name, value in values.items():
        object.__setattr__(description, name, value)


def _fields_to_dict(description: Any) -> dict[str, Any]:
    where = type(description).__name__
    names = [field.name for field in dataclasses.fields(description)]
    return {name: _plain(where, name, getattr(description, name)) for name in names}


def _plain(where: str, argument: str, value: Any) -> Any:
    if isinstance(value, Description):
        return value.to_dict()
    if dataclasses.is_dataclass(value):
        return _fields_to_dict(value)
    if isinstance(value, tuple):
        return [_plain(where, argument, item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(where, argument, item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(message(where, argument, "a number, a string or None to be saved", value))


def _build(kind: type[T], where: str, values: Mapping[str, Any]) -> T:
    """`kind(**values)`, refusing fields that it lacks and naming the required ones left out."""
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise unknown(where, "field", name, fields)
    for name, field in fields.items():
        required = field.default is MISSING and field.default_factory is MISSING
        if required and name not in values:
            raise ValueError(f"[{where}] {name}: missing from {dict(values)}")
    return kind(**values)


def resolve(
    value: object, known: Mapping[str, type[D]], where: str, argument: str, note: str = ""
) -> D:
    """The description meant by its name, by a dict of `to_dict`, or by the description itself.

    The `note` follows the list of names, if it is none of these and like none, or a function.
    """
    if isinstance(value, str) and value in known:
        default: D = _by_default(known[value], where)  # type: ignore[arg-type]
        return default
    if isinstance(value, str):
        raise unknown(where, argument, value, known, note)
    for kind in known.values():
        if isinstance(value, kind):
            return value
    if not isinstance(value, Mapping):
        classes = ", ".join(kind.__name__ for kind in known.values())
        expected = f"one of {quoted(known)} or an object of {classes}"
        advice = note if callable(value) else ""
        if isinstance(value, type) and value in known.values():
            advice = f"; an object is {value.__name__}(..)"
        raise TypeError(message(where, argument, expected, value) + advice)
    fields = dict(value)
    name = fields.pop("kind", value)  # without a kind all of it is refused
    if not isinstance(name, str) or name not in known:
        raise unknown(where, argument, name, known, note)
    return _build(known[name], where, fields)


@cache  # one object for all who say "cross_entropy": to build it takes as long as a small step
def _by_default(kind: Any, where: str) -> Any:
    return _build(kind, where, {})


def named(value: object, kind: type[T], where: str, argument: str) -> T:
    """The object of a dataclass meant by its name, by a dict of its fields, or by the object."""
    if isinstance(value, kind):
        return value
    if isinstance(value, str):
        return kind(name=value)  # type: ignore[call-arg]
    if not isinstance(value, Mapping):
        expected = f"a name or an object of {kind.__name__}"
        raise TypeError(message(where, argument, expected, value))
    return _build(kind, where, value)


def by_name(*kinds: type[D]) -> dict[str, type[D]]:
    """The table `name -> class` of some descriptions."""
    return {kind.name: kind for kind in kinds}
