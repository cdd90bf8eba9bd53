"""`chainrule export-c`: a model file as C, from columns of a table to predictions.

The statements do what preprocessing.py does, in double, with the numbers that its transformers
learned. A row is an array of double with a number for each column: of a category its code.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chainrule._files import write_atomically
from chainrule.c_export._estimators import estimator_model
from chainrule.c_export._export import SUFFIXES, check_suffix, checked_name
from chainrule.c_export._file import c_file
from chainrule.c_export._layers import add_network
from chainrule.c_export._literals import number
from chainrule.c_export._model import (
    Model,
    add_result,
    layer_lines,
    network_model,
    place_lines,
)
from chainrule.c_export._program import Program, Value
from chainrule.checkpoint import FORMAT as NETWORK
from chainrule.cli.console import InputError, check_free, check_output, count, one_line, show
from chainrule.cli.estimator_file import FORMAT as ESTIMATOR
from chainrule.cli.estimator_file import estimator_of
from chainrule.cli.features import Feature
from chainrule.cli.model_file import TableModel, check_model_path, load_model, read_model_file
from chainrule.cli.preprocessing import LARGEST, MOST_DEVIATIONS, PERIODS, known_categories
from chainrule.cli.tables import Table
from chainrule.network import Network

WHERE = "export-c"


def export_c(path: Path, output: Path | None, name: str | None) -> None:
    """Writes the file and says what goes in and comes out."""
    check_model_path(path)
    output = _default_output(path) if output is None else output
    check_output("OUT", output, SUFFIXES, [path])
    contents = read_model_file(path)
    try:
        check_suffix(WHERE, output)
        chosen = _chosen_name(output, name)
        if contents.kind == NETWORK:
            net = Network.load(path)
            found = network_model(net, WHERE)
            rows = f"a network of {count(net.n_inputs, 'input')}"
        elif contents.kind == ESTIMATOR:
            est, _ = estimator_of(contents, path)
            found = estimator_model(est, WHERE)
            rows = f"an {type(est).__name__} of {count(est.n_features_in_, 'input')}"
        else:
            model = load_model(path)
            found = _table_model(model)
            rows = f"from {count(len(model.features), 'column')} to {_result(model)}"
        write_atomically(output, c_file(WHERE, found, chosen, output.name))
    except ValueError as error:
        raise InputError(f"{path}: {one_line(error)}") from None
    except OSError as error:
        raise InputError(f"{output}: {error.strerror or error}") from None
    show(f"{output}: {rows}, as {chosen}_predict")


def _default_output(path: Path) -> Path:
    """MODEL's name with .c, in the current folder. Raises InputError if it is taken."""
    output = Path(path.with_suffix(".c").name)
    check_free(output, "OUT")
    return output


def _chosen_name(output: Path, name: str | None) -> str:
    try:
        return checked_name(WHERE, output, name)
    except ValueError as error:
        reason = str(error).removeprefix(f"[{WHERE}] name: ")
        who = f"--name {name}" if name is not None else f"{output}: give its functions a --name"
        raise InputError(f"{who}: {reason}") from None


def _result(model: TableModel) -> str:
    if model.target.classes:
        return f"probabilities of {count(len(model.target.classes), 'class', 'classes')}"
    return f"the prediction of {model.target.name!r}"


def _table_model(model: TableModel) -> Model:
    program, target = Program(model.network.dtype), model.target
    y = add_network(program, _preprocessed(program, model), model.network, WHERE)
    if target.classes:
        add_result(program, y, len(target.classes))
    else:
        program.comment("in the units of the target")
        program.add(
            f"out[0] = (double){y.name}[0] * {_double(target.scale)} + {_double(target.mean)};"
        )
    table, x = _example(model)
    output = model.output(table)
    expected = target.probabilities(output)[0] if target.classes else target.decode(output)
    lines = [
        f"Of a table, made by chainrule train: {_result(model)}",
        "",
        *place_lines("x", list(_column_lines(model))),
        *place_lines(
            "out", [f"probability of {c!r}" for c in target.classes] or [repr(target.name)]
        ),
    ]
    if any(feature.kind == "time" for feature in model.features):
        lines += ["", "Dates need sine and cosine of the C library, whose last bit may be its own."]
    lines += ["", *layer_lines(model.network)]
    return Model(program, lines, x, expected, target.classes, _categories(model))


