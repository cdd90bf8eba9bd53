"""Training on the whole data at once by L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995), SciPy's."""

from typing import Any

import numpy as np
import scipy.optimize
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from chainrule._data import Data
from chainrule._errors import warn
from chainrule.estimators._tasks import Tasks
from chainrule.losses import Loss
from chainrule.network import Network

Array = NDArray[Any]
CONVERGED, STOPPED = 0, 99  # statuses of SciPy; the latter after a StopIteration


class Objective:
    """Cost and gradient of a flat vector of float64: all weights, then all biases."""

    def __init__(
        self, net: Network, data: Data, loss: Loss, alpha: float, outputs_in_loss: int = 1
    ) -> None:
        self.net, self.data, self.loss = net, data, loss
        self.l2 = alpha / data.total_weight
        self.outputs_in_loss = outputs_in_loss
        numbers = range(1, len(net.layers) + 1)
        self.names = [f"{l}.{kind}" for kind in ("weight", "bias") for l in numbers]

    def flat(self) -> Array:
        """The network's parameters as such a vector."""
        arrays = [self.net.parameters[name] for name in self.names]
        return np.concatenate([array.ravel() for array in arrays], dtype=np.float64)

    def set(self, flat: Array) -> None:
        """A vector into the network."""
        start = 0
        for name in self.names:
            shape = self.net.parameters[name].shape
            end = start + int(np.prod(shape))
            self.net.parameters[name] = flat[start:end].reshape(shape)
            start = end

    def __call__(self, flat: Array) -> tuple[float, Array]:
        if not np.isfinite(flat).all():
            return np.nan, np.zeros_like(flat)
        self.set(flat)
        core, loss = self.net._core, self.loss.parts
        cost = core.backward(self.data.samples, loss, self.l2, 0.0, False, "fit")
        gradients = [self.net.gradients[name].ravel() for name in self.names]
        if self.outputs_in_loss > 1:  # see Rules._losses
            weights = flat[: sum(g.size for g in gradients[: len(gradients) // 2])]
            penalty = 0.5 * self.l2 * float(weights @ weights)
            cost = (cost - penalty) / self.outputs_in_loss + penalty
        return cost, np.concatenate(gradients, dtype=np.float64)


def minimize(est: Any, objective: Objective, tasks: Tasks) -> None:
    """Moves the network to a minimum; sets `n_iter_` and `loss_` of the estimator."""

    def evaluate(flat: Array) -> tuple[float, Array]:
        if tasks.wanted:  # the first look at the next step begins it
            tasks.begin_part("lbfgs-iter")
        return objective(flat)

    def step_ended(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        est.n_iter_ += 1
        est.loss_ = float(intermediate_result.fun)
        if est.verbose:
            print(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
        if tasks.wanted:
            objective.set(intermediate_result.x)
            if tasks.end_part():
                raise StopIteration

    est.n_iter_ = 0
    if tasks.wanted:
        tasks.begin(est.max_iter)
    result = scipy.optimize.minimize(
        evaluate,
        objective.flat(),
        method="L-BFGS-B",
        jac=True,
        callback=step_ended,
        options={"maxfun": est.max_fun, "maxiter": est.max_iter, "gtol": est.tol},
    )
    if result.status not in (CONVERGED, STOPPED):
        warn(
            f"lbfgs failed to converge after {result.nit} iteration(s) (status={result.status}):\n"
            f"{result.message}\nIncrease max_iter or max_fun, or scale the data.",
            ConvergenceWarning,
        )
    est.n_iter_ = min(result.nit, est.max_iter)
    est.loss_ = float(result.fun)
    objective.set(result.x)
    tasks.end()
