"""Files that are no estimators, though most say so, with the right checksum: `estimators()`."""

import functools
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr

from .parts import Named, Parts, by_name, fields_replaced, replaced, tensors_replaced, whole
from .trainers import deep, whole_trainer, written

OUR = ("alpha", "max_iter", "hidden_layer_sizes", "activation", "solver", "batch_size", "tol")
FIELDS = (
    *("kind", "features", "features.0", "target", "target.classes", "target.classes.dtype"),
    *("target.classes.list", "target.classes.list.0", "fitted", "rate", "optimizer", "history"),
    *("history.0", "best", "best.0", "arrays", "parameters"),
    *(f"parameters.{name}" for name in OUR),
    *("parameters.random_state", "parameters.random_state.RandomState"),
    *(f"parameters.random_state.RandomState.{name}" for name in ("key", "position", "has_gauss")),
    *("parameters.random_state.RandomState.gauss", "parameters.n_iter_no_change.float"),
    *("parameters.schedule", "parameters.schedule.schedule", "parameters.schedule.schedule.kind"),
    *("parameters.callbacks", "parameters.callbacks.0", "parameters.callbacks.0.callback"),
    *("parameters.callbacks.0.callback.kind", "parameters.callbacks.0.callback.arguments"),
    *("parameters.hidden_layer_sizes.tuple", "parameters.hidden_layer_sizes.tuple.0"),
    *("parameters.class_weight", "parameters.class_weight.dict", "parameters.class_weight.dict.0"),
    *("parameters.ema", "parameters.layers", "parameters.frozen", "parameters.shuffle"),
    *(f"fitted.{name}" for name in ("n_iter_", "t_", "_no_improvement_count", "loss_")),
    *(f"fitted.{name}" for name in ("best_loss_", "best_validation_score_")),
    *("rate.learning_rate_init", "rate.learning_rate", "rate.rule", "rate.power_t"),
    *("optimizer.kind", "optimizer.kind.kind", "optimizer.kind.beta1", "optimizer.steps"),
    *("optimizer.epoch", "optimizer.schedule", "optimizer.schedule.factor"),
    "optimizer.is_momentum_of_scikit_learn",
)
REQUIRED = (
    *(name for name in FIELDS if "." not in name and name != "arrays"),
    *(name for name in FIELDS if name.startswith(("fitted.", "rate.")) and name != "fitted.loss_"),
    *("optimizer.kind", "optimizer.steps", "optimizer.epoch", "optimizer.schedule", "arrays"),
    *("optimizer.schedule.factor", "optimizer.kind.kind", "parameters.alpha", "parameters.layers"),
    *("target.classes", "target.classes.dtype", "target.classes.list"),
    *("parameters.random_state.RandomState.key", "parameters.callbacks.0.callback.kind"),
)
POSITIVE = [repr(x) for x in (0.5, 2**70, 1e308)]
RIGHT = {  # in order as they are: other numbers, and parameters that any fit would take
    *((f"parameters.{name}", x) for name in ("alpha", "tol") for x in POSITIVE),
    *(
        (f"rate.{n}", x)
        for n in ("learning_rate_init", "learning_rate", "power_t")
        for x in POSITIVE
    ),
    *(("optimizer.schedule.factor", x) for x in POSITIVE),
    *(("parameters.random_state.RandomState.gauss", x) for x in ("-1", *POSITIVE)),
    *((f"fitted.{n}", x) for n in ("loss_", "best_loss_") for x in ("0.5", "1e+308")),
    *(("fitted.best_validation_score_", x) for x in ("0.5", "1e+308")),
    *((f"parameters.{n}", repr(2**70)) for n in ("max_iter", "hidden_layer_sizes", "batch_size")),
    *((f"parameters.hidden_layer_sizes{n}", x) for n in ("", ".tuple") for x in ("[]", "[1]")),
    *(("parameters.hidden_layer_sizes", "''"), ("parameters.callbacks", "''")),
    *(("parameters.hidden_layer_sizes.tuple.0", repr(2**70)), ("parameters.ema", "0.5")),
    *((f"parameters.{n}", "None") for n in ("random_state", "schedule", "callbacks", "ema")),
    *((f"parameters.{n}", "None") for n in ("class_weight", "layers", "frozen")),
    *((f"parameters.{n}", "[]") for n in ("callbacks", "class_weight", "layers", "frozen")),
    *(("parameters.random_state", "True"), ("parameters.shuffle", "True")),
    *(("parameters.callbacks.0.callback.arguments", "{}"), ("parameters.class_weight.dict", "[]")),
    *((name, text) for name in ("features.0", "target.classes.list.0") for text in ("'x'", "''")),
    *(("parameters.activation", text) for text in ("'x'", "''")),  # the core knows, in the next fit
    *(("features", "None"), ("rate", "None"), ("fitted.best_loss_", "None")),
    ("optimizer.kind.beta1", "0.5"),
}


