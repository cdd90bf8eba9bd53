"""Options of single parameters, by name: what is frozen, how fast it learns, whether it decays.

A name is that of a parameter, "1.weight", or of a layer, "1", and so of all its parameters. Where
several names fit a parameter, the longest counts.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from chainrule._errors import check_list, check_number, check_precision, message, unknown
from chainrule.optimizers import Optimizer

Table = list[tuple[str, tuple[int, ...], bool, bool]]  # name, shape, decays, trained
Options = list[tuple[float, float, bool]]  # factors of learning rate and decay, frozen


def check_own_options(
    where: str,
    table: Table,
    optimizer: Optimizer | None,
    learning_rate_factors: Mapping[str, float] | None,
    decay_factors: Mapping[str, float] | None,
    frozen: Iterable[str] | None,
    dtype: "np.dtype[Any]",
) -> tuple[dict[str, float], dict[str, float], list[str]]:
    """The three options by name, empty where there are none; `table` is the core's.

    Factors must be numbers that the `dtype` of the parameters holds.
    """
    names = [name for name, _, _, is_trained in table if is_trained]
    if not names:
        raise ValueError(f"[{where}] net: expected at least one parameter to train, got none")
    rates = _factors(where, "learning_rate_factors", learning_rate_factors, names, dtype, above=0)
    decays = _factors(where, "decay_factors", decay_factors, names, dtype, minimum=0)
    still = _frozen(where, frozen, names)
    if decays and not getattr(optimizer, "weight_decay", 0.0):
        expected = "None with an optimizer without weight_decay"
        raise ValueError(message(where, "decay_factors", expected, decay_factors))
    if all(_nearest(name, still) for name in names):
        expected = "at least one parameter that is not"
        raise ValueError(message(where, "frozen", expected, frozen))
    return rates, decays, still


def own_options(
    table: Table, rates: Mapping[str, float], decays: Mapping[str, float], frozen: list[str]
) -> Options:
    """The options of each parameter of the table, from those by name.

    What is not trained, the statistics of a layer, is frozen with the last that is trained in it.
    """
    moving = {_layer(name) for name, *_, trained in table if trained and not _nearest(name, frozen)}
    return [
        (
            rates.get(_nearest(name, rates), 1.0),
            decays.get(_nearest(name, decays), float(decays_by_itself)),
            bool(_nearest(name, frozen)) if trained else _layer(name) not in moving,
        )
        for name, _, decays_by_itself, trained in table
    ]


def _layer(name: str) -> str:
    """Of a parameter: "2.1" of "2.1.gamma"."""
    return name.rpartition(".")[0]


def _nearest(name: str, given: Iterable[str]) -> str:
    """The longest of the given names that is `name` or a layer around it; "" if there is none."""
    return max((one for one in given if f"{name}.".startswith(f"{one}.")), key=len, default="")


def _factors(
    where: str,
    argument: str,
    given: Any,
    names: list[str],
    dtype: "np.dtype[Any]",
    **ends: Any,
) -> dict[str, float]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(message(where, argument, "a dict {name: factor} or None", given))
    factors = {}
    for name, value in given.items():
        _check_name(where, argument, name, names)
        number = float(value) if isinstance(value, bool) else value
        factors[name] = check_number(where, f"{argument}[{name!r}]", number, **ends)
    held = {f"{argument}[{name!r}]": factor for name, factor in factors.items()}
    check_precision(where, held, dtype)
    return factors


def _frozen(where: str, given: Any, names: list[str]) -> list[str]:
    if given is None:
        return []
    expected = "a list of names or None"
    if isinstance(given, str | Mapping):
        raise TypeError(message(where, "frozen", expected, given))
    listed = check_list(where, "frozen", expected, given)
    for name in listed:
        _check_name(where, "frozen", name, names)
    return listed


def _check_name(where: str, argument: str, given: Any, names: list[str]) -> None:
    known: dict[str, None] = {}  # in order
    for name in names:
        parts = name.split(".")
        known |= dict.fromkeys(".".join(parts[: n + 1]) for n in range(len(parts)))
    if not isinstance(given, str) or given not in known:
        raise unknown(where, argument, given, known)
