"""Model files: safetensors, the description as JSON in the metadata. Nothing in them runs code."""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from chainrule._errors import message
from chainrule.layers import layer_from_dict
from chainrule.network import Network

Array = NDArray[Any]

FORMAT = "chainrule.network"
VERSION = 1


def network_description(net: Network) -> dict[str, Any]:
    """All but the parameters, as JSON holds it."""
    return {
        "layers": [layer.to_dict() for layer in net.layers],
        "n_inputs": net.n_inputs,
        "dtype": net.dtype.name,
        "seed": net.seed,
    }


def network_tensors(net: Network) -> dict[str, Array]:
    """The parameters by name, in public shapes."""
    return dict(net.parameters)


def build_network(description: Mapping[str, Any], tensors: Mapping[str, Array]) -> Network:
    """The network of `network_description` with these parameters.

    Raises ValueError or TypeError if they do not belong together.
    """
    layers = [layer_from_dict(layer) for layer in description["layers"]]
    net = Network._without_values(
        layers, description["n_inputs"], description["dtype"], description["seed"]
    )
    if set(net.parameters) != set(tensors):
        raise ValueError(
            message("Network.load", "tensors", f"all of {sorted(net.parameters)}", sorted(tensors))
        )
    for name in net.parameters:
        net.parameters[name] = tensors[name]
    return net


def write_safetensors(
    path: str | os.PathLike[str], tensors: Mapping[str, Array], metadata: Mapping[str, str]
) -> None:
    """Writes the file whole or not at all: a temporary file beside it, flushed, then renamed.

    Raises OSError; a file that was there is then intact.
    """
    target = Path(path)
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    content = safetensors.numpy.save(contiguous, dict(metadata))
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_safetensors(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """(tensors, metadata). Raises OSError, or ValueError for a file that is not safetensors."""
    name = os.fspath(path)
    if os.path.isdir(name):
        raise IsADirectoryError(
            f"[read_safetensors] path: expected a file, got the directory {name!r}"
        )
    try:
        with safetensors.safe_open(name, framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except safetensors.SafetensorError as error:
        raise ValueError(
            message("read_safetensors", "path", "a safetensors file", name) + f": {error}"
        ) from None


def save_network(net: Network, path: str | os.PathLike[str]) -> None:
    """The file behind `Network.save`."""
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "network": json.dumps(network_description(net)),
    }
    write_safetensors(path, network_tensors(net), metadata)


def load_network(path: str | os.PathLike[str]) -> Network:
    """The network in a file of `save_network`."""
    tensors, metadata = read_safetensors(path)
    kind, version = metadata.get("format"), metadata.get("version")
    if kind != FORMAT or version != str(VERSION):
        got = f"format {kind}, version {version}"
        raise ValueError(
            message("Network.load", "path", f"format {FORMAT}, version {VERSION}", got)
        )
    try:
        return build_network(json.loads(metadata["network"]), tensors)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        got = f"{type(error).__name__}: {error}"
        raise ValueError(
            message("Network.load", "path", "a description of a network", got)
        ) from error
