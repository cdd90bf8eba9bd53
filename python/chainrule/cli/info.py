"""`chainrule info`: what is in a model file."""

import inspect
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from chainrule._container import Contents
from chainrule.checkpoint import FORMAT as NETWORK
from chainrule.cli import report
from chainrule.cli.console import count, make_table, show
from chainrule.cli.estimator_file import FORMAT as ESTIMATOR
from chainrule.cli.estimator_file import estimator_of
from chainrule.cli.features import KINDS, plural
from chainrule.cli.model_file import TableModel, damaged, load_model, read_model_file
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.estimators._file_parameters import told
from chainrule.network import Network
from chainrule.schedules import Constant
from chainrule.trainer import Trainer
from chainrule.trainer_file import FORMAT as TRAINER
from chainrule.trainer_file import LATER, OPTIONS, to_look_at


def info(path: Path, as_json: bool = False) -> None:
    """Prints what a file holds, as tables or as JSON: of `chainrule train`, `Network.save`,
    `Trainer.save` and `Checkpoint`, or of an estimator's `save`."""
    contents = read_model_file(path)
    documents: Any = contents.documents
    describe: Callable[[], None]
    if contents.kind == NETWORK:
        documents = documents.get("network")
        describe = partial(describe_network, path)
    elif contents.kind == ESTIMATOR:
        describe = partial(describe_estimator, path, *estimator_of(contents, path))
    elif contents.kind == TRAINER:
        describe = partial(describe_trainer, path, *trainer_of(contents, path))
    else:
        describe = partial(describe_table_model, path, load_model(path))
    if as_json:
        print(json.dumps(documents, indent=2, ensure_ascii=False))
    else:
        describe()


def trainer_of(contents: Contents, path: Path) -> tuple[Trainer, dict[str, str]]:
    """The trainer, and what is called so that no file holds. Raises InputError."""
    try:
        return to_look_at(Trainer, contents, path)
    except ValueError as error:
        raise damaged(path, error) from None


def describe_network(path: Path) -> None:
    """Its layers, sizes and memory. Raises InputError."""
    try:
        summary = Network.load(path).summary()
    except ValueError as error:
        raise damaged(path, error) from None
    show(f"{path}: a network without preprocessing, of Network.save", summary)


def describe_estimator(path: Path, est: MLPClassifier | MLPRegressor, own: dict[str, str]) -> None:
    """What it predicts, parameters that are not the defaults, network, how training went."""
    show(f"{path}: an {type(est).__name__}, of its save")
    if isinstance(est, MLPClassifier):
        several = est.classes_ if isinstance(est.classes_, list) else [est.classes_]
        for classes in several:
            values = classes.tolist()
            show(f"{count(len(values), 'class', 'classes')}: {shortened(values)}")
    if hasattr(est, "feature_names_in_"):
        names = list(est.feature_names_in_)
        show(f"{count(len(names), 'feature')}: {shortened(names)}")
    show(est._engine.ready("chainrule").summary())
    defaults = type(est)().get_params(deep=False)
    values = {name: told(value) for name, value in est.get_params(deep=False).items()}
    chosen = {name: text for name, text in values.items() if text != told(defaults[name])}
    chosen |= {name: f"{text} (to be given again)" for name, text in own.items()}
    settings = ", ".join(f"{name} {text}" for name, text in chosen.items())
    show(f"Settings: {settings or 'the defaults'}")
    score = getattr(est, "best_validation_score_", None)
    best = "" if score is None else f", best validation score {score:.6g}"
    loss = f", loss {est.loss_:.6g}" if hasattr(est, "loss_") else ""
    show(f"{count(est.n_iter_, 'iteration')} in the latest fit{loss}{best}")


def describe_trainer(path: Path, trainer: Trainer, own: dict[str, str]) -> None:
    """What it trains and how, how far it came, and where a fit stands that has not ended."""
    show(f"{path}: a trainer, of its save or of a Checkpoint")
    show(trainer.net.summary(optimizer=trainer.optimizer))
    defaults = {name: p.default for name, p in inspect.signature(Trainer).parameters.items()}
    defaults |= {"optimizer": None, "schedule": Constant()} | LATER
    values = {name: getattr(trainer, name) for name in ("loss", "optimizer", "schedule", *OPTIONS)}
    texts = {name: told(v) for name, v in values.items() if v != defaults[name]}
    texts |= {name: f"{text} (to be given again)" for name, text in own.items()}
    show(f"Settings: {', '.join(f'{name} {text}' for name, text in texts.items())}")
    done = f"{count(trainer.epoch, 'epoch')} and {count(trainer.steps, 'step')} done"
    show(f"{done}; it stopped: {trainer.stop_reason}" if trainer.stop_reason else done)
    if trainer.history:
        show(str(trainer.history))
    left = trainer._fit.left_over()
    if left is not None and trainer.epoch < left.plan.last_epoch:
        epochs = f"{left.plan.first_epoch} to {left.plan.last_epoch - 1}"
        at = f"epoch {trainer.epoch}, after {left.progress.done} of {left.plan.steps} steps"
        show(f"A fit of epochs {epochs} stands in {at}; Trainer.load and fit go on with it")


def describe_table_model(path: Path, model: TableModel) -> None:
    """Task, columns, layers, settings and scores."""
    about, target = model.about, model.target
    settings = dict(about["settings"])
    data = settings.pop("data")
    show(f"{path}: {target.task} of {target.name!r}, trained on {data}")
    if target.classes:
        show(f"{count(len(target.classes), 'class', 'classes')}: {shortened(target.classes)}")
    else:
        show(f"target: mean {target.mean:.6g}, standard deviation {target.scale:.6g}")

    columns = [(kind, [f.name for f in model.features if f.kind == kind]) for kind in KINDS]
    rows = [[plural(kind), f"{len(names):,}", shortened(names)] for kind, names in columns if names]
    table = make_table(count(len(model.features), "column"), ["kind", "number", "names"], rows)
    table.columns[2].justify = "left"
    show(table)

    layers, n_in = [], model.network.n_inputs
    for place, layer in enumerate(model.network.layers, start=1):
        values = layer.to_dict()
        n_out = values["units"]
        cells = [
            f"{place} {values['kind']}",
            values["activation"]["name"],
            f"{n_in:,}",
            f"{n_out:,}",
        ]
        layers.append([*cells, f"{(n_in + 1) * n_out:,}"])
        n_in = n_out
    header = ["layer", "activation", "inputs", "outputs", "parameters"]
    title = f"Network, {count(model.network.n_parameters, 'parameter')}, {model.network.dtype}"
    show(make_table(title, header, layers))
    show(*report.score_table(model), *report.class_table(model), report.training_text(about))
    settings["hidden"] = ",".join(map(str, settings["hidden"])) or "none"
    pairs = (f"{name.replace('_', ' ')} {value}" for name, value in settings.items())
    show(f"Settings: {', '.join(pairs)}")
    versions = (f"{name} {version}" for name, version in about["versions"].items())
    show(f"Made with {', '.join(versions)}")


def shortened(values: list[Any], most: int = 20) -> str:
    text = ", ".join(map(str, values[:most]))
    return text if len(values) <= most else f"{text}, and {len(values) - most} more"
