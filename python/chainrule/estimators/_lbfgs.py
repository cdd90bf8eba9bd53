"""Training on the whole data at once by L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995), SciPy's."""

import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import scipy.optimize
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from chainrule._data import Data
from chainrule._errors import warn
from chainrule._own_options import own_options
from chainrule.estimators._blas import OneThread
from chainrule.estimators._tasks import Tasks
from chainrule.layers import BatchNorm, walk
from chainrule.losses import Loss
from chainrule.network import Network

Array = NDArray[Any]
CONVERGED, STOPPED = 0, 99  # statuses of SciPy; the latter after a StopIteration


class Objective:
    """Cost and gradient of a flat vector of float64: what decays (weights), then the others."""

    def __init__(
        self,
        net: Network,
        data: Data,
        loss: Loss,
        alpha: float,
        outputs_in_loss: int = 1,
        frozen: Sequence[str] = (),
    ) -> None:
        self.net, self.data, self.loss = net, data, loss
        data.bring_rows_together()
        self.l2 = alpha / data.total_weight
        self.outputs_in_loss = outputs_in_loss
        table = net._core.parameter_table()
        decays, still = {}, 0.0
        self.kept: dict[str, Array] = {}  # running statistics of layers that are frozen
        options = own_options(table, {}, {}, list(frozen))
        for (name, _, decaying, trained), (*_, is_frozen) in zip(table, options, strict=True):
            if trained and not is_frozen:
                decays[name] = decaying
            elif trained and decaying:
                still += float(np.sum(np.square(net.parameters[name], dtype=np.float64)))
            elif is_frozen and not trained:
                self.kept[name] = net.parameters[name]
        self.names = sorted(decays, key=lambda name: not decays[name])
        self.n_decaying = sum(decays.values())
        self.penalty_of_frozen = 0.5 * self.l2 * still

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
        cost = core.backward(self.data.samples, loss, self.l2, 0.0, False, (True, 0, 0), "fit")
        for name, value in self.kept.items():
            self.net.parameters[name] = value
        gradients = [self.net.gradients[name].ravel() for name in self.names]
        if self.outputs_in_loss > 1:  # see Rules._losses
            weights = flat[: sum(g.size for g in gradients[: self.n_decaying])]
            penalty = 0.5 * self.l2 * float(weights @ weights) + self.penalty_of_frozen
            cost = (cost - penalty) / self.outputs_in_loss + penalty
        return cost, np.concatenate(gradients, dtype=np.float64)

    def settle(self) -> None:
        """Running statistics of the parameters found; so far they remember those on the way."""
        net = self.net
        layers = [(path, one) for path, one, _ in walk(net.layers, net.n_inputs) if one.tracked]
        names = [f"{path}.{name}" for path, layer in layers for name in layer.tracked]
        before = {name: net.parameters[name].astype(np.float64) for name in names}
        if not names or not np.isfinite(self(self.flat())[0]):
            return
        for path, layer in layers:
            m = cast(BatchNorm, layer).momentum
            for name in {f"{path}.{kind}" for kind in layer.tracked} - set(self.kept):
                # after = m before + (1 - m) that of the data
                of_data = (net.parameters[name] - m * before[name]) / (1 - m)
                is_mean = name.endswith("mean")
                net.parameters[name] = of_data if is_mean else np.maximum(of_data, 0)


def minimize(est: Any, where: str, objective: Objective, tasks: Tasks) -> None:
    """Moves the network to a minimum; sets `n_iter_`, `loss_` and `history_` of the estimator."""
    iterate = objective.flat()
    start = time.perf_counter()

    blas = OneThread()

    def evaluate(flat: Array) -> tuple[float, Array]:
        blas.renew()
        if tasks.wanted:  # the first look at the next step begins it
            tasks.begin_part("lbfgs-iter")
        return objective(flat)

    def step_ended(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        nonlocal iterate, start
        iterate = intermediate_result.x.copy()
        est.n_iter_ += 1
        est.loss_ = float(intermediate_result.fun)
        if est.verbose:
            print(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
        end = time.perf_counter()
        seconds, start = end - start, end
        est.history_.append({"epoch": len(est.history_), "loss": est.loss_, "seconds": seconds})
        if tasks.wanted:
            objective.set(iterate)
            if tasks.end_part():
                raise StopIteration

    est.n_iter_ = 0
    if tasks.wanted:
        tasks.begin(est.max_iter)
    try:
        with blas:
            result = scipy.optimize.minimize(
                evaluate,
                iterate,
                method="L-BFGS-B",
                jac=True,
                callback=step_ended,
                options={"maxfun": est.max_fun, "maxiter": est.max_iter, "gtol": float(est.tol)},
            )
    except KeyboardInterrupt:
        warn("Training interrupted by user.")
    else:
        _conclude(est, where, result)
        if np.isfinite(result.x).all():
            iterate = result.x
    finally:
        objective.set(iterate)  # what was evaluated last may be a trial of a line search
    objective.settle()
    tasks.end()


def _conclude(est: Any, where: str, result: scipy.optimize.OptimizeResult) -> None:
    est.n_iter_ = min(result.nit, est.max_iter)
    est.loss_ = float(result.fun)
    if not np.isfinite(est.loss_):
        warn(
            f"[{where}] the loss became {est.loss_}; the model has the parameters of the last "
            "iteration before; scale the data",
            RuntimeWarning,
        )
    elif result.status not in (CONVERGED, STOPPED):
        warn(
            f"lbfgs failed to converge after {result.nit} iteration(s) (status={result.status}):\n"
            f"{result.message}\nIncrease max_iter or max_fun, or scale the data.",
            ConvergenceWarning,
        )
