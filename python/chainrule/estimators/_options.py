"""The estimators' parameters, checked when fit begins and turned into chainrule's descriptions.

What is refused is refused by scikit-learn's own error, which is a ValueError and a TypeError.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils._param_validation import InvalidParameterError

from chainrule._class_weight import check_class_weight
from chainrule._description import Share
from chainrule._errors import (
    check_choice,
    check_integer,
    check_limit,
    check_number,
    check_precision,
    message,
    takes,
)
from chainrule._network_checks import check_activation_name
from chainrule._own_options import check_own_options
from chainrule._sklearn import ACTIVATIONS
from chainrule._trainer_checks import (
    check_callbacks,
    is_for_numbers,
    numbers_of,
)
from chainrule.activations import Activation, as_activation
from chainrule.callbacks import Callback
from chainrule.layers import Dense, Layer, as_layer
from chainrule.losses import resolve_loss
from chainrule.network import Network
from chainrule.optimizers import SGD, Adam, Optimizer, resolve_optimizer
from chainrule.schedules import as_schedule

P = ParamSpec("P")
T = TypeVar("T")
SOLVERS = ("lbfgs", "sgd", "adam")
RATES = ("constant", "invscaling", "adaptive")
OF_STEPS = (  # which "lbfgs" does not take
    *("schedule", "scoring", "callbacks", "clip_value", "clip_norm"),
    *("learning_rate_factors", "decay_factors", "ema"),
)


def refuses(function: Callable[P, T]) -> Callable[P, T]:
    """Who waits for scikit-learn's ValueError of a bad parameter need not wait for others."""

    @wraps(function)
    def checking(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError) as error:
            if type(error) not in (TypeError, ValueError):  # the user's own
                raise
            raise InvalidParameterError(*error.args).with_traceback(error.__traceback__) from None

    return checking


@refuses
def check(est: Any, where: str) -> None:
    """Raises InvalidParameterError that names the parameter, what was expected and what came."""

    def flag(name: str) -> None:
        if not _is_bool(getattr(est, name)):
            raise TypeError(message(where, name, "True or False", getattr(est, name)))

    def one_of(name: str, known: Iterable[str]) -> None:
        check_choice(where, name, getattr(est, name), known)

    def number(name: str, **ends: Any) -> None:
        check_number(where, name, getattr(est, name), **ends)

    def count(name: str, minimum: int = 1) -> None:
        check_integer(where, name, getattr(est, name), minimum)

    one_of("solver", SOLVERS)
    one_of("learning_rate", RATES)
    number("alpha", minimum=0)
    number("learning_rate_init", above=0)
    number("power_t", minimum=0)
    number("tol", minimum=0)
    number("momentum", minimum=0, maximum=1)
    number("validation_fraction", minimum=0, below=1)
    number("beta_1", minimum=0, below=1)
    number("beta_2", minimum=0, below=1)
    number("epsilon", above=0)
    count("max_iter")
    count("max_fun")
    if not (isinstance(est.batch_size, str) and est.batch_size == "auto"):
        check_integer(where, "batch_size", est.batch_size, 1, note=" or 'auto'")
    patience = est.n_iter_no_change
    if not (isinstance(patience, float | np.floating) and patience == math.inf):
        check_integer(where, "n_iter_no_change", patience, 1, note=" or infinity")
    for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping"):
        flag(name)
    if not _is_bool(est.verbose):
        check_integer(where, "verbose", est.verbose, 0, note=", True or False")
    if hasattr(est, "label_smoothing"):
        number("label_smoothing", minimum=0, below=1)
        _check_class_weight(where, est.class_weight)
    if hasattr(est, "loss"):
        if isinstance(est.loss, list | tuple | int):
            expected = "a loss (the first parameter; hidden_layer_sizes is the second)"
            raise TypeError(message(where, "loss", expected, est.loss))
        loss = resolve_loss(est.loss, where)
        if not is_for_numbers(loss):
            raise ValueError(message(where, "loss", "a loss for numbers", est.loss))
    if est.optimizer is not None:
        resolve_optimizer(est.optimizer, where)
    if est.schedule is not None:
        as_schedule(est.schedule, where)
    for name in ("clip_value", "clip_norm"):
        check_limit(where, name, getattr(est, name))
    if est.ema is not None:
        check_number(where, "ema", est.ema, above=0, below=1, note=" or None")
    callbacks(est, where)
    _check_scoring(est, where)
    for name in ("callbacks", "frozen"):
        if isinstance(getattr(est, name), Iterator):  # empty in the next fit, or sooner
            raise TypeError(message(where, name, "a list or None", getattr(est, name)))
    if is_lbfgs(est):
        for name in OF_STEPS:
            if getattr(est, name) is not None:
                expected = "None with solver='lbfgs', which has no such steps"
                raise ValueError(message(where, name, expected, getattr(est, name)))


def _check_class_weight(where: str, given: Any) -> None:
    """A list has one for each label or target."""
    for one in given if isinstance(given, list) else [given]:
        check_class_weight(where, one)


