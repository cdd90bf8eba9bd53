"""The reference against finite differences, numbers worked by hand, and plain Python."""

# l is the number of a layer, as in the course.

import ast
import math
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from chainrule import reference as ref

# Output activation -> b[L] that puts A[L] around 1/2 (softmax: 1/n_y), where every loss is smooth.
OUTPUTS = {
    "identity": 0.5,
    "sigmoid": 0.0,
    "tanh": math.atanh(0.5),
    "relu": 0.5,
    "leaky_relu": 0.5,
    ("leaky_relu", 0.3): 0.5,
    "softmax": 0.0,
    "exp": math.log(0.5),
    "elu": 0.5,
    ("elu", 0.3): 0.5,
    "selu": 0.48,
    "gelu": 0.67,
    "silu": 0.74,
    "softplus": math.log(math.expm1(0.5)),
    "mish": 0.64,
    "hard_sigmoid": 0.0,
    "hard_tanh": 0.5,
}
LOSSES = [
    *ref.LOSSES,
    ("binary_cross_entropy", 0.2),
    ("cross_entropy", 0.2),
    ("huber", 0.3),
    ("quantile", 0.8),
    ("binary_focal", 0.5, None),
    ("focal", 1.0),
]
REGULARIZATIONS = [{}, {"l2": 0.3}, {"l1": 0.2}, {"l2": 0.3, "l1": 0.2}]
WEIGHTED_AND_REGULARIZED = [*product([False, True], REGULARIZATIONS)]
M = 6


def name_of(loss):
    return loss if isinstance(loss, str) else loss[0]


def targets(rng, loss, n_y):
    kind = ref.LOSSES[name_of(loss)].targets
    if kind == "one class":
        return np.eye(n_y)[:, rng.integers(0, n_y, M)]
    if kind == "classes":
        soft = rng.uniform(0.1, 1.0, size=(n_y, M))
        return soft / soft.sum(axis=0)
    if kind in ("labels", "sides"):
        return rng.integers(0, 2, size=(n_y, M)).astype(float)
    if kind == "counts":
        return rng.integers(0, 4, size=(n_y, M)).astype(float)
    return rng.normal(size=(n_y, M))


def network(rng, layer_dims, activations, last_bias, last_scale=0.6):
    """X and parameters with no Z and no weight within 0.01 of zero, where kinks are."""
    L = len(activations)
    for _ in range(1000):
        X = rng.normal(size=(layer_dims[0], M))
        parameters = {}
        for l in range(1, L + 1):
            hidden = 0.3 if activations[l - 1] == "exp" else 0.6
            scale, bias = (last_scale, last_bias) if l == L else (hidden, 0.0)
            parameters[f"W{l}"] = scale * rng.normal(size=(layer_dims[l], layer_dims[l - 1]))
            parameters[f"b{l}"] = bias + 0.1 * rng.normal(size=(layer_dims[l], 1))
        _, caches = ref.forward_propagation(X, parameters, activations)
        numbers = [np.abs(c.Z).min() for c in caches] + [np.abs(c.W).min() for c in caches]
        if min(numbers) > 0.01:
            return X, parameters
    raise AssertionError("no parameters away from kinks")


