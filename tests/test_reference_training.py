"""The reference trains: real tables, mini-batches, seeds, weights, schedules."""

import numpy as np
import pytest

from chainrule import reference as ref

CLASSIFY = (["relu", "softmax"], "cross_entropy")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def small(rng):
    """X (4, 10), Y (10,) of three classes, parameters."""
    return (
        rng.normal(size=(4, 10)),
        rng.integers(0, 3, size=10),
        ref.initialize_parameters([4, 5, 3], seed=3),
    )


def split(load):
    """One of scikit-learn's tables, standardized: X, Y for training (3/4), X, Y for testing."""
    X, Y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    cut = 3 * len(X) // 4
    train, test = order[:cut], order[cut:]
    X = (X - X[train].mean(axis=0)) / (X[train].std(axis=0) + 1e-9)
    return X[train], Y[train], X[test], Y[test]


def assert_equal_parameters(parameters, others):
    assert parameters.keys() == others.keys()
    for name in parameters:
        np.testing.assert_array_equal(parameters[name], others[name], err_msg=name)


def test_model_learns_the_digits_in_both_orientations():
    datasets = pytest.importorskip("sklearn.datasets")
    X, Y, X_test, Y_test = split(datasets.load_digits)
    training = {"epochs": 15, "batch_size": 64, "optimizer": "adam", "learning_rate": 3e-3}
    parameters, costs = ref.model(X, Y, [64, 32, 10], *CLASSIFY, samples="rows", **training)
    classes = ref.predict_classes(X_test, parameters, CLASSIFY[0], samples="rows")
    assert np.mean(classes == Y_test) > 0.95
    assert costs[-1] < 0.1 * costs[0]
    columns, costs_columns = ref.model(X.T, Y, [64, 32, 10], *CLASSIFY, **training)
    assert_equal_parameters(columns, parameters)
    assert costs_columns == costs
    assert ref.predict(X_test, parameters, CLASSIFY[0], samples="rows").shape == (len(X_test), 10)
    np.testing.assert_array_equal(ref.predict_classes(X_test.T, parameters, CLASSIFY[0]), classes)


@pytest.mark.parametrize(
    ("optimizer", "learning_rate", "options"),
    [
        ("sgd", 0.5, {}),
        ("sgd", 0.1, {"momentum": 0.9, "nesterov": True}),
        ("rmsprop", 3e-3, {}),
        ("adamw", 1e-2, {"weight_decay": 0.1}),
    ],
    ids=str,
)
def test_every_optimizer_learns_breast_cancer(optimizer, learning_rate, options):
    datasets = pytest.importorskip("sklearn.datasets")
    X, Y, X_test, Y_test = split(datasets.load_breast_cancer)
    parameters, _ = ref.model(
        X,
        Y,
        [30, 16, 1],
        ["tanh", "sigmoid"],
        "binary_cross_entropy",
        samples="rows",
        epochs=100,
        optimizer=optimizer,
        learning_rate=learning_rate,
        l2=1e-3,
        **options,
    )
    classes = ref.predict_classes(X_test, parameters, ["tanh", "sigmoid"], samples="rows")
    assert np.mean(classes == Y_test) > 0.95


def test_linear_regression_reaches_least_squares(rng):
    X, true_W = rng.normal(size=(3, 50)), np.array([[1.0, -2.0, 0.5]])
    Y = true_W @ X + 4.0 + 0.1 * rng.normal(size=(1, 50))
    parameters, _ = ref.model(
        X, Y, [3, 1], ["identity"], "squared_error", epochs=500, learning_rate=0.3
    )
    solution, *_ = np.linalg.lstsq(np.vstack([X, np.ones(50)]).T, Y[0], rcond=None)
    np.testing.assert_allclose([*parameters["W1"][0], parameters["b1"].item()], solution, rtol=1e-9)


@pytest.mark.parametrize(
    ("sklearn_name", "reference_name"),
    [("relu", "relu"), ("logistic", "sigmoid"), ("tanh", "tanh")],
)
@pytest.mark.parametrize("classes", [2, 3])
def test_gradient_descent_equals_scikit_learn(rng, sklearn_name, reference_name, classes):
    neural_network = pytest.importorskip("sklearn.neural_network")
    X, Y = rng.normal(size=(20, 4)), rng.integers(0, classes, size=20)
    mlp = neural_network.MLPClassifier(
        [6, 5],
        activation=sklearn_name,
        solver="sgd",
        momentum=0.0,
        learning_rate_init=0.2,
        alpha=0.6,
        random_state=0,
    )
    mlp.partial_fit(X, Y, classes=range(classes))

    def weights():
        named = {}
        for layer, W in enumerate(mlp.coefs_, start=1):
            named |= {f"W{layer}": W.T, f"b{layer}": mlp.intercepts_[layer - 1][:, np.newaxis]}
        return named

    start = {name: w.copy() for name, w in weights().items()}
    for _ in range(10):
        mlp.partial_fit(X, Y)
    output, loss = (
        ("sigmoid", "binary_cross_entropy") if classes == 2 else ("softmax", "cross_entropy")
    )
    # scikit-learn's penalty is alpha / 2m sum w^2
    parameters, costs = ref.optimize(
        X,
        Y,
        start,
        [reference_name, reference_name, output],
        loss,
        epochs=10,
        learning_rate=0.2,
        l2=0.6 / 20,
        samples="rows",
    )
    for name, w in weights().items():
        np.testing.assert_allclose(parameters[name], w, rtol=1e-10, atol=1e-13, err_msg=name)
    assert costs[-1] == pytest.approx(mlp.loss_, rel=1e-10)


def test_units_that_start_equal_stay_equal(small):
    X, Y, _ = small
    parameters, _ = ref.model(
        X, Y, [4, 5, 3], ["sigmoid", "softmax"], "cross_entropy", initialization="zeros", epochs=20
    )
    W1 = parameters["W1"]
    assert np.abs(W1).max() > 0
    np.testing.assert_allclose(W1, np.repeat(W1[:1], 5, axis=0), rtol=1e-12)


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


VARIANCES = {  # n_prev = 300 inputs, n = 200 units
    "he_normal": 2 / 300,
    "he_uniform": 2 / 300,
    "glorot_normal": 2 / 500,
    "glorot_uniform": 2 / 500,
    "lecun_normal": 1 / 300,
    "normal": 1e-4,
    "zeros": 0.0,
}


@pytest.mark.parametrize("method", ref.INITIALIZERS)
def test_initial_weights_have_their_variance(method):
    parameters = ref.initialize_parameters([300, 200, 7], seed=0, method=method)
    W = parameters["W1"]
    assert W.shape == (200, 300)
    # The variance of 60000 normal numbers is known to sqrt(2 / 60000) = 0.6 %; here 5 of these.
    assert W.var() == pytest.approx(VARIANCES[method], rel=0.03)
    assert abs(W.mean()) <= 5 * np.sqrt(VARIANCES[method] / W.size)
    if "uniform" in method:
        assert np.abs(W).max() <= np.sqrt(3 * VARIANCES[method])
    assert not parameters["b1"].any()
    assert not parameters["b2"].any()


def test_single_output_classes_are_split_at_one_half():
    parameters = {"W1": [[1.0]], "b1": [[0.0]]}
    assert ref.predict_classes([[-1.0, 0.0, 1.0]], parameters, ["sigmoid"]).tolist() == [0, 0, 1]
    assert ref.predict_classes(
        [[-1.0], [0.0], [1.0]], parameters, ["sigmoid"], samples="rows"
    ).tolist() == [0, 0, 1]
