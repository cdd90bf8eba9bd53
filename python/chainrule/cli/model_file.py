"""The file of `chainrule train`, safetensors: network, preprocessing, what is known about both.

tensors     the network's parameters; "preprocessing", the bytes of skops as uint8
documents   "network" and "table"
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer

from chainrule._container import Contents, pack
from chainrule._custom import NotRegisteredError
from chainrule._errors import check_instance, check_number
from chainrule._files import write_atomically
from chainrule.checkpoint import (
    HOLDS,
    build_network,
    network_description,
    read_file,
    tensors_to_write,
)
from chainrule.cli.console import InputError, one_line
from chainrule.cli.features import KINDS, Feature
from chainrule.cli.preprocessing import (
    dump_preprocessing,
    feature_frame,
    load_preprocessing,
    transform,
)
from chainrule.cli.tables import Table
from chainrule.cli.target import Target
from chainrule.network import Network

FORMAT = "chainrule.table_model"
PREPROCESSING = "preprocessing"  # the name of its tensor


@dataclass
class TableModel:
    """A network with its preprocessing: from tables to predictions.

    `about` holds, for `chainrule info`, "versions", "settings", "training" and "scores".
    """

    network: Network
    preprocessing: ColumnTransformer
    features: Sequence[Feature]
    target: Target
    about: dict[str, Any] = field(default_factory=dict)

    def output(self, table: Table) -> NDArray[Any]:
        """The network's output (m, n_outputs). Raises InputError if the columns do not fit."""
        frame = feature_frame(table, self.features)
        return self.network.predict(transform(self.preprocessing, frame))

    def predict(self, table: Table, probabilities: bool = True) -> pd.DataFrame:
        """A row per row of the table: "prediction" and, for classes, "probability_..." of each."""
        output = self.output(table)
        columns: dict[str, Any] = {"prediction": self.target.decode(output).tolist()}
        if self.target.classes and probabilities:
            for label, p in zip(
                self.target.classes, self.target.probabilities(output).T, strict=True
            ):
                columns[f"probability_{label}"] = p
        return pd.DataFrame(columns, index=table.frame.index)


def save_model(model: TableModel, path: Path) -> None:
    """Writes the file, whole or not at all. Raises OSError."""
    table = {
        "features": [asdict(feature) for feature in model.features],
        "target": asdict(model.target),
        "about": model.about,
    }
    documents = {"network": network_description(model.network), "table": table}
    with model.network._core.reading("Network.save") as reading:
        tensors = tensors_to_write(model.network, reading)
        tensors[PREPROCESSING] = dump_preprocessing(model.preprocessing)
        write_atomically(path, pack(FORMAT, tensors, documents))


def load_model(path: Path) -> TableModel:
    """The model in a file. Raises InputError if there is none, or if it is damaged."""
    contents = read_model_file(path)
    if contents.kind != FORMAT:
        what = HOLDS.get(str(contents.kind), "no model")
        raise InputError(f"{path}: holds {what}; expected a file of `chainrule train`")
    tensors = dict(contents.tensors)
    try:
        table = contents.documents["table"]
        features = _features(table["features"])
        target = _target(table["target"])
        about = dict(table["about"])
        made_with = str(about["versions"]["scikit-learn"])
        data = tensors.pop(PREPROCESSING)
        network = build_network(Network, contents.documents["network"], tensors)
        if network.n_outputs != target.n_outputs:
            raise ValueError("network and target do not fit")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise damaged(path, error) from None
    try:
        preprocessing = load_preprocessing(data, made_with)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return TableModel(network, preprocessing, features, target, about)


def damaged(path: Path, error: Exception) -> InputError:
    """The error for contents that made this one, or for a whole file that the command line cannot
    read as it needs a function of the user's."""
    for cause in (error, error.__context__):
        if isinstance(cause, NotRegisteredError):
            needs = "needs a function registered in Python, so Python alone can read it"
            return InputError(f"{path}: {needs}: {cause}")
    return InputError(f"{path}: the model file is damaged: {one_line(error)}")


def _features(document: Any) -> list[Feature]:
    """Raises ValueError or TypeError for whatever `save_model` does not write."""
    features = [Feature(**values) for values in check_instance("model", "features", document, list)]
    if not features or any(not isinstance(f.name, str) or f.kind not in KINDS for f in features):
        raise ValueError("the features have no names or kinds")
    return features


def _target(document: Any) -> Target:
    """Raises ValueError or TypeError for whatever `save_model` does not write."""
    target = Target(**document)
    classes = check_instance("target", "classes", target.classes, list)
    if not isinstance(target.name, str) or target.task not in ("classification", "regression"):
        raise ValueError("the target has no name or no task")
    if (target.task == "classification") != (len(classes) >= 2):
        raise ValueError(f"a target of {target.task} has {len(classes)} classes")
    if not all(isinstance(label, str | bool | int | float) for label in classes):
        raise ValueError("a class is neither text nor a number")
    check_number("target", "mean", target.mean)
    check_number("target", "scale", target.scale, above=0)
    return target


def check_model_path(path: Path) -> None:
    """Raises InputError for a file that is not there, and for a directory."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a directory, not a model file")


def read_model_file(path: Path) -> Contents:
    """What a model file of any kind holds, or an InputError."""
    check_model_path(path)
    try:
        return read_file(path, "chainrule")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        reason = one_line(error).split(": ", 2)[-1]
        raise InputError(f"{path}: not a model file: {reason}") from None
