"""What the commands print about a model: standard output, in tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chainrule.cli.console import InputError, check_output, count, make_table, number, show
from chainrule.cli.model_file import TableModel
from chainrule.cli.scores import HEADINGS
from chainrule.history import History, Record

PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp")
MOST_CLASSES = 30  # rows of the table of classes


def results(model: TableModel, seconds: float) -> None:
    """The table of results of a training, and that of the classes."""
    target = model.target
    show(f"{target.task.capitalize()} of {target.name!r}: {layers_text(model)}")
    show(training_text(model.about, seconds), *score_table(model), *class_table(model))


def training_text(about: Mapping[str, Any], seconds: float | None = None) -> str:
    """How the training went, in a sentence."""
    training = about["training"]
    text = f"Trained for {count(training['epochs'], 'epoch')}"
    if seconds is not None:
        text += f" in {seconds:.2f} s"
    if training["best_epoch"] is not None:
        text += f"; kept the weights after {training['best_epoch']}"
        text += " (early stopping)" if training["stopped_early"] else ""
    return text


def layers_text(model: TableModel) -> str:
    """`13 inputs - 128 relu - 1 sigmoid, 1,921 parameters`."""
    net = model.network
    parts = [count(net.n_inputs, "input")]
    for layer in net.layers:
        values = layer.to_dict()
        parts.append(f"{values['units']} {values['activation']['name']}")
    return f"{' - '.join(parts)}, {count(net.n_parameters, 'parameter')}"


def score_table(model: TableModel) -> list[Any]:
    """The scores of training, validation, test and baseline, a row each; what baseline means."""
    base = model.about["baseline"]
    parts = {**model.about["scores"], "baseline": base["scores"]}
    always = "the mean" if model.target.task == "regression" else "the most frequent class"
    meaning = f"Baseline: {always} of the training rows, for all {base['part']} rows"
    keys = [key for key in HEADINGS if any(key in values for values in parts.values())]
    rows = [[part, *(cell(key, values.get(key)) for key in keys)] for part, values in parts.items()]
    return [make_table("Results", ["", *(HEADINGS[key] for key in keys)], rows), meaning]


def class_table(model: TableModel) -> list[Any]:
    """Rows and scores of each class, as a list of one table; empty for regression."""
    about = model.about
    if "classes" not in about:
        return []
    part = about["classes"]["part"]
    total = sum(about["class_rows"])
    rows = []
    entries = zip(about["classes"]["scores"], about["class_rows"], strict=True)
    for entry, trained in list(entries)[:MOST_CLASSES]:
        own = [f"{entry[key]:.3f}" for key in ("precision", "recall", "f1")]
        share = f"{100 * trained / total:.1f} %"
        rows.append([entry["class"], f"{trained:,}", share, f"{entry['rows']:,}", *own])
    header = ["", "training\nrows", "share", f"{part}\nrows", "precision", "recall", "F1"]
    title = "Classes"
    if len(about["class_rows"]) > MOST_CLASSES:
        title += f" (the first {MOST_CLASSES} of {len(about['class_rows'])})"
    return [make_table(title, header, rows)]


def cell(key: str, value: float | None) -> str:
    if key == "rows":
        return f"{value:,}"
    if value is None:
        return "-"
    if key in ("accuracy", "balanced_accuracy"):
        return f"{100 * value:.2f} %"
    if key in ("log_loss", "roc_auc", "r2"):
        return f"{round(value, 4) + 0.0:.4f}"  # never -0.0000
    return number(value)


def saved(path: Path) -> None:
    show(f"Saved {path} ({path.stat().st_size / 1024:,.0f} KiB)")


def check_picture(path: Path, inputs: Sequence[Path] = ()) -> None:
    """Refuses, before any work, a picture that could not be drawn or written."""
    import matplotlib  # noqa: F401

    check_output("--picture", path, PICTURES, inputs)


def picture(history: History, path: Path, title: str, loss: str = "loss") -> None:
    """Writes the learning curve, in which the `loss` may be a metric. InputError if it cannot.

    Epochs count from 1, as in what is printed.
    """
    from chainrule.plots import plot_history

    new_names = {loss: "loss", f"val_{loss}": "val_loss"}
    replaced = {"loss", "val_loss"} - set(new_names)

    def told(epoch: Record) -> dict[str, Any]:
        renamed = {new_names.get(key, key): epoch[key] for key in epoch if key not in replaced}
        return renamed | {"epoch": epoch["epoch"] + 1}

    shown = History(map(told, history))
    try:
        plot_history(shown, path, title)
    except OSError as error:
        raise InputError(f"--picture {path}: {error.strerror or error}") from None