def _check_scoring(est: Any, where: str) -> None:
    given = est.scoring
    if isinstance(given, str):
        check_choice(where, "scoring", given, get_scorer_names())
    elif given is not None:
        if not callable(given):
            raise TypeError(message(where, "scoring", "a name, a scorer or None", given))
        try:
            check_scoring(est, given)
        except ValueError as error:  # a metric
            raise ValueError(f"[{where}] scoring: {error}") from None
        if not takes(given, 3):
            expected = "a scorer, which takes the estimator, X and y"
            raise TypeError(message(where, "scoring", expected, given))


def is_lbfgs(est: Any) -> bool:
    """Whether it trains on the whole data at once."""
    return bool(est.solver == "lbfgs") and est.optimizer is None


def callbacks(est: Any, where: str) -> list[Callback]:
    """chainrule's."""
    if isinstance(est.callbacks, Mapping):
        raise TypeError(message(where, "callbacks", "a list of callbacks or None", est.callbacks))
    return check_callbacks(where, () if est.callbacks is None else est.callbacks)


def shows_bar(est: Any) -> bool:
    """Whether `verbose` asks for a progress bar; numbers ask for scikit-learn's lines."""
    return _is_bool(est.verbose) and bool(est.verbose)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


@refuses
def hidden_layers(est: Any, where: str) -> list[Layer]:
    """`layers`, or dense layers of `hidden_layer_sizes` units with their `activation`."""
    layers = est.layers
    if layers is not None:
        if not isinstance(layers, list | tuple):
            raise TypeError(message(where, "layers", "a list of layers or None", layers))
        return [as_layer(layer, f"{where}, layer {i}") for i, layer in enumerate(layers, start=1)]
    sizes = est.hidden_layer_sizes
    is_number = isinstance(sizes, np.ndarray) and sizes.ndim == 0  # which says that it can iterate
    is_list = isinstance(sizes, Collection) and not isinstance(sizes, str | bytes | Mapping)
    sizes = list(sizes) if is_list and not is_number else [sizes]
    sizes = [check_integer(where, "hidden_layer_sizes", size, 1) for size in sizes]
    return dense_layers(est, where, sizes)


def dense_layers(est: Any, where: str, sizes: list[int]) -> list[Layer]:
    """Of so many units, with the estimator's `activation`."""
    if isinstance(est.activation, list | tuple):
        chosen = [_activation(one, where) for one in est.activation]
        if len(chosen) != len(sizes):
            expected = f"one activation or one for each of {len(sizes)} hidden layers"
            raise ValueError(message(where, "activation", expected, est.activation))
    else:
        chosen = [_activation(est.activation, where)] * len(sizes)
    return [dense(n, one) for n, one in zip(sizes, chosen, strict=True)]


def _activation(given: Any, where: str) -> str | Activation:
    """One that is known, as an object or by chainrule's name."""
    if not isinstance(given, str):
        given = as_activation(given, where)
    chosen: str | Activation = ACTIVATIONS.get(given, given)
    check_activation_name(where, _name_of(chosen))
    return chosen


def _name_of(activation: str | Activation) -> str:
    return activation if isinstance(activation, str) else activation.name


def dense(units: int, activation: str | Activation) -> Dense:
    """partial_fit of one row would notice if each call made the same layers anew."""
    return _dense(units, activation) if type(activation) is str else Dense(units, activation)


_dense = lru_cache(maxsize=64)(Dense)  # of names alone, whose layers nobody can change


def glorot_factor(est: Any) -> float:
    """Of scikit-learn's first weights, uniform in +-sqrt(factor / (n_in + n_out)).

    By the first activation, which need not have a layer.
    """
    given = est.activation
    if isinstance(given, list | tuple):
        given = given[0] if given else "identity"
    return 2.0 if _name_of(_activation(given, "fit")) == "sigmoid" else 6.0


@dataclass(frozen=True)
class Momentum(SGD):
    """With the largest momentum that scikit-learn allows, 1: steps that never slow down."""

    momentum: Share = 0.9


@refuses
def check_numbers(est: Any, where: str, dtype: Any) -> None:
    """Those that each step uses must be numbers of the model, too."""
    values = {name: getattr(est, name) for name in ("clip_value", "clip_norm")}
    if est.alpha > 1:  # a small one may be rounded to zero
        values["alpha"] = est.alpha
    check_precision(where, values, dtype)


@refuses
def of_parameters(
    est: Any, where: str, net: Network, optimizer: Optimizer | None = None
) -> tuple[dict[str, float], dict[str, float], list[str]]:
    """`learning_rate_factors`, `decay_factors` and `frozen`, empty where there are none."""
    given = est.learning_rate_factors, est.decay_factors, est.frozen
    return check_own_options(where, net._core.parameter_table(), optimizer, *given, net.dtype)


@refuses
def optimizer(est: Any, where: str, dtype: Any) -> Optimizer:
    """The `optimizer`, or the one that `solver` and its parameters describe."""
    if est.optimizer is not None:
        given = resolve_optimizer(est.optimizer, where)
        check_precision(where, numbers_of("optimizer", given), dtype)
        return given
    names = ("learning_rate_init", "beta_1", "beta_2", "epsilon", "momentum")
    check_precision(where, {name: getattr(est, name) for name in names}, dtype)
    if est.solver == "adam":
        return Adam(est.learning_rate_init, est.beta_1, est.beta_2, est.epsilon, epsilon_hat=True)
    nesterov = bool(est.nesterovs_momentum and est.momentum > 0)
    return Momentum(est.learning_rate_init, est.momentum, nesterov)
