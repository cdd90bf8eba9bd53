"""The network of an estimator, its weights as scikit-learn shows them, and its optimizer.

`coefs` and `intercepts` are lists of arrays that a user may read, change in place, or replace. They
are copies, made when somebody asks for them; from then on the network is compared with them before
it works. Who never asks pays nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._optimizer import read_state, write_state
from chainrule.layers import Layer
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.trainer import Trainer

Array = NDArray[Any]


class Engine:
    """Survives pickling and copying, with the state of the optimizer."""

    def __init__(self) -> None:
        self.net: Network | None = None
        self.trainer: Trainer | None = None
        self._optimizer_state: dict[str, Any] | None = None  # waits for a trainer
        self._coefs: list[Array] | None = None
        self._intercepts: list[Array] | None = None

    def build(self, layers: Sequence[Layer], n_inputs: int, dtype: Any, seed: int | None) -> None:
        """A network; with seed None its weights are those that were given, or zero."""
        if seed is None:
            self.net = Network._without_values(layers, n_inputs, dtype, 0)
        else:
            self.net = Network(layers, n_inputs, dtype, seed)

    @property
    def has_weights(self) -> bool:
        """Of a network, or given; asking for the lists would make them."""
        return self.net is not None or self._coefs is not None

    @property
    def coefs(self) -> list[Array] | None:
        """(n_in, n_out) of each layer; None if there are none yet."""
        if self._coefs is None and self.net is not None:
            self._coefs = [self.net.parameters[name] for name in self._names("weight")]
        return self._coefs

    @coefs.setter
    def coefs(self, arrays: list[Array]) -> None:
        self._coefs = arrays

    @property
    def intercepts(self) -> list[Array] | None:
        """(n_out,) of each layer; None if there are none yet."""
        if self._intercepts is None and self.net is not None:
            self._intercepts = [self.net.parameters[name] for name in self._names("bias")]
        return self._intercepts

    @intercepts.setter
    def intercepts(self, arrays: list[Array]) -> None:
        self._intercepts = arrays

    def ready(self) -> Network:
        """The network, with what a user has changed in the lists."""
        assert self.net is not None
        for kind, arrays in (("weight", self._coefs), ("bias", self._intercepts)):
            if arrays is None:
                continue
            names = self._names(kind)
            if len(arrays) != len(names):
                shown = "coefs_" if kind == "weight" else "intercepts_"
                raise ValueError(f"{shown}: expected {len(names)} arrays, got {len(arrays)}")
            for name, array in zip(names, arrays, strict=True):
                if not np.array_equal(self.net.parameters[name], array, equal_nan=True):
                    self.net.parameters[name] = array
        return self.net

    def forget_lists(self) -> None:
        """The network has learned: its weights count from here on."""
        self._coefs = self._intercepts = None

    def set_trainer(self, trainer: Trainer) -> None:
        """A trainer of this network; it goes on with the optimizer state that was loaded."""
        self.trainer = trainer
        if self._optimizer_state is not None:
            write_state(trainer, self._optimizer_state)
            self._optimizer_state = None

    def forget_optimizer(self) -> None:
        """The next trainer starts anew."""
        self.trainer = self._optimizer_state = None

    @property
    def saved_optimizer(self) -> Optimizer | None:
        """The optimizer whose state was loaded and waits for a trainer."""
        return None if self._optimizer_state is None else self._optimizer_state["optimizer"]

    @property
    def has_optimizer(self) -> bool:
        """Whether there is an optimizer to go on with."""
        return self.trainer is not None or self._optimizer_state is not None

    def _names(self, kind: str) -> list[str]:
        assert self.net is not None
        return [f"{number}.{kind}" for number in range(1, len(self.net.layers) + 1)]

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"coefs": self._coefs, "intercepts": self._intercepts}
        if self.net is not None:
            net = self.ready()
            state["network"] = (net.layers, net.n_inputs, net.dtype.name)
            state["parameters"] = dict(net.parameters.items())
            state["optimizer"] = self._optimizer_state
            if self.trainer is not None:
                state["optimizer"] = read_state(self.trainer)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        if "network" in state:
            layers, n_inputs, dtype = state["network"]
            self.build(layers, n_inputs, dtype, None)
            assert self.net is not None
            for name, array in state["parameters"].items():
                self.net.parameters[name] = array
            self._optimizer_state = state["optimizer"]
        self._coefs, self._intercepts = state["coefs"], state["intercepts"]
