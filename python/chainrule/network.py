"""A feed-forward network: layers described, parameters held by the core.

Samples are rows. A weight matrix is (n_in, n_out); the course's `W[l]` is its transpose and can be
read and set as `net.W[l]`. Layers count from 1.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule import _core
from chainrule._data import Data, Features
from chainrule._errors import check_bool, check_integer, check_number, message, quoted, unknown
from chainrule._optimizer import core_optimizer
from chainrule.activations import Activation
from chainrule.initializers import initialize
from chainrule.layers import Dense, Layer
from chainrule.losses import Loss, resolve_loss
from chainrule.optimizers import Optimizer, resolve_optimizer
from chainrule.parameters import CourseView, Gradients, Parameters
from chainrule.summary import Summary
from chainrule.trace import Trace

Array = NDArray[Any]

CORES = {"float32": _core.Network32, "float64": _core.Network64}


class Network:
    """Layers with parameters. Deterministic in (layers, n_inputs, dtype, seed).

    Arguments: `layers`, a list of layers such as `Dense`; `n_inputs`, features per sample;
    `dtype`, "float32" or "float64", of the parameters and of all computing; `seed` >= 0 of the
    first weights. Raises TypeError or ValueError for anything else.
    """

    def __init__(
        self, layers: Sequence[Layer], n_inputs: int, dtype: Any = "float32", seed: int = 0
    ) -> None:
        self._build("Network", layers, n_inputs, dtype, seed)
        self._initialize()

    @classmethod
    def _without_values(
        cls, layers: Sequence[Layer], n_inputs: int, dtype: Any, seed: int, where: str = "Network"
    ) -> Self:
        """A network whose parameters are zero, to be set; `where` stands in refusals."""
        net = cls.__new__(cls)
        net._build(where, layers, n_inputs, dtype, seed)
        return net

    def _build(
        self, where: str, layers: Sequence[Layer], n_inputs: int, dtype: Any, seed: int
    ) -> None:
        self.layers = _check_layers(where, layers)
        self.n_inputs = check_integer(where, "n_inputs", n_inputs, 1, 2**31)
        self.dtype = _check_dtype(where, dtype)
        self.seed = check_integer(where, "seed", seed, 0, 2**63 - 1)
        _check_size(where, self.layers, self.n_inputs, self.dtype)
        core_layers = [_core_layer(layer) for layer in self.layers]
        self._core = CORES[self.dtype.name](self.n_inputs, core_layers)
        # Held during a whole fit; the core has a lock of its own for each call.
        self._training_lock = threading.RLock()
        self.parameters = Parameters(self._core)
        self.gradients = Gradients(self._core)
        self.W = CourseView(self.parameters, "weight", len(self.layers))
        self.b = CourseView(self.parameters, "bias", len(self.layers))

    def _initialize(self) -> None:
        n_in = self.n_inputs
        for number, layer in enumerate(self.layers, start=1):
            assert isinstance(layer, Dense)
            rng = np.random.default_rng([self.seed, number])
            weights = initialize(layer.initializer, rng, n_in, layer.units, layer.activation)
            self.parameters[f"{number}.weight"] = weights
            n_in = layer.units

    @property
    def n_outputs(self) -> int:
        """Units of the last layer."""
        return self._core.n_outputs

    @property
    def n_parameters(self) -> int:
        """Weights and biases altogether."""
        return count_parameters(self.layers, self.n_inputs)

    def is_finite(self) -> bool:
        """Whether no parameter is infinite or NaN, as after training that diverged."""
        return self._core.parameters_are_finite()

    def predict(self, X: Features, out: Array | None = None) -> Array:
        """The last layer's activation, (m, n_outputs).

        X (m, n_inputs), an array or a scipy.sparse matrix. Rows are independent of each other, bit
        for bit. `out` takes the result: contiguous, of the network's dtype. Several threads may
        predict at once. Raises ValueError or TypeError for an X of another shape, of no numbers, or
        with NaN or infinity.
        """
        if isinstance(out, np.ndarray):
            values = X if isinstance(X, np.ndarray) else getattr(X, "data", None)
            if isinstance(values, np.ndarray) and np.may_share_memory(values, out):
                X = cast(Any, X).copy()  # rows are written before later rows are read
        return self._core.predict(X, out, "Network.predict")

    def cost(
        self,
        X: Features,
        Y: ArrayLike,
        loss: str | Loss,
        sample_weight: ArrayLike | None = None,
        l2: float = 0.0,
        l1: float = 0.0,
    ) -> float:
        """`J = sum_i w_i L_i / sum_i w_i + l2/2 sum W^2 + l1 sum |W|`.

        X (m, n_inputs), an array or a scipy.sparse matrix; Y as the loss takes it; `sample_weight`
        w (m,), not negative. The penalty is on weights, never on biases.
        """
        where = "Network.cost"
        chosen = resolve_loss(loss, where)
        samples = Data(self, where, X, Y, chosen, sample_weight).samples
        return self._core.cost(samples, chosen.parts, *_penalties(where, l2, l1), where)

    def backward(
        self,
        X: Features,
        Y: ArrayLike,
        loss: str | Loss,
        sample_weight: ArrayLike | None = None,
        l2: float = 0.0,
        l1: float = 0.0,
        accumulate: bool = False,
    ) -> float:
        """The cost, as `cost` has it, and its gradients, which go to `net.gradients`.

        With `accumulate` they are added to those that are there.
        """
        where = "Network.backward"
        chosen = resolve_loss(loss, where)
        samples = Data(self, where, X, Y, chosen, sample_weight).samples
        add = check_bool(where, "accumulate", accumulate)
        return self._core.backward(samples, chosen.parts, *_penalties(where, l2, l1), add, where)

    def trace(
        self, X: Features, Y: ArrayLike, loss: str | Loss, sample_weight: ArrayLike | None = None
    ) -> Trace:
        """Every Z, A, dZ, dW and db of one forward and backward pass, layers counted from 1.

        `net.gradients` holds the same gradients afterwards. See `Trace` for shapes.
        """
        where = "Network.trace"
        chosen = resolve_loss(loss, where)
        data = Data(self, where, X, Y, chosen, sample_weight)
        samples, name = data.samples, chosen.parts
        Z, A, dZ = self._core.trace(samples, name, where)
        cost = self._core.backward(samples, name, 0.0, 0.0, False, where)
        numbers = range(1, len(self.layers) + 1)
        dW = [self.gradients[f"{number}.weight"].T.copy() for number in numbers]
        db = [self.gradients[f"{number}.bias"][:, np.newaxis] for number in numbers]
        return Trace(cost=cost, X=data.dense_X(self.dtype), Z=Z, A=A, dZ=dZ, dW=dW, db=db)

    def summary(self, batch_size: int = 128, optimizer: str | Optimizer = "adam") -> Summary:
        """Layers, shapes, parameter counts, work per sample, and the memory that training takes.

        That depends on `batch_size` (large batches go through the layers in pieces) and on how many
        states the `optimizer`, a name or an object, keeps; none keeps more than Adam's two.
        """
        where = "Network.summary"
        batch = check_integer(where, "batch_size", batch_size, 1)
        described = resolve_optimizer(optimizer, where)
        _, _, n_states = core_optimizer(described)
        shapes = {name: shape for name, shape, _ in self._core.parameter_table()}
        sizes = self._core.sizes(batch)
        return Summary(
            self.layers,
            self.n_inputs,
            self.dtype.name,
            shapes,
            sizes,
            batch,
            type(described).__name__,
            n_states,
        )

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Writes description and parameters to one safetensors file, whole or not at all.

        Nothing in it is code. Raises OSError, ValueError if a parameter is not finite.
        """
        from chainrule.checkpoint import save_network

        save_network(self, path)

    @classmethod
    def load(cls, path: "str | os.PathLike[str]") -> Self:
        """The network that `save` wrote, in this version or an earlier one.

        Raises OSError, FileFormatError for a file of another kind and for a damaged or hostile one.
        """
        from chainrule.checkpoint import load_network

        return load_network(cls, path)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles and copies hold what a file holds."""
        from chainrule.checkpoint import network_from_bytes, network_to_bytes

        return network_from_bytes, (type(self), network_to_bytes(self))

    @contextlib.contextmanager
    def _held_by_trainer(self, where: str) -> Iterator[None]:
        """Other threads that want to train meanwhile are told."""
        if not self._training_lock.acquire(blocking=False):
            raise RuntimeError(f"[{where}] the network is at work in another thread")
        try:
            yield
        finally:
            self._training_lock.release()

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        rest = f"n_inputs={self.n_inputs}, dtype={self.dtype.name!r}, seed={self.seed}"
        return f"Network([{layers}], {rest})"


def _check_layers(where: str, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    if isinstance(layers, Layer) or not isinstance(layers, Sequence) or not layers:
        raise TypeError(message(where, "layers", "a list of at least one layer", layers))
    known = _core.activations()
    for number, layer in enumerate(layers, start=1):
        at = f"{where}, layer {number}"
        if not isinstance(layer, Layer):
            raise TypeError(message(at, "layer", "a layer such as Dense(64, 'relu')", layer))
        assert isinstance(layer, Dense)
        name = cast(Activation, layer.activation).name
        if name not in known:
            raise unknown(f"{at} (Dense)", "activation", name, known)
        if name == "softmax" and number < len(layers):
            raise ValueError(f"[{at} (Dense)] activation: softmax is for the last layer")
    return tuple(layers)


def count_parameters(layers: Sequence[Layer], n_inputs: int) -> int:
    """Weights and biases of such a network, without building it."""
    n_in, elements = n_inputs, 0
    for layer in layers:
        assert isinstance(layer, Dense)
        elements += (n_in + 1) * layer.units
        n_in = layer.units
    return elements


def _check_size(
    where: str, layers: tuple[Layer, ...], n_inputs: int, dtype: "np.dtype[Any]"
) -> None:
    """Parameters that cannot fit are refused before the core lists them, which takes memory too."""
    elements = count_parameters(layers, n_inputs)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if elements * dtype.itemsize > memory:
        expected = f"parameters that fit in this machine's {memory / 2**30:.0f} GiB"
        got = f"{elements * dtype.itemsize / 2**30:.0f} GiB of them"
        raise ValueError(f"[{where}] layers: expected {expected}, got {got}")


def _check_dtype(where: str, dtype: Any) -> "np.dtype[Any]":
    for name in CORES:
        with contextlib.suppress(TypeError):  # NumPy's, for what is no dtype at all
            if dtype is not None and np.dtype(dtype) == name:  # None is NumPy's float64
                return np.dtype(name)
    raise ValueError(message(where, "dtype", f"one of {quoted(CORES)}", dtype))


def _core_layer(layer: Layer) -> dict[str, Any]:
    assert isinstance(layer, Dense)
    activation = cast(Activation, layer.activation)
    return {"kind": layer.name, "units": layer.units, "activation": activation.parts}


def _penalties(where: str, l2: float, l1: float) -> tuple[float, float]:
    return check_number(where, "l2", l2, minimum=0), check_number(where, "l1", l1, minimum=0)
