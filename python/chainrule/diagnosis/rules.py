"""The rules: from numbers to names. Each threshold stands here with its reason.

A verdict is a name, a layer if it has one, words, and the rule that fired. Troubles of the layers
come from one pass; those of the learning rate from steps on a copy; overfitting from costs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chainrule.diagnosis.measures import LayerMeasure, main_path
from chainrule.history import History

NAMES = (
    "vanishing",
    "exploding",
    "dead",
    "saturated",
    "rate too low",
    "rate too high",
    "overfitting",
    "healthy",
)

# Gradients that differ by this factor cannot share a learning rate: one that suits the last layer
# moves the first by a thousandth of what it should. Well initialized layers keep the norm of the
# gradient, each within a factor of 2 or so, which is random and averages out with depth.
FLOW = 1e-3
# A unit that is zero for every row does not learn. Some are lost without harm: with random weights
# the rows' common mean alone keeps some units shut. From two in five on, a layer of n units is as
# good as one of less than 0.6 n.
DEAD = 0.4
# By chance alone, a unit that is open for one row in ten is shut for 30 of them in 4 % of cases.
DEAD_ROWS = 30
# Most of a layer's values are where the derivative is below a twentieth of its largest.
SATURATED = 0.5
# Costs of probes are compared between rates decades apart. A cost that falls in proportion to the
# rate falls ten times as much with the next; half a decade parts "in proportion" from "the same".
DECADE = math.sqrt(10)
# Falls below this share of the baseline cost (of a constant prediction) are called nothing.
NOTEWORTHY = 0.05
# More than this share of what there was to learn (of the baseline cost) is left to learn.
LITTLE_LEARNED = 0.5
# Of what was learned on the training rows more is not true of the validation rows than is.
NOT_CARRIED_OVER = 0.5
# Inputs of this size make gradients in the first weights that many times as large.
LARGE_INPUTS = 10.0
# The validation cost gave back this share of its best gain, while the training cost fell.
GIVEN_BACK = 0.1
# Epochs that must agree on that: one alone may be noise.
TAIL = 3


@dataclass(frozen=True)
class Verdict:
    """A trouble by name (one of `rules.NAMES`), in words, with its rule and its layer, if any."""

    name: str
    text: str
    rule: str = ""
    layer: str | None = None

    def __str__(self) -> str:
        return f"{self.name}{f' at layer {self.layer}' if self.layer else ''}: {self.text}"


@dataclass(frozen=True)
class Probes:
    """Costs at the `start` and after the same steps with several rates, powers of ten apart.

    `costs` by rate, infinity where the steps went there; `rate` is the optimizer's.
    """

    rate: float
    steps: int
    start: float
    costs: dict[float, float]
    baseline: float

    @property
    def best_lower(self) -> float:
        """The rate that lowers the cost most, of those that are not higher."""
        return min((r for r in self.costs if r <= self.rate), key=self.costs.__getitem__)

    @property
    def lower(self) -> list[float]:
        """Lower rates with which the cost is as low, or next to it."""
        enough = self.costs[self.rate] + NOTEWORTHY * self.baseline
        return [r for r in self.costs if r < self.rate and self.costs[r] < enough]

    def gain(self, rate: float) -> float:
        """How far the cost fell."""
        return self.start - self.costs[rate]

    def learned(self, rate: float) -> float:
        """How far it fell below what a constant has, too: less is nothing learned."""
        return max(0.0, min(self.start, self.baseline) - self.costs[rate])


def layer_verdicts(rows: Sequence[LayerMeasure], n_rows: int, x_rms: float) -> list[Verdict]:
    """Troubles in the layers, causes before their consequences.

    Saturated and dead units stop gradients, and so come before vanishing. Weights that saturate may
    make gradients explode as well; dead units cannot, but some come with depth alone.
    """
    return [
        *_saturated(rows),
        *_exploding(main_path(rows), x_rms),
        *_dead(rows, n_rows),
        *_vanishing(main_path(rows)),
    ]


def not_judged(rows: Sequence[LayerMeasure]) -> str:
    """What a verdict must add where activations of the user's could not be looked into."""
    unknown = [row.title for row in rows if row.is_unknown]
    if not unknown:
        return ""
    return f"; saturated and dead units could not be judged in layer {', '.join(unknown)}"


