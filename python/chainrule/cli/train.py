"""`chainrule train`: from a table to a model file. Start at `train`."""

import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

import chainrule as cr
from chainrule.cli import report
from chainrule.cli.console import InputError, check_output, count, note, warning
from chainrule.cli.features import choose_features
from chainrule.cli.model_file import TableModel, save_model
from chainrule.cli.preprocessing import feature_frame, fit_preprocessing, transform
from chainrule.cli.scores import baseline, class_scores, scores
from chainrule.cli.tables import Table, read_table
from chainrule.cli.target import Target, present

Array = NDArray[Any]


@dataclass(frozen=True)
class Options:
    """The options of `chainrule train`, as the user gave them."""

    data: Path
    target: str | None
    output: Path
    task: str
    test: Path | None
    exclude: tuple[str, ...]
    keep: tuple[str, ...]
    category: tuple[str, ...]
    hidden: str
    epochs: int
    patience: int
    batch_size: int | None
    learning_rate: float
    l2: float
    validation: float
    seed: int
    threads: int | None
    picture: Path | None
    quiet: bool


def train(options: Options) -> TableModel:
    """Reads, splits, fits, reports and saves; returns the model."""
    hidden = parse_hidden(options.hidden)
    inputs = [options.data] if options.test is None else [options.data, options.test]
    check_output("--output", options.output, [".safetensors"], inputs)
    if options.picture is not None:
        check_output("--picture", options.picture, report.PICTURES, inputs)
    if options.threads is not None:
        cr.set_num_threads(options.threads)

    name = options.target or default_target(options.data)
    table, values = labelled(read_table(options.data, name, options.category), name)
    target = Target.infer(values, name, options.task)
    chosen = (options.exclude, options.keep, options.category)
    features = choose_features(table, name, *chosen)
    frame, y = feature_frame(table, features), target.encode(values)
    if options.test is not None:  # read early: what is wrong with it should not cost a training
        texts = [f.name for f in features if f.kind == "category"]
        texts += [name] if any(isinstance(label, str) for label in target.classes) else []
        test, test_values = labelled(read_table(options.test, name, texts), name)
        test_frame = feature_frame(test, features)
        y_test = target.encode(test_values, f"{options.test}: ")

    fit_rows, check_rows = split(y, options.validation, options.seed, target.task)
    target = target.scaled(y[fit_rows].astype(np.float64))
    preprocessing = fit_preprocessing(frame.iloc[fit_rows])
    Z = transform(preprocessing, frame)
    layers = [*(cr.Dense(units, "relu") for units in hidden)]
    layers.append(cr.Dense(target.n_outputs, target.activation))
    net = cr.Network(layers, n_inputs=Z.shape[1], seed=options.seed)
    model = TableModel(net, preprocessing, features, target)

    parts = {"training": fit_rows, "validation": check_rows}
    X_parts = {part: Z[rows] for part, rows in parts.items() if len(rows)}
    y_parts = {part: y[rows] for part, rows in parts.items() if len(rows)}
    start = time.perf_counter()
    training = fit(net, target, X_parts, y_parts, options)
    seconds = time.perf_counter() - start

    if options.test is not None:
        X_parts["test"], y_parts["test"] = transform(preprocessing, test_frame), y_test
    outputs = {part: net.predict(X) for part, X in X_parts.items()}
    last = list(outputs)[-1]  # the rows that are the fairest judges
    results = {part: scores(target, y_parts[part], output) for part, output in outputs.items()}
    model.about = {
        "versions": {"chainrule": cr.__version__, "scikit-learn": sklearn.__version__},
        "settings": settings(options, training["batch_size"]),
        "training": training,
        "scores": results,
        "baseline": {"part": last, "scores": baseline(target, y_parts["training"], y_parts[last])},
    }
    if target.task == "classification":
        counts = np.bincount(y_parts["training"], minlength=len(target.classes))
        model.about["class_rows"] = [int(n) for n in counts]
        model.about["classes"] = {
            "part": last,
            "scores": class_scores(target, y_parts[last], outputs[last]),
        }
    if not options.quiet:
        report.results(model, seconds)
    try:
        save_model(model, options.output)
    except OSError as error:
        raise InputError(f"--output {options.output}: {error.strerror or error}") from None
    if not options.quiet:
        report.saved(options.output)
    return model


