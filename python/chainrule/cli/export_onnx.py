"""`chainrule export-onnx`: a model file as ONNX, from columns of a table to predictions.

The nodes do what preprocessing.py does, in float64, with the numbers that its transformers learned.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from chainrule._files import write_atomically
from chainrule.checkpoint import FORMAT as NETWORK
from chainrule.cli.console import InputError, check_output, count, one_line, show
from chainrule.cli.estimator_file import FORMAT as ESTIMATOR
from chainrule.cli.estimator_file import estimator_of
from chainrule.cli.model_file import TableModel, load_model, read_model_file
from chainrule.cli.preprocessing import LARGEST, MOST_DEVIATIONS, PERIODS, known_categories
from chainrule.estimators import MLPClassifier
from chainrule.network import Network

try:
    from chainrule.onnx import export_onnx as export_model
    from chainrule.onnx._estimators import add_label, binary_probabilities, label_table
    from chainrule.onnx._graph import ModelGraph, Value
    from chainrule.onnx._layers import add_network
except ImportError as error:
    raise InputError(one_line(error)) from None

WHERE = "export-onnx"


def export_onnx(path: Path, output: Path, nodes: str) -> None:
    """Writes the file and says what goes in and comes out."""
    check_output("OUT", output, [".onnx"], [path])
    contents = read_model_file(path)
    try:
        if contents.kind == NETWORK:
            export_model(Network.load(path), output, nodes=nodes)
            show(f"{output}: a network, from X to output")
            return
        if contents.kind == ESTIMATOR:
            est, _ = estimator_of(contents, path)
            export_model(est, output, nodes=nodes)
            results = "label and probabilities" if isinstance(est, MLPClassifier) else "variable"
            show(f"{output}: an {type(est).__name__}, from X to {results}")
            return
        model = load_model(path)
        content, outputs = _table_graph(model, nodes)
        write_atomically(output, [(0, content)])
    except ValueError as error:
        raise InputError(f"{path}: {one_line(error)}") from None
    except OSError as error:
        raise InputError(f"{output}: {error.strerror or error}") from None
    columns = count(len(model.features), "column")
    show(f"{output}: from {columns} to {' and '.join(value.name for value in outputs)}")


def _table_graph(model: TableModel, nodes: str) -> tuple[bytes, list[Value]]:
    """The file's bytes and its outputs."""
    if any(not feature.name for feature in model.features):
        raise InputError("a column has no name, which an input of ONNX needs")
    kinds = {"category": "object"}
    inputs = [Value(f.name, kinds.get(f.kind, "float64"), (1,)) for f in model.features]
    graph = ModelGraph("float64", inputs, nodes)
    names = ["label", "probabilities"] if model.target.classes else ["variable"]
    names = [graph.new_name(name) for name in names]
    dtype = model.network.dtype.name
    x = graph.cast(_preprocessed(graph, model), dtype)
    part = graph.of_dtype(dtype)
    y = add_network(part, x, model.network, WHERE)
    if not model.target.classes:
        wide = graph.cast(y, "float64")
        scaled = graph.node("Mul", wide, graph.constant(np.float64(model.target.scale), "scale"))
        mean = graph.constant(np.float64(model.target.mean), "mean")
        graph.node("Add", scaled, mean, output=names[0])
        outputs = [Value(names[0], "float64", (1,))]
    else:
        table = label_table(WHERE, model.target.classes)
        y = binary_probabilities(part, y) if model.target.n_outputs == 1 else y
        part.node("Identity", y, output=names[1])
        add_label(part, y, table, names[0])
        outputs = [
            Value(names[0], table.dtype.name),
            Value(names[1], dtype, (len(table),)),
        ]
    return graph.to_bytes(WHERE, outputs), outputs


def _preprocessed(graph: ModelGraph, model: TableModel) -> str:
    """The network's input, as `preprocessing.transform` has it, in float64."""
    columns: dict[str, str] = {}  # of `preprocessing.feature_frame`
    for feature in model.features:
        if feature.kind == "category":
            columns[f"category:{feature.name}"] = feature.name
        elif feature.kind == "time":
            columns |= _time_columns(graph, feature.name)
        else:
            columns[f"number:{feature.name}"] = feature.name
    parts: list[str] = []
    numbers: tuple[str, str] | None = None  # present or not, and the values
    for name, transformer, used in model.preprocessing.transformers_:
        inputs = [columns[column] for column in used]
        if name == "categories":
            parts += _one_hot(graph, inputs, transformer)
            continue
        numbers = numbers or _numbers(graph, inputs)
        present, values = numbers
        if name == "numbers":
            impute, scale = (step for _, step in transformer.steps)
            parts.append(_scaled(graph, present, values, impute.statistics_, scale))
        elif len(transformer.features_):
            missing = graph.cast(graph.node("Not", present), "float64")
            chosen = graph.constant(transformer.features_.astype(np.int64), "features")
            parts.append(graph.node("Gather", missing, chosen, axis=1))
    limits = (graph.constant(np.float64(end)) for end in (-MOST_DEVIATIONS, MOST_DEVIATIONS))
    return graph.node("Clip", graph.node("Concat", *parts, axis=1), *limits)


def _numbers(graph: ModelGraph, inputs: Sequence[str]) -> tuple[str, str]:
    values = graph.node("Concat", *inputs, axis=1)
    largest = graph.constant(np.float64(LARGEST), "largest")
    return graph.node("LessOrEqual", graph.node("Abs", values), largest), values  # NaN is not


def _scaled(graph: ModelGraph, present: str, values: str, medians: Any, scaler: Any) -> str:
    filled = graph.node("Where", present, values, graph.constant(medians, "medians"))
    centred = graph.node("Sub", filled, graph.constant(scaler.mean_, "means"))
    return graph.node("Div", centred, graph.constant(scaler.scale_, "scales"))


def _one_hot(graph: ModelGraph, inputs: Sequence[str], encoder: OneHotEncoder) -> list[str]:
    """An indicator for each frequent category, and one for all others where training had rare."""
    parts = []
    for x, (known, has_others) in zip(inputs, known_categories(encoder), strict=True):
        found = graph.node("Equal", x, graph.constant(np.array(known, dtype=object), "categories"))
        part = graph.cast(found, "float64")
        if known:
            parts.append(part)
        if has_others:
            one = graph.constant(np.float64(1.0), "one")
            axis = graph.constant(np.array([1]), "axis")
            known_ones = graph.node("ReduceSum", part, axis, keepdims=1)
            parts.append(graph.node("Sub", one, known_ones))
    return parts


def _time_columns(graph: ModelGraph, days: str) -> dict[str, str]:
    columns = {f"number:{days}:days": days}
    for period, length in PERIODS:
        turns = graph.node("Div", days, graph.constant(np.float64(length), "period"))
        phase = graph.node("Mul", turns, graph.constant(np.float64(2 * np.pi), "turn"))
        # The cosine is the sine a quarter later: older ONNX Runtimes lack Cos of float64.
        later = graph.node("Add", phase, graph.constant(np.float64(np.pi / 2), "quarter"))
        for kind, x in (("sine", phase), ("cosine", later)):
            columns[f"number:{days}:{period} {kind}"] = graph.node("Sin", x)
    return columns
