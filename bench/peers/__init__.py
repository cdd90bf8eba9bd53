"""The programs compared. The one list of them; each is loaded only in its own worker process."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from bench.cases import BATCH_NORM, DENSE, INFERENCE, RESIDUAL, TRAINING


@dataclass(frozen=True)
class PeerInfo:
    """`module` is a file of this folder with a class `kind`; `imports` must be installed."""

    name: str
    module: str
    imports: tuple[str, ...]
    distributions: tuple[str, ...]  # whose versions are reported
    jobs: tuple[str, ...] = (TRAINING, INFERENCE)
    hidden: tuple[str, ...] = (DENSE, BATCH_NORM, RESIDUAL)  # kinds of hidden layers that it has
    kind: str = "Trained"


OURS = "chainrule"  # so begin the names of all ways to call it
PEERS = (
    PeerInfo(OURS, "with_chainrule", ("chainrule",), ("chainrule",)),
    PeerInfo(
        "chainrule-predictor",
        "with_chainrule",
        ("chainrule",),
        ("chainrule",),
        (INFERENCE,),
        kind="Predictor",
    ),
    PeerInfo(
        "chainrule-core",
        "with_chainrule",
        ("chainrule",),
        ("chainrule",),
        (INFERENCE,),
        kind="Core",
    ),
    PeerInfo("numpy", "with_numpy", ("chainrule",), ("numpy",), hidden=(DENSE,)),
    PeerInfo("sklearn", "with_sklearn", ("sklearn",), ("scikit-learn",), hidden=(DENSE,)),
    PeerInfo("torch", "with_torch", ("torch",), ("torch",)),
    PeerInfo("torch-compile", "with_torch_compile", ("torch",), ("torch",), (TRAINING,)),
    PeerInfo("jax", "with_jax", ("jax", "jaxlib"), ("jax", "jaxlib")),
    PeerInfo(
        "onnxruntime",
        "with_onnxruntime",
        ("onnx", "onnxruntime"),
        ("onnx", "onnxruntime"),
        (INFERENCE,),
    ),
)


def peers_for(job: str) -> list[PeerInfo]:
    return [peer for peer in PEERS if job in peer.jobs]


def find_peers(names: list[str] | None, job: str = TRAINING) -> list[PeerInfo]:
    """The peers called `names` that do the job; None is all. ValueError: no such peer."""
    known = {peer.name: peer for peer in peers_for(job)}
    for name in names or ():
        if name not in known:
            raise ValueError(f"[bench] --peers: expected some of {', '.join(known)}, got {name!r}")
    return [peer for peer in known.values() if names is None or peer.name in names]


def is_installed(peer: PeerInfo) -> bool:
    """Whether all its imports are found; nothing is loaded."""
    return all(find_spec(name) is not None for name in peer.imports)


def versions(peer: PeerInfo) -> dict[str, str]:
    """Of its distributions, as installed."""
    found = {}
    for name in peer.distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def load_peer(name: str, job: str = TRAINING) -> Any:
    """Its class: a `base.Peer`, or for inference at least a `base.Predictor`."""
    (peer,) = find_peers([name], job)
    return getattr(import_module(f"bench.peers.{peer.module}"), peer.kind)
