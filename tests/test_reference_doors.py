"""The doors of the reference: orientations, targets, sample weights, scalar types."""

# l is the number of a layer, as in the course.

import numpy as np
import pytest

from chainrule import reference as ref

ACTIVATIONS = ["relu", ("leaky_relu", 0.2), "softmax"]


def forward_and_back(X, Y, parameters, activations, loss, samples="columns", **options):
    AL, caches = ref.forward_propagation(X, parameters, activations, samples=samples)
    cost = ref.compute_cost(AL, Y, caches, loss, samples=samples, **options)
    grads = ref.backward_propagation(AL, Y, caches, loss, samples=samples, **options)
    return AL, cost, grads


def assert_same(grads, others):
    assert grads.keys() == others.keys()
    for name in grads:
        np.testing.assert_array_equal(grads[name], others[name], err_msg=name)


@pytest.mark.parametrize(
    "n_y", [1, 3, 7]
)  # 7: as many outputs as samples, a square that shapes cannot tell apart
@pytest.mark.parametrize("loss", ref.LOSSES)
def test_both_orientations_give_the_same_bits(rng, loss, n_y):
    X = rng.normal(size=(4, 7))
    Y = rng.uniform(size=(n_y, 7))
    kind = ref.LOSSES[loss].targets
    if kind == "classes":
        Y = Y / Y.sum(axis=0)
    elif kind in ("one class", "sides"):
        Y = np.eye(n_y)[:, Y.argmax(axis=0)]
    parameters = ref.initialize_parameters([4, 5, 6, n_y], seed=1)
    options = {"sample_weight": rng.uniform(size=7), "l2": 0.1, "l1": 0.01}
    AL, cost, grads = forward_and_back(X, Y, parameters, ACTIVATIONS, loss, **options)
    for X_rows, Y_rows in [(X.T, Y.T), (np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T))]:
        AL_rows, cost_rows, grads_rows = forward_and_back(
            X_rows, Y_rows, parameters, ACTIVATIONS, loss, samples="rows", **options
        )
        np.testing.assert_array_equal(AL_rows, AL.T)
        _, caches = ref.forward_propagation(X_rows, parameters, ACTIVATIONS, samples="rows")
        assert caches[0].A_prev.flags.c_contiguous
        assert cost_rows == cost
        assert_same(grads_rows, grads)


def test_shapes_are_the_course_s(rng):
    parameters = ref.initialize_parameters([4, 5, 6, 3])
    AL, caches = ref.forward_propagation(
        rng.normal(size=(7, 4)), parameters, ACTIVATIONS, samples="rows"
    )
    grads = ref.backward_propagation(AL, np.zeros(7, int), caches, "cross_entropy", samples="rows")
    assert AL.shape == (7, 3)
    for l, (n_prev, n) in enumerate([(4, 5), (5, 6), (6, 3)], start=1):
        cache = caches[l - 1]
        assert parameters[f"W{l}"].shape == cache.W.shape == grads[f"dW{l}"].shape == (n, n_prev)
        assert parameters[f"b{l}"].shape == cache.b.shape == grads[f"db{l}"].shape == (n, 1)
        assert cache.Z.shape == cache.A.shape == grads[f"dZ{l}"].shape == (n, 7)
        assert cache.A_prev.shape == grads[f"dA{l - 1}"].shape == (n_prev, 7)


@pytest.mark.parametrize("samples", ["columns", "rows"])
def test_class_indices_equal_one_hot_labels(rng, samples):
    parameters = ref.initialize_parameters([4, 5, 6, 3], seed=1)
    X = rng.normal(size=(4, 7)) if samples == "columns" else rng.normal(size=(7, 4))
    indices = np.array([0, 2, 1, 1, 0, 2, 2])
    one_hot = np.eye(3)[indices] if samples == "rows" else np.eye(3)[:, indices]
    _, cost, grads = forward_and_back(X, one_hot, parameters, ACTIVATIONS, "cross_entropy", samples)
    for Y in (indices, indices.astype(np.uint8), indices.astype(np.float32), indices.tolist()):
        _, cost_indices, grads_indices = forward_and_back(
            X, Y, parameters, ACTIVATIONS, "cross_entropy", samples
        )
        assert cost_indices == cost
        assert_same(grads_indices, grads)


@pytest.mark.parametrize(
    ("loss", "output"), [("binary_cross_entropy", "sigmoid"), ("squared_error", "identity")]
)
def test_targets_of_a_single_output_may_be_flat(rng, loss, output):
    parameters = ref.initialize_parameters([4, 1], seed=1)
    X, Y = rng.normal(size=(4, 7)), rng.integers(0, 2, size=7)
    _, cost, grads = forward_and_back(X, Y.reshape(1, 7), parameters, [output], loss)
    _, cost_flat, grads_flat = forward_and_back(X, Y, parameters, [output], loss)
    assert cost_flat == cost
    assert_same(grads_flat, grads)


