"""Attributes that are checked whenever they are set, and attributes that are set once.

Each is kept under its name with an underscore, where the class itself reads it, sooner, and changes
what is fixed for others. A derived class hands them to the constructor: `check_class`.
"""

from collections.abc import Callable
from copy import copy
from operator import attrgetter
from typing import Any

from chainrule._errors import message


def checked(
    where: str,
    name: str,
    check: Callable[[str, str, Any], Any],
    fits: Callable[[Any, Any], object] | None = None,
) -> Any:
    """Holds what `check(where, name, value)` returns, unless `fits(instance, that)` raises."""
    kept = f"_{name}"

    def store(instance: object, value: Any) -> None:
        value = check(where, name, value)
        if fits is not None:
            fits(instance, value)
        setattr(instance, kept, value)

    # Without a doc, `help` would show attrgetter's.
    return property(attrgetter(kept), store, doc=f"As `{where}` takes it; checked when it is set.")


def fixed(where: str, name: str, instead: str, copies: bool = False) -> Any:
    """Set once; then assigning raises AttributeError, which says what to do `instead`.

    Who asks gets a copy if it `copies`, such as a list that would change nothing but itself.
    """
    kept = f"_{name}"
    read = attrgetter(kept)

    def store(instance: object, value: Any) -> None:
        if hasattr(instance, kept):
            raise AttributeError(f"[{where}] {name}: cannot be set; {instead}")
        setattr(instance, kept, value)

    get = (lambda instance: copy(read(instance))) if copies else read
    return property(get, store, doc=f"Cannot be set; {instead}.")


def check_class(kind: type, base: type, where: str) -> None:
    """Raises TypeError for an attribute of a class in place of one of these of its `base`.

    The attribute would be set there and read here. A property in its place can do both.
    """
    members, of_base = (
        {name: value for one in reversed(k.__mro__) for name, value in vars(one).items()}
        for k in (kind, base)
    )
    for name, own in of_base.items():
        is_set = isinstance(own, property) and own.fset is not None
        if is_set and not hasattr(members[name], "__set__"):
            made = f"what {where}.__init__ makes of its arguments"
            expected = f"{made}, no attribute of class {kind.__name__}"
            raise TypeError(message(where, name, expected, members[name]))
