"""Metrics by name, as functions and as objects; which direction is better."""

import math
import re

import numpy as np
import pytest
from sklearn.metrics import max_error, roc_auc_score, root_mean_squared_error

from chainrule._monitored import check_direction, improves
from chainrule.metrics import METRICS, Metric, r2, resolve_metrics


def my_metric(Y, prediction, sample_weight=None):
    return np.float32(0.25)


def test_metrics_are_resolved_from_names_functions_and_objects():
    mine = Metric("f1", my_metric, larger_is_better=True)
    resolved = resolve_metrics(("accuracy", my_metric, mine, r2))
    assert [metric.name for metric in resolved] == ["accuracy", "my_metric", "f1", "r2"]
    assert resolved[0] is METRICS["accuracy"]
    assert resolved[3] is METRICS["r2"]
    assert type(resolved[1]([0], [[1]])) is float
    assert [metric.name for metric in resolve_metrics("r2")] == ["r2"]
    assert [metric.name for metric in resolve_metrics(my_metric)] == ["my_metric"]
    assert resolve_metrics(()) == ()


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        ("acuracy", ValueError, "got 'acuracy' (did you mean 'accuracy'?)"),
        (("r2", "r2"), ValueError, "[Trainer] metrics: expected different names"),
        (Metric("loss", my_metric), ValueError, "none of them 'epoch', 'loss'"),
        (Metric("val_f1", my_metric), ValueError, "or 'val_...'"),
        ((3,), TypeError, "[Trainer] metrics: expected 'accuracy', 'log_loss', 'r2'"),
    ],
)
def test_metrics_refused(metrics, error, message):
    with pytest.raises(error, match=re.escape(message)):
        resolve_metrics(metrics, "Trainer")


def test_metrics_of_scikit_learn_are_metrics():
    rng = np.random.default_rng(0)
    Y, weights = rng.integers(0, 2, 50), rng.uniform(size=50)
    scores = rng.uniform(size=(50, 1)).astype(np.float32)
    ours = resolve_metrics((roc_auc_score, Metric("rmse", root_mean_squared_error)))
    for metric, function in zip(ours, (roc_auc_score, root_mean_squared_error), strict=True):
        assert metric(Y, scores) == function(Y, scores)
        assert metric(Y, scores, weights) == function(Y, scores, sample_weight=weights)
        assert metric(Y, scores, weights) != metric(Y, scores)


def test_metrics_may_take_weights_by_name_alone():
    def mine(Y, prediction, *, sample_weight=None):
        return np.average(np.asarray(Y), weights=sample_weight)

    assert resolve_metrics(mine)[0]([1, 2], [[0], [0]], [3, 1]) == 1.25

    def few(Y, *, sample_weight=None):
        return 0.0

    message = "[Trainer] metrics: expected few(Y, prediction), got few(Y, *, sample_weight=None)"
    with pytest.raises(TypeError, match=re.escape(message)):
        resolve_metrics(few, "Trainer")


def test_metrics_may_take_no_weights_as_long_as_rows_have_none():
    def mine(Y, prediction):
        return 2.0

    for function, value in ((max_error, 3.0), (mine, 2.0)):
        (metric,) = resolve_metrics(function)
        assert metric([1, 2], [[4], [0]]) == value
        expected = f"{metric.name}(Y, prediction, sample_weight), because rows have weights"
        message = f"[metric {metric.name!r}] function: expected {expected}"
        with pytest.raises(ValueError, match=re.escape(message)):
            metric([1, 2], [[4], [0]], [3, 1])


def test_weights_by_name_need_no_default():
    def mine(Y, prediction, *, sample_weight):
        return np.average(np.asarray(Y), weights=sample_weight)

    (metric,) = resolve_metrics(mine)
    assert (metric([1, 2], [[0], [0]]), metric([1, 2], [[0], [0]], [3, 1])) == (1.5, 1.25)


def test_direction_is_known_for_losses_and_metrics():
    better = {
        None: False,
        "loss": False,
        "val_loss": False,
        "accuracy": True,
        "val_accuracy": True,
        "log_loss": False,
        "val_r2": True,
        "mean_absolute_error": False,
    }
    assert {monitor: check_direction("f", monitor, None) for monitor in better} == better
    assert check_direction("f", "val_loss", True) is True
    assert check_direction("f", "anything", False) is False
    assert check_direction("f", "val_score", None) is True  # of an estimator
    own = [Metric("mine", my_metric, larger_is_better=True), Metric("other", my_metric)]
    assert check_direction("f", "val_mine", None, own) is True
    with pytest.raises(ValueError, match="larger_is_better: expected True or False"):
        check_direction("f", "other", None, own)


def test_improvement_is_strict_and_needs_a_finite_value():
    assert improves(1.0, None, 0.0, False)
    assert not improves(math.nan, None, 0.0, False)
    assert not improves(-math.inf, 1.0, 0.0, False)
    assert not improves(1.0, 1.0, 0.0, False)
    assert improves(0.5, 1.0, 0.25, False)
    assert not improves(0.75, 1.0, 0.25, False)
    assert improves(1.5, 1.0, 0.25, True)
    assert not improves(0.5, 1.0, 0.25, True)
