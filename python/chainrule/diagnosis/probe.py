"""Steps on a copy: what the optimizer would do, with the user's trainer untouched."""

import copy
import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._data import Data
from chainrule._optimizer import CORE_OPTIMIZERS, core_optimizer, read_state, write_state
from chainrule._own_options import own_options
from chainrule.layers import Dense
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.optimizers import Rprop
from chainrule.trainer import Trainer

Array = NDArray[Any]


def twin(trainer: Trainer, net: Network | None = None) -> Trainer:
    """A trainer of a copy of its network, in the same state; or a new one of `net`."""
    other = object.__new__(Trainer)
    vars(other).update(vars(trainer))
    other.net = copy.copy(trainer.net) if net is None else net
    core = other.net._core
    kind, hyperparameters, _ = core_optimizer(trainer.optimizer)
    other._state = CORE_OPTIMIZERS[other.net.dtype.name](core, kind, hyperparameters)
    by_name = (trainer.learning_rate_factors, trainer.decay_factors, trainer.frozen)
    if any(by_name):
        other._state.set_own_options(core, own_options(core.parameter_table(), *by_name))
    other.ema = None  # averages follow the weights and change nothing
    if net is None:
        write_state(other, read_state(trainer) | {"averages": {}})
    return other


def fresh(net: Network) -> Network:
    """The network as it was made, of the same seed."""
    return Network(net.layers, net.n_inputs, net.dtype, net.seed)


def next_update(trainer: Trainer, data: Data) -> dict[str, Array]:
    """The change of each trained parameter in a step with all rows of `data`."""
    other = twin(trainer)
    before = {name: np.asarray(w, np.float64) for name, w in other.net.parameters.items()}
    rate = trainer._rate(trainer.epoch + trainer._single_steps)
    run_steps(other, data, np.arange(data.samples.rows), data.samples.rows, np.array([rate]))
    return {name: other.net.parameters[name] - w for name, w in before.items()}


def run_steps(
    trainer: Trainer, data: Data, order: NDArray[np.int64], batch: int, rates: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The cost before each step; it ends with the first that is not finite."""
    costs: list[float] = []
    while len(costs) < len(rates):
        done = len(costs)
        new, _ = trainer._train(data, order[done * batch :], batch, rates[done:], "probe")
        costs.extend(new)
        if not math.isfinite(costs[-1]):
            break
    return np.array(costs)


def row_order(rows: int, batch: int, steps: int, seed: int) -> NDArray[np.int64]:
    """Rows for so many full batches: one shuffled pass after the other."""
    passes = -(-steps * batch // rows)
    rng = np.random.default_rng(seed)
    order = [rng.permutation(rows) for _ in range(passes)]
    return np.concatenate(order)[: steps * batch].astype(np.int64)


def baseline_cost(net: Network, Y: Any, loss: Loss, weights: Any) -> float:
    """The cost of the best constant prediction: what is known before anything is learned.

    Found by training the biases of a layer that sees nothing; for cross-entropy it is the entropy
    of the classes, for squared error half the variance.
    """
    one = Network([Dense(net.n_outputs, net.output_activation)], 1, "float64")
    one.parameters["1.weight"] = np.zeros((1, net.n_outputs))
    X = np.zeros((len(Y), 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = Trainer(one, loss, Rprop(0.01, largest_step=1e12), frozen=["1.weight"])
        trainer.fit(X, Y, epochs=200, batch_size=None, sample_weight=weights)
    return one.cost(X, Y, loss, weights)
