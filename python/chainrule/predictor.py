"""A network that only predicts, frozen, for many callers at once: `net.predictor()`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._data import Features
from chainrule._errors import check_integer
from chainrule.layers import Layer
from chainrule.network import Network
from chainrule.runtime import MOST_THREADS

if TYPE_CHECKING:
    from chainrule import _core

Array = NDArray[Any]


class Predictor:
    """What `net.predict` does at the moment of `net.predictor()`, to the bit, whatever comes later.

    Of an activation of your own (`register_activation`) it holds the name, as pickles do: it does
    what is registered under it at the time of the call, in Python and with memory for its arrays.

    It holds parameters alone, no gradients and no state of training: `nbytes` is their memory. Any
    number of threads may call it at once; nothing is locked. Large calls share their rows among
    `n_threads` threads at most. It works in forked processes and can be pickled and copied.
    """

    __slots__ = ("_core", "_dtype", "_layers", "_n_inputs", "_n_threads", "_names", "_seed")

    def __init__(self, net: Network, n_threads: int | None = None) -> None:
        where = "Network.predictor"
        if n_threads is not None:
            n_threads = check_integer(where, "n_threads", n_threads, 1, MOST_THREADS)
        self._layers, self._n_inputs, self._dtype = net.layers, net.n_inputs, net.dtype
        self._seed, self._n_threads = net.seed, n_threads
        self._names = list(net.parameters)
        self._core: _core._Predictor = net._core.predictor(n_threads or MOST_THREADS, where)

    def __call__(self, X: Features, out: Array | None = None) -> Array:
        """The last layer's activation: (m, n_outputs) of X (m, n_inputs), (n_outputs,) of one row.

        X is an array or a scipy.sparse matrix; rows are independent of each other, bit for bit.
        `out` takes the result: contiguous, of the network's dtype, if need be the memory of X. With
        it a call allocates nothing once its thread has called for as many rows before, but for
        activations of your own; float32 and float64 are read in place. Raises ValueError or
        TypeError for an X of another shape, of no numbers, or with NaN or infinity.
        """
        return self._core(X, out)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Those of the network."""
        return self._layers

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return self._n_inputs

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of parameters and results."""
        return self._dtype

    @property
    def seed(self) -> int:
        """What `network()` gives on."""
        return self._seed

    @property
    def n_threads(self) -> int | None:
        """The most that a call may take; None is `set_num_threads`'s."""
        return self._n_threads

    @property
    def n_outputs(self) -> int:
        """Units of the last layer."""
        return self._core.n_outputs

    @property
    def nbytes(self) -> int:
        """Of its parameters and what is derived from them."""
        return self._core.nbytes

    def network(self) -> Network:
        """A new network with these parameters: to train on, to save, to export."""
        net = Network._without_values(self.layers, self.n_inputs, self.dtype, self.seed)
        for index, name in enumerate(self._names):
            net.parameters[name] = self._core.parameter(index)
        return net

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.network(), self.n_threads)

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        rest = f"n_inputs={self.n_inputs}, dtype={self.dtype.name!r}, n_threads={self.n_threads}"
        return f"Predictor([{layers}], {rest})"
