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
    return engine is not None and all(map(engine.shown, KINDS)) and est._knows_outputs()


def build(est: Any, where: str) -> None:
    """Gives the estimator the network of these weights; other attributes that are set stay.

    Raises ValueError or TypeError for weights that do not belong together, and leaves the estimator
    as it was then.
    """
    weights, activation = est._engine.shown("coefs_"), est._engine.given_activation
    sizes = _sizes(where, weights)
    before = dict(vars(est))
    try:
        if est.layers is None:
            hidden = _options.dense_layers(est, where, sizes[1:-1])
        else:
            hidden = _options.hidden_layers(est, where)
        est._learn_outputs(where, sizes[-1], activation)
        units, output, _ = est._output()
        if units != sizes[-1]:
            expected = f"{units} columns in the last array, by the classes"
            raise ValueError(message(where, "coefs_", expected, sizes[-1]))
        layers = [*hidden, _options.dense(units, output)]
        single = all(np.asarray(w).dtype == np.float32 for w in weights)
        dtype = np.dtype(np.float32 if single else np.float64)
        _start.begin(est, where, layers, sizes[0], dtype, continues=True)
        if activation not in (None, est.out_activation_):
            expected = f"{est.out_activation_!r} for these outputs"
            raise ValueError(message(where, "out_activation_", expected, activation))
    except BaseException:
        est.__dict__.clear()
        est.__dict__.update(before)
        raise
    learned = ("_engine", "classes_")
    est.__dict__.update({name: before[name] for name in before if name not in learned})
    est.__dict__.setdefault("n_features_in_", sizes[0])


def _sizes(where: str, weights: Any) -> list[int]:
    """Of the inputs and of each layer."""
    is_list = isinstance(weights, list | tuple)
    shapes = [np.shape(w) for w in weights] if is_list else []
    fit = all(len(shape) == 2 for shape in shapes)
    if not (shapes and fit and all(a[1] == b[0] for a, b in pairwise(shapes))):
        expected = "matrices (n_in, n_out), each with as many rows as the one before has columns"
        raise ValueError(message(where, "coefs_", expected, shapes if is_list else weights))
    return [shapes[0][0], *(n_out for _, n_out in shapes)]
