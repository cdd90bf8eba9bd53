"""Trainers as files and as bytes: everything that decides how training goes on.

    tensors     the parameters; "optimizer/0/1.weight", ..; "average/1.weight", ..; "history/loss",
                .. with "history_has/.." for columns with gaps; "costs" and "penalties" of the epoch
                at work, or else of the latest; "cut_off/1.weight", "cut_off/average/1.weight", ..
                (`Unfinished.weights`); "callbacks/0", .. (arrays in the states of callbacks)
    documents   "network"; "trainer"; "fit", of one that is at work or was cut off

Start at `_pieces`. What is read is checked before anybody works with it: here, in `_fit_file`, and
by the constructors that take it.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from numpy.typing import NDArray

from chainrule._attributes import check_class
from chainrule._container import Contents, joined, pack, unpack
from chainrule._custom import check_registered
from chainrule._errors import check_instance, check_integer
from chainrule._files import check_path, write_atomically
from chainrule._fit_file import Costs, fit_document, fit_tensors, read_fit
from chainrule._history_file import check_fields, history_keys, history_tensors, pop, read_history
from chainrule._optimizer import AVERAGE, pop_optimizer, state_readers, write_state
from chainrule._options import Options
from chainrule._schedule_file import read_schedule, read_schedule_state, schedule_document
from chainrule.checkpoint import (
    build_network,
    check_kind,
    file_errors,
    must_be_given,
    network_description,
    read_file,
    rows_by_name,
    tensors_to_write,
)
from chainrule.losses import LOSSES
from chainrule.metrics import METRICS, Metric, resolve_metrics
from chainrule.network import Network
from chainrule.optimizers import resolve_optimizer
from chainrule.schedules import Constant, Schedule

if TYPE_CHECKING:
    from chainrule import _core
    from chainrule.trainer import Trainer

Array = NDArray[Any]
T = TypeVar("T", bound="Trainer")

FORMAT = "chainrule.trainer"
WHERE = "Trainer.load"
DATA = {"X", "Y", "sample_weight", "validation_data", "rows"}
LATER: dict[str, Any] = {
    "learning_rate_factors": {},
    "decay_factors": {},
    "frozen": [],
    "ema": None,
}
OPTIONS = ("seed", "l2", "l1", "penalize", "clip_value", "clip_norm", *LATER)
FIELDS = {
    *("loss", "optimizer", "schedule", "metrics", *OPTIONS),
    *("epoch", "steps", "single_steps", "schedule_state", "stop_reason", "history", "data"),
}


def save_trainer(trainer: "Trainer", path: str | os.PathLike[str]) -> None:
    """The file behind `Trainer.save`."""
    where = "Trainer.save"
    check_path(where, path)
    with trainer._hold(where), trainer.net._core.reading(where) as reading:
        write_atomically(path, _pieces(trainer, reading, where))


def trainer_to_bytes(trainer: "Trainer") -> bytes:
    """What `save_trainer` would write."""
    with trainer._hold("Trainer"), trainer.net._core.reading("Trainer") as reading:
        return joined(_pieces(trainer, reading, "Trainer"))


def load_trainer(
    kind: type[T], path: str | os.PathLike[str], schedule: Any, metrics: Iterable[Any]
) -> T:
    """The trainer in a file of `save_trainer`."""
    return _built(kind, read_file(path, WHERE), path, schedule, metrics)


def to_look_at(kind: type[T], contents: Contents, path: Any) -> tuple[T, dict[str, str]]:
    """The trainer, with stand-ins for what no file holds, and what that is called."""
    described = _described(contents, path)
    names = [name for name in described.metrics if isinstance(name, str)]
    own = {"metrics": ", ".join(names)} if names else {}
    own |= {"schedule": described.schedule} if isinstance(described.schedule, str) else {}
    given = _completed(
        described,
        Constant() if "schedule" in own else None,
        [Metric(name, _never_called) for name in names],
    )
    return _trainer_of(kind, contents, described, path, *given), own


def trainer_from_bytes(kind: type[T], content: bytes, schedule: Any, metrics: Iterable[Any]) -> T:
    """The trainer of `trainer_to_bytes`. Raises FileFormatError."""
    with file_errors(WHERE):
        contents = unpack(content)
    return _built(kind, contents, "bytes", schedule, metrics)


# ---- writing ------------------------------------------------------------------------------------


def _pieces(trainer: "Trainer", reading: "_core._Reading", where: str) -> Iterator[tuple[int, Any]]:
    net = trainer.net
    tensors = tensors_to_write(net, reading, where)
    for prefix, read in state_readers(trainer).items():
        rows = rows_by_name(net, read)
        tensors |= {f"{prefix}{name}": tensor for name, tensor in rows.items()}
    tensors |= history_tensors(trainer.history)
    costs, left = (trainer.step_costs, trainer.step_penalties), trainer._fit.left_over()
    documents = {"network": network_description(net), "trainer": _document(trainer)}
    if left is not None:
        document, arrays = fit_document(left, where)
        documents["fit"] = document
        tensors |= fit_tensors(left, trainer, arrays, where)
        if left.progress.phase == "steps":
            costs = left.progress.joined()
    tensors |= {"costs": costs[0], "penalties": costs[1]}
    return pack(FORMAT, tensors, documents)


def _document(trainer: "Trainer") -> dict[str, Any]:
    metrics = [{"name": m.name, "own": METRICS.get(m.name) != m} for m in trainer.metrics]
    return {
        "loss": trainer.loss.to_dict(),
        "optimizer": trainer.optimizer.to_dict(),
        "schedule": schedule_document(trainer.schedule),
        "metrics": metrics,
        **{name: getattr(trainer, name) for name in OPTIONS},
        "epoch": trainer.epoch,
        "steps": trainer.steps,
        "single_steps": trainer._single_steps,
        "schedule_state": asdict(trainer._schedule_state),
        "stop_reason": trainer.stop_reason,
        "history": history_keys(trainer.history),
        "data": trainer._fit.prints(),
    }


# ---- reading ------------------------------------------------------------------------------------


class Described(NamedTuple):
    """The document "trainer"; its schedule and metrics, of the user's own ones the names."""

    document: dict[str, Any]
    schedule: Schedule | str
    metrics: list[Metric | str]


