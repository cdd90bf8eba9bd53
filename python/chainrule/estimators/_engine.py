"""The network of an estimator, its weights as scikit-learn shows them, and its optimizer.

`coefs_` and `intercepts_` are lists of arrays that a user may read, change in place, or replace.
They are copies, made when somebody asks for them; from then on the network is compared with them
before it works. Who never asks pays nothing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._data import Data
from chainrule._optimizer import read_state, write_state
from chainrule.layers import Layer
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.trainer import Trainer

Array = NDArray[Any]
KINDS = {"coefs_": "weight", "intercepts_": "bias"}
ARGUMENT = re.compile(r"\b(X|Y|sample_weight)(?=[:\[])")  # of the core, in its refusals


class Engine:
    """Survives pickling and copying, with the state of the optimizer."""

    def __init__(self) -> None:
        self.net: Network | None = None
        self.trainer: Trainer | None = None
        self._optimizer_state: dict[str, Any] | None = None  # waits for a trainer
        self._shown: dict[str, list[Array]] = {}  # by kind of parameter

    def build(
        self, where: str, layers: Sequence[Layer], n_inputs: int, dtype: Any, seed: int | None
    ) -> None:
        """A network; with seed None its weights are those that were given, or zero."""
        self.net = Network._without_values(layers, n_inputs, dtype, seed or 0, where)
        if seed is not None:
            self.net._initialize()

    @property
    def has_weights(self) -> bool:
        """Of a network, or given; asking for the lists would make them."""
        return self.net is not None or "weight" in self._shown

    def shown(self, attribute: str) -> list[Array] | None:
        """The arrays of all layers that `attribute` shows; None if there are none yet."""
        kind = KINDS[attribute]
        if kind not in self._shown and self.net is not None:
            self._shown[kind] = [self.net.parameters[name] for name in self._names(kind)]
        return self._shown.get(kind)

    def show(self, attribute: str, arrays: list[Array]) -> None:
        """The user's own."""
        self._shown[KINDS[attribute]] = arrays

    def ready(self) -> Network:
        """The network, with what a user has changed in the lists."""
        assert self.net is not None
        for attribute, kind in KINDS.items():
            if kind not in self._shown:
                continue
            names, arrays = self._names(kind), self._shown[kind]
            if len(arrays) != len(names):
                raise ValueError(f"{attribute}: expected {len(names)} arrays, got {len(arrays)}")
            for name, array in zip(names, arrays, strict=True):
                if not np.array_equal(self.net.parameters[name], array, equal_nan=True):
                    self.net.parameters[name] = array
        return self.net

    def data(
        self, where: str, X: Any, y: Array, loss: Loss, weights: Array | None, suffix: str = ""
    ) -> Data:
        """For this network; a refusal has the estimator's names, X and y with the `suffix`."""
        assert self.net is not None
        try:
            return Data(self.net, where, X, y, loss, weights)
        except (TypeError, ValueError) as error:
            text = ARGUMENT.sub(lambda name: name[0].replace("Y", "y") + suffix, str(error))
            raise type(error)(text) from None

    def set_parameters(self, parameters: Mapping[str, Array]) -> None:
        """By their names in the network."""
        assert self.net is not None
        for name, array in parameters.items():
            self.net.parameters[name] = array

    def forget_lists(self) -> None:
        """The network has learned: its weights count from here on."""
        self._shown.clear()

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
        return [name for name in self.net.parameters if name.endswith(f".{kind}")]

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"shown": dict(self._shown)}
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
            self.build("pickle", layers, n_inputs, dtype, None)
            self.set_parameters(state["parameters"])
            self._optimizer_state = state["optimizer"]
        self._shown = state["shown"]