def worse_than_constant(cost: float, baseline: float, x_rms: float) -> str:
    """What "healthy" must add where a constant prediction would cost less."""
    if not cost > (1 + NOTEWORTHY) * baseline:
        return ""
    size = f", and scale the inputs, of root mean square {x_rms:.2g}"
    text = f"; yet its cost of {cost:.4g} is above the {baseline:.4g} of a constant: train on"
    return text + (size if x_rms > LARGE_INPUTS else "")


def _dead(rows: Sequence[LayerMeasure], n_rows: int) -> Iterator[Verdict]:
    worst = max(rows, key=lambda row: 0 if math.isnan(row.dead) else row.dead)
    if n_rows >= DEAD_ROWS and worst.dead >= DEAD:
        text = (
            f"{worst.dead:.0%} of the units in layer {worst.title} are zero for all rows and learn "
            "nothing: lower the learning rate, use leaky_relu or batch norm before the relu, or "
            "check the biases"
        )
        yield Verdict("dead", text, f"share of dead units >= {DEAD:.0%}", worst.path)


def _saturated(rows: Sequence[LayerMeasure]) -> Iterator[Verdict]:
    # An output that is sure of itself is none; the loss makes up for its derivative.
    hidden = [row for row in rows[:-1] if not math.isnan(row.saturated)]
    worst = max(hidden, key=lambda row: row.saturated, default=None)
    if worst is not None and worst.saturated > SATURATED:
        text = (
            f"{worst.saturated:.0%} of the values in layer {worst.title} are near a limit of the "
            "activation, where its derivative is next to zero: scale the inputs, use smaller first "
            "weights (initializer), batch or layer norm, or relu"
        )
        yield Verdict("saturated", text, f"share of saturated values > {SATURATED:.0%}", worst.path)


def _exploding(rows: Sequence[LayerMeasure], x_rms: float) -> Iterator[Verdict]:
    last = rows[-1].gradient
    remedy = "use smaller first weights (initializer), batch or layer norm, or clip_norm"
    back = max(rows, key=lambda row: row.gradient)
    if last > 0 and back.gradient * FLOW > last:
        text = (
            f"the gradient there is {back.gradient / last:.1g} times that of the output: {remedy}"
        )
        yield Verdict("exploding", text, f"gradient > {1 / FLOW:g} x the output's", back.path)
        return
    # What the output layer needs is up to the targets.
    forward = max(rows[:-1], key=lambda row: row.activation, default=None)
    if forward is not None and x_rms > 0 and forward.activation * FLOW > x_rms:
        text = f"the values there are {forward.activation / x_rms:.1g} times the inputs: {remedy}"
        yield Verdict("exploding", text, f"activation > {1 / FLOW:g} x the inputs'", forward.path)


def _vanishing(rows: Sequence[LayerMeasure]) -> Iterator[Verdict]:
    last = rows[-1].gradient
    gone = [row for row in rows if row.gradient < FLOW * last]
    if gone:
        there = gone[-1]
        share = f"{there.gradient / last:.1g} of the output's"
        first = f", {gone[0].gradient / last:.1g} in layer {gone[0].path}" if len(gone) > 1 else ""
        text = (
            f"the gradient there is {share}{first}: use relu, batch norm, residual blocks, or "
            "first weights that suit the activation (initializer)"
        )
        yield Verdict("vanishing", text, f"gradient < {FLOW:g} x the output's", there.path)


def rate_verdicts(probes: Probes) -> Iterator[Verdict]:
    """Whether a rate that differs by decades does much better from the same start."""
    own, lower = probes.rate, probes.best_lower
    best = min(probes.costs, key=probes.costs.__getitem__)
    enough = NOTEWORTHY * probes.baseline
    rule = f"rate lowers the cost more than {DECADE:.2g} times as much"
    if probes.learned(lower) > max(enough, DECADE * probes.learned(own)):
        yield Verdict("rate too high", f"{_compared(probes, lower)}: lower it", f"a lower {rule}")
    elif (
        best > own
        and probes.gain(best) > max(enough, DECADE * probes.gain(own))
        and probes.costs[own] > LITTLE_LEARNED * probes.baseline
    ):
        rule = f"a higher {rule}, and most is left to learn"
        yield Verdict("rate too low", f"{_compared(probes, best)}: raise it", rule)


