"""Functions of one's own in files, pickles, estimators and all that works with networks."""

import copy
import pickle
import re
import time
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule.cli.console import InputError
from chainrule.cli.info import info

from .custom import (
    assert_close,
    data,
    layers,
    log_cosh,
    log_cosh_derivative,
    tanh_derivative,
)

pytestmark = pytest.mark.usefixtures("own_functions")


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


def test_copies_say_what_is_not_registered():
    net = cr.Network(layers("squareplus"), 4)
    pickled = pickle.dumps(net)
    cr.unregister_activation("squareplus")
    text = (
        r"'squareplus' is not registered here; do so first: chainrule\.register_activation\('squa"
    )
    for copied in (copy.copy, copy.deepcopy, lambda _: pickle.loads(pickled)):
        with pytest.raises(cr.FileFormatError, match=text):
            copied(net)


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


def test_diagnose_judges_activations_by_their_derivative():
    X, Y, _ = data(100, n_outputs=1)

    def diagnosed(g, scale, below=0.0):
        net = cr.Network([cr.Dense(8, g), cr.Dense(1)], 4, seed=1)
        net.b[1] = np.full((8, 1), -below)
        return cr.diagnose(net, X * scale, Y, "squared_error")

    for scale in (1, 1e3):
        mine, theirs = (diagnosed(g, scale) for g in ("my_tanh", "tanh"))
        assert mine.verdict == theirs.verdict == ("healthy" if scale == 1 else "saturated")
        assert mine.layers[0].saturated == pytest.approx(theirs.layers[0].saturated, abs=0.01)
    cr.register_activation("my_relu", lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype))
    for below in (0, 100):
        mine, theirs = (diagnosed(g, 1, below) for g in ("my_relu", "relu"))
        assert mine.verdict == theirs.verdict == ("dead" if below else "healthy")
        assert mine.layers[0].dead == theirs.layers[0].dead
    assert "judged" not in str(diagnosed("my_relu", 1))
    text = "could not be judged in layer 1 Dense squareplus"
    assert text in " ".join(str(diagnosed("squareplus", 1)).split())


def test_diagnose_refuses_another_loss_than_the_trainers():
    X, Y, _ = data(30)
    net = cr.Network([cr.Dense(3)], 4)
    trainer = cr.Trainer(net, cr.Huber(2.0))
    cr.diagnose(net, X, Y, cr.Huber(2.0), trainer=trainer, probe=False)
    expected = r"\[diagnose\] loss: expected None or the trainer's, Huber\(delta=2.0\), got 'squa"
    with pytest.raises(ValueError, match=expected):
        cr.diagnose(net, X, Y, "squared_error", trainer=trainer)


def test_the_command_line_says_that_a_file_needs_a_function(tmp_path, capsys):
    cr.Network([cr.Dense(2, "squareplus")], 4).save(tmp_path / "net")
    X, Y, _ = data(30, n_outputs=1)
    model = cr.MLPRegressor(hidden_layer_sizes=(5,), activation="squareplus", max_iter=2, tol=0)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        model.fit(X, Y.ravel()).save(tmp_path / "model")
    cr.unregister_activation("squareplus")
    for name in ("net", "model"):
        with pytest.raises(InputError, match="needs a function registered in Python") as caught:
            info(tmp_path / name)
        assert "chainrule.register_activation('squareplus'" in str(caught.value)
        assert "damaged" not in str(caught.value)


def test_a_summary_tells_the_cost():
    net = cr.Network(layers("squareplus"), 4)
    summary = net.summary()
    assert list(summary.python.nanoseconds) == ["squareplus"]
    assert all(0 < ns < 1e5 for ns in summary.python.nanoseconds["squareplus"])
    assert 0 < summary.python.share < 1
    assert "in Python, on one thread: squareplus" in str(summary)
    assert cr.Network(layers("tanh"), 4).summary().python is None


def test_a_summary_gives_functions_numbers_of_their_domain():
    """Random inputs of the network would be out of it."""

    def logarithm(z):
        if (z <= 0).any():
            raise FloatingPointError("out of its domain")
        return np.log(z)

    def distance(A, Y):
        if (A <= 1).any() or (A >= 2).any():
            raise FloatingPointError("out of its domain")
        return np.abs(A - Y).sum(axis=1)

    cr.register_activation("logarithm", logarithm, lambda z: 1 / z, domain=(0.01, 10))
    cr.register_loss("distance", distance, lambda A, Y: np.sign(A - Y), domain=(1, 2))
    inner = [cr.Dense(4), cr.Activation("logarithm")]
    net = cr.Network([cr.Dense(5, "logarithm"), cr.Residual(inner), cr.Dense(1)], 4)
    python = net.summary(loss="distance").python
    assert list(python.nanoseconds) == ["logarithm"]
    assert python.loss[0] == "distance"


def test_a_summary_tells_the_cost_of_the_loss():
    def slow(A, Y):
        time.sleep(2e-3)
        return log_cosh(A, Y)

    cr.register_loss("slow", slow, log_cosh_derivative)
    net = cr.Network([cr.Dense(3)], 4)
    summary = net.summary(64, loss="slow")
    name, nanoseconds = summary.python.loss
    assert name == "slow"
    assert 2e-3 / 64 < nanoseconds * 1e-9 < 1
    assert summary.python.share > 0.1
    assert summary.python.nanoseconds == {}
    assert "in Python, on one thread: slow" in str(summary)
    assert "ns per row with its derivative; at least" in str(summary)
    assert net.summary(loss="huber").python is None
    assert net.summary(loss=cr.Huber()).python is None
    with pytest.raises(ValueError, match=r"\[Network.summary\] loss: expected one of"):
        net.summary(loss="hubert")
    both = cr.Network([cr.Dense(3, "squareplus")], 4).summary(loss="log_cosh")
    assert re.search(r"squareplus .* ns per derivative; log_cosh .* ns per row", str(both))


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
    refusal = r"\[export_onnx, layer 1 \(Dense\)\] activation: expected .* got 'squareplus'"
    with pytest.raises(ValueError, match=refusal):
        cr.export_onnx(net, tmp_path / "net.onnx")
    refusal = r"\[export_c, layer 1 \(Dense\)\] activation: expected .* got 'squareplus'"
    with pytest.raises(ValueError, match=refusal):
        cr.export_c(net, tmp_path / "net.c")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match=r"\[ops.activation\] activation: .* got 'squareplus'"):
        cr.ops.activation(X, "squareplus")
    with pytest.raises(ValueError, match=r"\[ops.loss_and_gradient\] loss: .* got 'log_cosh'"):
        cr.ops.loss_and_gradient(X, X, "log_cosh")
    with pytest.raises(ValueError, match="squareplus"):
        net.to_torch()
