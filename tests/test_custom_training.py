"""Activations and losses of one's own at work: like built-in ones, on any threads, after errors."""

import copy
import pickle
import threading
import time
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule import reference

from .custom import (
    TABLES,
    Failing,
    log_cosh,
    log_cosh_derivative,
    register_all,
    squareplus,
    squareplus_derivative,
    tanh_derivative,
)


@pytest.fixture(autouse=True)
def registered():
    before = [dict(table) for table in TABLES]
    register_all()
    yield
    for table, old in zip(TABLES, before, strict=True):
        table.clear()
        table.update(old)


@pytest.fixture(autouse=True)
def threads_as_before():
    yield
    cr.set_num_threads(None)


def layers(g):
    """An activation everywhere it can stand."""
    inner = [cr.Dense(6, g), cr.Activation(g), cr.Dropout(0.3), cr.Dense(5)]
    return [
        cr.Activation(g),
        cr.Dense(5, g),
        cr.BatchNorm(),
        cr.Activation(g),
        cr.Residual(inner),
        cr.Activation(g),
        cr.Residual([cr.Activation(g), cr.LayerNorm()]),
        cr.Activation("sigmoid"),
        cr.Dense(7, "relu"),
        cr.Activation(g),
        cr.Dense(3, g),
    ]


def data(rows, n_inputs=4, n_outputs=3, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(rows, n_inputs)), rng.normal(size=(rows, n_outputs))
    return X.astype(dtype), Y.astype(dtype), rng.uniform(0, 2, rows)


def two(dtype="float64"):
    """The same network with its own tanh and with the built-in one."""
    return [cr.Network(layers(g), 4, dtype, seed=3) for g in ("my_tanh", "tanh")]


def assert_close(mine, theirs, dtype="float64"):
    bound = 1e-12 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(mine, theirs, rtol=bound, atol=bound)


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
        found.append([*results, *net.parameters.values()])
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


def test_predictions_do_not_depend_on_the_cut_of_the_rows():
    X, _, _ = data(1100, 40, dtype="float32")
    net = wide()
    whole = net.predict(X)
    for cut in (1, 7, 300, 1025):
        parts = [net.predict(X[i : i + cut]) for i in range(0, len(X), cut)]
        assert np.array_equal(whole, np.concatenate(parts))


# ---- Errors -------------------------------------------------------------------------------------


@pytest.fixture
def failing():
    """An activation and a loss that fail when they are told to."""
    functions = {
        "value": Failing(squareplus),
        "derivative": Failing(squareplus_derivative),
        "loss value": Failing(log_cosh),
        "loss derivative": Failing(log_cosh_derivative),
    }
    cr.register_activation("failing", functions["value"], functions["derivative"])
    cr.register_loss("failing", functions["loss value"], functions["loss derivative"])
    return functions


WHICH = ["value", "derivative", "loss value", "loss derivative"]


@pytest.mark.parametrize("threads", [1, 7])
@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyboardInterrupt()])
def test_an_error_in_the_midst_of_a_fit_leaves_the_last_complete_step(
    which, error, threads, failing
):
    cr.set_num_threads(threads)
    X, Y, _ = data(256, 40)

    def trainer():
        layers = [cr.Dense(200, "failing"), cr.BatchNorm(), cr.Dense(200, "relu"), cr.Dense(3)]
        return cr.Trainer(cr.Network(layers, 40, seed=2), "failing", cr.Adam(1e-3), seed=5)

    straight, broken = trainer(), trainer()
    straight.fit(X, Y, epochs=3, batch_size=50)
    failing[which].fail(error, after=13)
    with pytest.raises(type(error)) as caught:
        broken.fit(X, Y, epochs=3, batch_size=50)
    assert caught.value is error
    kind, word = ("loss", which.split()[1]) if " " in which else ("activation", which)
    assert f"in the {word} of the {kind} 'failing', called by chainrule" in error.__notes__[-1]
    assert 0 < broken.steps < straight.steps
    broken.fit(X, Y, resume=True)
    assert broken.steps == straight.steps
    for name, value in straight.net.parameters.items():
        assert np.array_equal(value, broken.net.parameters[name])
    assert broken.history["loss"] == straight.history["loss"]