def test_multilabel_cost_is_the_sum_over_outputs(rng):
    parameters = ref.initialize_parameters([4, 3], seed=1)
    X, Y = rng.normal(size=(4, 7)), rng.integers(0, 2, size=(3, 7))
    _, cost, _ = forward_and_back(X, Y, parameters, ["sigmoid"], "binary_cross_entropy")
    single = 0.0
    for k in range(3):
        one = {"W1": parameters["W1"][[k]], "b1": parameters["b1"][[k]]}
        single += forward_and_back(X, Y[k], one, ["sigmoid"], "binary_cross_entropy")[1]
    assert cost == pytest.approx(single, rel=1e-14)


@pytest.mark.parametrize("loss", ref.LOSSES)
def test_integer_sample_weights_equal_repeated_samples(rng, loss):
    parameters = ref.initialize_parameters([4, 5, 3], seed=1)
    X, Y = rng.normal(size=(4, 5)), np.eye(3)[:, [0, 1, 2, 0, 1]]
    w = np.array([2, 0, 1, 3, 1])
    _, cost, grads = forward_and_back(
        X, Y, parameters, ["tanh", "softmax"], loss, sample_weight=w, l2=0.1
    )
    repeat = np.repeat(np.arange(5), w)
    _, cost_repeated, repeated = forward_and_back(
        X[:, repeat], Y[:, repeat], parameters, ["tanh", "softmax"], loss, l2=0.1
    )
    assert cost == pytest.approx(cost_repeated, rel=1e-14)
    for name in ("dW1", "db1", "dW2", "db2"):
        np.testing.assert_allclose(
            grads[name], repeated[name], rtol=1e-12, atol=1e-15, err_msg=name
        )


def test_float32_parameters_stay_float32(rng):
    parameters = ref.initialize_parameters([4, 5, 6, 3], seed=1, dtype=np.float32)
    X, Y = rng.normal(size=(4, 7)), np.zeros(7, int)
    for loss in ref.LOSSES:
        of_classes = ref.LOSSES[loss].targets in ("classes", "one class")
        targets = Y if of_classes else np.zeros((3, 7))
        options = {"sample_weight": np.ones(7), "l2": np.float64(0.1), "l1": np.float64(0.1)}
        AL, caches = ref.forward_propagation(X, parameters, ACTIVATIONS)
        grads = ref.backward_propagation(AL, targets, caches, loss, **options)
        assert AL.dtype == np.float32
        assert {a.dtype for cache in caches for a in cache[:5]} == {np.dtype(np.float32)}
        assert {a.dtype for a in grads.values()} == {np.dtype(np.float32)}
    for optimizer, options in [
        ("sgd", {"momentum": np.float64(0.9), "nesterov": True}),
        ("rmsprop", {"rho": np.float64(0.9)}),
        ("adam", {"beta1": np.float64(0.9)}),
        ("adamw", {"weight_decay": np.float64(0.1)}),
        ("nadam", {"weight_decay": np.float64(0.1)}),
        ("radam", {"beta2": np.float64(0.1)}),
        ("adagrad", {"epsilon": np.float64(1e-3)}),
        ("lion", {"weight_decay": np.float64(0.1)}),
        ("rprop", {"eta_plus": np.float64(1.5)}),
    ]:
        updated, state = ref.update_parameters(
            parameters, grads, np.float64(0.1), optimizer, **options
        )
        updated, state = ref.update_parameters(updated, grads, 0.1, optimizer, state, **options)
        assert {a.dtype for a in updated.values()} == {np.dtype(np.float32)}


def test_other_numbers_are_computed_in_float64():
    parameters = {"W1": np.array([[1, 2]]), "b1": np.array([[1]])}
    AL, _ = ref.forward_propagation(
        np.array([[1], [1]], dtype=np.float32), parameters, ["identity"]
    )
    assert AL.dtype == np.float64
    assert AL.item() == 4.0
    mixed = {"W1": np.float32([[1]]), "b1": np.float64([[1e-12]])}
    AL, _ = ref.forward_propagation([[1.0]], mixed, ["identity"])
    assert AL.dtype == np.float64
    assert AL.item() == 1.0 + 1e-12


def test_nothing_given_is_changed(rng):
    parameters = ref.initialize_parameters([4, 5, 3], seed=1)
    X, Y = rng.normal(size=(4, 7)), np.eye(3)[:, [0, 1, 2, 0, 1, 2, 0]]
    given = [X, Y, *parameters.values()]
    copies = [a.copy() for a in given]
    for a in given:
        a.flags.writeable = False
    _, _, grads = forward_and_back(
        X, Y, parameters, ["tanh", "softmax"], "cross_entropy", l2=0.1, l1=0.1
    )
    ref.numerical_gradients(X, Y, parameters, ["tanh", "softmax"], "cross_entropy")
    for optimizer in ref.OPTIMIZERS:
        ref.update_parameters(parameters, grads, 0.1, optimizer)
        ref.optimize(
            X, Y, parameters, ["tanh", "softmax"], "cross_entropy", epochs=2, optimizer=optimizer
        )
    for a, copy in zip(given, copies, strict=True):
        np.testing.assert_array_equal(a, copy)
