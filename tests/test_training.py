"""The training loop: batches, orders, weights, histories, what is warned of and refused."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

import chainrule as cr
from chainrule import _core

from . import on_digits
from .helpers import build
from .on_digits import new_trainer, weights_of

digits = pytest.fixture(on_digits.digits, scope="module", name="digits")


@pytest.mark.parametrize("batch_size", [None, 1, 32, 1399, 1400, "auto"])
def test_fit_is_the_same_as_its_steps_one_by_one(batch_size, digits):
    X, y, *_ = digits
    together, apart = new_trainer(), new_trainer()
    together.fit(X, y, epochs=2, batch_size=batch_size)
    size = {None: 1400, "auto": 32}.get(batch_size, batch_size)
    costs = []
    for epoch in range(2):
        order = _core.permutation(1400, 0, epoch)
        batches = [order[i : i + size] for i in range(0, 1400, size)]
        costs.append([apart.step(X[batch], y[batch]) for batch in batches])
    assert weights_of(together.net) == weights_of(apart.net)
    assert together.steps == apart.steps == 2 * len(batches)
    means = [np.average(c, weights=[len(b) for b in batches]) for c in costs]
    np.testing.assert_allclose(together.history["loss"], means, rtol=1e-12)


@pytest.mark.parametrize(
    ("n", "batch_size"), [(n, b) for n in (1, 2, 7, 100) for b in (1, 2, 3, 7, 50, 100) if b <= n]
)
def test_every_row_is_used_exactly_once_per_epoch(n, batch_size, rng):
    """With one-hot rows and plain SGD at rate 1, bias and weights count the rows that came by."""
    net = cr.Network([cr.Dense(1)], n, "float64")
    net.parameters["1.weight"] = np.zeros((n, 1))
    # Targets so far away that the error is their value to the last bit that matters.
    trainer = cr.Trainer(net, "squared_error", cr.SGD(1e-9))
    y = 1e6 * np.arange(1, n + 1)
    trainer.fit(np.eye(n), y, epochs=1, batch_size=batch_size)
    sizes = np.full(n, batch_size)
    if n % batch_size:
        last = _core.permutation(n, 0, 0)[-(n % batch_size) :]
        sizes[last] = n % batch_size
    seen = net.parameters["1.weight"].ravel() * sizes / (1e-9 * y)
    np.testing.assert_allclose(seen, 1, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [101, 1000, 10**30])
def test_a_batch_larger_than_the_data_is_all_rows(batch_size, digits):
    X, y, *_ = digits
    larger, whole = new_trainer(), new_trainer()
    larger.fit(X[:100], y[:100], epochs=3, batch_size=batch_size)
    whole.fit(X[:100], y[:100], epochs=3, batch_size=100)
    assert larger.steps == whole.steps == 3
    assert weights_of(larger.net) == weights_of(whole.net)
    assert larger.history["loss"] == whole.history["loss"]


def test_shuffle_is_keyed_by_seed_and_epoch_and_can_be_switched_off(digits):
    X, y, *_ = digits
    runs = {}
    for name, options in {"0": {"seed": 0}, "again": {"seed": 0}, "1": {"seed": 1}}.items():
        trainer = new_trainer(**options)
        trainer.fit(X, y, epochs=1, batch_size=32)
        runs[name] = weights_of(trainer.net)
    assert runs["0"] == runs["again"] != runs["1"]
    ordered, steps = new_trainer(), new_trainer()
    ordered.fit(X, y, epochs=1, batch_size=100, shuffle=False)
    for i in range(0, 1400, 100):
        steps.step(X[i : i + 100], y[i : i + 100])
    assert weights_of(ordered.net) == weights_of(steps.net)


def test_training_in_two_fits_equals_training_in_one(digits):
    X, y, *_ = digits
    schedule = cr.warmup(cr.cosine(3), epochs=1.5)
    once, twice = new_trainer(schedule=schedule), new_trainer(schedule=schedule)
    once.fit(X, y, epochs=4, batch_size=64)
    twice.fit(X, y, epochs=1, batch_size=64)
    twice.fit(X, y, epochs=3, batch_size=64)
    assert weights_of(once.net) == weights_of(twice.net)
    assert once.history["loss"] == twice.history["loss"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_count_as_repetitions(dtype, rng):
    X, y = rng.normal(size=(30, 64)), rng.integers(0, 10, 30)
    times = rng.integers(0, 4, 30)
    weighted, repeated = new_trainer(dtype), new_trainer(dtype)
    for _ in range(5):
        a = weighted.step(X, y, sample_weight=times)
        b = repeated.step(np.repeat(X, times, axis=0), np.repeat(y, times))
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    assert a == pytest.approx(b, rel=tolerance)
    for name, value in weighted.net.parameters.items():
        np.testing.assert_allclose(
            value, repeated.net.parameters[name], rtol=tolerance, atol=tolerance
        )


def test_a_batch_without_weight_takes_no_step(digits):
    X, y, *_ = digits
    weight = np.zeros(1400)
    weight[:700] = 1
    trainer = new_trainer(l2=0.1)
    trainer.fit(X, y, 1, 700, sample_weight=weight, shuffle=False)
    assert trainer.steps == 1
    other = new_trainer(l2=0.1)
    other.step(X[:700], y[:700])
    assert weights_of(trainer.net) == weights_of(other.net)
    assert np.isfinite(trainer.history["loss"]).all()


def test_history_holds_losses_metrics_rates_and_times(digits):
    X, y, X_val, y_val = digits
    trainer = new_trainer(metrics=["accuracy", "log_loss"], schedule=cr.step(2, 0.5))
    history = trainer.fit(X, y, epochs=4, batch_size=50, validation_data=(X_val, y_val))
    assert history is trainer.history
    assert set(history.keys()) == {
        "epoch",
        "loss",
        "accuracy",
        "log_loss",
        "val_loss",
        "val_accuracy",
        "val_log_loss",
        "learning_rate",
        "seconds",
    }
    assert history["learning_rate"] == [0.01, 0.01, 0.005, 0.005]
    assert history["val_loss"][-1] == trainer.evaluate(X_val, y_val)["loss"]
    prediction = trainer.net.predict(X_val)
    assert history["val_accuracy"][-1] == np.mean(prediction.argmax(axis=1) == y_val)
    assert history["val_log_loss"][-1] == pytest.approx(history["val_loss"][-1], rel=1e-5)
    assert history["accuracy"][-1] > 0.9
    assert all(seconds > 0 for seconds in history["seconds"])


def test_losses_include_the_penalty(digits):
    X, y, *_ = digits
    trainer = new_trainer("float64", l2=0.3, l1=0.1)
    squares = sum((w**2).sum() for n, w in trainer.net.parameters.items() if "weight" in n)
    sizes = sum(np.abs(w).sum() for n, w in trainer.net.parameters.items() if "weight" in n)
    plain = trainer.net.cost(X, y, "cross_entropy")
    expected = plain + 0.15 * squares + 0.1 * sizes
    assert trainer.evaluate(X, y)["loss"] == pytest.approx(expected, rel=1e-12)
    assert trainer.step(X, y) == pytest.approx(expected, rel=1e-12)


def test_regression_learns(rng):
    X, y = load_diabetes(return_X_y=True)
    X, y = 20 * X, (y - y.mean()) / y.std()
    net = cr.Network([cr.Dense(32, "tanh"), cr.Dense(1)], 10)
    trainer = cr.Trainer(
        net, "squared_error", cr.Adam(0.003), metrics=["r2", "mean_absolute_error"]
    )
    history = trainer.fit(X[:350], y[:350], 30, 16, validation_data=(X[350:], y[350:]))
    assert history["val_r2"][-1] > 0.4
    assert history["val_mean_absolute_error"][-1] < 0.65


@pytest.mark.parametrize("output", ["identity", "relu", "tanh", "leaky_relu"])
def test_cross_entropy_of_outputs_that_are_no_probabilities_is_warned_of(output):
    net = build(4, [(1, output, 0.1)], "float32")
    with pytest.warns(UserWarning, match=rf"binary_cross_entropy .* {output} .*use sigmoid"):
        cr.Trainer(net, "binary_cross_entropy")


def test_poisson_of_outputs_that_are_no_rates_is_warned_of():
    net = build(4, [(1, "identity", 0)], "float32")
    with pytest.warns(UserWarning, match=r"poisson takes outputs from 0 to inf; .*use exp"):
        cr.Trainer(net, "poisson")


def test_what_does_not_fit_is_refused_before_the_first_step(digits):
    X, y, *_ = digits

    def wrong(Y, prediction, sample_weight=None):
        raise ValueError("wrong")

    for options, text in (
        ({"schedule": cr.reduce_on_plateau(monitor="val_loss")}, "monitor"),
        ({"metrics": [wrong]}, "wrong"),
    ):
        trainer = new_trainer(**options)
        before = weights_of(trainer.net)
        with pytest.raises(ValueError, match=text):
            trainer.fit(X, y)
        assert (trainer.steps, trainer.epoch, len(trainer.history)) == (0, 0, 0)
        assert weights_of(trainer.net) == before


def test_a_metric_may_return_an_array_of_one_number(digits):
    X, y, *_ = digits

    def one(Y, prediction, sample_weight=None):
        return np.array(1.0)

    assert new_trainer(metrics=[one]).fit(X, y)["one"] == [1.0]


@pytest.mark.parametrize(
    "optimizer", [cr.SGD(1e39), cr.Adam(epsilon=1e-60), cr.Adam(1e-50)], ids=repr
)
def test_numbers_that_float32_cannot_hold_are_refused(optimizer):
    layers = [(2, "identity", 0)]
    refusal = r"\[Trainer\] optimizer\.\w+: expected a number that float32"
    with pytest.raises(ValueError, match=refusal):
        cr.Trainer(build(4, layers, "float32"), "squared_error", optimizer)
    cr.Trainer(build(4, layers, "float64"), "squared_error", optimizer)


def test_single_steps_follow_the_schedule_from_where_a_fit_left_it(digits):
    X, y, *_ = digits
    trainer = new_trainer(optimizer=cr.SGD(0.1), schedule=cr.exponential(0.5))
    trainer.fit(X, y, epochs=2, batch_size=700)
    before = trainer.net.parameters["2.bias"]
    trainer.net.backward(X, y, "cross_entropy")
    gradient = trainer.net.gradients["2.bias"]
    trainer.step(X, y)
    moved = trainer.net.parameters["2.bias"] - before
    np.testing.assert_allclose(moved, -0.025 * gradient, rtol=1e-3)
