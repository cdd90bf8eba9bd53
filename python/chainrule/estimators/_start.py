"""The network that a fit begins with: a new one, the one that is there, or weights set by hand.

Start at `begin`. Nothing here changes an engine that an estimator has had before.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule._errors import message
from chainrule._sklearn import THEIRS
from chainrule.estimators import _options
from chainrule.estimators._engine import KINDS, Engine
from chainrule.history import History
from chainrule.layers import Layer
from chainrule.network import Network

OF_EPOCHS = (  # attributes that solvers without epochs do not have
    "loss_curve_",
    "validation_scores_",
    "best_validation_score_",
    "best_loss_",
    "_best_parameters",
    "_no_improvement_count",
)


def begin(
    est: Any, where: str, layers: Sequence[Any], n_inputs: int, dtype: Any, continues: bool
) -> Network:
    """Gives the estimator an engine of its own for this fit, and its attributes.

    The network has the type `dtype` if it is new, else that of the weights.
    """
    given: Engine | None = vars(est).get("_engine")
    if not continues or given is None:
        est._engine = _new(est, where, layers, n_inputs, dtype)
        for name in ("n_iter_", "t_", "history_", *OF_EPOCHS):
            vars(est).pop(name, None)
        _begin_attributes(est, layers)
    elif given.net is None:
        est._engine = _of_lists(where, layers, n_inputs, given)
        _begin_attributes(est, layers)
    else:
        est._engine = _continued(est, where, layers, given)
    net: Network = est._engine.ready(where)
    return net


def _new(est: Any, where: str, layers: Sequence[Any], n_inputs: int, dtype: Any) -> Engine:
    engine = Engine()
    seed = None if est.layers is None else est._random_state.randint(2**31 - 1)
    _options.refuses(engine.build)(where, layers, n_inputs, dtype, seed)
    if seed is None:
        _draw_weights(est, engine.ready(where), layers)
    return engine


def _of_lists(where: str, layers: Sequence[Any], n_inputs: int, given: Engine) -> Engine:
    """An engine of weights that were set by hand, in their type."""
    lists = [given.shown(attribute) for attribute in KINDS]
    arrays = [array for shown in lists if isinstance(shown, list | tuple) for array in shown]
    is_single = all(getattr(array, "dtype", None) == np.float32 for array in arrays)
    engine = given.branch()
    _options.refuses(engine.build)(
        where, layers, n_inputs, np.dtype(np.float32 if is_single else np.float64), None
    )
    net = engine.ready(where)
    others = [name for name in net.parameters if not name.endswith((".weight", ".bias"))]
    if others:
        expected = "layers whose parameters are all in coefs_ and intercepts_"
        raise ValueError(message(where, "layers", expected, others[0]))
    activation = THEIRS.get(net.output_activation.name, net.output_activation.name)
    if given.given_activation not in (None, activation):
        expected = f"{activation!r} for these outputs"
        raise ValueError(message(where, "out_activation_", expected, given.given_activation))
    return engine


def _continued(est: Any, where: str, layers: Sequence[Layer], given: Engine) -> Engine:
    """The engine that is there, with other activations if need be. Raises ValueError for others."""
    net = given.ready(where)
    if tuple(layers) == net.layers:
        return given.branch()
    rebuilt = given.rebuilt(where, layers)
    if rebuilt is None:
        argument = "hidden_layer_sizes" if est.layers is None else "layers"
        how = "partial_fit" if where.endswith("partial_fit") else "warm_start"
        expected = f"{_sizes(net.layers)} as in the model that {how} continues"
        raise ValueError(message(where, argument, expected, _sizes(layers)))
    return rebuilt


def _sizes(layers: Sequence[Any]) -> tuple[int, ...]:
    return tuple(layer.units for layer in layers[:-1])


def _draw_weights(est: Any, net: Network, layers: Sequence[Any]) -> None:
    """As scikit-learn draws them, biases too (Glorot & Bengio 2010, eq. 16)."""
    factor = _options.glorot_factor(est)
    sizes = [net.n_inputs, *(layer.units for layer in layers)]
    for number, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        bound = np.sqrt(factor / (n_in + n_out))
        for name, shape in (("weight", (n_in, n_out)), ("bias", (n_out,))):
            values = est._random_state.uniform(-bound, bound, shape)
            net.parameters[f"{number}.{name}"] = values.astype(net.dtype)


def _begin_attributes(est: Any, layers: Sequence[Any]) -> None:
    """Those of the network, and those of training that were not set."""
    est.n_outputs_, est.n_layers_ = layers[-1].units, len(layers) + 1
    for name, value in (("n_iter_", 0), ("t_", 0), ("history_", History())):
        vars(est).setdefault(name, value)


def begin_epochs(est: Any) -> None:
    """The attributes of solvers with epochs, where they are not there yet."""
    empty = {"loss_curve_": [], "_best_parameters": {}, "_no_improvement_count": 0}
    for name in OF_EPOCHS:
        value = vars(est).setdefault(name, empty.get(name))
        if isinstance(value, tuple | np.ndarray):
            setattr(est, name, list(value))  # to which epochs add
    # Either kind of stopping may begin later than the other.
    if est.early_stopping and est.validation_scores_ is None:
        est.validation_scores_, est.best_validation_score_ = [], -np.inf
    if not est.early_stopping and est.best_loss_ is None:
        est.best_loss_ = np.inf
