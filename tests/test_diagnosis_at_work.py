"""Diagnosis of a trainer at work touches nothing; range test, tables, pictures, refusals."""

import copy

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

pytest.importorskip("sklearn")

import chainrule as cr
from chainrule._optimizer import read_state

# ---- What is left alone --------------------------------------------------------------------------


def at_work(rng, **options):
    X, Y = rng.normal(size=(150, 6)), rng.integers(0, 3, 150)
    layers = [cr.Dense(9, "relu"), cr.BatchNorm(), cr.Dropout(0.2), cr.Dense(3, "softmax")]
    net = cr.Network(layers, 6)
    trainer = cr.Trainer(net, "cross_entropy", cr.Adam(0.01), frozen=["1.bias"], ema=0.9, **options)
    trainer.fit(X, Y, epochs=2)
    return trainer, X, Y


def everything(trainer):
    state = read_state(trainer)
    arrays = [a for group in state["arrays"] for a in group] + list(state["averages"].values())
    return [
        *(a.tobytes() for a in [*trainer.net.parameters.values(), *arrays]),
        *(g.tobytes() for g in trainer.net.gradients.values()),
        state["steps"],
        state["epoch"],
        state["schedule"],
        trainer._single_steps,
        trainer.history.to_dict(),
        trainer.step_costs.tobytes(),
    ]


@pytest.mark.parametrize(
    "examine",
    [
        lambda trainer, X, Y: cr.diagnose(trainer.net, X, Y, trainer=trainer),
        lambda trainer, X, Y: cr.diagnose(
            trainer.net, X, Y, "cross_entropy", validation_data=(X, Y)
        ),
        cr.learning_rate_range_test,
    ],
)
def test_network_and_trainer_stay_as_they_are(examine, rng):
    trainer, X, Y = at_work(rng)
    before = everything(trainer)
    examine(trainer, X, Y)
    assert everything(trainer) == before


def test_the_next_update_is_the_next_step(rng):
    """With the optimizer's state, frozen parameters and clipping."""
    trainer, X, Y = at_work(rng, clip_norm=0.1)
    row = cr.diagnose(trainer.net, X, Y, trainer=trainer, probe=False).layers[0]
    before = trainer.net.parameters["1.weight"].astype(float)
    trainer.step(X, Y)
    update = trainer.net.parameters["1.weight"] - before
    assert row.update == pytest.approx(np.sqrt(np.mean(update**2)), rel=1e-6)
    assert not np.any(trainer.net.parameters["1.bias"])


def test_the_callback_keeps_and_prints_and_changes_no_bit(rng, capsys):
    X, Y = rng.normal(size=(150, 6)), rng.integers(0, 3, 150)
    runs = []
    for callback in (None, cr.Diagnose(every=2)):
        net = cr.Network([cr.Dense(9, "relu"), cr.Dropout(0.3), cr.Dense(3, "softmax")], 6)
        net.b[1] = net.b[1] - 100
        trainer = cr.Trainer(net, "cross_entropy")
        rows = np.arange(100)
        trainer.fit(X, Y, epochs=5, rows=rows, callbacks=[callback] if callback else [])
        runs.append(net)
    assert list(callback.diagnoses) == [1, 3]
    assert {d.verdict for d in callback.diagnoses.values()} == {"dead"}
    said = capsys.readouterr().out
    assert said.count("dead at layer 1: 100% of the units") == 1  # the same again is not printed
    assert trainer._fitted is None
    for name, value in runs[0].parameters.items():
        assert np.array_equal(value, runs[1].parameters[name]), name


# ---- The range test ------------------------------------------------------------------------------


def test_the_range_test_suggests_a_rate_that_learns(rng):
    X = rng.normal(size=(400, 8))
    Y = X @ rng.normal(size=8)
    net = cr.Network([cr.Dense(32, "relu"), cr.Dense(1)], 8)
    trainer = cr.Trainer(net, "squared_error", cr.Adam(1e-5))
    found = cr.learning_rate_range_test(trainer, X, Y)
    assert 1e-4 < found.suggestion < 0.1
    assert len(found.rates) == len(found.costs) == len(found.smoothed) < 300
    assert found.rates[np.argmin(found.smoothed)] == pytest.approx(10 * found.suggestion)
    weights = 0.9 ** np.arange(len(found.costs))[::-1]
    assert found.smoothed[-1] == pytest.approx(np.average(found.costs, weights=weights))
    first = net.cost(X, Y, "squared_error")
    cr.Trainer(net, "squared_error", cr.Adam(found.suggestion)).fit(X, Y, epochs=20)
    assert net.cost(X, Y, "squared_error") < 0.05 * first
    assert "suggested learning rate" in repr(found)
    assert found._repr_html_().count("<tr>") == 13