@functools.cache
def whole_estimator() -> bytes:
    """A small classifier with nearly everything that there is, in a file that is in order."""
    import pandas as pd

    X = pd.DataFrame(np.linspace(-1, 1, 48).reshape(16, 3), columns=["a", "b", "c"])
    y = np.array(["x", "y", "z", "x"] * 4)
    est = cr.MLPClassifier(
        (2,),
        max_iter=2,
        random_state=np.random.RandomState(3),
        early_stopping=True,
        validation_fraction=0.25,
        n_iter_no_change=float("inf"),
        class_weight={"x": 2.0},
        schedule=cr.reduce_on_plateau(0.5, 1),
        callbacks=[cr.EarlyStopping(9)],
        ema=0.5,
    )
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        est.fit(X, y).save(Path(folder) / "model")
        return (Path(folder) / "model").read_bytes()


def estimators() -> dict[str, bytes]:
    """Every attack on `MLPClassifier.load`, by name."""
    return by_name(fields, edits, tensors)


def with_document(document: Any) -> bytes:
    parts = Parts(whole_estimator())
    parts.metadata["estimator"] = json.dumps(document)
    return parts.seal()


def fields() -> Named:
    """Fields that are wrong or missing."""
    good = json.loads(Parts(whole_estimator()).metadata["estimator"])
    for what, document in fields_replaced(good, FIELDS, RIGHT, REQUIRED):
        yield f"estimator_{what}", with_document(document)


