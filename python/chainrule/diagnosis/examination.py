"""`cr.diagnose`: measures a network, applies the rules, and orders what they say by cause."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._data import Data, Features
from chainrule._errors import check_bool, check_instance, check_integer, message
from chainrule._evaluation import check_validation
from chainrule._network_checks import check_mixed_rows
from chainrule._trainer_checks import check_batch_size
from chainrule.diagnosis.measures import LayerMeasure, measure_layers, rms
from chainrule.diagnosis.probe import (
    baseline_cost,
    fresh,
    next_update,
    row_order,
    run_steps,
    twin,
)
from chainrule.diagnosis.report import Diagnosis
from chainrule.diagnosis.rules import (
    LARGE_INPUTS,
    LITTLE_LEARNED,
    NOTEWORTHY,
    Probes,
    Verdict,
    blame_rate,
    kicked,
    layer_verdicts,
    not_judged,
    overfitting,
    rate_verdicts,
    worse_than_constant,
)
from chainrule.history import History
from chainrule.losses import Loss, resolve_loss
from chainrule.network import Network
from chainrule.optimizers import Adam
from chainrule.trainer import Trainer

Array = NDArray[Any]

# Steps of a probe: enough for rates that differ by ten to part, in a small part of a training.
PROBE_STEPS = 200
# How far up and down the rates of probes go; where costs get worse, no farther.
DECADES = 4


def diagnose(
    net: Network,
    X: Features,
    Y: ArrayLike,
    loss: str | Loss | None = None,
    *,
    trainer: Trainer | None = None,
    validation_data: tuple[Any, ...] | None = None,
    history: History | None = None,
    sample_weight: ArrayLike | None = None,
    batch_size: Any = "auto",
    probe: bool = True,
    max_rows: int = 2048,
) -> Diagnosis:
    """What ails the network: numbers of every layer, and verdicts in plain words with their rules.

    X (m, n_inputs) and Y as the loss takes it: rows that the network is trained on, of which at
    most `max_rows`, evenly spread, are used. Verdicts: vanishing, exploding, dead, saturated,
    rate too low, rate too high, overfitting, healthy (the rules in `chainrule.diagnosis.rules`).

    With `trainer`, that of the network, the loss is its loss (no other may be given), and updates
    are those of its optimizer's next step. With `probe` the learning rate is judged, too, by 200
    steps of `batch_size` rows on copies, with the rate and others, powers of ten apart. If layers
    of a trained network are in trouble, it is made anew from its seed: when it was sound then, and
    the rate too high for it, the rate is to blame and comes first. Without a trainer updates are of
    `Adam()`, and nothing is said of the rate. Activations of one's own are judged by their
    derivative, or "healthy" names the layers that were not. Overfitting is told from
    `validation_data`, as in `Trainer.fit`, or else from `history`, by default the trainer's.
    Network and trainer stay as they are.

    Raises ValueError or TypeError, as training with these data would.
    """
    where = "diagnose"
    check_instance(where, "net", net, Network)
    if trainer is not None and check_instance(where, "trainer", trainer, Trainer).net is not net:
        raise ValueError(f"[{where}] trainer: expected that of this network, got one of another")
    if loss is None and trainer is None:
        raise TypeError(f"[{where}] loss: expected a name or an object, or a trainer, got None")
    chosen = trainer.loss if loss is None and trainer is not None else resolve_loss(loss, where)
    if trainer is not None and chosen != trainer.loss:
        raise ValueError(message(where, "loss", f"None or the trainer's, {trainer.loss!r}", loss))
    check_bool(where, "probe", probe)
    limit = check_integer(where, "max_rows", max_rows, 1)
    sample = thinned(Data(net, where, X, Y, chosen, sample_weight), net, chosen, limit)
    rows = sample.samples.rows
    check_mixed_rows(where, net, rows, rows, "X")
    optimizer = Adam() if trainer is None else trainer.optimizer
    _, batch = check_batch_size(where, batch_size, rows, optimizer)
    check_mixed_rows(where, net, batch, batch, "batch_size")

    def as_data(at: str, X: Any, Y: Any, weights: Any) -> Data:
        return Data(net, at, X, Y, chosen, weights)

    validation = check_validation(where, validation_data, as_data)
    if history is None:
        history = History() if trainer is None else trainer.history
    check_instance(where, "history", history, History)
    return _Patient(net, chosen, sample, batch, trainer, probe).diagnosis(validation, history)


def thinned(data: Data, net: Network, loss: Loss, limit: int) -> Data:
    """At most so many of its rows, evenly spread."""
    rows = data.samples.rows
    if rows <= limit:
        return data
    X, Y, weights = some_rows(data, spread(rows, limit))
    return Data(net, "diagnose", X, Y, loss, weights)


def spread(n: int, most: int) -> NDArray[np.int64]:
    """Numbers from 0 to n - 1, at most so many of them."""
    return np.linspace(0, n - 1, min(n, most)).astype(np.int64)


def some_rows(data: Data, rows: NDArray[np.int64]) -> tuple[Any, Array, Array | None]:
    """X, Y and weights of these rows."""
    weights = None if data.weights is None else data.weights[rows]
    return data.X[rows], np.asarray(data.Y)[rows], weights


class _Patient:
    """A network with what is needed to examine it."""

    def __init__(
        self,
        net: Network,
        loss: Loss,
        data: Data,
        batch: int,
        trainer: Trainer | None,
        probe: bool,
    ) -> None:
        self.net, self.loss, self.data, self.batch = net, loss, data, batch
        self.trainer, self.probe = trainer, probe
        X = data.dense_X(np.dtype(np.float64))
        self.x_rms = rms(X)
        self.arrays = X, np.asarray(data.Y)
        self.baseline = baseline_cost(net, np.asarray(data.Y), loss, data.weights)

    def diagnosis(self, validation: Data | None, history: History) -> Diagnosis:
        layers: list[LayerMeasure] = []
        verdicts: list[Verdict] = []
        cost = self.cost(self.net, self.data, False)
        is_trained = self.trainer is not None and self.trainer.steps > 0
        if self.net.is_finite():
            layers, verdicts = self.examine(self.net)
            if is_trained and self.probe:
                verdicts = [*self.blame(history, cost, not verdicts), *verdicts]
            if not verdicts and self.trainer is not None and self.probe:
                verdicts = list(rate_verdicts(self.probes(born=False)))
        else:
            verdicts = self.of_infinite()
        costs = None if validation is None else (cost, self.cost(self.net, validation, False))
        verdicts += overfitting(history, costs, self.baseline)
        if not verdicts:
            notes = not_judged(layers)
            if is_trained or self.x_rms > LARGE_INPUTS:
                notes += worse_than_constant(cost, self.baseline, self.x_rms)
            verdicts = [Verdict("healthy", f"no rule found a trouble{notes}")]
        return Diagnosis(layers, verdicts, cost, costs[1] if costs else None, self.baseline)

    def examine(self, net: Network) -> tuple[list[LayerMeasure], list[Verdict]]:
        """Numbers and troubles of the layers."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer = self.trainer
            if trainer is None or net is not self.net:
                trainer = Trainer(net, self.loss)
        updates = next_update(trainer, self.data)
        X, Y = self.arrays
        layers = measure_layers(net, X, Y, self.loss, self.data.weights, updates)
        return layers, layer_verdicts(layers, self.data.samples.rows, self.x_rms)

    def of_infinite(self) -> list[Verdict]:
        """Parameters that are infinite or NaN: by layers born so, or by the rate."""
        _, at_birth = self.examine(fresh(self.net))
        text = "training took parameters to infinity or NaN: lower the learning rate"
        rule = "parameters not finite, layers sound when made anew"
        return at_birth or [Verdict("rate too high", text, rule)]

    def blame(self, history: History, now: float, sound: bool) -> list[Verdict]:
        """Whether a high rate has brought trouble to a network that was born sound.

        `now` is its cost, `sound` whether its layers are.
        """
        born = fresh(self.net)
        if self.examine(born)[1]:
            return []
        start = max(self.baseline, self.cost(born, self.data, True))
        found = list(kicked(history, start))
        if found or (sound and now < LITTLE_LEARNED * self.baseline):
            return found
        probes = self.probes(born=True)
        if self.trainer is not None and self.trainer.steps > PROBE_STEPS:
            # What took more steps should have come at least as far.
            own = max(probes.costs[probes.rate], now)
            probes = dataclasses.replace(probes, costs=probes.costs | {probes.rate: own})
        with_own, better = self.verdicts_after(probes.rate), None
        if with_own:
            as_low = [rate for rate in probes.lower if not self.verdicts_after(rate)]
            better = max(as_low, default=None)
        return blame_rate(probes, with_own, better)

    def verdicts_after(self, rate: float) -> list[Verdict]:
        """On the layers of the network made anew, after steps with this rate."""
        other = twin(cast(Trainer, self.trainer), fresh(self.net))
        self.after(other, rate)
        if not other.net.is_finite():
            return [Verdict("rate too high", "parameters became infinite or NaN")]
        return self.examine(other.net)[1]

    def probes(self, born: bool) -> Probes:
        """Costs after steps with several rates, from now or from a network made anew."""
        trainer = cast(Trainer, self.trainer)
        own = trainer._rate(0 if born else trainer.epoch + trainer._single_steps)

        def cost(rate: float) -> float:
            return self.after(twin(trainer, fresh(self.net) if born else None), rate)

        start = cost(0.0)
        costs = {own: cost(own)}
        best = min(start, costs[own])
        for factor in (10.0, 0.1):
            rate = own
            for _ in range(DECADES):
                rate *= factor
                costs[rate] = cost(rate)
                best = min(best, costs[rate])
                worse = costs[rate] > best + NOTEWORTHY * self.baseline
                # Higher rates only get worse then; lower ones, once they are past a good one.
                if worse and (factor > 1 or best < self.baseline):
                    break
        return Probes(own, PROBE_STEPS, start, costs, self.baseline)

    def after(self, trainer: Trainer, rate: float) -> float:
        """The cost after steps of the trainer; infinity if they led there."""
        if rate > 0:
            order = row_order(self.data.samples.rows, self.batch, PROBE_STEPS, trainer.seed)
            rates = np.full(PROBE_STEPS, rate)
            costs = run_steps(trainer, self.data, order, self.batch, rates)
            if not (np.isfinite(costs[-1]) and trainer.net.is_finite()):
                return np.inf
        return self.cost(trainer.net, self.data, True)

    def cost(self, net: Network, data: Data, training: bool) -> float:
        """Without penalties; in training as the optimizer sees it, with statistics of the batch."""
        mode = training, net.seed, 0
        return net._core.cost(data.samples, self.loss.parts, 0.0, 0.0, mode, "diagnose")