def blame_rate(probes: Probes, with_own: Sequence[Verdict], sound: float | None) -> list[Verdict]:
    """Whether the rate brought the layers into trouble.

    Of a network made anew: the verdicts on its layers after steps with the rate, and a lower rate
    that learns as much and brings them into none, if there is one.
    """
    if with_own and sound is not None:
        trouble = f"it brings a network made anew into trouble ({with_own[0].name})"
        text = f"{trouble}; {_compared(probes, sound)} and no trouble: lower it"
        return [Verdict("rate too high", text, "layers in trouble, not with a lower rate")]
    return [v for v in rate_verdicts(probes) if v.name == "rate too high"]


def kicked(history: History, start: float) -> Iterator[Verdict]:
    """Whether training raised the cost above where it began, the cost of `start`."""
    losses = history["loss"] if len(history) else []
    worst = max(range(len(losses)), key=lambda i: _or_infinity(losses[i]), default=None)
    if worst is not None and _or_infinity(losses[worst]) > (1 + NOTEWORTHY) * start:
        epoch = history["epoch"][worst]
        text = (
            f"training began at a cost of {start:.4g} and raised it to {losses[worst]:.4g} in "
            f"epoch {epoch}: lower the rate, or warm up"
        )
        yield Verdict("rate too high", text, "an epoch's cost above where training began")


def _or_infinity(cost: float) -> float:
    return cost if math.isfinite(cost) else math.inf


def _compared(probes: Probes, other: float) -> str:
    return (
        f"the cost goes from {probes.start:.4g} to {probes.costs[probes.rate]:.4g} with the rate "
        f"{probes.rate:.2g}, in {probes.steps} steps to {probes.costs[other]:.4g} with {other:.2g}"
    )


def overfitting(
    history: History, costs: tuple[float, float] | None, baseline: float
) -> Iterator[Verdict]:
    """From the present costs of training and validation rows, or else from the history."""
    remedy = "use early stopping, l2 or weight decay, dropout, a smaller network, or more data"
    if costs is None:
        costs = _last_costs(history)
    if costs is not None:
        train, validation = costs
        learned = baseline - train
        lost = (validation - train) / learned if learned > NOTEWORTHY * baseline else 0.0
        if lost > NOT_CARRIED_OVER:
            text = (
                f"cost {train:.4g} on the training rows, {validation:.4g} on the validation rows, "
                f"{baseline:.4g} for a constant: {min(lost, 1):.0%} of what was learned does not "
                f"carry over: {remedy}"
            )
            rule = f"(validation - training) / (constant - training) > {NOT_CARRIED_OVER:.0%}"
            yield Verdict("overfitting", text, rule)
            return
    if "val_loss" in history:
        yield from _risen(history, baseline, remedy)


def _last_costs(history: History) -> tuple[float, float] | None:
    if "val_loss" not in history:
        return None
    train, validation = history["loss"][-1], min(history["val_loss"][-TAIL:])
    return (train, validation) if math.isfinite(validation) else None


def _risen(history: History, baseline: float, remedy: str) -> Iterator[Verdict]:
    validation, train = history["val_loss"], history["loss"]
    if not all(map(math.isfinite, validation)) or len(validation) <= TAIL:
        return
    best = min(range(len(validation)), key=validation.__getitem__)
    now = min(validation[-TAIL:])
    gain = baseline - validation[best]
    if gain > 0 and now - validation[best] > GIVEN_BACK * gain and train[-1] < train[best]:
        text = (
            f"the validation cost was {validation[best]:.4g} in epoch {history['epoch'][best]} and "
            f"is {now:.4g}, while the training cost fell: {remedy}"
        )
        rule = f"the last {TAIL} validation costs gave back {GIVEN_BACK:.0%} of the best gain"
        yield Verdict("overfitting", text, rule)
