"""Several threads at one network: any number may predict, one may train, the others are told."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as cr

ROWS, N_INPUTS = 40_000, 16  # one step takes some tenths of a second


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(3)
    return rng.normal(size=(ROWS, N_INPUTS)).astype(np.float32), rng.integers(0, 3, ROWS)


def build() -> cr.Network:
    layers = [cr.Dense(256, "relu"), cr.Dense(256, "relu"), cr.Dense(3, "softmax")]
    return cr.Network(layers, N_INPUTS)


def at_work(net: cr.Network) -> bool:
    try:
        net.parameters["1.bias"]
    except RuntimeError:
        return True
    return False


USES = {
    "Trainer.step": lambda trainer, X, Y: trainer.step(X[:5], Y[:5]),
    "Trainer.fit": lambda trainer, X, Y: trainer.fit(X[:5], Y[:5]),
    "Trainer.evaluate": lambda trainer, X, Y: trainer.evaluate(X[:5], Y[:5]),
    "Network.predict": lambda trainer, X, Y: trainer.net.predict(X[:5]),
    "Network.cost": lambda trainer, X, Y: trainer.net.cost(X[:5], Y[:5], "cross_entropy"),
    "Network.backward": lambda trainer, X, Y: trainer.net.backward(X[:5], Y[:5], "cross_entropy"),
    "Network.trace": lambda trainer, X, Y: trainer.net.trace(X[:5], Y[:5], "cross_entropy"),
    "Network.parameters": lambda trainer, X, Y: trainer.net.parameters.__setitem__(
        "1.bias", np.zeros(256)
    ),
    "Network.gradients": lambda trainer, X, Y: trainer.net.gradients["1.bias"],
}


def test_whoever_comes_while_another_thread_trains_is_told_and_changes_nothing(samples):
    X, Y = samples
    alone = cr.Trainer(build(), "cross_entropy", "sgd")
    alone.step(X, Y)

    net = build()
    first, second = (cr.Trainer(net, "cross_entropy", "sgd") for _ in range(2))
    worker = threading.Thread(target=first.step, args=(X, Y))
    worker.start()
    while worker.is_alive() and not at_work(net):
        pass
    told = {}
    for name, use in USES.items():
        try:
            use(second, X, Y)
        except RuntimeError as error:
            told[name] = str(error)
    still_at_work = at_work(net)
    worker.join()

    assert still_at_work, "the step was over too soon to tell"
    assert told == {name: f"[{name}] the network is at work in another thread" for name in USES}
    assert (first.steps, second.steps, second.epoch, len(second.history)) == (1, 0, 0, 0)
    for name, value in alone.net.parameters.items():
        np.testing.assert_array_equal(net.parameters[name], value)
    second.step(X[:5], Y[:5])  # and now it may


def test_a_fit_keeps_other_trainers_out_between_its_steps_too(samples):
    X, Y = samples[0][:50], samples[1][:50]
    net = cr.Network([cr.Dense(3, "softmax")], N_INPUTS)
    first, second = (cr.Trainer(net, "cross_entropy") for _ in range(2))
    between_epochs, go_on = threading.Event(), threading.Event()

    class Pause(cr.Callback):
        def on_epoch_end(self, trainer, epoch, logs):
            trainer.step(X[:5], Y[:5])  # in the same thread it may
            between_epochs.set()
            assert go_on.wait(60)

    worker = threading.Thread(target=first.fit, args=(X, Y), kwargs={"callbacks": [Pause()]})
    worker.start()
    assert between_epochs.wait(60)
    before = net.parameters["1.weight"].tobytes()
    told = {}
    for name, use in {
        "Trainer.step": lambda: second.step(X, Y),
        "Trainer.fit": lambda: second.fit(X, Y),
        "Trainer.apply_gradients": second.apply_gradients,
    }.items():
        try:
            use()
        except RuntimeError as error:
            told[name] = str(error)
    net.predict(X)
    after = net.parameters["1.weight"].tobytes()
    go_on.set()
    worker.join()
    assert len(told) == 3
    assert all(
        text == f"[{name}] the network is at work in another thread" for name, text in told.items()
    )
    assert after == before
    assert (first.epoch, second.steps, second.stop_reason) == (1, 0, None)
    second.step(X, Y)


def test_eight_threads_predict_the_same_bits(samples):
    X = samples[0][:8000]
    net = build()
    expected = net.predict(X).tobytes()
    with ThreadPoolExecutor(8) as pool:
        predictions = [pool.submit(net.predict, X) for _ in range(24)]
        assert all(p.result().tobytes() == expected for p in predictions)


def test_networks_in_different_threads_do_not_meet(samples):
    X, Y = samples[0][:500], samples[1][:500]

    def train(seed: int) -> bytes:
        net = cr.Network([cr.Dense(64, "relu"), cr.Dense(3, "softmax")], N_INPUTS, seed=seed)
        cr.Trainer(net, "cross_entropy", seed=seed).fit(X, Y, epochs=5, batch_size=50)
        return b"".join(value.tobytes() for value in net.parameters.values())

    alone = [train(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(train, range(8))) == alone
