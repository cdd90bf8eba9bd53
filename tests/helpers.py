"""The reference as an oracle for networks, targets that fit, and error bounds for float32."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import chainrule as cr
from chainrule import _core, losses, reference
from chainrule.activations import SLOPES

Array = NDArray[Any]
Layer = tuple[int, str, float]  # units, activation, slope (of those that have one)
OUTPUTS = list(_core.activations())
HIDDEN = [name for name in OUTPUTS if name != "softmax"]
WITH_FMA = [isa for isa in _core.available_isas() if isa != "baseline"]
needs_fma = pytest.mark.skipif(
    not WITH_FMA, reason="this CPU has no fused multiply-add, and so bits of its own"
)
# Every loss, and those with a number with another one than by default.
LOSSES = [
    *(kind() for kind in losses.LOSSES.values()),
    cr.BinaryCrossEntropy(label_smoothing=0.2),
    cr.CrossEntropy(label_smoothing=0.2),
    cr.BinaryFocal(gamma=0.5, alpha=None),
    cr.Focal(gamma=1.0),
    cr.Huber(delta=0.25),
    cr.Quantile(quantile=0.8),
]


def build(n_inputs: int, layers: Sequence[Layer], dtype: str, seed: int = 0) -> cr.Network:
    """A network whose biases are not zero, so that they are tested too.

    The weights of an exp are small, so that exponentials of exponentials stay numbers.
    """
    described = [
        cr.Dense(units, cr.Activation(name, slope if name in SLOPES else None))
        for units, name, slope in layers
    ]
    net = cr.Network(described, n_inputs, dtype, seed)
    rng = np.random.default_rng(seed + 1)
    for name, value in net.parameters.items():
        if value.ndim == 1:
            net.parameters[name] = rng.normal(0, 0.3, value.shape)
        elif layers[int(name.split(".")[0]) - 1][1] == "exp":
            net.parameters[name] = 0.1 * value
    return net


def diverged() -> cr.Network:
    """A network whose training has led to numbers that are not finite."""
    net = cr.Network([cr.Dense(1)], 1)
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1e30))
    while net.is_finite():
        trainer.step([[1e18]], [1e18])
    return net


def reference_parameters(net: cr.Network) -> dict[str, Array]:
    """`W1, b1, ..` in the course's shapes, as float64."""
    numbers = range(1, len(net.layers) + 1)
    W = {f"W{i}": net.W[i].astype(np.float64) for i in numbers}
    return W | {f"b{i}": net.b[i].astype(np.float64) for i in numbers}


def reference_activations(net: cr.Network) -> list[Any]:
    found = []
    for g in (layer.activation for layer in net.layers):
        option = g.slope if g.groups is None else g.groups
        found.append(g.name if option is None else (g.name, option))
    return found


def reference_loss(loss: str | cr.losses.Loss) -> Any:
    """As the reference takes it."""
    described = losses.resolve_loss(loss)
    numbers = [getattr(described, field.name) for field in fields(described)]
    return (described.name, *numbers) if numbers else described.name


def reference_pass(
    net: cr.Network, X: Array, Y: Array, loss: str | cr.losses.Loss, **options: Any
) -> tuple[float, dict[str, Array], Array, list[Any]]:
    """(cost, gradients by the network's names and shapes, prediction, caches) of the reference."""
    parameters = reference_parameters(net)
    activations = reference_activations(net)
    AL, caches = reference.forward_propagation(X, parameters, activations, samples="rows")
    loss = reference_loss(loss)
    cost = reference.compute_cost(AL, Y, caches, loss, samples="rows", **options)
    grads = reference.backward_propagation(AL, Y, caches, loss, samples="rows", **options)
    gradients = {}
    for i in range(1, len(net.layers) + 1):
        gradients[f"{i}.weight"] = grads[f"dW{i}"].T
        gradients[f"{i}.bias"] = grads[f"db{i}"].ravel()
    return cost, gradients, AL, caches


def term_sizes(
    caches: list[Any], Y: Array, loss: str | cr.losses.Loss, **options: Any
) -> dict[str, float]:
    """For each gradient, the largest sum of its terms' magnitudes over the batch.

    Rounding is relative to these, not to a sum in which terms cancel (Higham, ch. 4).
    """
    AL, m = caches[-1].A.T, caches[-1].A.shape[1]
    grads = reference.backward_propagation(
        AL, Y, caches, reference_loss(loss), samples="rows", **options
    )
    weight = options.get("sample_weight")
    share = np.full(m, 1 / m) if weight is None else weight / np.sum(weight)
    sizes = {}
    for i, cache in enumerate(caches, start=1):
        dZ = np.abs(grads[f"dZ{i}"]) * share
        sizes[f"{i}.weight"] = float(np.max(dZ @ np.abs(cache.A_prev).T))
        sizes[f"{i}.bias"] = float(np.max(dZ.sum(axis=1)))
    return sizes