def test_the_range_test_suggests_nothing_where_nothing_falls(rng):
    X, Y = rng.normal(size=(100, 3)), np.zeros(100)
    net = cr.Network([cr.Dense(4, "relu"), cr.Dense(1)], 3)
    net.W[2] = 0 * net.W[2]
    found = cr.learning_rate_range_test(cr.Trainer(net, "squared_error", cr.SGD(0.1)), X, Y)
    assert found.suggestion is None
    assert "no suggestion" in repr(found)


# ---- Tables, pictures, doors ---------------------------------------------------------------------


def test_tables_and_pictures(rng, tmp_path):
    pytest.importorskip("matplotlib")
    trainer, X, Y = at_work(rng)
    found = cr.diagnose(trainer.net, X, Y, trainer=trainer, validation_data=(X, Y))
    lines = repr(found).splitlines()
    assert lines[0].startswith(found.verdict)
    assert lines[-5].split() == [
        "layer",
        "units",
        "activation",
        "gradient",
        "update",
        "ratio",
        "dead",
        "saturated",
    ]
    assert lines[-4].startswith("1 Dense relu")
    assert found._repr_html_().count("<tr>") == 5
    found.plot(tmp_path / "diagnosis.png")
    cr.learning_rate_range_test(trainer, X, Y).plot(tmp_path / "rates.png")
    assert (tmp_path / "diagnosis.png").stat().st_size > 10_000
    assert (tmp_path / "rates.png").stat().st_size > 10_000


def test_what_does_not_fit_is_refused(rng):
    trainer, X, Y = at_work(rng)
    net = trainer.net
    with pytest.raises(TypeError, match=r"\[diagnose\] loss: expected a name or an object"):
        cr.diagnose(net, X, Y)
    with pytest.raises(ValueError, match=r"\[diagnose\] trainer: expected that of this network"):
        cr.diagnose(copy.copy(net), X, Y, trainer=trainer)
    with pytest.raises(ValueError, match=r"\[diagnose\] X: expected shape \(n, 6\)"):
        cr.diagnose(net, X[:, :3], Y, "cross_entropy")
    with pytest.raises(ValueError, match=r"\[diagnose, layer 2 \(BatchNorm\)\] X: expected at lea"):
        cr.diagnose(net, X[:1], Y[:1], "cross_entropy")
    with pytest.raises(ValueError, match=r"\[learning_rate_range_test\] highest: expected"):
        cr.learning_rate_range_test(trainer, X, Y, lowest=1.0, highest=0.1)
    line = cr.Trainer(cr.Network([cr.Dense(1)], 6), "squared_error")
    with pytest.raises(
        ValueError, match=r"\[learning_rate_range_test\] X: .* finite cost .* got inf"
    ):
        cr.learning_rate_range_test(line, 1e30 * X, Y)
    with pytest.raises(ValueError, match=r"\[Diagnose\] every: expected an integer >= 1"):
        cr.Diagnose(every=0)


def test_many_rows_are_thinned_and_sparse_rows_taken(rng):
    sparse = pytest.importorskip("scipy.sparse")
    trainer, X, Y = at_work(rng)
    found = cr.diagnose(trainer.net, sparse.csr_array(X), Y, "cross_entropy", max_rows=50)
    few = np.linspace(0, 149, 50).astype(int)
    dense = cr.diagnose(trainer.net, X[few], Y[few], "cross_entropy")
    assert repr(found) == repr(dense)


def test_healthy_layers_that_predict_worse_than_a_constant_are_told_so():
    X, y = load_wine(return_X_y=True)
    net = cr.Network([cr.Dense(16, "relu"), cr.Dense(3, "softmax")], 13)
    trainer = cr.Trainer(net, "cross_entropy", cr.Adam(1e-4))
    trainer.fit(X, y, 50)
    found = cr.diagnose(net, X, y, trainer=trainer)
    assert found.is_healthy
    text = "above the 1.086 of a constant: train on, and scale the inputs, of root mean square"
    assert text in " ".join(str(found).split())
    X = StandardScaler().fit_transform(X)
    net = cr.Network([cr.Dense(16, "relu"), cr.Dense(3, "softmax")], 13)
    trainer = cr.Trainer(net, "cross_entropy", cr.Adam(1e-2))
    trainer.fit(X, y, 20)
    assert "constant: train on" not in str(cr.diagnose(net, X, y, trainer=trainer))