def parse_hidden(text: str) -> list[int]:
    """`"128,64"` as [128, 64]; "none" as []."""
    if text.strip().lower() == "none":
        return []
    try:
        sizes = [int(size) for size in text.split(",")]
    except ValueError:
        sizes = [0]
    if not all(1 <= size <= 65536 for size in sizes):
        raise InputError(
            f"--hidden: expected sizes from 1 to 65536 such as 128,64, or none, got {text!r}"
        )
    return sizes


def default_target(path: Path) -> str:
    """An NPZ file has y; any other needs --target."""
    if path.suffix.lower() == ".npz":
        return "y"
    columns = list(read_table(path).frame.columns)
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


def split(y: Array, share: float, seed: int, task: str) -> tuple[Array, Array]:
    """Row numbers to train on and to validate on, shuffled; for classes in their proportions.

    A class with a single row is trained on. Where there are too few rows for all classes the split
    is plainly random.
    """
    rows = np.arange(len(y))
    if share == 0:
        return rows, rows[:0]
    if round(share * len(y)) < 1 or len(y) < 2:
        raise InputError(f"--validation {share}: {count(len(y), 'row')} are too few to split")
    alone = np.zeros(len(y), dtype=bool)
    strata = None
    if task == "classification":
        alone = np.bincount(y)[y] == 1
        strata = y[~alone]
        n_check = round(share * len(strata))
        if min(n_check, len(strata) - n_check) < len(np.unique(strata)):
            warning("too few rows for validation with every class; the split is plainly random")
            strata, alone = None, np.zeros(len(y), dtype=bool)
    fit_rows, check_rows = train_test_split(
        rows[~alone],
        test_size=max(1, round(share * len(rows[~alone]))),
        random_state=seed,
        stratify=strata,
    )
    return np.concatenate([fit_rows, rows[alone]]), check_rows


def auto_batch_size(rows: int) -> int:
    """32 for small tables, doubled until an epoch has at most 2000 steps, but at most 512."""
    size = 32
    while rows > 2000 * size and size < 512:
        size *= 2
    return min(size, rows)


def fit(
    net: cr.Network, target: Target, X: dict[str, Array], y: dict[str, Array], options: Options
) -> dict[str, Any]:
    """Trains the network; returns what `chainrule info` tells of it."""
    rows = len(X["training"])
    batch_size = min(options.batch_size or auto_batch_size(rows), rows)
    # "val_loss" is not watched, for the penalty of l2 is a part of it.
    metrics: list[Any] = ["log_loss", "accuracy"]
    watched = "log_loss"
    if target.task == "regression":
        watched, metrics = "mean_squared_error", [mean_squared_error, "r2"]
    stopping = cr.EarlyStopping(options.patience, f"val_{watched}", larger_is_better=False)
    validation = None
    callbacks: list[cr.Callback] = []
    if sys.stderr.isatty() and not options.quiet:
        callbacks.append(cr.ProgressBar())
    if "validation" in X:
        validation = (X["validation"], target.to_network(y["validation"]))
        callbacks.append(stopping)
    trainer = cr.Trainer(
        net,
        target.loss,
        cr.Adam(options.learning_rate),
        seed=options.seed,
        metrics=metrics,
        l2=options.l2,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a cost that is not finite: see below
        history = trainer.fit(
            X["training"],
            target.to_network(y["training"]),
            epochs=options.epochs,
            batch_size=batch_size,
            validation_data=validation,
            callbacks=callbacks,
        )
    if not np.isfinite(history["loss"][-1]) and stopping.best is None:
        rate = options.learning_rate
        raise InputError(f"training diverged; try a smaller --learning-rate than {rate:g}")
    if options.picture is not None:
        title = f"{options.data.name}: {target.name}"
        report.picture(history, options.picture, title, without=watched)
    return {
        "epochs": len(history),
        "best_epoch": None if stopping.best_epoch is None else stopping.best_epoch + 1,
        "stopped_early": trainer.stop_reason is not None,
        "batch_size": batch_size,
    }


def mean_squared_error(Y: Any, prediction: Any, sample_weight: Any = None) -> float:
    """Of a standardized target (m,); 1 is as bad as the mean."""
    return float(np.mean((np.asarray(Y) - np.asarray(prediction)[:, 0]) ** 2))


def settings(options: Options, batch_size: int) -> dict[str, Any]:
    """The options that decide the result, as JSON holds them."""
    return {
        "data": options.data.name,
        "hidden": parse_hidden(options.hidden),
        "optimizer": "Adam",
        "learning_rate": options.learning_rate,
        "batch_size": batch_size,
        "epochs": options.epochs,
        "patience": options.patience,
        "l2": options.l2,
        "validation": options.validation,
        "seed": options.seed,
    }
