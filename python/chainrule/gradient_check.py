"""Are the gradients right? Central differences of the cost against back-propagation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from chainrule._data import Data, Features
from chainrule._dataclass import dataclass
from chainrule._errors import check_instance, check_integer, check_number
from chainrule._network_checks import check_mixed_rows
from chainrule.losses import Loss, resolve_loss
from chainrule.network import Network

# The error of a central difference in float64 is of order eps^2 (cut off) + 1e-16 / eps (rounding).
STEP = 1e-5


@dataclass(frozen=True)
class GradientCheck:
    """Outcome of `check_gradients`.

    relative_difference  `|n - g| / (|n| + |g|)` in Euclidean norms over all checked elements, as
                         in the course: below 1e-7 right, above 1e-3 wrong, between: see the kinks
    worst                name and index of the element that differs most, e.g. ("1.weight", (3, 0))
    numeric, analytic    the two values there
    n_checked            elements compared
    """

    relative_difference: float
    worst: tuple[str, tuple[int, ...]]
    numeric: float
    analytic: float
    n_checked: int

    def __repr__(self) -> str:
        name, index = self.worst
        return (
            f"relative difference {self.relative_difference:.2e} over {self.n_checked} elements; "
            f"worst {name}{list(index)}: numeric {self.numeric:.10g}, analytic {self.analytic:.10g}"
        )


def check_gradients(
    net: Network,
    X: Features,
    Y: ArrayLike,
    loss: str | Loss,
    sample_weight: ArrayLike | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    step: float = STEP,
    max_elements: int = 2000,
) -> GradientCheck:
    """Compares `net.backward` with central differences `(J(w + step) - J(w - step)) / (2 step)`.

    Runs in float64 on a copy of the network, so the network itself does not change. Of larger
    networks `max_elements` elements are drawn, from every parameter array. Arguments as in
    `net.backward`, with the layers as in training. A kink (relu at 0) within `step` of a value
    shows as a difference that vanishes with another `step`. Each element takes two passes over X:
    a hundred rows are enough.
    """
    where = "check_gradients"
    check_instance(where, "net", net, Network)
    step = check_number(where, "step", step, above=0)
    max_elements = check_integer(where, "max_elements", max_elements, 1)
    if not net.n_parameters:
        raise ValueError(f"[{where}] net: expected at least one parameter to train, got none")
    twin = in_float64(net)
    described = resolve_loss(loss, where)
    data = Data(twin, where, X, Y, described, sample_weight)  # refused by this function's name
    check_mixed_rows(where, net, data.samples.rows, data.samples.rows, "X")
    l2, l1 = check_number(where, "l2", l2, minimum=0), check_number(where, "l1", l1, minimum=0)
    twin.backward(X, Y, described, sample_weight, l2, l1)

    rng = np.random.default_rng(0)
    share = min(1.0, max_elements / twin.n_parameters)
    found: list[tuple[str, tuple[int, ...], float, float]] = []
    for name, _, _, is_trained in twin._core.parameter_table():
        if not is_trained:
            continue
        value, gradient = twin.parameters[name], twin.gradients[name]
        drawn = max(1, round(share * value.size))
        for flat in np.sort(rng.choice(value.size, drawn, replace=False)):
            index = tuple(int(i) for i in np.unravel_index(flat, value.shape))
            costs = []
            for sign in (1, -1):
                moved = value.copy()
                moved[index] += sign * step
                twin.parameters[name] = moved
                costs.append(twin.cost(X, Y, described, sample_weight, l2, l1, training=True))
            found.append((name, index, (costs[0] - costs[1]) / (2 * step), float(gradient[index])))
        twin.parameters[name] = value

    numeric = np.array([n for _, _, n, _ in found])
    analytic = np.array([a for _, _, _, a in found])
    total = float(np.linalg.norm(numeric) + np.linalg.norm(analytic))
    difference = 0.0 if total == 0 else float(np.linalg.norm(numeric - analytic)) / total
    # NaN counts as the worst of all.
    at = int(np.argmax(np.nan_to_num(np.abs(numeric - analytic), nan=np.inf)))
    name, index, n, a = found[at]
    return GradientCheck(difference, (name, index), n, a, len(found))


def in_float64(net: Network) -> Network:
    """A new network with the same parameters."""
    twin = Network._without_values(net.layers, net.n_inputs, "float64", net.seed)
    for name, value in net.parameters.items():
        twin.parameters[name] = value
    return twin
