"""The network of an estimator, its weights as scikit-learn shows them, and its optimizer.

`coefs_` and `intercepts_` are lists of arrays that a user may read, change in place, or replace.
They are copies, made when somebody asks for them, and for as long as anybody has them compared with
the network before it works, and written anew when it has learned. Who never asks pays nothing.

With `ema` the network has the averages between two trainings; the weights behind them wait.
"""

import re
from collections.abc import Mapping, Sequence
from threading import RLock
from typing import Any

from numpy.typing import NDArray

from chainrule._data import Data
from chainrule._optimizer import AVERAGE, read_state, write_state, write_weights
from chainrule.estimators._shown import Shown
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
        self._behind: dict[str, Array] | None = None  # the trainer's weights, if averages are shown
        self._shown: dict[str, Shown] = {}  # by kind of parameter
        self.given_activation: str | None = None  # of the output, before there is a network
        self._at_lists = RLock()  # held while they are compared with the network, or written

    @classmethod
    def of(
        cls, net: Network, behind: dict[str, Array] | None, optimizer_state: dict[str, Any] | None
    ) -> "Engine":
        """What `parts` gave."""
        engine = cls()
        engine.net, engine._behind, engine._optimizer_state = net, behind, optimizer_state
        return engine

    def branch(self) -> "Engine":
        """The same network and optimizer; this one keeps its own when the branch forgets them."""
        other = Engine()
        other.net, other.trainer = self.net, self.trainer
        other._optimizer_state = self._optimizer_state
        other.given_activation = self.given_activation
        other._share_lists(self)
        other._behind = self._behind
        return other

    def rebuilt(self, where: str, layers: Sequence[Layer]) -> "Engine | None":
        """One of other layers with the same parameters; None if they have not these shapes."""
        net, other = self.ready(where), Engine()
        other.build(where, layers, net.n_inputs, net.dtype, None)
        if other.ready(where)._core.parameter_table() != net._core.parameter_table():
            return None
        other.set_parameters(net.parameters)
        other._optimizer_state, other._behind = self._saved_state(), self._behind
        other._share_lists(self)
        return other

    def _share_lists(self, other: "Engine") -> None:
        """Weights of the user's wait for the network of this one if the other has none."""
        self._at_lists, self._shown = other._at_lists, dict(other._shown)
        if other.net is None:
            for kind, shown in other._shown.items():
                self._shown[kind] = Shown(shown.attribute, shown.arrays)

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
            parameters, names = self.net.parameters, self._names(kind)
            copies = Shown(attribute, [parameters[name] for name in names])
            copies.taken(dict(enumerate(copies.arrays)))
            self._shown[kind] = copies
        return self._shown[kind].arrays if kind in self._shown else None

    def show(self, attribute: str, arrays: list[Array]) -> None:
        """The user's own."""
        self._shown[KINDS[attribute]] = Shown(attribute, arrays)

    def ready(self, where: str) -> Network:
        """The network, with what a user has changed in the lists; `where` stands in refusals."""
        assert self.net is not None
        if self._shown and not self._shows_averages_in_training:
            with self._at_lists:
                self._take_lists(where, self.net)
        return self.net

    def _take_lists(self, where: str, net: Network) -> None:
        shapes = {name: shape for name, shape, *_ in net._core.parameter_table()}
        changes = []
        for kind, shown in list(self._shown.items()):
            names = self._names(kind)
            changed = shown.changes(where, [shapes[name] for name in names], net.dtype)
            changes.append((kind, shown, names, changed))
        for kind, shown, names, changed in changes:  # all of them fit
            self._take(shown, net, {names[layer]: (layer, w) for layer, w in changed.items()})
            shown.taken(changed)
            changed.clear()
            if not shown.may_change:
                self._shown.pop(kind, None)

    def _take(self, shown: Shown, net: Network, changed: dict[str, tuple[int, Array]]) -> None:
        for name, (layer, array) in changed.items():
            net.parameters[name] = shown.onto(layer, array, net.parameters[name])
            if self._behind is not None:
                own = shown.onto(layer, array, self._behind[name])
                self._behind = self._behind | {name: own}

    @property
    def _shows_averages_in_training(self) -> bool:
        """For a score; lists show the weights behind them."""
        return self.trainer is not None and self.trainer._state.shows_averages

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

    def update_lists(self) -> None:
        """The network has learned: its weights count from here on, and lists show them."""
        if not self._shown:
            return
        with self._at_lists:
            for kind, shown in list(self._shown.items()):
                if self.net is None or not shown.may_change:
                    self._shown.pop(kind, None)
                else:
                    shown.follow([self.net.parameters[name] for name in self._names(kind)])

    def set_trainer(self, trainer: Trainer) -> None:
        """A trainer of this network; it goes on with the optimizer state that was loaded."""
        self.trainer = trainer
        if self._optimizer_state is not None:
            write_state(trainer, self._optimizer_state)
            self._optimizer_state = None

    def forget_optimizer(self) -> None:
        """The next trainer starts anew."""
        self.trainer = self._optimizer_state = None
        self.forget_behind()

    def forget_behind(self) -> None:
        """Training goes on from the parameters that the network shows."""
        self._behind = None

    def begin_training(self) -> None:
        """The network has the trainer's own weights, where averages were shown."""
        assert self.net is not None
        assert self.trainer is not None
        if self.trainer.ema is not None:  # what is shown are the averages, whoever set them
            write_weights(
                self.trainer, {f"{AVERAGE}{n}": w for n, w in self.net.parameters.items()}
            )
        if self._behind is not None:
            self.set_parameters(self._behind)
            self._behind = None
            self.update_lists()

    def end_training(self, weights: Mapping[str, Array] | None = None) -> None:
        """The network shows the averages among these weights, or else the weights themselves.

        They are what `weights_of` returned; None are those of now, unless something ruined them.
        """
        assert self.net is not None
        if weights is None:
            if self.trainer is None or self.trainer.ema is None or not self.net.is_finite():
                return
            weights = weights_of(self.trainer)
        own = {name: w for name, w in weights.items() if not name.startswith(AVERAGE)}
        averages = {
            name: weights[f"{AVERAGE}{name}"] for name in own if f"{AVERAGE}{name}" in weights
        }
        self._behind = own if averages else None
        self.set_parameters(averages or own)

    @property
    def saved_optimizer(self) -> Optimizer | None:
        """The optimizer whose state was loaded and waits for a trainer."""
        return None if self._optimizer_state is None else self._optimizer_state["optimizer"]

    @property
    def has_optimizer(self) -> bool:
        """Whether there is an optimizer to go on with."""
        return self.trainer is not None or self._optimizer_state is not None

    def _saved_state(self) -> dict[str, Any] | None:
        """Without averages, which are the parameters that are shown."""
        if self.trainer is None:
            return self._optimizer_state
        return read_state(self.trainer) | {"averages": {}}

    def _names(self, kind: str) -> list[str]:
        assert self.net is not None
        return [name for name in self.net.parameters if name.endswith(f".{kind}")]

    def parts(self, where: str) -> dict[str, Any]:
        """The network, its parameters, those behind averages, and the state of the optimizer."""
        net = self.ready(where)
        parameters, behind = net.parameters.copy(), self._behind
        if behind is None and self.trainer is not None and self.trainer.ema is not None:
            behind = parameters  # in the midst of a fit
            with self.trainer.averaged():
                parameters = net.parameters.copy()
        return {
            "network": (net.layers, net.n_inputs, net.dtype.name),
            "parameters": parameters,
            "behind": behind,
            "optimizer": self._saved_state(),
        }

    def __getstate__(self) -> dict[str, Any]:
        if self.net is None:
            shown = {attribute: self.shown(attribute) for attribute in KINDS}
            return {"shown": shown, "given_activation": self.given_activation}
        return self.parts("pickle")

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        self.given_activation = state.get("given_activation")
        for attribute, arrays in state.get("shown", {}).items():
            if arrays is not None:
                self.show(attribute, arrays)
        if "network" in state:
            layers, n_inputs, dtype = state["network"]
            self.build("pickle", layers, n_inputs, dtype, None)
            self.set_parameters(state["parameters"])
            self._behind, self._optimizer_state = state.get("behind"), state["optimizer"]


def weights_of(trainer: Trainer) -> dict[str, Array]:
    """The parameters by name and, if the trainer keeps averages, those as "average/1.weight", ..

    What takes no steps, be it frozen, is its own average.
    """
    weights = trainer.net.parameters.copy()
    if trainer.ema is not None:
        with trainer.averaged() as net:
            weights |= {f"{AVERAGE}{name}": average for name, average in net.parameters.items()}
    return weights
