"""Networks as files and as bytes: the parameters as tensors, the description as a JSON document."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from chainrule._attributes import check_class
from chainrule._container import Contents, Rows, Tensor, joined, pack, unpack
from chainrule._custom import NotRegisteredError
from chainrule._errors import FileFormatError, check_choice, check_integer, message
from chainrule._files import check_path, read_whole, write_atomically
from chainrule._network_checks import check_nesting, check_registered_names
from chainrule.layers import count_parameters, layer_from_dict
from chainrule.network import CORES, Network

if TYPE_CHECKING:
    from chainrule import _core

Array = NDArray[Any]
N = TypeVar("N", bound=Network)

FORMAT = "chainrule.network"
HOLDS = {  # what is in files of each format, and who reads it
    FORMAT: "a network, which Network.load reads",
    "chainrule.trainer": "a trainer, which Trainer.load reads",
    "chainrule.estimator": "an estimator, which MLPClassifier.load or MLPRegressor.load reads",
    "chainrule.table_model": "a model of `chainrule train`, which `chainrule predict` reads",
}
# What contents that make no sense give rise to.
NO_SENSE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


def network_description(net: Network) -> dict[str, Any]:
    """All but the parameters, as JSON holds it."""
    return {
        "layers": [layer.to_dict() for layer in net.layers],
        "n_inputs": net.n_inputs,
        "dtype": net.dtype.name,
        "seed": net.seed,
    }


def network_tensors(net: Network, where: str = "Network.save") -> dict[str, Array]:
    """The parameters by name, in public shapes. Raises ValueError if one is not finite."""
    _check_finite(net.is_finite(), where)
    return net.parameters.copy()


def tensors_to_write(
    net: Network, reading: "_core._Reading", where: str = "Network.save"
) -> dict[str, Tensor]:
    """The parameters as `network_tensors` has them, but they are read when they are written.

    Then it raises ValueError if one is not finite. Training waits for the `reading`:

        with net._core.reading(where) as reading:
            ... tensors_to_write(net, reading, where) ...

    which raises RuntimeError while another thread trains the network. It must not be left in a
    generator, which Ctrl-C may keep from its end: the network would wait for it for ever.
    """

    def read(index: int, first: int, n: int) -> Array:
        rows = reading.parameter_rows(index, first, n)
        _check_finite(bool(np.isfinite(rows).all()), where)
        return rows

    return rows_by_name(net, read)


def _check_finite(finite: bool, where: str) -> None:
    if not finite:
        raise ValueError(f"[{where}] parameters: expected finite numbers, got NaN or infinity")


def rows_by_name(net: Network, read: Callable[[int, int, int], Array]) -> dict[str, Tensor]:
    """A tensor for each parameter, of its name and shape; `read(index, first, n)` gives rows."""
    table = enumerate(net._core.parameter_table())
    return {name: Rows(shape, net.dtype, partial(read, i)) for i, (name, shape, *_) in table}


def build_network(kind: type[N], description: Any, tensors: Mapping[str, Array]) -> N:
    """The network of `network_description` with these parameters.

    Raises ValueError, TypeError or KeyError if they do not belong together, before it takes memory
    for more parameters than there are.
    """
    fields = {"layers", "n_inputs", "dtype", "seed"}
    if not isinstance(description, dict) or set(description) != fields:
        raise ValueError("its network is not described by layers, n_inputs, dtype and seed")
    if not isinstance(description["layers"], list):
        raise TypeError(message("Network", "layers", "a list", description["layers"]))
    dtype = check_choice("Network", "dtype", description["dtype"], CORES)
    check_nesting("Network", description["layers"])
    layers = [layer_from_dict(layer) for layer in description["layers"]]
    n_inputs = check_integer("Network", "n_inputs", description["n_inputs"], 1, 2**31)
    expected = count_parameters(layers, n_inputs)
    given = sum(array.size for array in tensors.values())
    if expected != given:
        raise ValueError(f"its layers have {expected} parameters, its tensors {given}")
    check_registered_names(layers, n_inputs)
    net = kind._without_values(layers, n_inputs, dtype, description["seed"])
    for name, array in tensors.items():  # each fits, and so none is missing
        if array.dtype != dtype:
            raise ValueError(message("Network", name, dtype, array.dtype.name))
        net.parameters[name] = array
    return net


def read_file(path: str | os.PathLike[str], where: str) -> Contents:
    """What a model file of any kind holds. Raises OSError, FileFormatError or TypeError."""
    check_path(where, path)
    with file_errors(where, path):
        return unpack(read_whole(path))


def check_kind(contents: Contents, expected: str) -> None:
    """Raises ValueError that says what a file of another kind holds."""
    if contents.kind != expected:
        found = HOLDS.get(contents.kind) if isinstance(contents.kind, str) else None
        raise ValueError(
            f"it holds {found or f'what this chainrule does not know, {contents.kind!r}'}"
        )


@contextmanager
def file_errors(where: str, path: object = "bytes") -> Iterator[None]:
    """Turns whatever contents that make no sense give rise to into one FileFormatError."""
    name = os.fspath(path) if isinstance(path, os.PathLike) else path
    try:
        yield
    except NotRegisteredError as error:
        raise FileFormatError(f"[{where}] path: {name}: {error}") from None
    except NO_SENSE as error:
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        short = reason if len(reason) <= 300 else f"{reason[:297]}..."
        text = message(where, "path", "a model file", name) + f": {short}"
        raise FileFormatError(text) from None


def must_be_given(where: str, missing: Mapping[str, str], of: str) -> ValueError:
    """The error for arguments that no file holds and that were not given, by what they were."""
    what = " and ".join(f"the {name} {text}" for name, text in missing.items())
    got = "none" if len(missing) == 1 else "neither"
    expected = f"{what} of {of}, which no file holds, got {got}"
    return ValueError(f"[{where}] {', '.join(missing)}: expected {expected}")


def save_network(net: Network, path: str | os.PathLike[str]) -> None:
    """The file behind `Network.save`."""
    where = "Network.save"
    check_path(where, path)
    with net._core.reading(where) as reading:
        write_atomically(path, _pieces(net, reading, where))


def load_network(kind: type[N], path: str | os.PathLike[str]) -> N:
    """The network in a file of `save_network`."""
    check_class(kind, Network, "Network")  # which is no fault of the file
    contents = read_file(path, "Network.load")
    with file_errors("Network.load", path):
        return _built(kind, contents)


def network_to_bytes(net: Network) -> bytes:
    """What `save_network` would write."""
    with net._core.reading("Network") as reading:
        return joined(_pieces(net, reading, "Network"))


def network_from_bytes(kind: type[N], content: bytes) -> N:
    """The network of `network_to_bytes`. Raises FileFormatError."""
    with file_errors("Network"):
        return _built(kind, unpack(content))


def _pieces(net: Network, reading: "_core._Reading", where: str) -> Iterator[tuple[int, Any]]:
    tensors = tensors_to_write(net, reading, where)
    return pack(FORMAT, tensors, {"network": network_description(net)})


def _built(kind: type[N], contents: Contents) -> N:
    check_kind(contents, FORMAT)
    if set(contents.documents) != {"network"}:
        raise ValueError(f"expected one document, the network, got {sorted(contents.documents)}")
    return build_network(kind, contents.documents["network"], contents.tensors)
