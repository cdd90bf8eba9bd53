"""A feed-forward network: layers described, parameters held by the core.

Samples are rows. A weight matrix is (n_in, n_out); the course's `W[l]` is its transpose and can be
read and set as `net.W[l]`. Layers count from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

import chainrule._core  # binds `chainrule`: annotations find there what is on higher floors
from chainrule import _core
from chainrule._attributes import check_class, fixed
from chainrule._calls import explained
from chainrule._custom_cost import measure
from chainrule._data import Data, Features, check_outputs
from chainrule._errors import check_bool, check_integer, check_number, check_precision
from chainrule._network_checks import (
    check_dtype,
    check_mixed_rows,
    check_nesting,
    check_places,
    check_size,
)
from chainrule._optimizer import core_optimizer
from chainrule.activations import Activation
from chainrule.interchange import Interchange
from chainrule.layers import Dense, Layer, check_layer_list, count_parameters, walk
from chainrule.losses import Loss, resolve_loss
from chainrule.optimizers import Optimizer, resolve_optimizer
from chainrule.parameters import CourseView, Gradients, Parameters
from chainrule.summary import Summary
from chainrule.trace import Trace

Array = NDArray[Any]

ANOTHER = "make another Network"
CORES = {"float32": _core.Network32, "float64": _core.Network64}


class Network(Interchange):
    """Layers with parameters. Deterministic in (layers, n_inputs, dtype, seed).

        net = cr.Network([cr.Dense(64, "relu"), cr.Dense(10, "softmax")], n_inputs=784)

    Arguments: `layers`, a list of layers such as `Dense`; `n_inputs`, features per sample;
    `dtype`, "float32" or "float64", of the parameters and of all computing; `seed` >= 0 of the
    first weights. Raises TypeError or ValueError for anything else.

    Attributes: these, and by name `parameters`, "1.weight" (n_in, n_out), "1.bias" (n_out,) and so
    on, of which reading copies and assigning sets, and `gradients`, those of the last `backward`;
    `W[l]` and `b[l]` are parameters in the course's shapes, (n[l], n[l-1]) and (n[l], 1).
    """

    layers: tuple[Layer, ...] = fixed("Network", "layers", ANOTHER)
    n_inputs: int = fixed("Network", "n_inputs", ANOTHER)
    dtype: np.dtype[Any] = fixed("Network", "dtype", ANOTHER)
    seed: int = fixed("Network", "seed", ANOTHER)
    parameters: Parameters = fixed(
        "Network", "parameters", "assign to one, as in net.parameters['1.weight']"
    )
    gradients: Gradients = fixed("Network", "gradients", "backward() computes them")
    W: CourseView = fixed("Network", "W", "assign to that of a layer, as in net.W[1]")
    b: CourseView = fixed("Network", "b", "assign to that of a layer, as in net.b[1]")

    @explained()
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
        check_class(type(self), Network, "Network")
        check_nesting(where, layers)
        self.layers = check_layer_list(where, "layers", layers)
        self.n_inputs = check_integer(where, "n_inputs", n_inputs, 1, 2**31)
        self.dtype = check_dtype(where, dtype, CORES)
        self.seed = check_integer(where, "seed", seed, 0, 2**63 - 1)
        check_places(where, self.layers, self.n_inputs)
        check_size(where, self.layers, self.n_inputs, self.dtype)
        top = (part for part in walk(self.layers, self.n_inputs) if "." not in part[0])
        core_layers = [layer.for_core(n) for _, layer, n in top]
        self._core = CORES[self.dtype.name](self.n_inputs, core_layers)
        self._step = self._rows_added = 0  # of `backward`: see `_set_step`
        self.parameters = Parameters(self._core)
        self.gradients = Gradients(self._core)
        kinds = [layer.name for layer in self.layers]
        self.W = CourseView(self.parameters, "weight", kinds)
        self.b = CourseView(self.parameters, "bias", kinds)

    def _initialize(self) -> None:
        for path, layer, n_inputs in walk(self.layers, self.n_inputs):
            # A layer inside another: [seed, 2, 1] for "2.1", a projection counts as 0.
            place = [int(part) if part.isdigit() else 0 for part in path.split(".")]
            rng = np.random.default_rng([self.seed, *place])
            for name, value in layer.first_values(n_inputs, rng).items():
                self.parameters[f"{path}.{name}"] = value

    @property
    def n_outputs(self) -> int:
        """Units of the last layer."""
        return self._core.n_outputs

    @property
    def output_activation(self) -> Activation:
        """That of the last layer, identity if it has none."""
        activation = getattr(self.layers[-1], "activation", None)
        return cast(Activation, activation) if activation is not None else Activation("identity")

    @property
    def n_parameters(self) -> int:
        """Elements of all parameters that are trained."""
        return count_parameters(self.layers, self.n_inputs, tracked=False)

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
        return self._core.predict(X, out, "Network.predict")

    def predictor(self, n_threads: int | None = None) -> chainrule.Predictor:
        """What `predict` does now, frozen, for production: one row sooner, many threads at once.

        A call takes at most `n_threads` threads, with None as many as `predict`; 1 is best where
        many threads call. Raises ValueError if a parameter is not finite. See `Predictor`.
        """
        from chainrule.predictor import Predictor

        return Predictor(self, n_threads)

    def cost(
        self,
        X: Features,
        Y: ArrayLike,
        loss: str | Loss,
        sample_weight: ArrayLike | None = None,
        l2: float = 0.0,
        l1: float = 0.0,
        training: bool = False,
    ) -> float:
        """`J = sum_i w_i L_i / sum_i w_i + l2/2 sum W^2 + l1 sum |W|`.

        X (m, n_inputs), an array or a scipy.sparse matrix; Y as the loss takes it; `sample_weight`
        w (m,), not negative. The penalty is on weights, never on biases. With `training` the layers
        behave as in training (statistics of the batch, dropout), so that J is what `backward` has
        the gradients of.
        """
        where = "Network.cost"
        chosen = resolve_loss(loss, where)
        samples = Data(self, where, X, Y, chosen, sample_weight).samples
        mode = self._mode(where, check_bool(where, "training", training), samples.rows)
        penalties = _penalties(where, l2, l1, self.dtype)
        return self._core.cost(samples, chosen.parts, *penalties, mode, where)

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
        """The cost, as `cost` has it in training, and its gradients, which go to `net.gradients`.

        With `accumulate` they are added to those that are there. Running statistics take the batch
        in, whatever a trainer has `frozen`. Dropout draws anew after each step of a trainer (the
        one made last), by the network's seed and the number of its steps; until then every call
        drops the same, but rows of `accumulate` count on from those before, as rows of one batch.
        """
        where = "Network.backward"
        chosen = resolve_loss(loss, where)
        samples = Data(self, where, X, Y, chosen, sample_weight).samples
        add = check_bool(where, "accumulate", accumulate)
        first = self._rows_added if add else 0
        mode = self._mode(where, True, samples.rows)
        penalties = _penalties(where, l2, l1, self.dtype)
        cost = self._core.backward(samples, chosen.parts, *penalties, add, mode, where, first)
        self._rows_added = first + samples.rows
        return cost

    def trace(
        self, X: Features, Y: ArrayLike, loss: str | Loss, sample_weight: ArrayLike | None = None
    ) -> Trace:
        """Every Z, A, dZ, dW and db of one forward and backward pass, layers counted from 1.

        `net.gradients` holds the same gradients afterwards; running statistics stay as they are.
        See `Trace` for shapes.
        """
        where = "Network.trace"
        chosen = resolve_loss(loss, where)
        data = Data(self, where, X, Y, chosen, sample_weight)
        samples, parts = data.samples, chosen.parts
        mode = self._mode(where, True, samples.rows)
        Z, A, dZ = self._core.trace(samples, parts, mode, where)
        cost = self._core.backward(samples, parts, 0.0, 0.0, False, mode, where, tracks=False)
        self._rows_added = samples.rows
        layers = enumerate(self.layers, start=1)
        numbers = [number if isinstance(layer, Dense) else None for number, layer in layers]
        dW = [self.gradients[f"{n}.weight"].T.copy() if n else None for n in numbers]
        db = [self.gradients[f"{n}.bias"][:, np.newaxis] if n else None for n in numbers]
        return Trace(cost=cost, X=data.dense_X(self.dtype), Z=Z, A=A, dZ=dZ, dW=dW, db=db)

    def summary(
        self,
        batch_size: int = 128,
        optimizer: str | Optimizer = "adam",
        loss: str | Loss | None = None,
    ) -> Summary:
        """Layers, shapes, parameter counts, work per sample, and the memory that training takes.

        That depends on `batch_size` (large batches go through the layers in pieces) and on how many
        states the `optimizer`, a name or an object, keeps; none keeps more than Adam's two. Of
        activations of one's own (`register_activation`), and of a `loss` of one's own, by name or
        object, it measures the time, on random numbers of their domains; a built-in loss adds
        nothing. Raises TypeError or ValueError for anything else.
        """
        where = "Network.summary"
        batch = check_integer(where, "batch_size", batch_size, 1, 2**31)
        described = resolve_optimizer(optimizer, where)
        _, _, n_states = core_optimizer(described)
        sizes = self._core.sizes(batch)
        ratio = sizes["training_flops_per_sample"] / max(sizes["flops_per_sample"], 1)
        chosen = None if loss is None else resolve_loss(loss, where)
        if chosen is not None:
            check_outputs(where, self, chosen)

        def predict_of(layers: Sequence[Layer]) -> Callable[[Array], Array]:
            return self._without_values(layers, self.n_inputs, self.dtype, self.seed).predict

        python = measure(self.layers, self.n_inputs, self.dtype, batch, chosen, predict_of, ratio)
        return Summary(
            self.layers,
            self.n_inputs,
            self.dtype.name,
            sizes,
            batch,
            type(described).__name__,
            n_states,
            python,
        )

    def _set_step(self, steps: int) -> None:
        """What `backward` drops is that of the step after so many, from the first row on."""
        self._step, self._rows_added = steps % 2**32, 0

    def _mode(self, where: str, training: bool, rows: int) -> tuple[bool, int, int]:
        """Training or not, the seed and the step of random numbers, as the core takes them."""
        if training:
            check_mixed_rows(where, self, rows, rows, "X")
        return training, self.seed, self._step

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        rest = f"n_inputs={self.n_inputs}, dtype={self.dtype.name!r}, seed={self.seed}"
        return f"Network([{layers}], {rest})"


def _penalties(where: str, l2: float, l1: float, dtype: np.dtype[Any]) -> tuple[float, float]:
    l2, l1 = check_number(where, "l2", l2, minimum=0), check_number(where, "l1", l1, minimum=0)
    check_precision(where, {"l2": l2, "l1": l1}, dtype)
    return l2, l1
