"""The reference learns: real tables, least squares, scikit-learn's steps, first weights."""

import numpy as np
import pytest

from chainrule import reference as ref

from .helpers import assert_equal_parameters

CLASSIFY = (["relu", "softmax"], "cross_entropy")


def split(load):
    """One of scikit-learn's tables, standardized: X, Y for training (3/4), X, Y for testing."""
    X, Y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    cut = 3 * len(X) // 4
    train, test = order[:cut], order[cut:]
    X = (X - X[train].mean(axis=0)) / (X[train].std(axis=0) + 1e-9)
    return X[train], Y[train], X[test], Y[test]


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