@pytest.mark.parametrize("which", WHICH)
def test_an_error_in_a_step_changes_nothing(which, failing):
    X, Y, _ = data(50)
    net = cr.Network([cr.Dense(5, "failing"), cr.BatchNorm(), cr.Dense(3)], 4)
    trainer = cr.Trainer(net, "failing")
    before = [dict(net.parameters), trainer.steps]
    failing[which].fail(ValueError("mine"))
    with pytest.raises(ValueError, match="mine"):
        trainer.step(X, Y)
    assert trainer.steps == before[1]
    assert all(np.array_equal(w, before[0][name]) for name, w in net.parameters.items())
    trainer.step(X, Y)


@pytest.mark.parametrize("accumulate", [False, True])
def test_an_error_in_backward_leaves_the_gradients(accumulate, failing):
    X, Y, _ = data(2500)
    net = cr.Network([cr.Dense(5, "failing"), cr.Dense(3)], 4)
    net.backward(X[:7], Y[:7], "failing")
    before = dict(net.gradients)
    failing["derivative"].fail(ValueError("mine"), after=1)  # in the second chunk of rows
    with pytest.raises(ValueError, match="mine"):
        net.backward(X, Y, "failing", accumulate=accumulate)
    assert all(np.array_equal(g, before[name]) for name, g in net.gradients.items())


@pytest.mark.parametrize("threads", [1, 7])
def test_errors_in_prediction_cost_and_trace_come_out(threads, failing):
    cr.set_num_threads(threads)
    X, Y, _ = data(2500, 40)
    net = cr.Network([cr.Dense(200, "failing"), cr.Dense(200), cr.Dense(3)], 40)
    before = net.predict(X)
    for call in (
        lambda: net.predict(X),
        lambda: net.cost(X, Y, "failing"),
        lambda: net.trace(X, Y, "failing"),
    ):
        failing["value"].fail(ValueError("mine"), after=2)
        with pytest.raises(ValueError, match="mine"):
            call()
    assert np.array_equal(net.predict(X), before)


def test_a_result_of_another_shape_is_refused_when_it_comes():
    def value(z):
        return squareplus(z) if z.size < 1000 else squareplus(z)[1:]

    cr.register_activation("shrinking", value, squareplus_derivative)
    net = cr.Network([cr.Dense(100, "shrinking")], 4)
    net.predict(np.ones((1, 4)))
    with pytest.raises(ValueError, match=r"\[activation 'shrinking'\] value: .* shape \(1600,\)"):
        net.predict(np.ones((16, 4)))


@pytest.mark.parametrize("g", ["my_tanh", "tanh"])
def test_other_threads_that_predict_all_the_time_do_not_keep_training_waiting(g):
    """Prediction and training both want the network's lock, and the GIL for the functions."""
    X, Y, _ = data(300)
    net = cr.Network(layers(g), 4)
    trainer = cr.Trainer(net, "log_cosh" if g == "my_tanh" else "squared_error")
    is_over, predicted, refused = threading.Event(), [], []

    def predict():
        while not is_over.is_set():
            try:
                predicted.append(net.predict(X[:50]).shape)
            except RuntimeError as error:
                refused.append(str(error))
                time.sleep(1e-3)  # leaves the GIL to the others

    others = [threading.Thread(target=predict, daemon=True) for _ in range(2)]
    training = threading.Thread(target=lambda: trainer.fit(X, Y, epochs=5), daemon=True)
    for thread in others:
        thread.start()
    while len(predicted) < 10:
        time.sleep(1e-3)
    training.start()
    training.join(20)
    is_over.set()
    for thread in [*others, training]:
        thread.join(20)
        assert not thread.is_alive()
    assert trainer.epoch == 5
    assert all("at work in another thread" in text for text in refused)


def test_a_function_may_use_another_network():
    other = cr.Network([cr.Dense(1)], 1, "float64")
    other.W[1] = [[1.0]]

    def value(z):
        return np.tanh(other.predict(z.reshape(-1, 1)).reshape(z.shape))

    cr.register_activation("nested", value, tanh_derivative)
    cr.set_num_threads(2)
    X, Y, _ = data(500, 40)
    net = cr.Network([cr.Dense(200, "nested"), cr.Dense(3)], 40, "float64")
    twin = cr.Network([cr.Dense(200, "tanh"), cr.Dense(3)], 40, "float64")
    assert_close(net.backward(X, Y, "log_cosh"), twin.backward(X, Y, "log_cosh"))


# ---- Files and neighbours -----------------------------------------------------------------------