def _described(contents: Contents, name: Any) -> Described:
    with file_errors(WHERE, name):
        check_kind(contents, FORMAT)
        names = set(contents.documents) - {"fit"}
        if names != {"network", "trainer"}:
            raise ValueError(f"expected the documents network and trainer, got {sorted(names)}")
        document = _trainer_document(contents.documents["trainer"])
        if isinstance(document["loss"], dict):
            check_registered("loss", document["loss"].get("kind"), LOSSES)
        return Described(document, read_schedule(document["schedule"]), _metrics_of(document))


def _built(
    kind: type[T], contents: Contents, name: Any, schedule: Any, metrics: Iterable[Any]
) -> T:
    described = _described(contents, name)
    return _trainer_of(kind, contents, described, name, *_completed(described, schedule, metrics))


def _trainer_of(
    kind: type[T],
    contents: Contents,
    described: Described,
    name: Any,
    schedule: Any,
    metrics: list[Metric],
) -> T:
    check_class(kind, Options, "Trainer")  # which is no fault of the file
    document, tensors = described.document, dict(contents.tensors)
    with file_errors(WHERE, name):
        names = [key for key in tensors if "/" not in key and key not in ("costs", "penalties")]
        parameters = {key: tensors.pop(key) for key in names}
        net = build_network(Network, contents.documents["network"], parameters)
        kept = _kept_arrays(document, net, tensors)
        options = {key: document[key] for key in OPTIONS}
        trainer = kind(
            net, document["loss"], document["optimizer"], schedule, metrics=metrics, **options
        )
        _set_progress(trainer, document, kept, tensors)
        costs = Costs(pop(tensors, "costs", 1), pop(tensors, "penalties", 1))
        fit = contents.documents.get("fit")
        if fit is None:
            trainer.step_costs, trainer.step_penalties = costs.checked()
        else:
            left = read_fit(fit, trainer, costs, tensors)
            trainer._fit.unfinished = left
            if left.progress.phase != "steps":
                trainer.step_costs, trainer.step_penalties = costs.checked()
        if tensors:
            raise ValueError(f"tensors that do not belong there: {list(tensors)[:3]}")
    return trainer


