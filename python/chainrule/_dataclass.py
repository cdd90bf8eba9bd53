"""`@dataclass(frozen=True)` for the classes that `import chainrule` makes: the same, made sooner.

The one of `dataclasses` compiles six methods of each class (one by one, before Python 3.13), which
for forty classes took over a quarter of the import. Here it compiles `__init__` alone; the others
are closures over the names of the fields. Classes made here do not derive from each other; those of
users, made by `dataclasses`, may derive from them. `__init__` assigns as anybody would, so a field
may be set once: a second `__init__` of the same object is refused.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Literal

from chainrule._calls import explained


def _methods(cls: type[Any]) -> dict[str, Callable[..., Any]]:
    """By name, what a frozen dataclass has besides `__init__`."""
    names = [f.name for f in fields(cls)]
    shown = [f.name for f in fields(cls) if f.repr]
    compared = [f.name for f in fields(cls) if f.compare]
    hashed = [f.name for f in fields(cls) if (f.compare if f.hash is None else f.hash)]

    @recursive_repr()
    def show(self: Any) -> str:
        listed = ", ".join([f"{name}={getattr(self, name)!r}" for name in shown])
        return f"{type(self).__qualname__}({listed})"

    def equal(self: Any, other: object) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return _values(self, compared) == _values(other, compared)

    def make_hash(self: Any) -> int:
        return hash(_values(self, hashed))

    def assign(self: Any, name: str, value: Any) -> None:
        begins = name in names and name not in self.__dict__  # `__init__` sets each field once
        if not begins and (type(self) is cls or name in names):
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def delete(self: Any, name: str) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return {
        "__repr__": show,
        "__eq__": equal,
        "__hash__": make_hash,
        "__setattr__": assign,
        "__delattr__": delete,
    }


def _values(one: Any, names: list[str]) -> tuple[Any, ...]:
    return tuple([getattr(one, name) for name in names])


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: Literal[True]):
        """Makes a class what `dataclasses.dataclass(frozen=True)` makes of it."""

        def make(cls):
            dataclasses.dataclass(eq=False, repr=False)(cls)
            types = cls.__init__.__annotations__  # `help` shows that of a field without its check
            types.update({n: t.__origin__ for n, t in types.items() if hasattr(t, "__metadata__")})
            made = cls.__dataclass_params__  # what `dataclasses` goes by when others derive from it
            made.eq = made.repr = made.frozen = True
            for name, method in _methods(cls).items():
                if name not in vars(cls):
                    method.__name__, method.__module__ = name, cls.__module__
                    method.__qualname__ = f"{cls.__qualname__}.{name}"
                    setattr(cls, name, method)
            cls.__init__ = explained()(cls.__init__)
            return cls

        return make