def worst_difference(X, Y, parameters, activations, loss, **options):
    """The largest relative difference to central differences over all W and b, and each of them."""
    AL, caches = ref.forward_propagation(X, parameters, activations)
    grads = ref.backward_propagation(AL, Y, caches, loss, **options)
    numerical = ref.numerical_gradients(X, Y, parameters, activations, loss, **options)
    differences = {
        name: ref.relative_difference(grads[name], numerical[name]) for name in numerical
    }
    assert all(np.linalg.norm(g) > 1e-5 for g in numerical.values()), (
        "nothing to compare: a gradient of zero"
    )
    return max(differences.values()), differences


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("output", OUTPUTS, ids=str)
def test_gradients_match_finite_differences_for_every_output_and_loss(output, loss):
    """Weights and penalties of every kind come up with each output and with each loss."""
    number = list(OUTPUTS).index(output) + LOSSES.index(loss)
    weighted, regularization = WEIGHTED_AND_REGULARIZED[number % len(WEIGHTED_AND_REGULARIZED)]
    rng = np.random.default_rng(1)
    activations = ["tanh", output]
    X, parameters = network(rng, [3, 4, 3], activations, OUTPUTS[output], last_scale=0.1)
    Y = targets(rng, loss, 3)
    weights = rng.uniform(0.2, 3.0, size=M) if weighted else None
    worst, differences = worst_difference(
        X, Y, parameters, activations, loss, sample_weight=weights, **regularization
    )
    assert worst < 1e-7, differences


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("hidden", OUTPUTS, ids=str)
def test_gradients_match_finite_differences_for_every_hidden_activation(hidden, loss):
    rng = np.random.default_rng(2)
    activations = [hidden, hidden, ref.LOSSES[name_of(loss)].canonical]
    X, parameters = network(rng, [3, 5, 4, 2], activations, 0.0)
    Y, weights = targets(rng, loss, 2), rng.uniform(0.2, 3.0, size=M)
    worst, differences = worst_difference(
        X, Y, parameters, activations, loss, sample_weight=weights
    )
    assert worst < 1e-7, differences


@pytest.mark.parametrize("output", ["relu", ("leaky_relu", 0.3)], ids=str)
def test_gradients_match_on_both_sides_of_the_kink(output):
    rng = np.random.default_rng(3)
    X, parameters = network(rng, [3, 4, 5], ["tanh", output], 0.0)
    _, caches = ref.forward_propagation(X, parameters, ["tanh", output])
    assert (caches[-1].Z > 0).any()
    assert (caches[-1].Z < 0).any()
    worst, differences = worst_difference(
        X, targets(rng, "squared_error", 5), parameters, ["tanh", output], "squared_error"
    )
    assert worst < 1e-7, differences