def _trainer_document(document: Any) -> dict[str, Any]:
    """With the options that the first files of trainers have not."""
    if isinstance(document, dict) and not set(LATER) & set(document):
        document = LATER | document
    return check_fields(document, "trainer", FIELDS)


def _never_called(*_: Any) -> float:
    raise NotImplementedError("a metric of the user's own, which no file holds")


def _metrics_of(document: dict[str, Any]) -> list[Metric | str]:
    entries = check_instance("Trainer", "metrics", document["metrics"], list)
    return [_metric_of(entry) for entry in entries]


def _metric_of(entry: Any) -> Metric | str:
    """Or the name of one that must be given again."""
    entry = check_fields(entry, "metric", {"name", "own"})
    name = entry["name"]
    if entry["own"] is True and isinstance(name, str):
        return name
    if entry["own"] is not False:
        raise ValueError("a metric is either ours or the user's own")
    return METRICS[name]


def _completed(
    described: Described,
    given_schedule: Schedule | Callable[[float], float] | None,
    given_metrics: Iterable[Any],
) -> tuple[Any, list[Metric]]:
    """With what the user gave for what no file holds. Raises ValueError if something is missing."""
    _, schedule, metrics = described
    given = {metric.name: metric for metric in resolve_metrics(given_metrics, WHERE)}
    own = [metric for metric in metrics if isinstance(metric, str)]
    missing = {}
    if isinstance(schedule, str) and given_schedule is None:
        missing["schedule"] = schedule
    if not set(own) <= set(given):
        missing["metrics"] = ", ".join(name for name in own if name not in given)
    if missing:
        raise must_be_given(WHERE, missing, "this trainer again")
    names = [metric if isinstance(metric, str) else metric.name for metric in metrics]
    if not set(given) <= set(names):
        expected = f"metrics of this trainer, {names}"
        raise ValueError(f"[{WHERE}] metrics: expected {expected}, got {list(given)}")
    chosen = [given[m] if isinstance(m, str) else m for m in metrics]
    return schedule if given_schedule is None else given_schedule, chosen


def _kept_arrays(
    document: dict[str, Any], net: Network, tensors: dict[str, Array]
) -> dict[str, Any]:
    """The optimizer's arrays, and the averages; taken before the trainer takes memory for them."""
    arrays = pop_optimizer(resolve_optimizer(document["optimizer"], "Trainer"), net, tensors)
    averaged = [] if document["ema"] is None else [f"{AVERAGE}{name}" for name in net.parameters]
    averages = {name: pop(tensors, name) for name in averaged}
    if any(array.dtype != net.dtype for array in averages.values()):
        raise TypeError(f"the averages are not of {net.dtype}")
    return {"arrays": arrays, "averages": averages}


def _set_progress(
    trainer: "Trainer", document: dict[str, Any], kept: dict[str, Any], tensors: dict[str, Array]
) -> None:
    counts = {
        name: check_integer("Trainer", name, document[name], 0, 2**62)
        for name in ("epoch", "steps", "single_steps")
    }
    schedule = read_schedule_state(document["schedule_state"])
    write_state(trainer, {"schedule": schedule} | kept | counts)
    trainer._single_steps = counts["single_steps"]
    reason, data = document["stop_reason"], document["data"]
    if not (reason is None or isinstance(reason, str)):
        raise TypeError("the reason of the end is no text")
    trainer.stop_reason = reason
    if data is not None:
        prints = check_fields(data, "data", DATA).values()
        if not all(text is None or isinstance(text, str) for text in prints):
            raise TypeError("a fingerprint is no text")
        trainer._fit.expected_data = data
    trainer.history = read_history(document["history"], tensors)
