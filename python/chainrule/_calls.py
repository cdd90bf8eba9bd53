"""Calls that do not fit a function's parameters, refused in the house's words.

Python alone would name what is within ("BaseMLP.fit() got an unexpected keyword argument 'eps'")
and not what there is instead.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from chainrule._errors import message, quoted, unknown

F = TypeVar("F", bound=Callable[..., Any])


def explained(**instead: str) -> Callable[[F], F]:
    """Decorates a function: a TypeError of a wrong call lists the names that there are.

    `instead` says of names that other libraries have what to do here. A right call takes 0.2 us
    longer.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except TypeError as error:
                traceback = error.__traceback__
                if traceback is None or traceback.tb_next is not None:  # it was called
                    raise
                raise _explanation(function, call, args, kwargs, instead, error) from None

        return cast(F, call)

    return decorate


def _explanation(
    function: Any,
    decorated: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    instead: dict[str, str],
    error: TypeError,
) -> TypeError:
    import inspect  # 1 ms of the time that `import chainrule` takes

    where, parameters = function.__name__, list(inspect.signature(function).parameters)
    if parameters[:1] == ["self"]:
        if not args:
            return error
        del parameters[0]
        kind = type(args[0]).__name__
        if getattr(type(args[0]), where, None) is not decorated:  # called by a derived class's own
            kind = function.__qualname__.split(".")[-2]
        where = kind if where == "__init__" else f"{kind}.{where}"
    for name in kwargs:
        if name not in parameters:
            if name in instead:
                expected = f"one of {quoted(parameters)}"
                return TypeError(f"{message(where, 'argument', expected, name)}; {instead[name]}")
            return TypeError(unknown(where, "argument", name, parameters))
    return TypeError(str(error).replace(function.__qualname__, where, 1))
