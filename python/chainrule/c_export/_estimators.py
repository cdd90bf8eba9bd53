"""What a fitted estimator adds to its network: probabilities of both of two classes, and words.

| estimator               | `out`                                                            |
| ----------------------- | ---------------------------------------------------------------- |
| regressor               | the targets, (n_targets,)                                        |
| one classification      | the probability of each class, (n_classes,)                      |
| labels of 0 and 1       | the probability of each label, (n_labels,)                       |
| several classifications | the probabilities of the first one's classes, of the second's .. |
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.c_export._layers import add_network
from chainrule.c_export._model import Model, add_result, example_row, layer_lines, place_lines
from chainrule.c_export._program import Program, Value
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.estimators._targets import OneTarget, SeveralTargets

Estimator = MLPClassifier | MLPRegressor


def estimator_model(est: Estimator, where: str) -> Model:
    """Raises ValueError if a parameter is not finite."""
    net = est._ready(where)
    program, x = Program(net.dtype), example_row(net.n_inputs, net.dtype)
    y = add_network(program, Value("x", net.n_inputs), net, where)
    expected = net.predict(x)
    classes: list[Any] = []
    if isinstance(est, MLPClassifier) and isinstance(est._target, OneTarget):
        expected = est._target.probabilities(expected)
        if not est._target.is_multilabel:
            classes = np.resize(est.classes_, expected.shape[1]).tolist()  # a single one is both
    add_result(program, y, expected.shape[1])
    inputs = [repr(name) for name in getattr(est, "feature_names_in_", ())]
    lines = [
        *(f"{type(est).__name__}", ""),
        *place_lines("x", inputs),
        *place_lines("out", list(_outputs(est))),
        *("", *layer_lines(net)),
    ]
    return Model(program, lines, x[0], expected[0], classes)


def _outputs(est: Estimator) -> Iterator[str]:
    """What each of the outputs is."""
    if isinstance(est, MLPRegressor):
        yield from (f"target {place}" for place in range(est.n_outputs_))
    elif isinstance(est._target, SeveralTargets):
        for number, classes in enumerate(est.classes_):
            yield from (f"probability of {c!r} in output {number}" for c in classes.tolist())
    elif est._target.is_multilabel:
        yield from (f"probability of label {place}" for place in range(est.n_outputs_))
    else:
        classes = np.resize(est.classes_, max(2, est.n_outputs_))
        yield from (f"probability of {c!r}" for c in classes.tolist())
