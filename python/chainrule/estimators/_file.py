"""Estimators as files: what they predict with, and all that decides how training goes on.

    tensors     the parameters of the network; "behind/1.weight", .. (the weights that go on, where
                the others are averages); "best/1.weight", "best/average/1.weight", ..;
                "optimizer/0/1.weight", ..; "history/loss", .. with "history_has/.." for gaps;
                "loss_curve", "validation_scores"; "arrays/0", .. of parameters and labels
    documents   "network"; "estimator"

Start at `save_estimator` and `load_estimator`. What can be derived from the network is not in the
file. What is read is checked before anybody works with it.
"""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from chainrule._container import Contents, pack, unpack
from chainrule._errors import check_choice, check_integer, message
from chainrule._files import check_path, write_atomically
from chainrule._history_file import check_fields, pop
from chainrule.checkpoint import (
    build_network,
    check_kind,
    file_errors,
    must_be_given,
    network_description,
    read_file,
)
from chainrule.estimators import _generator, _options
from chainrule.estimators._file_fitted import (
    FIELDS,
    LISTS,
    fitted_document,
    fitted_tensors,
    set_fitted,
)
from chainrule.estimators._file_parameters import decode_parameters, encode_parameters
from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.regressor import MLPRegressor
from chainrule.network import Network

Array = NDArray[Any]
E = TypeVar("E", bound=MLPClassifier | MLPRegressor)

FORMAT = "chainrule.estimator"
ALL = {"kind", "parameters", "arrays", *FIELDS}
KINDS = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}


def save_estimator(est: Any, path: str | os.PathLike[str]) -> None:
    """The file behind `save`."""
    where = f"{type(est).__name__}.save"
    check_path(where, path)
    check_is_fitted(est)
    net: Network = est._ready(where)
    _check_parameters(est, where, net)
    parts = est._engine.parts(where)
    arrays: list[Array] = []
    document = {
        "kind": _kind_of(type(est)),
        "parameters": encode_parameters(est.get_params(deep=False), arrays),
        **fitted_document(est, where, parts, arrays),
        "arrays": len(arrays),
    }
    tensors = fitted_tensors(est, where, parts)
    tensors |= {f"arrays/{i}": array for i, array in enumerate(arrays)}
    documents = {"network": network_description(net), "estimator": document}
    try:
        buffers = pack(FORMAT, tensors, documents)
    except ValueError as error:  # of very many of them
        raise ValueError(f"[{where}] labels and names: {error}") from None
    write_atomically(path, buffers)


def load_estimator(kind: type[E], path: str | os.PathLike[str], again: Mapping[str, Any]) -> E:
    """The estimator in a file of `save_estimator`."""
    where = f"{kind.__name__}.load"
    return _built(kind, read_file(path, where), where, path, again)


def estimator_from_bytes(kind: type[E], content: bytes, again: Mapping[str, Any]) -> E:
    """The estimator in the bytes of such a file. Raises FileFormatError."""
    where = f"{kind.__name__}.load"
    with file_errors(where):
        contents = unpack(content)
    return _built(kind, contents, where, "bytes", again)


def _built(kind: type[E], contents: Contents, where: str, path: Any, again: Mapping[str, Any]) -> E:
    est, own = _read(kind, contents, where, path)
    _give_again(est, where, own, again)
    _check_parameters(est, where, est._engine.net)
    return est


def _read(kind: type[E], contents: Contents, where: str, path: Any) -> tuple[E, dict[str, str]]:
    """What is in the file, and what is told of parameters that are not."""
    with file_errors(where, path):
        check_kind(contents, FORMAT)
        if set(contents.documents) != {"network", "estimator"}:
            raise ValueError("expected the documents network and estimator")
        document = check_fields(contents.documents["estimator"], "estimator", ALL)
        name = check_choice("estimator", "kind", document["kind"], KINDS)
        if not issubclass(kind, KINDS[name]):
            raise ValueError(f"it holds an {name}, which {name}.load reads")
        tensors = dict(contents.tensors)
        n = check_integer("estimator", "arrays", document["arrays"], 0, len(tensors))
        arrays = [pop(tensors, f"arrays/{i}").copy() for i in range(n)]
        values, own = decode_parameters(document["parameters"], kind._get_param_names(), arrays)
        est = kind(**values)
        names = [key for key in tensors if "/" not in key and f"{key}_" not in LISTS]
        parameters = {key: tensors.pop(key) for key in names}
        net = build_network(Network, contents.documents["network"], parameters)
        _check_parameters(est, where, net)
        set_fitted(est, document, net, arrays, tensors)
        if tensors:
            raise ValueError(f"tensors that do not belong there: {list(tensors)[:3]}")
    return est, own


def to_look_at(contents: Contents, where: str, path: Any) -> tuple[Any, dict[str, str]]:
    """The estimator, with defaults for parameters that no file holds, and what these are called."""
    with file_errors(where, path):
        document = contents.documents["estimator"]
        kind = KINDS[check_choice("estimator", "kind", document["kind"], KINDS)]
    return _read(kind, contents, where, path)


def _kind_of(kind: type[Any]) -> str:
    return next(name for name, known in KINDS.items() if issubclass(kind, known))


def _check_parameters(est: Any, where: str, net: Network) -> None:
    """As the next fit would."""
    _options.check(est, where)
    _options.hidden_layers(est, where)
    _generator.random_state(est, where)
    _options.check_numbers(est, where, net.dtype)
    optimizer = _options.optimizer(est, where, net.dtype)
    _options.of_parameters(est, where, net, optimizer)


def _give_again(est: Any, where: str, own: Mapping[str, str], again: Mapping[str, Any]) -> None:
    missing = {name: text for name, text in own.items() if name not in again}
    if missing:
        raise must_be_given(where, missing, "this model again (or None)")
    for name, value in again.items():
        if name not in own:
            expected = f"only parameters that the file lacks, {list(own)}"
            raise ValueError(message(where, name, expected, value))
    est.set_params(**again)
