"""What is left of a fit, in the file of a trainer: the document "fit", and its tensors."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule._encoding import decode, encode
from chainrule._errors import check_bool, check_choice, check_integer, check_number
from chainrule._history_file import check_fields, pop
from chainrule._optimizer import read_weights, weight_shapes
from chainrule._trainer_checks import rows_of_batch
from chainrule._unfinished import (
    MOST_ROWS,
    PHASES,
    BatchSize,
    Plan,
    Progress,
    SavedCallback,
    Unfinished,
    rebuild,
)
from chainrule.callbacks import REBUILT, EarlyStopping

if TYPE_CHECKING:
    from chainrule.trainer import Trainer

Array = NDArray[Any]


class Costs(NamedTuple):
    """Of the steps of an epoch, and the penalties in them."""

    costs: Array
    penalties: Array

    def checked(self) -> tuple[Array, Array]:
        if any(array.dtype != np.float64 for array in self) or len(self[0]) != len(self[1]):
            raise ValueError("costs and penalties do not fit")
        return self.costs.copy(), self.penalties.copy()


def fit_document(left: Unfinished, where: str) -> tuple[dict[str, Any], list[Array]]:
    """The document, and the arrays in the states of callbacks."""
    arrays: list[Array] = []
    saved = [
        {
            "kind": one.kind,
            "optional": one.optional,
            "arguments": one.arguments,
            "state": encode(one.state, arrays, where, f"{one.kind}.state()"),
        }
        for one in left.saved
    ]
    at, plan = left.progress, left.plan
    document = {
        "batch_size": plan.batch_size,
        "batch": plan.batch,
        "rows": plan.rows,
        "shuffle": plan.shuffle,
        "first_epoch": plan.first_epoch,
        "last_epoch": plan.last_epoch,
        "phase": at.phase,
        "told": sorted(at.told),
        "reported": at.reported,
        "seconds": at.seconds,
        "callbacks": saved,
        "arrays": len(arrays),
    }
    return document, arrays


def fit_tensors(
    left: Unfinished, trainer: "Trainer", arrays: list[Array], where: str
) -> dict[str, Array]:
    """The arrays in the states of callbacks, and the weights to go on with if others are there."""
    weights = left.other_weights(lambda: read_weights(trainer)) or {}
    if not all(np.isfinite(w).all() for w in weights.values()):
        expected = "finite numbers where the fit was cut off"
        raise ValueError(f"[{where}] parameters: expected {expected}, got NaN or infinity")
    of_callbacks = {f"callbacks/{i}": array for i, array in enumerate(arrays)}
    return of_callbacks | {f"cut_off/{name}": w for name, w in weights.items()}


FIELDS = {
    *("batch_size", "batch", "rows", "shuffle", "first_epoch", "last_epoch"),
    *("phase", "told", "reported", "seconds", "callbacks", "arrays"),
}


def read_fit(
    document: Any, trainer: "Trainer", costs: Costs, tensors: dict[str, Array]
) -> Unfinished:
    """What `fit_document` described, for the trainer in the same file. Takes its tensors out."""
    if isinstance(document, dict) and "batch_size" not in document:  # of the first files
        document = document | {"batch_size": _size_of_then(document, trainer)}
    d = check_fields(document, "fit", FIELDS)
    n = check_integer("fit", "arrays", d["arrays"], 0, len(tensors))
    arrays = [pop(tensors, f"callbacks/{i}").copy() for i in range(n)]
    if not isinstance(d["callbacks"], list) or not isinstance(d["told"], list):
        raise TypeError("callbacks and told are no lists")
    saved = [_read_callback(one, arrays, trainer) for one in d["callbacks"]]
    plan = _read_plan(d, trainer)
    progress = _read_progress(d, plan, trainer, costs, len(saved))
    weights = {
        name[len("cut_off/") :]: tensors.pop(name)
        for name in list(tensors)
        if name.startswith("cut_off/")
    }
    if weights:
        _check_weights(weights, trainer)
    return Unfinished(plan, progress, saved, weights or None)


def _size_of_then(document: Mapping[str, Any], trainer: "Trainer") -> Any:
    """Of a file that has the rows of a batch only: all of them for `Rprop`, if they were all."""
    batch, rows = document.get("batch"), document.get("rows")
    return None if trainer.optimizer.full_batches and batch == rows else batch


def _read_plan(d: Mapping[str, Any], trainer: "Trainer") -> Plan:
    rows = check_integer("fit", "rows", d["rows"], 1, MOST_ROWS)
    batch = check_integer("fit", "batch", d["batch"], 1, rows)
    size: BatchSize = d["batch_size"]
    if size != "auto" and size is not None:
        size = check_integer("fit", "batch_size", size, 1, MOST_ROWS)
    if rows_of_batch(size, rows, trainer.optimizer) != batch:
        raise ValueError("the batch is not of its size")
    first = check_integer("fit", "first_epoch", d["first_epoch"], 0, trainer.epoch)
    last = check_integer("fit", "last_epoch", d["last_epoch"], max(first + 1, trainer.epoch), 2**62)
    shuffle = None if d["shuffle"] is None else check_bool("fit", "shuffle", d["shuffle"])
    return Plan(size, batch, rows, shuffle, first, last)


def _read_progress(
    d: Mapping[str, Any], plan: Plan, trainer: "Trainer", costs: Costs, n_callbacks: int
) -> Progress:
    phase = check_choice("fit", "phase", d["phase"], PHASES)
    told = frozenset(check_integer("fit", "told", i, 0, n_callbacks - 1) for i in d["told"])
    seconds = check_number("fit", "seconds", d["seconds"], minimum=0)
    done = len(costs.costs) if phase == "steps" else 0
    reported = check_integer("fit", "reported", d["reported"], 0, done)
    if done > plan.steps or (phase == "steps" and trainer.epoch == plan.last_epoch):
        raise ValueError("more steps were done than planned")
    ended = trainer.epoch > plan.first_epoch and {"epoch", "loss"} <= set(trainer.history.keys())
    if phase == "epoch_end" and not ended:
        raise ValueError("no epoch has ended")
    return Progress(phase, told, reported, seconds, [costs.checked()] if done else [])


def _read_callback(document: Any, arrays: list[Array], trainer: "Trainer") -> SavedCallback:
    d = check_fields(document, "callback", {"kind", "optional", "arguments", "state"})
    kind, arguments, state = d["kind"], d["arguments"], decode(d["state"], arrays)
    if not isinstance(kind, str) or not isinstance(state, dict | None):
        raise TypeError("a callback's kind or state is of the wrong type")
    if arguments is not None and (kind not in REBUILT or not isinstance(arguments, dict)):
        raise ValueError(f"a {kind} is not built from a file")
    saved = SavedCallback(kind, check_bool("fit", "optional", d["optional"]), arguments, state)
    if arguments is not None:
        callback = rebuild(saved)
        if state is not None:
            callback.restore(state)
        if isinstance(callback, EarlyStopping) and callback._best_weights:
            _check_weights(callback._best_weights, trainer)
    return saved


def _check_weights(weights: Mapping[str, Array], trainer: "Trainer") -> None:
    shapes, dtype = weight_shapes(trainer), trainer.net.dtype
    if set(weights) != set(shapes):
        raise ValueError("weights have other names than the parameters")
    for name, array in weights.items():
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            raise TypeError(f"the weights {name} are no array of {dtype}")
        if array.shape != tuple(shapes[name]) or not np.isfinite(array).all():
            raise ValueError(f"the weights {name} do not fit, or are not finite")
