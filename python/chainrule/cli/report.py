"""What the commands print about a model: standard output, in tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.cli.console import InputError, count, make_table, number, show
from chainrule.cli.model_file import TableModel
from chainrule.cli.scores import HEADINGS
from chainrule.history import History

PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp")
MOST_CLASSES = 30  # rows of the table of classes


def results(model: TableModel) -> None:
    """The table of results of a training, and that of the classes."""
    about, target = model.about, model.target
    shape = layers_text(model)
    show(f"{target.task.capitalize()} of {target.name!r}: {shape}", training_text(about))
    show(score_table(about), *class_table(model))


def training_text(about: Mapping[str, Any]) -> str:
    """How the training went, in a sentence."""
    training = about["training"]
    text = f"{count(training['epochs'], 'epoch')} in {training['seconds']:.2f} s"
    if training["best_epoch"] is not None:
        text += f", the weights are those of epoch {training['best_epoch']}"
        text += " (early stopping)" if training["stopped_early"] else " (no early stop)"
    return text


def layers_text(model: TableModel) -> str:
    """`13 inputs - 128 relu - 1 sigmoid, 1,921 parameters`."""
    net = model.network
    parts = [count(net.n_inputs, "input")]
    for layer in net.layers:
        values = layer.to_dict()
        parts.append(f"{values['units']} {values['activation']['name']}")
    return f"{' - '.join(parts)}, {count(net.n_parameters, 'parameter')}"


def score_table(about: Mapping[str, Any]) -> Any:
    """The scores of training, validation, test and baseline, a row each."""
    parts = dict(about["scores"])
    base = about["baseline"]
    parts[f"{base['name']} ({base['part']})"] = base["scores"]
    keys = [key for key in HEADINGS if any(key in values for values in parts.values())]
    rows = [
        [part, *(cell(key, values.get(key)) for key in keys)] for part, values in parts.items()
    ]
    return make_table("Results", ["", *(HEADINGS[key] for key in keys)], rows)


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
        own = [number(entry[key], 3) for key in ("precision", "recall", "f1")]
        share = f"{100 * trained / total:.1f} %"
        rows.append([entry["class"], f"{trained:,}", share, f"{entry['rows']:,}", *own])
    header = ["", "training rows", "share", f"{part} rows", "precision", "recall", "F1"]
    title = "Classes"
    if len(about["class_rows"]) > MOST_CLASSES:
        title += f" (the first {MOST_CLASSES} of {len(about['class_rows'])})"
    return [make_table(title, header, rows)]


def cell(key: str, value: float | None) -> str:
    if key == "rows":
        return f"{value:,}"
    if value is not None and key in ("accuracy", "balanced_accuracy"):
        return f"{100 * value:.2f} %"
    return number(value)


def saved(path: Path) -> None:
    show(f"Saved {path} ({path.stat().st_size / 1024:,.0f} KiB)")


def picture(history: History, path: Path, title: str) -> None:
    """Writes the learning curve. Raises InputError if the file cannot be written."""
    from chainrule.plots import plot_history

    try:
        plot_history(history, path, title)
    except OSError as error:
        raise InputError(f"--picture {path}: {error.strerror or error}") from None
