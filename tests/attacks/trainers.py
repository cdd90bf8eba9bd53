"""Files that are no trainers, though most say so, with the right checksum: `trainers()`."""

import contextlib
import functools
import json
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import trainer_file

from .parts import Named, Parts, by_name, fields_replaced, replaced, tensors_replaced, whole

FIELDS = {
    "trainer": (
        *("loss", "loss.kind", "loss.delta", "optimizer", "optimizer.kind", "optimizer.beta1"),
        *("schedule", "schedule.kind", "schedule.drop", "metrics", "metrics.0", "metrics.0.name"),
        *("metrics.0.own", "seed", "l2", "l1", "penalize", "clip_value", "clip_norm", "epoch"),
        *("steps", "single_steps", "schedule_state", "schedule_state.best", "stop_reason"),
        *("schedule_state.bad_epochs", "schedule_state.epochs", "schedule_state.factor"),
        *("history", "history.0", "data", "data.X", "ema", "frozen", "frozen.0"),
        *("learning_rate_factors", "learning_rate_factors.1", "decay_factors"),
    ),
    "fit": (
        *(
            "batch_size",
            "batch",
            "rows",
            "shuffle",
            "first_epoch",
            "last_epoch",
            "phase",
            "told",
            "told.0",
        ),
        *("reported", "seconds", "callbacks", "arrays", "callbacks.0", "callbacks.0.kind"),
        *("callbacks.0.optional", "callbacks.0.arguments", "callbacks.0.arguments.patience"),
        *(
            "callbacks.0.arguments.monitor",
            "callbacks.0.state.best",
            "callbacks.0.state.best_epoch",
        ),
        *("callbacks.0.state", "callbacks.0.state.bad_epochs", "callbacks.1", "callbacks.1.kind"),
        *("callbacks.0.state.best_parameters", "callbacks.0.state.best_parameters.1~bias"),
        *("callbacks.0.state.best_parameters.1~bias.$array", "callbacks.1.state"),
        *("callbacks.1.state.numbers.$array", "callbacks.1.state.lowest.$float"),
    ),
}
# In order as they are: other numbers, and states of the user's callbacks, which only they know.
RIGHT = {
    *((name, repr(x)) for name in ("l2", "l1", "clip_value", "clip_norm") for x in (0.5, 1e308)),
    *((name, repr(2**70)) for name in ("l2", "l1", "clip_value", "clip_norm")),
    *((f"schedule_state.{name}", "0.5") for name in ("factor", "best")),
    *((f"schedule_state.{name}", "1e+308") for name in ("factor", "best")),
    *(
        (f"schedule_state.{name}", repr(2**70))
        for name in ("factor", "best", "epochs", "bad_epochs")
    ),
    *((name, "None") for name in ("clip_value", "clip_norm", "schedule_state.best", "stop_reason")),
    *((name, repr(text)) for name in ("stop_reason", "data.X") for text in ("x", "")),
    *((name, "None") for name in ("data", "data.X", "shuffle", "callbacks.0.state.best")),
    *(("seconds", repr(x)) for x in (0.5, 1e308, 2**70)),
    *(("callbacks.0.state.best", repr(x)) for x in (-1, 0.5, 1e308, 2**70)),
    *(("callbacks.0.state.best_epoch", repr(x)) for x in (None, 2**70)),
    *(
        ("schedule_state.best", "-1"),
        ("shuffle", "True"),
        ("callbacks.0.state.bad_epochs", repr(2**70)),
    ),
    *(("callbacks.0.arguments", "None"), ("callbacks.0.arguments", "{}")),
    *((f"callbacks.{i}.state", "None") for i in (0, 1)),
    *(("callbacks.0.optional", "True"), ("callbacks.0.state.best_parameters", "{}")),
    *(("callbacks.0.arguments.patience", repr(2**70)), ("callbacks.0.arguments.monitor", "None")),
    *(("callbacks.1.kind", "'x'"), ("callbacks.1.kind", "''")),
    *(
        ("callbacks.1.state", "{}"),
        ("callbacks.1.state", "{'x': 1}"),
        ("told", "[]"),
        ("told", "[1]"),
    ),
    *(("callbacks.0.arguments.monitor", "'x'"), ("callbacks.0.arguments.monitor", "''")),
    *(("loss.delta", "0.5"), ("loss.delta", repr(2**70)), ("optimizer.beta1", "0.5")),
    *(
        ("schedule.drop", "0.5"),
        ("metrics", "[]"),
        ("ema", "0.5"),
        ("learning_rate_factors.1", "True"),
    ),
    *(("learning_rate_factors.1", repr(x)) for x in (0.5, 2**70, 1e308)),
    *(("frozen", "[]"), ("frozen", "{}"), ("learning_rate_factors", "{}"), ("decay_factors", "{}")),
    *(("learning_rate_factors", "None"), ("decay_factors", "None"), ("frozen", "None")),
    ("metrics.0.own", "True"),  # then it must be given, which is another refusal
}
REQUIRED = {
    "trainer": (
        *(name for name in FIELDS["trainer"] if "." not in name),
        *("loss.kind", "optimizer.kind", "schedule.kind", "metrics.0.name", "schedule_state.best"),
    ),
    "fit": (
        *(name for name in FIELDS["fit"] if "." not in name and name != "batch_size"),
        *("callbacks.0.kind", "callbacks.0.optional", "callbacks.0.state.best"),
        "callbacks.1.state",
    ),
}


