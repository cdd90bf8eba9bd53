"""Optimizers as the core knows them: a kind, four numbers, and how many state arrays it keeps."""

from chainrule import _core
from chainrule.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp

Hyperparameters = tuple[
    float, float, float, float
]  # momentum or rho or beta1, beta2, epsilon, decay


def core_optimizer(optimizer: Optimizer) -> tuple[str, Hyperparameters, int]:
    """(kind, hyperparameters, number of states) of a described optimizer."""
    kind, hyperparameters = _translate(optimizer)
    return kind, hyperparameters, _core.optimizers()[kind]


def _translate(optimizer: Optimizer) -> tuple[str, Hyperparameters]:
    match optimizer:
        case SGD(momentum=0.0):
            return "sgd", (0.0, 0.0, 0.0, 0.0)
        case SGD(momentum=momentum, nesterov=nesterov):
            return "nesterov" if nesterov else "momentum", (momentum, 0.0, 0.0, 0.0)
        case RMSProp(rho=rho, epsilon=epsilon):
            return "rmsprop", (rho, 0.0, epsilon, 0.0)
        case Adam(beta1=beta1, beta2=beta2, epsilon=epsilon):
            return "adam", (beta1, beta2, epsilon, 0.0)
        case AdamW(beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=decay):
            return "adam", (beta1, beta2, epsilon, decay)
    raise NotImplementedError(optimizer)