def test_copies_and_pickles_work():
    X, Y, _ = data(30)
    net = cr.Network(layers("squareplus"), 4)
    trainer = cr.Trainer(net, "log_cosh")
    trainer.fit(X, Y)
    for one in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(one.predict(X), net.predict(X))
    other = pickle.loads(pickle.dumps(trainer))
    assert other.step(X, Y) == trainer.step(X, Y)
    assert repr(other) == repr(trainer)


def test_files_hold_the_names(tmp_path):
    X, Y, _ = data(30)
    net = cr.Network(layers("squareplus"), 4)
    trainer = cr.Trainer(net, "log_cosh")
    trainer.fit(X, Y)
    net.save(tmp_path / "net")
    trainer.save(tmp_path / "run")
    assert np.array_equal(cr.Network.load(tmp_path / "net").predict(X), net.predict(X))
    loaded = cr.Trainer.load(tmp_path / "run")
    assert loaded.step(X, Y) == trainer.step(X, Y)

    cr.unregister_loss("log_cosh")
    with pytest.raises(cr.FileFormatError, match=r"\[Trainer.load\] .*run: the loss 'log_cosh' is"):
        cr.Trainer.load(tmp_path / "run")
    cr.unregister_activation("squareplus")
    for load, path in ((cr.Network.load, "net"), (cr.Trainer.load, "run")):
        if path == "run":
            cr.register_loss("log_cosh", log_cosh, log_cosh_derivative)
        text = (
            rf"{path}: the activation 'squareplus' is not registered here; do so first: chainrule"
        )
        with pytest.raises(cr.FileFormatError, match=text):
            load(tmp_path / path)


def test_estimators_take_them():
    X, Y, _ = data(200, n_outputs=1)
    y = Y.ravel()
    for solver in ("adam", "lbfgs"):
        options = {"hidden_layer_sizes": (20,), "solver": solver, "random_state": 0}
        options |= {"max_iter": 15, "tol": 0}
        mine = cr.MLPRegressor(activation="my_tanh", loss="my_squares", **options)
        theirs = cr.MLPRegressor(activation="tanh", **options)
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            assert_close(mine.fit(X, y).predict(X), theirs.fit(X, y).predict(X), "float32")
    model = cr.MLPClassifier((10,), "squareplus", random_state=0, solver="lbfgs")
    assert model.fit(X, X[:, 0] > 0).score(X, X[:, 0] > 0) > 0.9
    with pytest.raises(ValueError, match="loss: expected a loss for numbers, got 'my_entropy'"):
        cr.MLPRegressor(loss="my_entropy").fit(X, y)


def test_diagnose_and_class_weights_work():
    X, Y, _ = data(100)
    net = cr.Network(layers("squareplus"), 4)
    assert "squareplus" in str(cr.diagnose(net, X, Y, loss="log_cosh"))
    classifier = cr.Network([cr.Dense(3, "softmax")], 4)
    y = np.arange(100) % 3
    cr.Trainer(classifier, "my_entropy").fit(X, y, class_weight={0: 2.0})


def test_a_summary_tells_the_cost():
    net = cr.Network(layers("squareplus"), 4)
    summary = net.summary()
    assert list(summary.python.nanoseconds) == ["squareplus"]
    assert all(0 < ns < 1e5 for ns in summary.python.nanoseconds["squareplus"])
    assert 0 < summary.python.share < 1
    assert "in Python, on one thread: squareplus" in str(summary)
    assert cr.Network(layers("tanh"), 4).summary().python is None


def test_a_slower_function_costs_more():
    def slow(z):
        time.sleep(2e-3)
        return np.tanh(z)

    cr.register_activation("slow", slow, tanh_derivative)
    python = cr.Network([cr.Dense(50, "slow")], 4).summary().python
    value, derivative = python.nanoseconds["slow"]
    assert value > 2e-3 / 16384 * 1e9 > derivative
    assert python.share > 0.1


def test_what_takes_no_functions_says_so(tmp_path):
    X, _, _ = data(10)
    net = cr.Network([cr.Dense(3, "squareplus")], 4)
    with pytest.raises(ValueError, match=r"\[export_onnx\] model: expected .* got 'squareplus'"):
        cr.export_onnx(net, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()
    with pytest.raises(ValueError, match=r"\[ops.activation\] activation: .* got 'squareplus'"):
        cr.ops.activation(X, "squareplus")
    with pytest.raises(ValueError, match=r"\[ops.loss_and_gradient\] loss: .* got 'log_cosh'"):
        cr.ops.loss_and_gradient(X, X, "log_cosh")
    with pytest.raises(ValueError, match="squareplus"):
        net.to_torch()
