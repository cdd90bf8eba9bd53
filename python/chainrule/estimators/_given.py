"""A model of weights that a program has set on an estimator that was never fitted.

It may have kept them as JSON, or averaged them: `coefs_` and `intercepts_`, of a classifier
`classes_`, too. scikit-learn's MLPs predict with such attributes.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from chainrule._errors import message
from chainrule.estimators import _options, _start
from chainrule.estimators._engine import KINDS


def is_complete(est: Any) -> bool:
    """Whether there is all that a model needs."""
    engine = vars(est).get("_engine")
    if engine is None or any(engine.shown(attribute) is None for attribute in KINDS):
        return False
    return bool(est._knows_outputs())


def build(est: Any, where: str) -> None:
    """Gives the estimator the network of these weights.

    Other attributes that were set stay, but for what the weights tell. Raises ValueError or
    TypeError for what does not belong together, and leaves the estimator as it was then.
    """
    engine = est._engine
    with engine._at_lists:  # threads may predict with it for the first time
        if est._engine is not engine:
            return
        trial: Any = object.__new__(type(est))
        trial.__dict__.update(vars(est))
        _build(trial, where)
        if any(hasattr(trial, name) for name in _start.OF_EPOCHS):
            _start.begin_epochs(trial)
        learned = dict(vars(trial))
        ready = learned.pop("_engine")
        est.__dict__.update(learned)
        est._engine = ready  # last: who sees it finds the others


def _build(est: Any, where: str) -> None:
    sizes = _sizes(where, est._engine.shown("coefs_"))
    if getattr(est, "n_features_in_", sizes[0]) != sizes[0]:
        expected = f"{sizes[0]}, the rows of the first array of coefs_"
        raise ValueError(message(where, "n_features_in_", expected, est.n_features_in_))
    if est.layers is None:
        hidden = _options.dense_layers(est, where, sizes[1:-1])
    else:
        hidden = _options.hidden_layers(est, where)
    est._learn_outputs(where, sizes[-1], est._engine.given_activation)
    units, output, _ = est._output()
    if units != sizes[-1]:
        expected = f"{units} columns in the last array, by classes_"
        raise ValueError(message(where, "coefs_", expected, sizes[-1]))
    layers = [*hidden, _options.dense(units, output)]
    _start.begin(est, where, layers, sizes[0], np.dtype(float), continues=True)
    est.n_features_in_ = sizes[0]


def _sizes(where: str, weights: Any) -> list[int]:
    """Of the inputs and of each layer."""
    is_list = isinstance(weights, list | tuple)
    shapes = [_shape(w) for w in weights] if is_list else []
    fit = all(len(shape) == 2 and min(shape) > 0 for shape in shapes)
    if not (shapes and fit and all(a[1] == b[0] for a, b in pairwise(shapes))):
        expected = "matrices (n_in, n_out), each with as many rows as the one before has columns"
        raise ValueError(message(where, "coefs_", expected, shapes if is_list else weights))
    return [shapes[0][0], *(n_out for _, n_out in shapes)]


def _shape(array: Any) -> tuple[int, ...]:
    try:
        return np.shape(array)
    except ValueError:  # rows of unlike lengths
        return ()
