"""Activations and losses of one's own train like built-in ones, the same on any threads."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import reference

from .custom import (
    assert_close,
    data,
    layers,
    log_cosh,
    log_cosh_derivative,
    squareplus,
    squareplus_derivative,
)

pytestmark = pytest.mark.usefixtures("own_functions")


def two(dtype="float64"):
    """The same network with its own tanh and with the built-in one."""
    return [cr.Network(layers(g), 4, dtype, seed=3) for g in ("my_tanh", "tanh")]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rows", [2, 33, 1500])
def test_a_copy_of_tanh_gives_what_tanh_gives(rows, dtype):
    X, Y, w = data(rows, dtype=dtype)
    mine, theirs = two(dtype)
    assert_close(mine.predict(X), theirs.predict(X), dtype)
    for training in (False, True):
        costs = [
            net.cost(X, Y, "squared_error", w, 0.1, training=training) for net in (mine, theirs)
        ]
        assert_close(*costs, dtype)
    costs = [net.backward(X, Y, "squared_error", w, 0.1, 0.01) for net in (mine, theirs)]
    assert_close(*costs, dtype)
    for name in theirs.gradients:
        assert_close(mine.gradients[name], theirs.gradients[name], dtype)


@pytest.mark.parametrize("rows", [5, 1500])
def test_a_trace_shows_what_that_of_tanh_shows(rows):
    X, Y, w = data(rows)
    mine, theirs = (net.trace(X, Y, "squared_error", w) for net in two())
    for l in range(1, len(layers("tanh")) + 1):
        for letter in ("Z", "A", "dZ", "dW", "db"):
            a, b = getattr(mine, letter)[l], getattr(theirs, letter)[l]
            assert (a is None) == (b is None)
            if b is not None:
                assert_close(a, b)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_copy_of_squared_error_gives_what_that_gives(dtype):
    X, Y, w = data(1500, dtype=dtype)
    mine, theirs = cr.Network(layers("relu"), 4, dtype), cr.Network(layers("relu"), 4, dtype)
    a = mine.backward(X, Y, "my_squares", w, l2=0.1)
    b = theirs.backward(X, Y, "squared_error", w, l2=0.1)
    assert_close(a, b, dtype)
    assert mine.cost(X, Y, "my_squares") == pytest.approx(theirs.cost(X, Y, "squared_error"))
    for name in theirs.gradients:
        assert_close(mine.gradients[name], theirs.gradients[name], dtype)


@pytest.mark.parametrize("groups", [None, (2, 3)])
@pytest.mark.parametrize("kind", ["indices", "labels"])
def test_classes_come_as_labels(kind, groups):
    rng = np.random.default_rng(0)
    sizes = groups or (5,)
    X = rng.normal(size=(40, 4))
    classes = np.stack([rng.integers(0, n, 40) for n in sizes], axis=1)
    Y = np.concatenate([np.eye(n)[c] for n, c in zip(sizes, classes.T, strict=True)], axis=1)
    if kind == "indices":
        Y = classes if groups else classes[:, 0]
    net = cr.Network([cr.Dense(5, cr.Activation("softmax", groups=groups))], 4, "float64")
    a = net.backward(X, Y, "my_entropy")
    mine = net.gradients["1.weight"]
    assert_close(a, net.backward(X, Y, "cross_entropy"))
    assert_close(mine, net.gradients["1.weight"])
    with pytest.raises(ValueError, match="Y: expected class indices"):
        net.cost(X, Y[:-1], "my_entropy")


def test_training_follows_that_of_built_in_functions():
    X, Y, w = data(100)
    mine, theirs = two()
    options = {"batch_size": 32, "epochs": 20, "sample_weight": w}
    trainers = [
        cr.Trainer(net, loss, cr.Adam(1e-2), l2=1e-3, clip_norm=1.0)
        for net, loss in ((mine, "my_squares"), (theirs, "squared_error"))
    ]
    histories = [t.fit(X, Y, **options, validation_data=(X, Y)) for t in trainers]
    for key in ("loss", "val_loss"):
        np.testing.assert_allclose(histories[0][key], histories[1][key], rtol=1e-9)
    assert histories[0]["loss"][-1] < 0.95 * histories[0]["loss"][0]


@pytest.mark.parametrize("frozen", [["2"], ["2", "3", "5", "7"], ["2", "3", "5", "7", "9"]])
def test_frozen_layers_stay_and_others_learn(frozen):
    X, Y, _ = data(64)
    mine, theirs = two()
    before = dict(theirs.parameters)
    for net in (mine, theirs):
        cr.Trainer(net, "squared_error", cr.SGD(0.1), frozen=frozen).fit(X, Y, epochs=3)
    for name in theirs.parameters:
        assert_close(mine.parameters[name], theirs.parameters[name])
    assert np.array_equal(mine.parameters["2.weight"], before["2.weight"])


def test_accuracy_has_the_threshold_of_the_loss():
    def margin(A, Y):
        return np.maximum(0, 1 - (2 * Y - 1) * A).sum(axis=1)

    def derivative(A, Y):
        return np.where((2 * Y - 1) * A < 1, 1 - 2 * Y, 0)

    functions = {"targets": "labels", "domain": (-3, 3)}
    cr.register_loss("margin", margin, derivative, threshold=0, **functions)
    cr.register_loss("usual", margin, derivative, **functions)
    X, _, _ = data(200)
    net = cr.Network([cr.Dense(1)], 4, "float64")
    Y = (net.predict(X) > 0).ravel()  # between 0 and 0.5 are some
    scores = {
        loss: cr.Trainer(net, loss, metrics=["accuracy"]).evaluate(X, Y)["accuracy"]
        for loss in ("margin", "usual", "hinge")
    }
    assert scores["margin"] == scores["hinge"] == 1
    assert scores["usual"] < 0.95
    with pytest.raises(ValueError, match=r"\[register_loss\] threshold: expected a finite number"):
        cr.register_loss("mine", margin, derivative, threshold=np.nan, **functions)


def test_the_reference_knows_them_and_agrees():
    X, Y, w = data(50)
    net = cr.Network([cr.Dense(8, "squareplus"), cr.Dense(3, "my_tanh")], 4, "float64")
    parameters = {
        f"{letter}{l}": np.array(getattr(net, letter)[l]) for l in (1, 2) for letter in ("W", "b")
    }
    g = ["squareplus", "my_tanh"]
    AL, caches = reference.forward_propagation(X, parameters, g, samples="rows")
    assert_close(net.predict(X), AL)
    cost = reference.compute_cost(AL, Y, caches, "log_cosh", sample_weight=w, samples="rows")
    assert_close(net.backward(X, Y, "log_cosh", w), cost)
    found = reference.backward_propagation(
        AL, Y, caches, "log_cosh", sample_weight=w, samples="rows"
    )
    for l in (1, 2):
        assert_close(net.gradients[f"{l}.weight"], found[f"dW{l}"].T)
        assert_close(net.gradients[f"{l}.bias"], found[f"db{l}"].ravel())


def test_gradients_are_right():
    X, Y, w = data(20)
    net = cr.Network(layers("squareplus"), 4)
    assert cr.check_gradients(net, X, Y, "log_cosh", w, l2=0.1).relative_difference < 1e-7


# ---- The same bits ------------------------------------------------------------------------------


def wide():
    """Large enough for several threads."""
    layers = [cr.Dense(128, "squareplus"), cr.Residual([cr.Dense(128, "my_tanh"), cr.BatchNorm()])]
    return cr.Network([*layers, cr.Dense(3)], 40, seed=1)


def test_any_number_of_threads_gives_the_same_bits():
    X, Y, w = data(1100, 40, dtype="float32")
    found = []
    for n in (1, 2, 7):
        cr.set_num_threads(n)
        net = wide()
        results = [net.predict(X), net.backward(X, Y, "log_cosh", w)]
        results += [net.gradients[name] for name in net.gradients]
        results += [net.cost(X, Y, "log_cosh", w)]
        cr.Trainer(net, "log_cosh").fit(X, Y, epochs=2, batch_size=300)
        plain = cr.Network([cr.Dense(128, "relu"), cr.Dense(3)], 40)
        cr.Trainer(plain, "log_cosh").fit(X, Y, epochs=9, batch_size=300)
        found.append([*results, *net.parameters.values(), *plain.parameters.values()])
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_any_number_of_threads_calls_with_the_same_arrays():
    seen = []

    def value(z):
        assert not z.flags.writeable
        seen.append(z)
        return squareplus(z)

    cr.register_activation("seen", value, squareplus_derivative)
    X, Y, _ = data(1100, 40, dtype="float32")
    net = cr.Network([cr.Dense(300, "seen"), cr.Dense(3)], 40)
    runs = []
    for n in (1, 7):
        cr.set_num_threads(n)
        seen.clear()
        net.predict(X)
        net.backward(X, Y, "squared_error")
        runs.append(list(seen))
    assert len(runs[0]) > 20
    assert all(np.array_equal(a, b) for a, b in zip(*runs, strict=True))
    assert all(z.size % 16 == 0 for z in runs[0])


def test_a_loss_is_called_for_whole_batches_on_any_number_of_threads():
    sizes = []

    def value(A, Y):
        sizes.append(len(A))
        return log_cosh(A, Y)

    cr.register_loss("counted", value, log_cosh_derivative)
    X, Y, _ = data(1100, 40, dtype="float32")
    net = cr.Network([cr.Dense(128, "relu"), cr.Dense(3)], 40)
    for n in (1, 2):
        cr.set_num_threads(n)
        sizes.clear()
        cr.Trainer(net, "counted").fit(X, Y, epochs=9, batch_size=550)
        assert set(sizes) == {550}


def test_predictions_do_not_depend_on_the_cut_of_the_rows():
    X, _, _ = data(1100, 40, dtype="float32")
    net = wide()
    whole = net.predict(X)
    for cut in (1, 7, 300, 1025):
        parts = [net.predict(X[i : i + cut]) for i in range(0, len(X), cut)]
        assert np.array_equal(whole, np.concatenate(parts))
