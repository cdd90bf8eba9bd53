"""What the estimators have beyond scikit-learn's: layers, optimizers, validation, callbacks."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

import chainrule as cr

from . import estimating
from .estimating import weights_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
binary = pytest.fixture(estimating.binary, scope="module", name="binary")
X_IRIS, Y_IRIS = load_iris(return_X_y=True)


def test_without_a_hidden_layer_it_is_logistic_regression(binary):
    X, y = binary
    est = cr.MLPClassifier(
        (), solver="lbfgs", alpha=1.0, tol=1e-8, max_iter=1000, random_state=0
    ).fit(X, y)
    exact = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(est.coefs_[0].T, exact.coef_, atol=1e-4)


def test_class_weight_is_sample_weight(binary):
    X, y = binary
    weighted = cr.MLPClassifier(5, class_weight={0: 3, 1: 1}, max_iter=5, random_state=0)
    by_hand = cr.MLPClassifier(5, max_iter=5, random_state=0)
    assert weights_of(weighted.fit(X, y)) == weights_of(by_hand.fit(X, y, np.where(y == 0, 3, 1)))
    labels = np.array(["no", "yes", "?"])[Y_IRIS]
    named = cr.MLPClassifier(
        5, class_weight={"no": 2, "?": 5, "yes": 1}, max_iter=5, random_state=0
    )
    by_hand = cr.MLPClassifier(5, max_iter=5, random_state=0)
    sizes = np.array([2, 1, 5])[Y_IRIS]
    assert weights_of(named.fit(X_IRIS, labels)) == weights_of(by_hand.fit(X_IRIS, labels, sizes))


def test_activations_per_layer_layers_optimizer_and_schedule(binary):
    X, y = binary
    est = cr.MLPClassifier((6, 5), ["tanh", "leaky_relu"], max_iter=2, random_state=0).fit(X, y)
    assert [layer.activation.name for layer in est._engine.net.layers] == [
        "tanh", "leaky_relu", "sigmoid"
    ]  # fmt: skip
    layers = [cr.Dense(7, "tanh", initializer="he_normal")]
    est = cr.MLPClassifier(
        layers=layers,
        optimizer=cr.RMSProp(0.01),
        schedule=cr.exponential(0.5),
        max_iter=3,
        random_state=0,
    ).fit(X, y)
    assert est.coefs_[0].shape == (8, 7)
    assert est.history_["learning_rate"] == pytest.approx([0.01, 0.005, 0.0025])
    assert weights_of(clone(est).fit(X, y)) == weights_of(est)


@pytest.mark.parametrize("name", cr.optimizers.OPTIMIZERS)
def test_every_optimizer_by_name_and_by_object(name, binary):
    X, y = binary
    options = {"hidden_layer_sizes": 5, "max_iter": 3, "random_state": 0}
    est = cr.MLPClassifier(**options, optimizer=name).fit(X, y)
    described = cr.optimizers.OPTIMIZERS[name]()
    assert weights_of(cr.MLPClassifier(**options, optimizer=described).fit(X, y)) == weights_of(est)
    assert est._engine.trainer.optimizer == described
    again = pickle.loads(pickle.dumps(est))
    assert weights_of(again.partial_fit(X, y)) == weights_of(est.partial_fit(X, y))


def test_own_validation_data_and_any_scorer(binary):
    X, y = binary
    X_val, y_val = X[200:], y[200:]
    est = cr.MLPClassifier(
        6, early_stopping=True, scoring="neg_log_loss", max_iter=12, random_state=0
    ).fit(X[:200], y[:200], X_val=X_val, y_val=y_val)
    assert est.best_validation_score_ == max(est.validation_scores_) < 0
    best = -log_loss(y_val, est.predict_proba(X_val))
    assert best == pytest.approx(est.best_validation_score_, rel=1e-6)
    assert len(est.history_["val_loss"]) == len(est.history_["val_score"]) == est.n_iter_
    table = est.history_.to_pandas()
    assert {"epoch", "loss", "val_loss", "learning_rate", "seconds"} <= set(table.columns)
    with pytest.raises(ValueError, match=r"\[MLPClassifier.fit\] y_val: X_val and y_val go"):
        est.fit(X, y, X_val=X_val)
    with pytest.raises(ValueError, match=r"\[MLPClassifier.fit\] sample_weight_val: needs"):
        est.fit(X, y, sample_weight_val=y_val)


def test_callbacks_and_the_progress_bar(binary, capsys):
    X, y = binary

    class Count(cr.Callback):
        epochs = 0

        def on_epoch_end(self, trainer, epoch, logs):
            self.epochs += 1

    count = Count()
    est = cr.MLPClassifier(5, max_iter=4, callbacks=[count], verbose=True).fit(X, y)
    assert count.epochs == est.n_iter_ == 4
    shown = capsys.readouterr()
    assert "step" in shown.err
    assert shown.out == ""
    for verbose, lines in ((np.True_, ""), (np.False_, ""), (2, "Iteration 1, loss = ")):
        cr.MLPClassifier(5, max_iter=1, verbose=verbose).fit(X, y)
        shown = capsys.readouterr()
        assert ("step" in shown.err) == (verbose is np.True_)
        assert shown.out.startswith(lines)
        assert bool(shown.out) == bool(lines)


@pytest.mark.parametrize("kind", [cr.MLPClassifier, cr.MLPRegressor])
def test_ctrl_c_keeps_the_model(kind, binary):
    class Interrupt(cr.Callback):
        def on_epoch_end(self, trainer, epoch, logs):
            if epoch == 2:
                raise KeyboardInterrupt

    X, y = binary
    est = kind(5, max_iter=50, callbacks=[Interrupt()]) if kind is cr.MLPClassifier else kind(
        hidden_layer_sizes=5, max_iter=50, callbacks=[Interrupt()]
    )  # fmt: skip
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        est.fit(X, y)
    assert est.n_iter_ == 3
    assert np.isfinite(est.predict(X)).all()


def test_smoothed_labels(binary):
    X, y = binary
    options = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}
    whole = options | {"batch_size": len(X), "alpha": 0.0}
    smooth = cr.MLPClassifier(label_smoothing=0.2, **whole).fit(X, y)
    targets = np.where(y == 1, 0.9, 0.1)
    cost = smooth._engine.net.cost(X, targets, "binary_cross_entropy")
    assert smooth.partial_fit(X, y).loss_curve_[-1] == pytest.approx(cost, rel=1e-6)
    three = cr.MLPClassifier(label_smoothing=0.2, **options).fit(X_IRIS, Y_IRIS)
    assert three._engine.trainer.loss == cr.CrossEntropy(label_smoothing=0.2)
    plain = cr.MLPClassifier(**options).fit(X, y)
    assert weights_of(plain) != weights_of(smooth)
    with pytest.raises(ValueError, match=r"label_smoothing: expected a finite number >= 0 and < 1"):
        cr.MLPClassifier(label_smoothing=1.0).fit(X, y)


@pytest.mark.parametrize("loss", ["squared_error", cr.SquaredError()])
def test_validation_loss_is_the_loss_of_the_curve(loss):
    X, Y = make_regression(60, 4, n_targets=3, random_state=0)
    est = cr.MLPRegressor(
        loss, (5,), alpha=0, max_iter=4, batch_size=60, learning_rate_init=1e-9, random_state=0
    ).fit(X, Y, X_val=X, y_val=Y)
    np.testing.assert_allclose(est.history_["val_loss"], est.loss_curve_, rtol=1e-5)
    assert est.fit(X, Y).history_["epoch"] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"y_val: expected 3 target"):
        est.fit(X, Y, X_val=X, y_val=Y[:, 0])
    with pytest.raises(ValueError, match=r"loss: expected a loss for numbers"):
        cr.MLPRegressor("cross_entropy").fit(X, Y)


def test_validation_data_need_not_have_every_class():
    est = cr.MLPClassifier(5, warm_start=True, max_iter=2)
    some = Y_IRIS != 2
    for _ in range(2):
        est.fit(X_IRIS, Y_IRIS, X_val=X_IRIS[some], y_val=Y_IRIS[some])
    est.set_params(early_stopping=True, scoring=lambda e, X, y: e.score(X, y)).fit(X_IRIS, Y_IRIS)
    assert len(est.validation_scores_) == 2