def _preprocessed(program: Program, model: TableModel) -> Value:
    """The network's input, as `preprocessing.transform` has it."""
    program.macros |= {"LARGEST": _double(LARGEST), "MOST_DEVIATIONS": _double(MOST_DEVIATIONS)}
    program.comment("columns of the table")
    columns: dict[str, str] = {}  # of `preprocessing.feature_frame`
    for place, feature in enumerate(model.features):
        if feature.kind == "category":
            columns[f"category:{feature.name}"] = f"x[{place}]"
        elif feature.kind == "time":
            columns |= _time_columns(program, feature.name, place)
        else:
            columns[f"number:{feature.name}"] = _variable(program, f"v{place}", f"x[{place}]")
    z = program.new(model.network.n_inputs)
    at = 0
    for name, transformer, used in model.preprocessing.transformers_:
        inputs = [columns[column] for column in used]
        if name == "categories":
            for x, (known, others) in zip(inputs, known_categories(transformer), strict=True):
                program.add(f"NAME_one_hot({x}, {len(known)}, {int(others)}, {z.name} + {at});")
                at += len(known) + others
        elif name == "numbers":
            impute, scale = (step for _, step in transformer.steps)
            numbers = zip(inputs, impute.statistics_, scale.mean_, scale.scale_, strict=True)
            for x, *learned in numbers:
                shown = ", ".join(map(_double, learned))
                program.add(f"{z.name}[{at}] = NAME_scaled({x}, {shown});")
                at += 1
        else:
            for place in transformer.features_.tolist():
                program.add(f"{z.name}[{at}] = NAME_missing({inputs[place]});")
                at += 1
    return z


def _variable(program: Program, name: str, value: str) -> str:
    program.add(f"const double {name} = NAME_number({value});")
    return name


def _time_columns(program: Program, column: str, place: int) -> dict[str, str]:
    days = f"x[{place}]"
    program.macros["TURN"] = _double(2 * np.pi)
    columns = {f"number:{column}:days": _variable(program, f"v{place}", days)}
    for period, length in PERIODS:
        phase = f"v{place}_{period}"
        program.add(f"const double {phase} = NAME_phase({days}, {_double(length)});")
        columns[f"number:{column}:{period} sine"] = f"sin({phase})"
        columns[f"number:{column}:{period} cosine"] = f"cos({phase})"
    return columns


def _double(value: float) -> str:
    return number(np.float64(value))


def _categories(model: TableModel) -> list[list[str]]:
    """Of each column, those that have a code: their places in this list."""
    known: dict[str, list[str]] = {}
    for name, transformer, used in model.preprocessing.transformers_:
        if name == "categories":
            known |= zip(used, (found for found, _ in known_categories(transformer)), strict=True)
    return [known.get(f"category:{feature.name}", []) for feature in model.features]


def _column_lines(model: TableModel) -> Iterator[str]:
    kinds = {
        "number": "a number, or NAN if it is missing",
        "boolean": "0 or 1, or NAN if it is missing",
        "time": "days since 1970-01-01 00:00, or NAN if it is missing",
    }
    for feature, known in zip(model.features, _categories(model), strict=True):
        codes = ", ".join(f"{code} for {c!r}" for code, c in enumerate([*known][:20]))
        more = ", .." if len(known) > 20 else ""
        of_codes = f"the code of its text, {codes}{more}, else -1"
        yield f"{feature.name!r}: {kinds.get(feature.kind, of_codes)}"


def _example(model: TableModel) -> tuple[Table, Any]:
    """A row as a table and as C takes it."""
    values: Sequence[tuple[Any, float]] = [
        _example_of(feature, known)
        for feature, known in zip(model.features, _categories(model), strict=True)
    ]
    frame = pd.DataFrame(
        {f.name: [value] for f, (value, _) in zip(model.features, values, strict=True)}
    )
    return Table(Path("example"), frame), np.array([x for _, x in values])


def _example_of(feature: Feature, known: Sequence[str]) -> tuple[Any, float]:
    if feature.kind == "time":
        return pd.Timestamp("2000-01-01 06:00"), 10957.25
    if feature.kind == "category":
        text = known[0] if known else "any"
        return text or None, 0.0 if known else -1.0
    return (True, 1.0) if feature.kind == "boolean" else (1.5, 1.5)
