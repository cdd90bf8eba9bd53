"""What fitting leaves in an estimator, in its file: attributes, averages, the optimizer.

Start at `fitted_document` with `fitted_tensors`, and at `set_fitted`, which checks what it takes.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._encoding import decode, encode
from chainrule._errors import check_choice, check_integer, check_number, check_precision, message
from chainrule._history_file import check_fields, history_keys, history_tensors, pop, read_history
from chainrule._optimizer import AVERAGE, optimizer_tensors, pop_optimizer
from chainrule._schedule_file import read_schedule_state
from chainrule._trainer_checks import numbers_of
from chainrule.estimators import _options
from chainrule.estimators._engine import Engine
from chainrule.estimators._file_labels import decode_target, encode_target
from chainrule.estimators._learning_rate import LearningRate
from chainrule.history import History
from chainrule.layers import Dense
from chainrule.network import Network
from chainrule.optimizers import Optimizer, resolve_optimizer

Array = NDArray[Any]

MOST = 2**62  # steps, epochs, rows
COUNTS = ("n_iter_", "t_", "_no_improvement_count")
FLOATS = ("loss_", "best_loss_", "best_validation_score_")
LISTS = ("loss_curve_", "validation_scores_")
OF_EPOCHS = {"_no_improvement_count", "best_loss_", "best_validation_score_"}
FIELDS = {"features", "target", "fitted", "rate", "optimizer", "history", "best"}


def fitted_document(
    est: Any, where: str, parts: Mapping[str, Any], arrays: list[Array]
) -> dict[str, Any]:
    """All but arrays; those of labels are added to the list. `parts` are those of the engine.

    Raises TypeError or ValueError for attributes that were set and cannot be read again.
    """
    numbers = _numbers(est)
    _check_attributes(where, est, est._engine.net, numbers)
    return {
        "features": _features(est),
        "target": encode_target(est._target, arrays) if hasattr(est, "_target") else None,
        "fitted": encode(numbers, [], where, "attributes"),
        "rate": vars(est._optimizer) if hasattr(est, "_optimizer") else None,
        "optimizer": _optimizer_document(parts["optimizer"]),
        "history": history_keys(est.history_),
        "best": list(getattr(est, "_best_parameters", ())),
    }


def fitted_tensors(est: Any, where: str, parts: Mapping[str, Any]) -> dict[str, Array]:
    """Raises ValueError if a parameter is not finite."""
    tensors = dict(parts["parameters"])
    tensors |= _prefixed("behind", parts["behind"] or {})
    tensors |= _prefixed("best", getattr(est, "_best_parameters", {}))
    if not all(np.isfinite(array).all() for array in tensors.values()):
        raise ValueError(f"[{where}] parameters: expected finite numbers, got NaN or infinity")
    if parts["optimizer"] is not None:
        tensors |= optimizer_tensors(est._engine.net, parts["optimizer"]["arrays"])
    tensors |= history_tensors(est.history_)
    for name in LISTS:
        if getattr(est, name, None) is not None:
            tensors[name.rstrip("_")] = np.array(getattr(est, name), np.float64)
    return tensors


def _check_attributes(where: str, est: Any, net: Network, numbers: Mapping[str, Any]) -> None:
    """What `save` may write and `load` read; a user may have set them."""
    features = getattr(est, "feature_names_in_", None)
    if features is not None and np.asarray(features, object).shape != (net.n_inputs,):
        expected = f"{net.n_inputs} names, one for each feature"
        raise ValueError(message(where, "feature_names_in_", expected, features))
    if not isinstance(getattr(est, "history_", None), History):
        expected = "a History, as fit leaves it"
        raise TypeError(message(where, "history_", expected, getattr(est, "history_", None)))
    of_epochs = [*LISTS, *sorted(OF_EPOCHS)]
    has_epochs = any(hasattr(est, name) for name in of_epochs)
    for name in ("n_iter_", "t_", *(of_epochs if has_epochs else ())):
        if not hasattr(est, name):
            raise ValueError(message(where, name, "a value, as fit leaves it", None))
    for name, value in numbers.items():
        if name in COUNTS:
            check_integer(where, name, value, 0, MOST)
        elif type(value) is not float and not (value is None and name != "loss_"):
            raise TypeError(message(where, name, "a float", value))
    if not has_epochs:
        return
    for name in LISTS:
        if not (name == "validation_scores_" and est.validation_scores_ is None):
            _check_list(where, name, getattr(est, name))
    if (est.validation_scores_ is None) != (est.best_validation_score_ is None):
        expected = "a list where there is a best_validation_score_, else None"
        raise ValueError(message(where, "validation_scores_", expected, est.validation_scores_))


def _check_list(where: str, name: str, values: Any) -> None:
    try:
        array = np.asarray(values)
        is_list = array.ndim == 1 and array.dtype.kind in "fiu"
    except ValueError:  # lists of unlike lengths
        is_list = False
    if not is_list:
        raise TypeError(message(where, name, "a list of floats", values))


def _numbers(est: Any) -> dict[str, Any]:
    """Those that are there; which are there depends on the solvers."""
    found = {name: getattr(est, name) for name in (*COUNTS, *FLOATS) if hasattr(est, name)}
    for name in set(FLOATS) & set(found):
        if isinstance(found[name], Real):  # of NumPy, or an integer
            with suppress(OverflowError):
                found[name] = float(found[name])
    return found


def _features(est: Any) -> list[str] | None:
    """Names of columns, which are strings if there are any."""
    names = getattr(est, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _optimizer_document(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if state is None:
        return None
    optimizer: Optimizer = state["optimizer"]
    is_theirs = type(optimizer) is _options.Momentum
    return {
        "kind": optimizer.to_dict(),
        "is_momentum_of_scikit_learn": is_theirs,
        "steps": state["steps"],
        "epoch": state["epoch"],
        "schedule": asdict(state["schedule"]),
    }


def _prefixed(kind: str, parameters: Mapping[str, Array]) -> dict[str, Array]:
    return {f"{kind}/{name}": array for name, array in parameters.items()}


def set_fitted(
    est: Any,
    document: Mapping[str, Any],
    net: Network,
    arrays: list[Array],
    tensors: dict[str, Array],
) -> None:
    """The attributes, from what is in the file besides the parameters."""
    _set_target(est, document["target"], net, arrays)
    est.n_features_in_, est.n_outputs_ = net.n_inputs, net.n_outputs
    est.n_layers_ = len(net.layers) + 1
    features = document["features"]
    if features is not None:
        if not isinstance(features, list) or not all(isinstance(f, str) for f in features):
            raise TypeError("the names of the features are no list of strings")
        est.feature_names_in_ = np.array(features, object)
    est.history_ = read_history(document["history"], tensors)
    numbers = decode(document["fitted"], [])
    has_epochs = _set_numbers(est, numbers)
    for name in LISTS:
        values = _floats(tensors, name.rstrip("_"))
        if has_epochs:
            setattr(est, name, values)
        elif values is not None:
            raise ValueError(f"{name} of a solver without epochs")
    if has_epochs:
        est._best_parameters = _weights(document["best"], "best", net, tensors)
    elif document["best"] != []:
        raise ValueError("best parameters of a solver without epochs")
    _check_attributes("fitted", est, net, numbers)
    rate = document["rate"]
    if rate is not None:
        est._optimizer = _read_rate(rate)
    has_averages = any(name.startswith("behind/") for name in tensors)
    names = list(net.parameters) if has_averages else []
    behind = _weights(names, "behind", net, tensors)
    state = _read_optimizer(document["optimizer"], net, tensors)
    est._engine = Engine.of(net, behind or None, state)


def _set_target(est: Any, document: Any, net: Network, arrays: list[Array]) -> None:
    """What is predicted, which must be what the last layer gives."""
    last = net.layers[-1]
    if not isinstance(last, Dense):
        raise TypeError("the last layer is not dense")
    if est._y_is_numeric:
        if document is not None:
            raise ValueError("a regressor has no classes")
        est._n_targets, output = net.n_outputs, net.output_activation
        if output.name not in ("identity", "exp"):
            raise ValueError(f"a regressor's output is not {output.name}")
        return
    est._target = decode_target(document, arrays, net.n_outputs)
    est.classes_ = est._target.classes
    units, _, _ = est._output()
    _, activation, _ = est._target.output(0.0)
    if last != Dense(units, activation):
        raise ValueError("the last layer is not that of the classes")


def _set_numbers(est: Any, numbers: Any) -> bool:
    """Whether those of epochs are among them."""
    found = set(numbers)
    if not {"n_iter_", "t_"} <= found or found - {*COUNTS, *FLOATS}:
        raise ValueError(f"fitted has other fields than {', '.join((*COUNTS, *FLOATS))}")
    if found & OF_EPOCHS not in (set(), OF_EPOCHS):
        raise ValueError(f"some of {', '.join(sorted(OF_EPOCHS))} are missing")
    for name, value in numbers.items():
        setattr(est, name, value)
    return bool(found & OF_EPOCHS)


def _floats(tensors: dict[str, Array], name: str) -> list[float] | None:
    if name not in tensors:
        return None
    array = pop(tensors, name, 1)
    if array.dtype != np.float64:
        raise TypeError(f"{name} is not of float64")
    values: list[float] = array.tolist()
    return values


def _weights(names: Any, kind: str, net: Network, tensors: dict[str, Array]) -> dict[str, Array]:
    """All parameters, with averages or without, or none; finite, in the network's shapes."""
    known = list(net.parameters)
    allowed: tuple[list[str], ...] = ([], known, [*known, *(f"{AVERAGE}{name}" for name in known)])
    if names not in allowed[: 2 if kind == "behind" else 3]:
        raise ValueError(f"{kind} has other names than the parameters")
    weights = {name: pop(tensors, f"{kind}/{name}") for name in names}
    for name, array in weights.items():
        fits = array.shape == net.parameters[name.removeprefix(AVERAGE)].shape
        if not fits or array.dtype != net.dtype or not np.isfinite(array).all():
            raise ValueError(f"{kind}/{name} does not fit, or is not finite")
    return weights


