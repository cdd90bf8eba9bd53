"""Exponential moving averages of the weights: `Trainer(ema=..)`."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import reference
from chainrule._optimizer import read_state, write_state

from .helpers import bits, build

ROWS, BATCH = 120, 20
_rng = np.random.default_rng(8)
X, Y = _rng.normal(size=(ROWS, 70)), _rng.integers(0, 4, ROWS)


def new_trainer(ema=0.9, dtype="float64", optimizer="adam", **options):
    layers = [(130, "tanh", 0), (33, "relu", 0), (4, "softmax", 0)]
    return cr.Trainer(build(70, layers, dtype), "cross_entropy", optimizer, ema=ema, **options)


@pytest.mark.parametrize("ema", [0.3, 0.9, 0.999])
def test_averages_follow_the_reference_after_every_step(ema, isa):
    trainer = new_trainer(ema)
    expected = {name: np.zeros_like(w) for name, w in trainer.net.parameters.items()}
    for t in range(1, 21):
        trainer.step(X, Y)
        expected = reference.average_parameters(expected, dict(trainer.net.parameters), ema, t)
        for name, value in trainer.averaged_network().parameters.items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-12, atol=1e-14)


def test_an_optimizer_without_averages_has_none_to_read_or_set():
    trainer = new_trainer(ema=None)
    state, core = trainer._state, trainer.net._core
    for use in (
        lambda: state.average(core, 0),
        lambda: state.average_rows(core, 0, 0, 1),
        lambda: state.set_average(core, 0, trainer.net.parameters["1.weight"]),
    ):
        with pytest.raises(IndexError, match=r"^\[Trainer\] average: this optimizer keeps none$"):
            use()


@pytest.mark.parametrize("ema", [0.5, 0.999])
def test_averages_are_weighted_means_of_all_steps(ema):
    trainer, seen = new_trainer(ema), []
    for _ in range(15):
        trainer.step(X, Y)
        seen.append(trainer.net.parameters["2.weight"])
    weights = ema ** np.arange(14, -1, -1.0)
    mean = np.average(seen, axis=0, weights=weights)
    averaged = trainer.averaged_network().parameters["2.weight"]
    np.testing.assert_allclose(averaged, mean, rtol=1e-12, atol=1e-14)


def test_averages_are_those_of_torch_with_the_same_shares():
    torch = pytest.importorskip("torch")
    from torch.optim.swa_utils import AveragedModel

    ema, trainer, model = 0.95, new_trainer(0.95), torch.nn.Linear(33, 4).double()

    def shares(average, now, n):
        return average + (1 - ema) / (1 - ema ** (int(n) + 1)) * (now - average)

    theirs = AveragedModel(model, avg_fn=shares)
    for _ in range(100):
        trainer.step(X, Y)
        with torch.no_grad():
            model.weight.copy_(torch.tensor(trainer.net.W[3]))
            model.bias.copy_(torch.tensor(trainer.net.b[3][:, 0]))
        theirs.update_parameters(model)
    ours = trainer.averaged_network()
    expected = theirs.module
    np.testing.assert_allclose(ours.W[3], expected.weight.detach().numpy(), rtol=1e-9)
    np.testing.assert_allclose(ours.b[3][:, 0], expected.bias.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.1}], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_averages_change_no_bit_of_the_training(dtype, clip):
    with_averages, without = new_trainer(0.99, dtype, **clip), new_trainer(None, dtype, **clip)
    for trainer in (with_averages, without):
        trainer.fit(X, Y, 3, BATCH)
    assert bits(with_averages.net) == bits(without.net)
    assert bits(with_averages.averaged_network()) != bits(without.net)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_network_has_its_averages_for_a_while(dtype):
    trainer = new_trainer(dtype=dtype)
    trainer.fit(X, Y, 2, BATCH)
    net, before = trainer.net, bits(trainer.net)
    averaged = trainer.averaged_network()
    with trainer.averaged() as shown:
        assert shown is net
        assert bits(net) == bits(averaged) != before
        with trainer.averaged():
            assert bits(trainer.averaged_network()) == bits(averaged)
        np.testing.assert_array_equal(net.predict(X), averaged.predict(X))
        # The transposed weights, which backward multiplies by, are the averages', too.
        assert net.backward(X, Y, "cross_entropy") == averaged.backward(X, Y, "cross_entropy")
        for name, gradient in averaged.gradients.items():
            np.testing.assert_array_equal(net.gradients[name], gradient)
    assert bits(net) == before
    assert bits(trainer.averaged_network()) == bits(averaged)
    with pytest.raises(ZeroDivisionError), trainer.averaged():
        raise ZeroDivisionError
    assert bits(net) == before


def test_nothing_trains_while_the_network_has_its_averages():
    trainer = new_trainer()
    trainer.step(X, Y)
    with trainer.averaged():
        for call in (
            lambda: trainer.step(X, Y),
            lambda: trainer.fit(X, Y),
            trainer.apply_gradients,
        ):
            with pytest.raises(RuntimeError, match=r"the network shows its averages: leave"):
                call()
    trainer.step(X, Y)


def test_before_the_first_step_and_without_ema_they_are_the_weights():
    for ema in (0.9, None):
        trainer = new_trainer(ema)
        with trainer.averaged() as net:
            assert bits(net) == bits(trainer.averaged_network()) == bits(build_like(trainer))
    trainer.step(X, Y)
    assert bits(trainer.averaged_network()) == bits(trainer.net)


def build_like(trainer):
    return new_trainer(None).net


def test_the_first_average_is_the_first_weights():
    trainer = new_trainer()
    trainer.step(X, Y)
    assert bits(trainer.averaged_network()) == bits(trainer.net)
    trainer.step(X, Y)
    assert bits(trainer.averaged_network()) != bits(trainer.net)


def test_what_is_frozen_is_its_own_average():
    trainer = new_trainer(frozen=["1", "2.bias"])
    trainer.fit(X, Y, 2, BATCH)
    averaged = trainer.averaged_network()
    for name, value in trainer.net.parameters.items():
        same = value.tobytes() == averaged.parameters[name].tobytes()
        assert same == (name in ("1.weight", "1.bias", "2.bias"))


def test_validation_is_done_with_the_averages():
    trainer = new_trainer(metrics=["accuracy"])
    history = trainer.fit(X, Y, 2, BATCH, validation_data=(X[:50], Y[:50]))
    averaged = trainer.averaged_network()
    assert history["val_loss"][-1] == averaged.cost(X[:50], Y[:50], "cross_entropy")
    assert history["val_loss"][-1] != trainer.evaluate(X[:50], Y[:50])["loss"]
    with trainer.averaged():
        values = trainer.evaluate(X[:50], Y[:50])
    assert values == {key: history[f"val_{key}"][-1] for key in ("loss", "accuracy")}


def test_early_stopping_brings_back_the_best_averages():
    trainer = new_trainer(optimizer=cr.Adam(0.05))
    seen = []

    class Record(cr.Callback):
        def on_epoch_end(self, trainer, epoch, logs):
            seen.append((bits(trainer.net), bits(trainer.averaged_network())))

    stopping = cr.EarlyStopping(2)
    X_val, Y_val = X[:50] + 1, Y[:50][::-1]
    trainer.fit(X, Y, 30, BATCH, (X_val, Y_val), callbacks=[Record(), stopping])
    best, averaged = seen[stopping.best_epoch]
    assert len(seen) > stopping.best_epoch + 1
    assert bits(trainer.net) == best
    assert bits(trainer.averaged_network()) == averaged


def test_a_state_that_was_read_and_written_goes_on_with_the_same_bits():
    whole, first = new_trainer(), new_trainer()
    whole.fit(X, Y, 4, BATCH)
    first.fit(X, Y, 2, BATCH)
    second = new_trainer()
    for name, value in first.net.parameters.items():
        second.net.parameters[name] = value
    write_state(second, read_state(first))
    second.fit(X, Y, 2, BATCH)
    assert bits(second.net) == bits(whole.net)
    assert bits(second.averaged_network()) == bits(whole.averaged_network())


def test_weights_that_are_not_finite_come_back_as_they_are():
    net = cr.Network([cr.Dense(1)], 1, "float32")
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1e30), ema=0.5)
    with pytest.warns(RuntimeWarning, match="infinite or NaN"):
        trainer.fit([[1e10]], [0.0], validation_data=([[1.0]], [0.0]))
    before = bits(net)
    with trainer.averaged():
        pass
    assert bits(net) == before
    assert not net.is_finite()
