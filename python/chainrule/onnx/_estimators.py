"""What a fitted estimator adds to its network's outputs: labels and probabilities.

| estimator               | outputs                                                              |
| ----------------------- | -------------------------------------------------------------------- |
| regressor               | `variable` (rows, n_targets)                                         |
| one classification      | `label` (rows,), `probabilities` (rows, n_classes)                   |
| labels of 0 and 1       | `label` and `probabilities` (rows, n_labels)                         |
| several classifications | `label` (rows, n_outputs), `probabilities`, (rows, n_classes) of each |

The names are skl2onnx's. Labels are strings or int64, as ONNX's other classifiers have them:
booleans and whole numbers in floating point become int64.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._errors import message
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.estimators._targets import OneTarget, SeveralTargets
from chainrule.onnx._graph import Graph, Value
from chainrule.onnx._layers import add_network

Array = NDArray[Any]
Estimator = MLPClassifier | MLPRegressor


def outputs_of(est: Estimator, dtype: str, where: str, indices: bool = False) -> list[Value]:
    """What the graph will give. With `indices` labels are 0, 1, .. and not the classes themselves.

    Raises ValueError for classes that are neither all strings nor all whole numbers.
    """
    est._ready(where)
    if isinstance(est, MLPRegressor):
        return [Value("variable", dtype, (est.n_outputs_,))]
    tables = _label_tables(est, where, indices)
    kind = "int64" if _is_multilabel(est) else tables[0].dtype.name
    if isinstance(est._target, SeveralTargets):
        proba = Value("probabilities", dtype, sequence=True)
        return [Value("label", kind, (len(tables),)), proba]
    if _is_multilabel(est):
        shape = (est.n_outputs_,)
        return [Value("label", kind, shape), Value("probabilities", dtype, shape)]
    # A single unit is the probability of the second class.
    return [Value("label", kind), Value("probabilities", dtype, (max(2, est.n_outputs_),))]


def add_estimator(
    graph: Graph,
    x: str,
    est: Estimator,
    names: Sequence[str],
    where: str,
    indices: bool = False,
) -> None:
    """From rows x to the outputs, which get these names."""
    outputs = add_network(graph, x, est._ready(where), where)
    if isinstance(est, MLPRegressor):
        graph.node("Identity", outputs, output=names[0])
        return
    label, probabilities = names
    tables = _label_tables(est, where, indices)
    if isinstance(est._target, SeveralTargets):
        _add_several(graph, outputs, tables, label, probabilities)
    elif _is_multilabel(est):
        graph.node("Identity", outputs, output=probabilities)
        half = graph.constant(np.float64(0.5), "half")
        graph.cast(graph.node("Greater", outputs, half), "int64", output=label)
    else:
        both = binary_probabilities(graph, outputs) if est.n_outputs_ == 1 else outputs
        graph.node("Identity", both, output=probabilities)
        add_label(graph, both, tables[0], label)


def binary_probabilities(graph: Graph, p: str) -> str:
    """(1 - p, p) of p (rows, 1)."""
    one = graph.constant(np.float64(1.0), "one")
    return graph.node("Concat", graph.node("Sub", one, p), p, axis=1)


def add_label(graph: Graph, probabilities: str, table: Array, output: str | None = None) -> str:
    """Of each row the label with the largest probability, the first of equal ones."""
    largest = graph.node("ArgMax", probabilities, axis=1, keepdims=0)
    return graph.node("Gather", graph.constant(table, "classes"), largest, output=output, axis=0)


def label_table(where: str, classes: Any, indices: bool = False) -> Array:
    """Classes as int64 or as str, of type object, as ONNX holds labels."""
    values = np.asarray(classes).tolist()
    if indices:
        return np.arange(len(values))
    if all(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    is_number = all(isinstance(value, bool | int | float) for value in values)
    if is_number and all(value == int(value) and abs(value) < 2**63 for value in values):
        return np.array([int(value) for value in values], dtype=np.int64)
    expected = "classes that are all strings or all whole numbers, as ONNX's labels"
    raise ValueError(message(where, "model", expected, values))


def _add_several(
    graph: Graph, outputs: str, tables: Sequence[Array], label: str, probabilities: str
) -> None:
    axis = graph.constant(np.array([1]), "axis")
    labels, parts, end = [], [], 0
    for table in tables:
        at = [graph.constant(np.array([place]), "place") for place in (end, end + len(table))]
        parts.append(graph.node("Slice", outputs, *at, axis))
        labels.append(graph.node("Unsqueeze", add_label(graph, parts[-1], table), axis))
        end += len(table)
    graph.node("Concat", *labels, output=label, axis=1)
    graph.node("SequenceConstruct", *parts, output=probabilities)


def _label_tables(est: MLPClassifier, where: str, indices: bool) -> list[Array]:
    """A table of labels for each classification."""
    if isinstance(est._target, SeveralTargets):
        tables = [label_table(where, classes, indices) for classes in est.classes_]
        if len({table.dtype for table in tables}) > 1:
            expected = "classes that are strings in all outputs or numbers in all"
            raise ValueError(message(where, "model", expected, list(map(list, est.classes_))))
        return tables
    table = label_table(where, est.classes_, indices)
    # Of a single class both answers are that one.
    return [np.repeat(table, 2) if len(table) == 1 else table]


def _is_multilabel(est: MLPClassifier) -> bool:
    return isinstance(est._target, OneTarget) and est._target.is_multilabel