def edits() -> Named:
    """Documents that do not belong together, or ask for more than the file holds."""
    good = json.loads(Parts(whole_estimator()).metadata["estimator"])
    callback = "parameters.callbacks.0.callback"
    for name, path, value in (
        ("more", "more", 1),
        ("more_parameters", "parameters.more", 1),
        ("more_fitted", "fitted.more", 1),
        ("more_rate", "rate.more", 1),
        ("more_optimizer", "optimizer.more", 1),
        ("more_target", "target.more", 1),
        ("regressor", "kind", "MLPRegressor"),
        ("scikit_learn", "kind", "sklearn.neural_network.MLPClassifier"),
        ("callback_that_writes", callback, written("CSVLogger")),
        ("writes", callback, {"kind": "CSVLogger", "arguments": {"path": "attacked"}}),
        ("saves", callback, {"kind": "Checkpoint", "arguments": {"path": "attacked"}}),
        ("callback_base", callback, {"kind": "Callback", "arguments": {}}),
        ("unknown_value", "parameters.alpha", {"eval": "open('attacked', 'w')"}),
        ("two_keys", "parameters.alpha", {"float": "inf", "tuple": []}),
        ("deep_value", "parameters.layers", deep_list(60)),
        ("deep_state", "parameters.layers", deep(200)),
        ("layer_of_none", "parameters.layers", [{"layer": {"kind": "Conv"}}]),
        ("layer_of_none_as_dict", "parameters.layers", [{"dict": [["kind", "Conv"]]}]),
        ("huge_layer", "parameters.hidden_layer_sizes", {"tuple": [2**70, "x"]}),
        ("key_of_list", "parameters.class_weight", {"dict": [[[1], 2]]}),
        ("key_twice", "parameters.class_weight", {"dict": [[1, 2], [1, 3]]}),
        (
            "array_beyond",
            "parameters.hidden_layer_sizes",
            {"array": {"dtype": "int64", "tensor": 9}},
        ),
        ("array_of_code", "parameters.layers", {"array": {"dtype": "object", "tensor": 0}}),
        ("array_of_records", "parameters.layers", {"array": {"dtype": "i4,f8", "tensor": 0}}),
        ("array_of_time", "parameters.layers", {"array": {"dtype": "datetime64[s]", "tensor": 0}}),
        ("classes_unsorted", "target.classes.list", ["z", "y", "x"]),
        ("classes_twice", "target.classes.list", ["x", "x", "z"]),
        ("classes_less", "target.classes.list", ["x", "y"]),
        ("classes_more", "target.classes.list", ["u", "x", "y", "z"]),
        ("classes_none", "target.classes.list", []),
        ("classes_mixed", "target.classes", {"dtype": "object", "list": [1, "x", "y"]}),
        ("classes_wide", "target.classes.dtype", "<U100000000"),
        ("labels", "target", {"labels": 3, "sparse": False}),
        ("labels_many", "target", {"labels": 10**9, "sparse": True}),
        ("outputs", "target", {"outputs": [good["target"]["classes"]] * 2}),
        ("outputs_one", "target", {"outputs": [good["target"]["classes"]]}),
        ("features_more", "features", ["a", "b", "c", "d"]),
        ("features_numbers", "features", [1, 2, 3]),
        ("best_of_others", "best", ["1.weight"]),
        ("best_twice", "best", good["best"] * 2),
        ("best_none", "best", []),
        ("history_twice", "history", ["loss"] * 2),
        ("history_more", "history", [*good["history"], "more"]),
        ("history_less", "history", good["history"][1:]),
        ("arrays_more", "arrays", 10**9),
        ("arrays_less", "arrays", 0),
        ("position_beyond", "parameters.random_state.RandomState.position", 625),
        ("steps_huge", "optimizer.steps", 2**63),
        ("sgd", "optimizer.kind", {"kind": "sgd"}),
        ("momentum", "optimizer.is_momentum_of_scikit_learn", True),
        ("optimizer_none", "optimizer", None),
        ("epochs_none", "fitted", {"n_iter_": 1, "t_": 1}),
        ("score_none", "fitted.best_validation_score_", None),
        ("lbfgs", "parameters.solver", "lbfgs"),
        ("frozen_unknown", "parameters.frozen", ["3"]),
        ("frozen_all", "parameters.frozen", ["1", "2"]),
        ("decay_of_adam", "parameters.decay_factors", {"dict": [["1", 1]]}),
        ("scorer_unknown", "parameters.scoring", "eval"),
        ("own_of_list", "parameters.scoring", {"own": []}),
    ):
        yield f"edit_{name}", with_document(replaced(good, path, value))
    yield "network", whole()
    yield "trainer", whole_trainer()
    for name in ("network", "estimator"):
        parts = Parts(whole_estimator())
        del parts.metadata[name]
        yield f"without_{name}", parts.seal()
    parts = Parts(whole_estimator())
    parts.metadata["more"] = "{}"
    yield "more_documents", parts.seal()
    for kind in ("chainrule.network", "chainrule.trainer"):
        parts = Parts(whole_estimator())
        parts.metadata["format"] = kind
        yield f"says_{kind}", parts.seal()
    yield from networks(json.loads(Parts(whole_estimator()).metadata["network"]))


def networks(good: Any) -> Named:
    """Networks that others have."""
    for name, path, value in (
        ("sigmoid", "layers.1.activation", {"name": "sigmoid"}),
        ("groups", "layers.1.activation.groups", [1, 2]),
        ("he", "layers.1.initializer", {"name": "he_normal", "parameters": {}}),
        ("dtype", "dtype", "float32"),
        ("inputs", "n_inputs", 4),
        ("huge", "layers.0.units", 2**62),
    ):
        parts = Parts(whole_estimator())
        parts.metadata["network"] = json.dumps(replaced(good, path, value))
        yield f"network_{name}", parts.seal()


def deep_list(n: int) -> Any:
    return [deep_list(n - 1)] if n else 1


def tensors() -> Named:
    """And numbers that are not finite."""
    yield from tensors_replaced(whole_estimator(), ("history/more", "arrays/9", "best/x"))
    for name, entry in Parts(whole_estimator()).header.items():
        if name.split("/")[0] in ("best", "behind", "1.weight"):
            parts = Parts(whole_estimator())
            at = entry["data_offsets"][0]
            nan = np.array(np.nan, np.float64).tobytes()
            parts.data = parts.data[:at] + nan + parts.data[at + len(nan) :]
            yield f"{name}_nan", parts.seal()