class Numbers(cr.Callback):
    """A user's own, with a state."""

    def state(self) -> dict[str, Any]:
        return {"numbers": np.arange(2), "lowest": float("inf")}


class Cut(cr.Callback):
    optional = True

    def on_steps_end(self, trainer: cr.Trainer, steps: int, loss: float) -> None:
        if trainer.epoch == 3:
            raise KeyboardInterrupt


@functools.cache
def whole_trainer() -> bytes:
    """Of a small one whose fit was cut off in its last epoch, in a file that is in order."""
    layers = [cr.Dense(4, "tanh"), cr.Dense(2)]
    schedule = cr.reduce_on_plateau(0.5, 1)
    trainer = cr.Trainer(
        cr.Network(layers, 3),
        cr.Huber(0.5),
        "adam",
        schedule,
        metrics=["r2"],
        l2=0.25,
        clip_norm=9.0,
        ema=0.75,
        frozen=["2.bias"],
        learning_rate_factors={"1": 2.0},
    )
    X = np.linspace(-1, 1, 24).reshape(8, 3)
    trainer.fit(X, X[:, :2])
    callbacks = [cr.EarlyStopping(50), Numbers(), Cut()]
    with contextlib.suppress(KeyboardInterrupt):
        trainer.fit(X, X[:, :2], 3, 4, validation_data=(X, X[:, :2]), callbacks=callbacks)
    trainer.net.W[1] = 2 * trainer.net.W[1]  # so that the weights of then are in the file, too
    return trainer_file.trainer_to_bytes(trainer)


def trainers() -> dict[str, bytes]:
    """Every attack on `Trainer.load`, by name."""
    return by_name(fields, edits, tensors)


def with_document(name: str, document: Any) -> bytes:
    parts = Parts(whole_trainer())
    parts.metadata[name] = json.dumps(document)
    return parts.seal()


def fields() -> Named:
    """Fields that are wrong or missing."""
    for name, paths in FIELDS.items():
        good = json.loads(Parts(whole_trainer()).metadata[name])
        for what, document in fields_replaced(good, paths, RIGHT, REQUIRED[name]):
            yield f"{name}_{what}", with_document(name, document)


