"""Files of every version of the format load, and what is in them goes on."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli.model_file import load_model
from chainrule.cli.tables import read_table

from .model_files import ESTIMATORS, FOLDER, OPTIONS, X, fit, fit_estimator, network
from .saving import same

VERSIONS = sorted(path.name for path in FOLDER.glob("version_*"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_files_of_every_version_load(version, dtype):
    loaded = cr.Network.load(FOLDER / version / f"network_{dtype}.safetensors")
    assert same(network(dtype), loaded)
    assert loaded.predict(X()).tobytes() == network(dtype).predict(X()).tobytes()


TRAINERS = sorted(path for options in OPTIONS for path in FOLDER.glob(f"version_*/{options}_*"))


@pytest.mark.parametrize("path", TRAINERS, ids=lambda p: p.stem)
def test_trainers_of_every_version_go_on(path):
    """Version 1 had none. The bits are those of CPUs with fused multiply-add."""
    options, dtype = path.stem.split("_")
    expected = fit(network(dtype), options)
    trainer = cr.Trainer.load(path)
    assert (trainer.steps, trainer.epoch, trainer.is_unfinished) == (5, 1, True)
    Y = np.arange(6) % 3
    trainer.fit(X(), Y, validation_data=(X()[:3], Y[:3]))
    assert trainer.steps == expected.steps == 6
    for key in ("loss", "val_loss", "accuracy", "learning_rate"):
        np.testing.assert_allclose(trainer.history[key], expected.history[key], rtol=1e-5)
    for got, net in (
        (trainer.net, expected.net),
        (trainer.averaged_network(), expected.averaged_network()),
    ):
        for name, value in net.parameters.items():
            np.testing.assert_allclose(got.parameters[name], value, rtol=1e-4, atol=1e-6)


IN_FILES = sorted(path for name in ESTIMATORS for path in FOLDER.glob(f"version_*/{name}_*"))


@pytest.mark.parametrize("path", IN_FILES, ids=lambda p: p.stem)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_of_every_version_go_on(path):
    """Version 1 had none. The bits are those of CPUs with fused multiply-add."""
    name, dtype = path.stem.split("_")
    est, expected = ESTIMATORS[name][0].load(path), fit_estimator(name, dtype)
    rows = np.concatenate([X(), -X()]).astype(dtype)
    y = expected.predict(rows)
    assert [est.n_iter_, est.t_] == [expected.n_iter_, expected.t_]
    if name == "classifier":
        assert (est.predict(rows) == y).all()
        y[:3] = est.classes_
    for one in (est, expected):
        one.set_params(early_stopping=False).partial_fit(rows, y)
    np.testing.assert_allclose(est.loss_curve_, expected.loss_curve_, rtol=1e-5)
    for got, value in zip(est.coefs_, expected.coefs_, strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-4, atol=1e-6)
    for attribute in ("validation_scores_", "best_validation_score_"):
        assert getattr(est, attribute) == getattr(expected, attribute)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_table_models_of_every_version_load(version):
    model = load_model(FOLDER / version / "table.safetensors")
    probabilities = model.predict(read_table(FOLDER / "rows.csv"))["probability_b"]
    np.testing.assert_allclose(probabilities, [0.388672, 0.592440], atol=1e-6)
