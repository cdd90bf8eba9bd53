"""Attributes that are checked whenever they are set, and attributes that are set once.

Neither has a `__get__`, so reading them costs what reading any attribute does. What may change a
fixed one goes through `vars(object)`.
"""

from collections.abc import Callable
from typing import Any


class Checked:
    """Holds what `check(where, name, value)` returns."""

    def __init__(self, where: str, check: Callable[[str, str, Any], Any]) -> None:
        self._where, self._check = where, check

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __set__(self, instance: object, value: Any) -> None:
        vars(instance)[self._name] = self._check(self._where, self._name, value)


class Fixed:
    """Set once; then assigning raises AttributeError, which says what to do `instead`."""

    def __init__(self, where: str, instead: str) -> None:
        self._where, self._instead = where, instead

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __set__(self, instance: object, value: Any) -> None:
        if self._name in vars(instance):
            raise AttributeError(f"[{self._where}] {self._name}: cannot be set; {self._instead}")
        vars(instance)[self._name] = value


def checked(where: str, check: Callable[[str, str, Any], Any]) -> Any:
    """A `Checked`, to type checkers of the type that the attribute is annotated with."""
    return Checked(where, check)


def fixed(where: str, instead: str) -> Any:
    """A `Fixed`, likewise."""
    return Fixed(where, instead)