def edits() -> Named:
    """Documents that do not belong together, or ask for more than the file holds."""
    documents = {name: json.loads(Parts(whole_trainer()).metadata[name]) for name in FIELDS}
    for name, of, path, value in (
        ("more_in_trainer", "trainer", "more", 1),
        ("more_in_fit", "fit", "more", 1),
        ("more_in_metric", "trainer", "metrics.0.more", 1),
        ("more_in_callback", "fit", "callbacks.0.more", 1),
        ("more_arguments", "fit", "callbacks.0.arguments.path", "/etc/passwd"),
        ("callback_that_writes", "fit", "callbacks.0", written("CSVLogger")),
        ("callback_that_saves", "fit", "callbacks.0", written("Checkpoint")),
        ("built_own", "fit", "callbacks.1.arguments", {}),
        ("sgd", "trainer", "optimizer", {"kind": "sgd"}),
        ("rmsprop", "trainer", "optimizer", {"kind": "rmsprop"}),
        ("unknown_metric", "trainer", "metrics.0.name", "median"),
        ("metric_twice", "trainer", "metrics", [{"name": "r2", "own": False}] * 2),
        ("history_twice", "trainer", "history", ["loss"] * 2),
        ("history_more", "trainer", "history", [*documents["trainer"]["history"], "more"]),
        ("history_less", "trainer", "history", documents["trainer"]["history"][1:]),
        ("epoch_beyond", "trainer", "epoch", 4),
        ("epoch_before", "trainer", "epoch", 0),
        ("steps_negative", "trainer", "steps", -1),
        ("steps_huge", "trainer", "steps", 2**63),
        ("batch_of_more", "fit", "batch", 9),
        ("batch_of_all", "fit", "batch", 8),
        ("epochs_none", "fit", "last_epoch", 1),
        ("told_unknown", "fit", "told", [3]),
        ("reported_more", "fit", "reported", 3),
        ("arrays_more", "fit", "arrays", 10**9),
        ("arrays_less", "fit", "arrays", 1),
        ("array_negative", "fit", "callbacks.1.state.numbers.$array", -1),
        ("phase_end", "fit", "phase", "epoch_begin!"),
        ("deep_state", "fit", "callbacks.1.state", deep(200)),
        ("best_is_shorter", "fit", "callbacks.0.state.best_parameters.1~bias.$array", 0),
        ("best_of_integers", "fit", "callbacks.0.state.best_parameters.2~bias.$array", 8),
        ("best_of_others", "fit", "callbacks.0.state.best_parameters", {"x": {"$array": 0}}),
        ("data_of_others", "trainer", "data", {"Z": "none"}),
        ("clip_zero", "trainer", "clip_norm", 0),
        ("ema_of_none", "trainer", "ema", None),
        ("ema_one", "trainer", "ema", 1),
        ("frozen_unknown", "trainer", "frozen", ["3"]),
        ("frozen_all", "trainer", "frozen", ["1", "2"]),
        ("decay_of_adam", "trainer", "decay_factors", {"1": 1}),
    ):
        yield name, with_document(of, replaced(documents[of], path, value))
    yield "network", whole()
    for name in ("network", "trainer"):
        parts = Parts(whole_trainer())
        del parts.metadata[name]
        yield f"without_{name}", parts.seal()
    parts = Parts(whole_trainer())
    parts.metadata["more"] = "{}"
    yield "more_documents", parts.seal()
    parts = Parts(whole_trainer())
    parts.metadata["format"] = "chainrule.network"
    yield "says_network", parts.seal()
    parts = Parts(whole_trainer())
    del parts.metadata["fit"]
    yield "fit_missing", parts.seal()


def written(kind: str) -> dict[str, Any]:
    """A callback that a stranger would like to write to a place of his choice."""
    return {"kind": kind, "optional": True, "arguments": {"path": "attacked"}, "state": None}


def deep(n: int) -> Any:
    return {"x": deep(n - 1)} if n else 1


def tensors() -> Named:
    more = ("history/more", "callbacks/9", "cut_off/x", "average/x")
    right = {f"callbacks/8_{what}" for what in ("flat", "split", "bytes")}  # the user's own
    for name, content in tensors_replaced(whole_trainer(), more):
        is_without_gaps = name.startswith("history_has/") and name.endswith("_empty")
        if name not in right and not is_without_gaps:
            yield name, content
