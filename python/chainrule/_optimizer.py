"""Optimizers as the core knows them: a kind, its numbers, and how many state arrays it keeps."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from chainrule import _core
from chainrule._history_file import pop
from chainrule.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RAdam,
    RMSProp,
    Rprop,
)

if TYPE_CHECKING:
    from chainrule.network import Network
    from chainrule.trainer import Trainer

Array = NDArray[Any]

CORE_OPTIMIZERS = {"float32": _core.Optimizer32, "float64": _core.Optimizer64}
AVERAGE = "average/"  # before the name of a parameter


class Hyperparameters(NamedTuple):
    """Its numbers; `OptimizerSpec` in the core says what they mean to which optimizer."""

    momentum: float = 0.0
    beta2: float = 0.0
    epsilon: float = 0.0
    weight_decay: float = 0.0
    momentum_decay: float = 0.0
    largest: float = 0.0
    epsilon_hat: bool = False


def core_optimizer(optimizer: Optimizer) -> tuple[str, Hyperparameters, int]:
    """(kind, hyperparameters, number of states) of a described optimizer."""
    kind, hyperparameters = _translate(optimizer)
    return kind, hyperparameters, _core.optimizers()[kind]


def _translate(optimizer: Optimizer) -> tuple[str, Hyperparameters]:
    match optimizer:
        case SGD(momentum=0.0):
            return "sgd", Hyperparameters()
        case SGD(momentum=momentum, nesterov=nesterov):
            return "nesterov" if nesterov else "momentum", Hyperparameters(momentum)
        case RMSProp(rho=rho, epsilon=epsilon):
            return "rmsprop", Hyperparameters(rho, epsilon=epsilon)
        case Adam(beta1=beta1, beta2=beta2, epsilon=epsilon, epsilon_hat=hat):
            return "adam", Hyperparameters(beta1, beta2, epsilon, epsilon_hat=hat)
        case NAdam(momentum_decay=momentum_decay):
            return "nadam", _of_adam(optimizer)._replace(momentum_decay=momentum_decay)
        case AdamW() | RAdam():
            return "adam" if isinstance(optimizer, AdamW) else "radam", _of_adam(optimizer)
        case Adagrad(epsilon=epsilon):
            return "adagrad", Hyperparameters(epsilon=epsilon)
        case Lion(beta1=beta1, beta2=beta2, weight_decay=decay):
            return "lion", Hyperparameters(beta1, beta2, weight_decay=decay)
        case Rprop(learning_rate=first, smallest_step=smallest, largest_step=largest):
            factors = optimizer.eta_minus, optimizer.eta_plus
            return "rprop", Hyperparameters(*factors, smallest / first, largest=largest / first)
    raise NotImplementedError(optimizer)


def _of_adam(optimizer: AdamW | NAdam | RAdam) -> Hyperparameters:
    return Hyperparameters(
        optimizer.beta1, optimizer.beta2, optimizer.epsilon, optimizer.weight_decay
    )


def read_state(trainer: "Trainer") -> dict[str, Any]:
    """Where a trainer stands: its optimizer with steps and arrays, its epoch, its schedule."""
    core, n = trainer.net._core, _core.optimizers()[core_optimizer(trainer.optimizer)[0]]
    indices = range(len(trainer.net.parameters))
    arrays = [[trainer._state.state(core, which, i) for i in indices] for which in range(n)]
    return {
        "optimizer": trainer.optimizer,
        "steps": trainer.steps,
        "arrays": arrays,
        "averages": read_averages(trainer),
        "epoch": trainer.epoch,
        "schedule": trainer._schedule_state,
    }


def state_readers(trainer: "Trainer") -> dict[str, Callable[[int, int, int], Array]]:
    """What reads rows of the averages, if there are any, and of each state; by names for them.

    Called with the index of a parameter, the first row and their number.
    """
    core, state = trainer.net._core, trainer._state
    readers = {} if trainer.ema is None else {AVERAGE: partial(state.average_rows, core)}
    n = _core.optimizers()[core_optimizer(trainer.optimizer)[0]]
    return readers | {f"optimizer/{i}/": partial(state.state_rows, core, i) for i in range(n)}


def write_state(trainer: "Trainer", state: dict[str, Any]) -> None:
    """What `read_state` returned, into a trainer of the same network and kind of optimizer."""
    trainer._state.steps = state["steps"]
    trainer.net._set_step(trainer.steps)
    trainer.epoch, trainer._schedule_state = state["epoch"], state["schedule"]
    for which, arrays in enumerate(state["arrays"]):
        for index, array in enumerate(arrays):
            trainer._state.set_state(trainer.net._core, which, index, array)
    write_weights(trainer, state["averages"])


def optimizer_tensors(net: "Network", arrays: list[list[Array]]) -> dict[str, Array]:
    """The state of an optimizer, "optimizer/0/1.weight", ..; `pop_optimizer` takes it out."""
    return {
        f"optimizer/{which}/{name}": array
        for which, of_parameters in enumerate(arrays)
        for name, array in zip(net.parameters, of_parameters, strict=True)
    }


def pop_optimizer(
    optimizer: Optimizer, net: "Network", tensors: dict[str, Array]
) -> list[list[Array]]:
    """The arrays that this optimizer keeps, taken out of the tensors; of the network's dtype."""
    n = core_optimizer(optimizer)[2]
    arrays = [[pop(tensors, f"optimizer/{i}/{name}") for name in net.parameters] for i in range(n)]
    if any(array.dtype != net.dtype for of_parameters in arrays for array in of_parameters):
        raise TypeError(f"the optimizer's state is not of {net.dtype}")
    return arrays


def read_averages(trainer: "Trainer") -> dict[str, Array]:
    """The averages of all parameters, "average/1.weight", ..; empty if the trainer keeps none."""
    if trainer.ema is None:
        return {}
    core, names = trainer.net._core, trainer.net.parameters
    return {f"{AVERAGE}{name}": trainer._state.average(core, i) for i, name in enumerate(names)}


def read_weights(trainer: "Trainer") -> dict[str, Array]:
    """The parameters by name, and the averages of them."""
    return trainer.net.parameters.copy() | read_averages(trainer)


def write_weights(trainer: "Trainer", weights: Mapping[str, Array]) -> None:
    """What `read_weights` or `read_averages` returned."""
    net = trainer.net
    for name, array in weights.items():
        if name.startswith(AVERAGE):
            index = list(net.parameters).index(name.removeprefix(AVERAGE))
            trainer._state.set_average(net._core, index, array)
        else:
            net.parameters[name] = array


def weight_shapes(trainer: "Trainer") -> dict[str, tuple[int, ...]]:
    """Of what `read_weights` returns."""
    shapes = {name: shape for name, shape, *_ in trainer.net._core.parameter_table()}
    averages = {} if trainer.ema is None else {f"{AVERAGE}{n}": s for n, s in shapes.items()}
    return shapes | averages
