"""Optimizers as the core knows them: a kind, its numbers, and how many state arrays it keeps."""

from typing import TYPE_CHECKING, Any

from chainrule import _core
from chainrule.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp

if TYPE_CHECKING:
    from chainrule.trainer import Trainer

# momentum or rho or beta1, beta2, epsilon, decay, epsilon_hat
Hyperparameters = tuple[float, float, float, float, bool]


def core_optimizer(optimizer: Optimizer) -> tuple[str, Hyperparameters, int]:
    """(kind, hyperparameters, number of states) of a described optimizer."""
    kind, hyperparameters = _translate(optimizer)
    return kind, hyperparameters, _core.optimizers()[kind]


def _translate(optimizer: Optimizer) -> tuple[str, Hyperparameters]:
    match optimizer:
        case SGD(momentum=0.0):
            return "sgd", (0.0, 0.0, 0.0, 0.0, False)
        case SGD(momentum=momentum, nesterov=nesterov):
            return "nesterov" if nesterov else "momentum", (momentum, 0.0, 0.0, 0.0, False)
        case RMSProp(rho=rho, epsilon=epsilon):
            return "rmsprop", (rho, 0.0, epsilon, 0.0, False)
        case Adam(beta1=beta1, beta2=beta2, epsilon=epsilon, epsilon_hat=hat):
            return "adam", (beta1, beta2, epsilon, 0.0, hat)
        case AdamW(beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=decay):
            return "adam", (beta1, beta2, epsilon, decay, False)
    raise NotImplementedError(optimizer)


def read_state(trainer: "Trainer") -> dict[str, Any]:
    """Where a trainer stands: its optimizer with steps and arrays, its epoch, its schedule."""
    core, n = trainer.net._core, _core.optimizers()[core_optimizer(trainer.optimizer)[0]]
    indices = range(len(trainer.net.parameters))
    arrays = [[trainer._state.state(core, which, i) for i in indices] for which in range(n)]
    return {
        "optimizer": trainer.optimizer,
        "steps": trainer.steps,
        "arrays": arrays,
        "epoch": trainer.epoch,
        "schedule": trainer._schedule_state,
    }


def write_state(trainer: "Trainer", state: dict[str, Any]) -> None:
    """What `read_state` returned, into a trainer of the same network and kind of optimizer."""
    trainer._state.steps = state["steps"]
    trainer.epoch, trainer._schedule_state = state["epoch"], state["schedule"]
    for which, arrays in enumerate(state["arrays"]):
        for index, array in enumerate(arrays):
            trainer._state.set_state(trainer.net._core, which, index, array)
