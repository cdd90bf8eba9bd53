"""`chainrule train`: from a table to a model file. Start at `train`."""

import time
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import NDArray

import chainrule as cr
from chainrule.cli import report
from chainrule.cli.console import InputError, check_free, check_output, count, note
from chainrule.cli.features import choose_features
from chainrule.cli.fitting import fit, split
from chainrule.cli.model_file import TableModel, save_model
from chainrule.cli.options import Options, default_output, parse_hidden
from chainrule.cli.preprocessing import feature_frame, fit_preprocessing, transform
from chainrule.cli.scores import baseline, class_scores, scores
from chainrule.cli.tables import Table, read_table
from chainrule.cli.target import Target, present

Array = NDArray[Any]


def train(options: Options) -> TableModel:
    """Reads, splits, fits, reports and saves; returns the model."""
    hidden = parse_hidden(options.hidden)
    name = options.target or default_target(options)
    inputs = [options.data] if options.test is None else [options.data, options.test]
    output = options.output
    if output is None:
        output = default_output(options.data)
        check_free(output, "--output")
    check_output("--output", output, [".safetensors"], inputs)
    if options.picture is not None:
        report.check_picture(options.picture, inputs)
    if options.threads is not None:
        cr.set_num_threads(options.threads)

    model, X, y = prepare(options, name, hidden)
    start = time.perf_counter()
    training = fit(model.network, model.target, X, y, options)
    seconds = time.perf_counter() - start
    model.about = describe(model, X, y) | {
        "training": training,
        "settings": options.kept(training["batch_size"]),
    }
    if not options.quiet:
        report.results(model, seconds)
    try:
        save_model(model, output)
    except OSError as error:
        raise InputError(f"--output {output}: {error.strerror or error}") from None
    if not options.quiet:
        report.saved(output)
    return model


def prepare(
    options: Options, name: str, hidden: list[int]
) -> tuple[TableModel, dict[str, Array], dict[str, Array]]:
    """The model before training, and (X, y) by part: "training", "validation", "test"; `name` is
    the target's.

    X (m, n) is the network's input, y (m,) as `Target.encode` has it.
    """
    table, values = labelled(read_table(options.data, name, options.category), name)
    target = Target.infer(values, name, options.task)
    features = choose_features(table, name, options.exclude, options.keep, options.category)
    frame, y = feature_frame(table, features), target.encode(values)
    rows, held_out = split(y, options.validation, options.seed, target.task)
    frames = {"training": frame.iloc[rows], "validation": frame.iloc[held_out]}
    ys = {"training": y[rows], "validation": y[held_out]}
    if options.test is not None:
        texts = [feature.name for feature in features if feature.kind == "category"]
        texts += [name] if any(isinstance(label, str) for label in target.classes) else []
        test, test_values = labelled(read_table(options.test, name, texts), name)
        frames["test"] = feature_frame(test, features)
        ys["test"] = target.encode(test_values, f"{options.test}: ")

    target = target.scaled(ys["training"])
    preprocessing = fit_preprocessing(frames["training"])
    X = {part: transform(preprocessing, frame) for part, frame in frames.items() if len(frame)}
    layers = [cr.Dense(units, "relu") for units in hidden]
    layers.append(cr.Dense(target.n_outputs, target.activation))
    net = cr.Network(layers, n_inputs=X["training"].shape[1], seed=options.seed)
    return TableModel(net, preprocessing, features, target), X, {part: ys[part] for part in X}


def describe(model: TableModel, X: dict[str, Array], y: dict[str, Array]) -> dict[str, Any]:
    """Versions, scores of all parts, a baseline to compare with, and for classes their shares."""
    target = model.target
    outputs = {part: model.network.predict(rows) for part, rows in X.items()}
    last = list(X)[-1]  # the rows that judge most fairly
    about: dict[str, Any] = {
        "versions": {"chainrule": cr.__version__, "scikit-learn": sklearn.__version__},
        "scores": {part: scores(target, y[part], output) for part, output in outputs.items()},
        "baseline": {"part": last, "scores": baseline(target, y["training"], y[last])},
    }
    if target.classes:
        counts = np.bincount(y["training"], minlength=len(target.classes))
        about["class_rows"] = counts.tolist()
        about["classes"] = {"part": last, "scores": class_scores(target, y[last], outputs[last])}
    return about


def default_target(options: Options) -> str:
    """An NPZ file has y; any other needs --target."""
    if options.data.suffix.lower() == ".npz":
        return "y"
    columns = list(read_table(options.data).frame.columns)
    raise InputError(
        f"--target: name the column to predict, one of {', '.join(map(repr, columns))}"
    )


def labelled(table: Table, name: str) -> tuple[Table, pd.Series]:
    """The rows whose target is known, and their target. Numbered as in the file."""
    values = table.column(name, "--target")
    there = present(values)
    if not there.any():
        raise InputError(f"{table.path}: target {name!r} has no values")
    absent = int((~there).sum())
    if absent:
        note(f"{table.path}: {count(absent, 'row')} without a target left out")
        table = Table(table.path, table.frame[there], table.unsupported)
    return table, values[there]