def test_every_known_activation_is_checked_above():
    names = {output if isinstance(output, str) else output[0] for output in OUTPUTS}
    assert names == set(ref.ACTIVATIONS)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_dZ_and_dA_belong_to_single_samples(loss):
    # Alone in its batch a sample has c = 1, so there db[l] = dZ[l]; dA0 is dL/dX.
    rng = np.random.default_rng(4)
    activations = ["sigmoid", "leaky_relu", "softmax"]
    X, parameters = network(rng, [3, 4, 4, 3], activations, 0.0)
    Y = targets(rng, loss, 3)
    AL, caches = ref.forward_propagation(X, parameters, activations)
    grads = ref.backward_propagation(AL, Y, caches, loss, sample_weight=rng.uniform(1, 2, M))

    def cost(x, i):
        AL, caches = ref.forward_propagation(x, parameters, activations)
        return ref.compute_cost(AL, Y[:, [i]], caches, loss)

    numerical = np.zeros_like(X)
    for i in range(M):
        AL, caches = ref.forward_propagation(X[:, [i]], parameters, activations)
        alone = ref.backward_propagation(AL, Y[:, [i]], caches, loss)
        for layer in (1, 2, 3):
            np.testing.assert_allclose(grads[f"dZ{layer}"][:, [i]], alone[f"db{layer}"], rtol=1e-12)
        for k in range(3):
            h = 1e-5 * np.eye(3)[:, [k]]
            numerical[k, i] = (cost(X[:, [i]] + h, i) - cost(X[:, [i]] - h, i)) / 2e-5
    assert ref.relative_difference(grads["dA0"], numerical) < 1e-7


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_short_derivative_of_a_pair_equals_the_general_way(loss):
    # dZL from AL - Y against dAL * g'(ZL); and the loss from ZL against the loss from AL.
    rng = np.random.default_rng(5)
    entry = ref.LOSSES[name_of(loss)]
    options = {} if isinstance(loss, str) else dict(zip(entry.numbers, loss[1:], strict=True))
    Z = rng.normal(size=(3, M))
    Y = targets(rng, loss, 3)
    A = ref.activation_forward(Z, entry.canonical)
    general = ref.activation_backward(entry.backward(A, Y, **options), Z, A, entry.canonical)
    np.testing.assert_allclose(
        ref.loss_backward(A, Z, Y, loss, entry.canonical), general, rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose(
        entry.value_from_Z(Z, Y, **options), entry.value(A, Y, **options), rtol=1e-13
    )


def test_a_network_worked_by_hand():
    X, Y = [[1.0], [2.0]], [[1.0]]
    parameters = {
        "W1": [[1.0, -1.0], [0.5, 0.5]],
        "b1": [[0.0], [-0.5]],
        "W2": [[1.0, 2.0]],
        "b2": [[-2.0]],
    }
    AL, caches = ref.forward_propagation(X, parameters, ["relu", "sigmoid"])
    assert caches[0].Z.tolist() == [[-1.0], [1.0]]
    assert caches[0].A.tolist() == [[0.0], [1.0]]
    assert caches[1].Z.tolist() == [[0.0]]
    assert AL.tolist() == [[0.5]]
    assert ref.compute_cost(AL, Y, caches, "binary_cross_entropy") == pytest.approx(
        math.log(2), rel=1e-15
    )
    # sum of squares 1 + 1 + 1/4 + 1/4 + 1 + 4 = 7.5, of absolute values 6; the biases do not count
    cost = ref.compute_cost(AL, Y, caches, "binary_cross_entropy", l2=0.2, l1=0.1)
    assert cost == pytest.approx(math.log(2) + 0.75 + 0.6, rel=1e-15)
    grads = ref.backward_propagation(AL, Y, caches, "binary_cross_entropy")
    assert {name: g.tolist() for name, g in grads.items()} == {
        "dZ2": [[-0.5]],
        "dW2": [[0.0, -0.5]],
        "db2": [[-0.5]],
        "dA1": [[-0.5], [-1.0]],
        "dZ1": [[0.0], [-1.0]],
        "dW1": [[0.0, 0.0], [-1.0, -2.0]],
        "db1": [[0.0], [-1.0]],
        "dA0": [[-0.5], [-0.5]],
    }
    grads = ref.backward_propagation(AL, Y, caches, "binary_cross_entropy", l2=2.0, l1=0.5)
    assert grads["dW1"].tolist() == [[2.5, -2.5], [0.5, -0.5]]
    assert grads["db1"].tolist() == [[0.0], [-1.0]]


def test_the_mean_over_samples_worked_by_hand():
    # One linear unit, a = 2 x: residuals a - y of 1 and -3, losses 1/2 and 9/2.
    parameters = {"W1": [[2.0]], "b1": [[0.0]]}
    X, Y = [[1.0, 2.0]], [[1.0, 7.0]]
    AL, caches = ref.forward_propagation(X, parameters, ["identity"])

    def cost_dW_db(sample_weight):
        cost = ref.compute_cost(AL, Y, caches, "squared_error", sample_weight=sample_weight)
        grads = ref.backward_propagation(
            AL, Y, caches, "squared_error", sample_weight=sample_weight
        )
        assert grads["dZ1"].tolist() == [[1.0, -3.0]]
        return cost, grads["dW1"].item(), grads["db1"].item()

    assert cost_dW_db(None) == (2.5, -2.5, -1.0)
    assert cost_dW_db([3.0, 1.0]) == (1.5, -0.75, 0.0)
    assert cost_dW_db([0.0, 5.0]) == (4.5, -6.0, -3.0)


def test_the_reference_imports_numpy_and_itself_only():
    files = sorted(Path(ref.__file__).parent.glob("*.py"))
    assert len(files) >= 8
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{file.name}: leaves the package"
                names = [node.module] if node.level == 0 else []
            else:
                continue
            for name in names:
                assert name.split(".")[0] in {"numpy", *sys.stdlib_module_names}, (
                    f"{file.name}: {name}"
                )


def test_the_public_list_is_complete_and_true():
    assert len(set(ref.__all__)) == len(ref.__all__)
    for name in ref.__all__:
        assert hasattr(ref, name), name
