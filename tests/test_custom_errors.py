"""What functions of one's own raise comes out, and all stays as it was; threads do not block."""

import threading
import time

import numpy as np
import pytest

import chainrule as cr

from .custom import (
    Failing,
    assert_close,
    data,
    layers,
    log_cosh,
    log_cosh_derivative,
    squareplus,
    squareplus_derivative,
    tanh_derivative,
)

pytestmark = pytest.mark.usefixtures("own_functions")


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
    deadline = time.monotonic() + 60
    while len(predicted) < 10:
        assert time.monotonic() < deadline
        assert all(thread.is_alive() for thread in others)
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


@pytest.mark.timeout(60)
def test_a_function_must_not_use_the_network_that_calls_it():
    """Nor wait for itself where it trains."""
    X, Y, _ = data(20)
    uses = {}

    def value(z):
        uses.pop("now", lambda: None)()
        return np.tanh(z)

    cr.register_activation("selfish", value, tanh_derivative)
    net = cr.Network([cr.Dense(3, "selfish")], 4)
    trainer, other = cr.Trainer(net, "log_cosh"), cr.Trainer(net, "log_cosh")
    text = (
        r"\[.*\] the network is at work in another thread, or calls the function that uses it here"
    )
    for call in (lambda: trainer.step(X, Y), lambda: net.backward(X, Y, "log_cosh")):
        for use in (lambda: net.predict(X), lambda: other.step(X, Y)):
            uses["now"] = use
            with pytest.raises(RuntimeError, match=text):
                call()
    uses["now"] = lambda: other.step(X, Y)
    with pytest.raises(RuntimeError, match=text):
        net.predict(X)
    trainer.step(X, Y)