def fewest_outputs(loss: cr.losses.Loss) -> int:
    """Of a network with this loss."""
    return 2 if isinstance(loss, cr.losses.MulticlassHinge) else 1


def forms(loss: str | cr.losses.Loss) -> list[str]:
    """Of the targets: "dense" and, for losses of classes, "classes"."""
    kind = _core.loss_targets()[losses.resolve_loss(loss).name]
    return ["dense", "classes"] if kind in ("Classes", "OneClass") else ["dense"]


def targets(
    rng: np.random.Generator,
    loss: str | cr.losses.Loss,
    m: int,
    n: int,
    form: str = "dense",
) -> Array:
    """Random targets that fit a loss; `form` is one of `forms(loss)`."""
    kind = _core.loss_targets()[losses.resolve_loss(loss).name]
    if kind == "Any":
        return rng.normal(size=(m, n))
    if kind == "Counts":
        return rng.poisson(1.5, (m, n)).astype(float)
    if kind in ("Labels", "Sides"):
        return rng.integers(0, 2, (m, n)).astype(float)
    classes = rng.integers(0, n, m)
    if form == "classes":
        return classes
    if kind == "OneClass":
        return np.eye(n)[classes]
    labels = rng.random((m, n)) + 0.1
    return labels / labels.sum(axis=1, keepdims=True)


def grouped(n_inputs, hidden, groups, dtype="float64", seed=0):
    """As `helpers.build`, with a softmax over groups at the end."""
    net = build(n_inputs, [*hidden, (sum(groups), "softmax", 0)], dtype, seed)
    last = cr.Dense(sum(groups), cr.Activation("softmax", groups=groups))
    twin = cr.Network([*net.layers[:-1], last], n_inputs, dtype)
    for name, value in net.parameters.items():
        twin.parameters[name] = value
    return twin


def columns(groups):
    ends = np.cumsum(groups)
    return [slice(end - n, end) for n, end in zip(groups, ends, strict=True)]


def classes_of(rng, groups, m):
    return np.stack([rng.integers(0, n, m) for n in groups], axis=1)


def labels_of(rng, groups, m):
    labels = rng.random((m, sum(groups))) + 0.1
    for at in columns(groups):
        labels[:, at] /= labels[:, at].sum(axis=1, keepdims=True)
    return labels


def forms_of(rng, loss, groups, m):
    """Targets of every form that the loss takes; (m, 2) of the groups (1, 1) are classes."""
    classes, labels = classes_of(rng, groups, m), labels_of(rng, groups, m)
    kind = _core.loss_targets()[loss.name]
    if kind in ("Sides", "OneClass"):
        return [targets(rng, loss, m, sum(groups))]
    if kind != "Classes":
        return [labels]
    return [classes, labels][: max(groups)]


def one_hot(classes, groups):
    return np.concatenate([np.eye(n)[classes[:, g]] for g, n in enumerate(groups)], axis=1)


def bits(net: cr.Network) -> dict[str, bytes]:
    """Of all parameters, by name."""
    return {name: value.tobytes() for name, value in net.parameters.items()}


def assert_equal_parameters(parameters: dict[str, Array], others: dict[str, Array]) -> None:
    assert parameters.keys() == others.keys()
    for name in parameters:
        np.testing.assert_array_equal(parameters[name], others[name], err_msg=name)


def shown(value: object) -> str:
    """An id of a test that is the same in every run, as the address of a function is not."""
    return getattr(value, "__name__", None) or repr(value)


def relative_difference(a: Array, b: Array, size: float = 0.0) -> float:
    """Largest |a - b| relative to the largest element of b, or to `size` if that is larger."""
    scale = max(float(np.max(np.abs(b))), size)
    difference = float(np.max(np.abs(np.asarray(a, np.float64) - b)))
    return difference / scale if scale > 0 else difference


def gamma(k: float, dtype: Any = np.float32) -> float:
    """Higham's gamma_k = k u / (1 - k u): k roundings, whatever their order (ch. 3)."""
    u = float(np.finfo(dtype).eps) / 2
    return k * u / (1 - k * u)
