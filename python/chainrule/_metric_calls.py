"""How a function is called as a metric: with Y, predictions and, where rows have some, weights."""

import inspect
from contextlib import suppress
from typing import Any, Literal, TypeAlias

from chainrule._errors import check_takes, takes

# How it takes the weights of rows, None if it takes none, and whether it can do without.
Ways: TypeAlias = tuple[Literal["by name", "third"] | None, bool]
Parameter = inspect.Parameter
BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
STARRED = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def ways_to_call(function: Any) -> Ways:
    """By name if a parameter is called sample_weight, as in scikit-learn's metrics, or `**options`
    may hold it; as the third value if that may be the weights."""
    signatures = _signatures(function)
    if not signatures:  # a built-in that does not say, or a method that forgot self
        may = takes(function, 2)
        return ("third" if may else None), may

    def binds(count: int, **named: None) -> bool:
        try:
            for signature in signatures:
                signature.bind(*[None] * count, **named)
        except TypeError:
            return False
        return True

    says = signatures[-1].parameters
    thirds = [p for p in says.values() if p.kind in BY_POSITION][2:3]
    if "sample_weight" in says:
        third_fits = [p.name for p in thirds] == ["sample_weight"]
    else:  # such as squared=True
        third_fits = all(p.default is p.empty or p.default is None for p in thirds)
    third, without = third_fits and binds(3), binds(2)
    if binds(2, sample_weight=None) and ("sample_weight" in says or not third):
        return "by name", without
    return ("third" if third else None), without


def check_call(
    where: str, argument: str, name: str, function: Any, ways: Ways, weighted: bool
) -> None:
    """Raises TypeError if it cannot be called at all, ValueError if not with weights of rows."""
    way, without = ways
    if way is None and not without:
        check_takes(where, argument, name, function, "Y", "prediction")
        expected = f"{name}(Y, prediction)"  # of the function behind a decorator
        raise TypeError(f"[{where}] {argument}: expected {expected}, got {_shown(name, function)}")
    if way is None and weighted:
        expected = f"{name}(Y, prediction, sample_weight)"
        reason = "because rows have weights (sample_weight or class_weight)"
        got = _shown(name, function)
        raise ValueError(f"[{where}] {argument}: expected {expected}, {reason}, got {got}")


def _shown(name: str, function: Any) -> str:
    return f"{name}{_signatures(function)[-1]}"


def _signatures(function: Any) -> list[inspect.Signature]:
    """Its own, and if that has `*args` or `**options`, that of the function behind a decorator."""
    found: list[inspect.Signature] = []
    for follow in (False, True):
        with suppress(TypeError, ValueError):
            found.append(inspect.signature(function, follow_wrapped=follow))
        if found and all(p.kind not in STARRED for p in found[0].parameters.values()):
            break
    return found
