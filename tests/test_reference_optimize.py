"""The reference's `optimize`: mini-batches, seeds, orders, weights, schedules."""

import numpy as np
import pytest

from chainrule import reference as ref

from .helpers import assert_equal_parameters

CLASSIFY = (["relu", "softmax"], "cross_entropy")


@pytest.fixture
def small(rng):
    """X (4, 10), Y (10,) of three classes, parameters."""
    return (
        rng.normal(size=(4, 10)),
        rng.integers(0, 3, size=10),
        ref.initialize_parameters([4, 5, 3], seed=3),
    )


@pytest.mark.parametrize(
    ("m", "batch_size", "sizes"),
    [(10, None, [10]), (10, 4, [4, 4, 2]), (10, 1, [1] * 10), (9, 3, [3, 3, 3])],
)
def test_mini_batches_hold_every_sample_once(rng, m, batch_size, sizes):
    batches = ref.random_mini_batches(m, batch_size, rng)
    assert [len(batch) for batch in batches] == sizes
    assert sorted(np.concatenate(batches)) == list(range(m))
    in_order = ref.random_mini_batches(m, batch_size)
    np.testing.assert_array_equal(np.concatenate(in_order), np.arange(m))


def test_optimize_equals_its_four_lines_written_out(small):
    X, Y, parameters = small
    w = np.linspace(1, 2, 10)
    trained, costs = ref.optimize(
        X,
        Y,
        parameters,
        *CLASSIFY,
        epochs=3,
        batch_size=4,
        optimizer="adam",
        learning_rate=0.1,
        shuffle=False,
        sample_weight=w,
        l2=0.1,
        beta1=0.8,
    )
    state, expected_costs = None, []
    for _ in range(3):
        total = 0.0
        for batch in (slice(0, 4), slice(4, 8), slice(8, 10)):
            AL, caches = ref.forward_propagation(X[:, batch], parameters, CLASSIFY[0])
            options = {"sample_weight": w[batch], "l2": 0.1}
            total += w[batch].sum() * ref.compute_cost(AL, Y[batch], caches, CLASSIFY[1], **options)
            grads = ref.backward_propagation(AL, Y[batch], caches, CLASSIFY[1], **options)
            parameters, state = ref.update_parameters(
                parameters, grads, 0.1, "adam", state, beta1=0.8
            )
        expected_costs.append(total / w.sum())
    assert_equal_parameters(trained, parameters)
    np.testing.assert_allclose(costs, expected_costs, rtol=1e-14)


@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_the_cost_of_an_epoch_is_the_cost_of_all_samples(small, batch_size):
    X, Y, parameters = small
    w = np.arange(10.0)
    AL, caches = ref.forward_propagation(X, parameters, CLASSIFY[0])
    options = {"sample_weight": w, "l2": 0.1}
    expected = ref.compute_cost(AL, Y, caches, CLASSIFY[1], **options)
    _, costs = ref.optimize(
        X, Y, parameters, *CLASSIFY, epochs=2, batch_size=batch_size, learning_rate=0.0, **options
    )
    assert costs == pytest.approx([expected, expected], rel=1e-13)


def test_the_seed_decides(small):
    X, Y, P = small

    def train(seed, shuffle=True):
        return ref.model(
            X, Y, [4, 5, 3], *CLASSIFY, epochs=3, batch_size=4, seed=seed, shuffle=shuffle
        )[0]

    assert_equal_parameters(train(0), train(0))
    assert not np.array_equal(train(0)["W1"], train(1)["W1"])
    assert not np.array_equal(train(0)["W1"], train(0, shuffle=False)["W1"])
    # Of the first weights ..
    start = [ref.model(X, Y, [4, 5, 3], *CLASSIFY, epochs=0, seed=seed)[0]["W1"] for seed in (0, 1)]
    assert not np.array_equal(*start)
    # .. and of the order, in optimize and, handed on, in model.
    options = {"epochs": 1, "batch_size": 4}
    trained = [ref.optimize(X, Y, P, *CLASSIFY, seed=seed, **options)[0] for seed in (0, 1)]
    assert not np.array_equal(trained[0]["W1"], trained[1]["W1"])
    P1 = ref.initialize_parameters([4, 5, 3], seed=1)
    by_hand, _ = ref.optimize(X, Y, P1, *CLASSIFY, seed=1, **options)
    whole, _ = ref.model(X, Y, [4, 5, 3], *CLASSIFY, seed=1, **options)
    assert_equal_parameters(whole, by_hand)


def test_every_epoch_has_its_own_order(small):
    # Otherwise two epochs in one call would equal the first epoch done twice.
    X, Y, parameters = small
    options = {"batch_size": 1, "learning_rate": 0.1}
    two, _ = ref.optimize(X, Y, parameters, *CLASSIFY, epochs=2, **options)
    one, _ = ref.optimize(X, Y, parameters, *CLASSIFY, epochs=1, **options)
    twice, _ = ref.optimize(X, Y, one, *CLASSIFY, epochs=1, **options)
    assert not np.array_equal(two["W1"], twice["W1"])


def test_the_schedule_is_asked_for_the_progress_and_multiplies_the_learning_rate(small):
    X, Y, parameters = small
    asked = []

    def schedule(progress):
        asked.append(progress)
        return 0.5

    options = {"epochs": 2, "batch_size": 3}
    halved, _ = ref.optimize(
        X, Y, parameters, *CLASSIFY, learning_rate=0.2, schedule=schedule, **options
    )
    plain, _ = ref.optimize(X, Y, parameters, *CLASSIFY, learning_rate=0.1, **options)
    assert_equal_parameters(halved, plain)
    assert asked == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75])


def test_a_mini_batch_without_weight_is_passed_over(small):
    X, Y, parameters = small
    options = {"batch_size": 5, "shuffle": False, "epochs": 2, "optimizer": "adam"}
    half, costs_half = ref.optimize(X[:, :5], Y[:5], parameters, *CLASSIFY, **options)
    weights = np.repeat([1.0, 0.0], 5)
    whole, costs = ref.optimize(X, Y, parameters, *CLASSIFY, sample_weight=weights, **options)
    assert_equal_parameters(whole, half)
    assert costs == costs_half


def test_no_epochs_leave_the_parameters_as_they_are(small):
    X, Y, parameters = small
    trained, costs = ref.optimize(X, Y, parameters, *CLASSIFY, epochs=0)
    assert_equal_parameters(trained, parameters)
    assert costs == []


def test_units_that_start_equal_stay_equal(small):
    X, Y, _ = small
    parameters, _ = ref.model(
        X, Y, [4, 5, 3], ["sigmoid", "softmax"], "cross_entropy", initialization="zeros", epochs=20
    )
    W1 = parameters["W1"]
    assert np.abs(W1).max() > 0
    np.testing.assert_allclose(W1, np.repeat(W1[:1], 5, axis=0), rtol=1e-12)