def _read_rate(document: Any) -> LearningRate:
    d = check_fields(document, "rate", {"learning_rate_init", "learning_rate", "rule", "power_t"})
    rule = check_choice("rate", "rule", d["rule"], _options.RATES)
    initial = check_number("rate", "learning_rate_init", d["learning_rate_init"], above=0)
    rate = LearningRate(initial, rule, check_number("rate", "power_t", d["power_t"], minimum=0))
    rate.learning_rate = check_number("rate", "learning_rate", d["learning_rate"], minimum=0)
    return rate


def _read_optimizer(
    document: Any, net: Network, tensors: dict[str, Array]
) -> dict[str, Any] | None:
    """What waits for a trainer (see `_optimizer.read_state`)."""
    if document is None:
        return None
    fields = {"kind", "is_momentum_of_scikit_learn", "steps", "epoch", "schedule"}
    d = check_fields(document, "optimizer", fields)
    optimizer = _read_kind(d["kind"], d["is_momentum_of_scikit_learn"])
    check_precision("optimizer", numbers_of("kind", optimizer), net.dtype)
    arrays = pop_optimizer(optimizer, net, tensors)
    shapes = [value.shape for value in net.parameters.values()]
    if any([array.shape for array in of_parameters] != shapes for of_parameters in arrays):
        raise ValueError("the optimizer's state does not fit")
    return {
        "optimizer": optimizer,
        "steps": check_integer("optimizer", "steps", d["steps"], 0, MOST),
        "arrays": arrays,
        "averages": {},
        "epoch": check_integer("optimizer", "epoch", d["epoch"], 0, MOST),
        "schedule": read_schedule_state(d["schedule"]),
    }


def _read_kind(document: Any, is_theirs: Any) -> Optimizer:
    if is_theirs is True:
        d = check_fields(document, "optimizer", {"kind", "learning_rate", "momentum", "nesterov"})
        if d["kind"] != _options.Momentum.name:
            raise ValueError("the momentum is of no SGD")
        return _options.Momentum(d["learning_rate"], d["momentum"], d["nesterov"])
    if is_theirs is not False or not isinstance(document, dict):
        raise TypeError("the optimizer is not described as one")
    return resolve_optimizer(document, "optimizer")
