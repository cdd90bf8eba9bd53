"""Checked data: as the core reads them, and as the user gave them."""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule import _core
from chainrule.losses import CustomLoss, Loss, MulticlassHinge

if TYPE_CHECKING:
    from chainrule.network import Network


TARGETS = _core.loss_targets()  # what it returns is made anew


def target_kind(loss: Loss) -> str:
    """What targets it takes, as the core names it: "Any", "Counts", and so on."""
    return loss.targets if isinstance(loss, CustomLoss) else TARGETS[loss.name]


def check_outputs(where: str, net: "Network", loss: Loss) -> None:
    """Raises ValueError for a loss that is for another number of outputs than the network's."""
    n, expected = net.n_outputs, ""
    if isinstance(loss, CustomLoss) and loss.n_outputs not in (None, n):
        expected = f"{loss.n_outputs} outputs for {loss.name!r}"
    elif isinstance(loss, MulticlassHinge) and n == 1:
        expected = f"two or more outputs for {loss.name!r}, one for each class (or use 'hinge')"
    if expected:
        at = f"{where}, layer {len(net.layers)} ({net.layers[-1].name})"
        raise ValueError(f"[{at}] loss: expected {expected}, got {n}")


class Sparse(Protocol):
    """A matrix or array of scipy.sparse, in any format."""

    def tocsr(self) -> Any: ...


Features = ArrayLike | Sparse


class Data:
    """Features, targets and weights that fit a network and a loss.

    `samples` is what the core reads; it keeps the arrays alive and copies only what it cannot read
    in place, before `bring_rows_together`. X is the array or CSR matrix that it reads. Raises
    ValueError or TypeError that names `where`, the argument and what came.
    """

    def __init__(
        self, net: "Network", where: str, X: Any, Y: Any, loss: Loss, sample_weight: Any
    ) -> None:
        check_outputs(where, net, loss)
        is_double = net.dtype == np.float64
        self.samples = _core.Samples(
            where, X, Y, sample_weight, net.n_inputs, net._core.groups, target_kind(loss), is_double
        )
        self.X, self.Y = self.samples.X, Y
        self.weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)

    def bring_rows_together(self) -> None:
        """Before X is read over and over: copies one that lies by columns, up to 512 MB."""
        self.samples.bring_rows_together()
        self.X = self.samples.X

    @property
    def total_weight(self) -> float:
        """The number of rows, or the sum of their weights."""
        return self.samples.rows if self.weights is None else float(self.weights.sum())

    def dense_X(self, dtype: "np.dtype[Any]") -> NDArray[Any]:
        """X as a contiguous array, also of a sparse matrix."""
        X = self.X if isinstance(self.X, np.ndarray) else self.X.toarray()
        return np.ascontiguousarray(X, dtype)

    def batch_weights(self, order: NDArray[np.int64], batch: int) -> NDArray[np.float64]:
        """The weight of each batch of `order`: its rows, or the sum of their sample weights."""
        first = np.arange(0, len(order), batch)
        if self.weights is None:
            return np.minimum(batch, len(order) - first).astype(np.float64)
        return np.add.reduceat(self.weights[order], first)
