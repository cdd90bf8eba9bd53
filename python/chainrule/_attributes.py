"""Attributes that are checked whenever they are set, and attributes that are set once.

Each is kept under its name with an underscore, where the class itself reads it, sooner, and changes
what is fixed for others.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any


def checked(where: str, name: str, check: Callable[[str, str, Any], Any]) -> Any:
    """Holds what `check(where, name, value)` returns."""
    kept = f"_{name}"

    def store(instance: object, value: Any) -> None:
        setattr(instance, kept, check(where, name, value))

    return property(attrgetter(kept), store)


def fixed(where: str, name: str, instead: str) -> Any:
    """Set once; then assigning raises AttributeError, which says what to do `instead`."""
    kept = f"_{name}"

    def store(instance: object, value: Any) -> None:
        if hasattr(instance, kept):
            raise AttributeError(f"[{where}] {name}: cannot be set; {instead}")
        setattr(instance, kept, value)

    return property(attrgetter(kept), store)
