"""Metrics against scikit-learn, with and without weights."""

import math
import re

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

import chainrule as cr
from chainrule.metrics import METRICS, accuracy, log_loss, mean_absolute_error, r2

M, N_Y = 97, 5
EXACT = 1e-12  # relative; sums of 97 * 5 terms in another order differ by less than 485 u = 6e-14


@pytest.fixture(params=["unweighted", "weighted"])
def weight(request, rng):
    return None if request.param == "unweighted" else rng.integers(0, 4, M) / 2


def softmax(Z):
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.fixture
def classes(rng):
    return rng.integers(0, N_Y, M)


@pytest.fixture
def probabilities(rng, classes):
    return softmax(rng.normal(size=(M, N_Y)) + 1.5 * np.eye(N_Y)[classes])


@pytest.fixture
def labels(rng):
    return rng.integers(0, 2, (M, N_Y))


@pytest.fixture
def yes(rng, labels):
    return 1 / (1 + np.exp(-rng.normal(size=(M, N_Y)) - 1.5 * (2 * labels - 1)))


# ---- classification ------------------------------------------------------------------------------


def test_accuracy_of_class_indices_and_one_hot_is_scikit_learns(classes, probabilities, weight):
    guess = probabilities.argmax(axis=1)
    expected = sklearn_metrics.accuracy_score(classes, guess, sample_weight=weight)
    assert 0.4 < expected < 0.9
    for Y in (classes, classes.astype(float), classes.tolist(), np.eye(N_Y)[classes]):
        assert accuracy(Y, probabilities, weight) == pytest.approx(expected, rel=EXACT)


def test_accuracy_of_yes_and_no_is_scikit_learns(labels, yes, weight):
    y, p = labels[:, 0], yes[:, :1]
    expected = sklearn_metrics.accuracy_score(y, p[:, 0] > 0.5, sample_weight=weight)
    assert 0.5 < expected < 1
    for Y in (y, y[:, None], y.astype(bool)):
        assert accuracy(Y, p, weight) == pytest.approx(expected, rel=EXACT)


def test_accuracy_of_several_labels_is_the_mean_over_entries(labels, yes, weight):
    columns = [
        sklearn_metrics.accuracy_score(labels[:, j], yes[:, j] > 0.5, sample_weight=weight)
        for j in range(N_Y)
    ]
    assert accuracy(labels, yes, weight) == pytest.approx(np.mean(columns), rel=EXACT)


def test_accuracy_without_weights_is_an_exact_count():
    prediction = np.eye(3)[[0, 1, 2, 0, 1, 2, 0]]
    assert accuracy([0, 1, 2, 0, 1, 2, 1], prediction) == 6 / 7
    assert accuracy([1, 1, 0], [[0.9], [0.5], [0.1]]) == 2 / 3  # at 0.5 the answer is no


def test_one_row_with_one_label_of_one_output_is_yes_or_no():
    assert accuracy([[1.0]], [[0.2]]) == 0.0
    assert log_loss([[1.0]], [[0.2]]) == pytest.approx(-math.log(0.2), rel=EXACT)


def test_accuracy_of_margins_has_its_threshold_at_zero():
    margins = np.array([[0.2], [-0.3], [0.7], [-2.0], [0.1]])
    sides = np.array([1, 1, -1, -1, 1])
    for Y in (sides, sides[:, None], sides.astype(float), sides.tolist()):
        assert accuracy(Y, margins) == 3 / 5
    assert accuracy(sides > 0, margins, threshold=0.0) == 3 / 5
    assert accuracy(sides > 0, margins) == 1 / 5
    several = np.array([[1, -1], [-1, -1], [1, 1]])
    assert accuracy(several, [[0.1, -0.1], [0.2, -0.2], [0.3, -0.3]]) == 4 / 6
    with pytest.raises(ValueError, match="Y: expected class indices from 0 to 1"):
        accuracy([1, -1], [[0.1, -0.1], [0.2, -0.2]])


@pytest.mark.parametrize(
    ("loss", "n_y", "labels"),
    [
        ("hinge", 1, (-1, 1)),
        ("hinge", 1, (0, 1)),
        ("hinge", 3, (-1, 1)),
        ("hinge", 3, (0, 1)),
        ("multiclass_hinge", 4, "classes"),
        ("multiclass_hinge", 4, "one-hot"),
        ("focal", 4, "classes"),
        ("binary_focal", 1, (0, 1)),
        ("binary_focal", 3, (0, 1)),
    ],
)
def test_a_trainer_counts_the_right_answers_of_its_loss(loss, n_y, labels, rng):
    output = {"focal": "softmax", "binary_focal": "sigmoid"}.get(loss, "identity")
    X = rng.normal(size=(M, 6))
    net = cr.Network([cr.Dense(8, "tanh"), cr.Dense(n_y, output)], 6, "float64")
    if labels in ("classes", "one-hot"):
        classes = (X[:, 0] > 0) + 2 * (X[:, 1] > 0)
        Y = np.eye(n_y)[classes] if labels == "one-hot" else classes
    else:
        Y = np.array(labels)[(X[:, :n_y] > -0.3).astype(int)]
        Y[0] = labels[1]  # so that not every row of several is one of many
    trainer = cr.Trainer(net, loss, cr.Adam(0.01), metrics=["accuracy"])
    trainer.fit(X, Y, 3, 16, validation_data=(X[:20], Y[:20]))
    outputs = net.predict(X)
    if labels in ("classes", "one-hot"):
        right = outputs.argmax(axis=1) == classes
    else:
        yes = outputs > (0 if loss == "hinge" else 0.5)
        right = yes == (labels[1] == Y)
    assert trainer.history["accuracy"][-1] == pytest.approx(right.mean(), rel=EXACT)
    assert trainer.history["val_accuracy"][-1] == pytest.approx(right[:20].mean(), rel=EXACT)
    assert trainer.evaluate(X, Y)["accuracy"] == trainer.history["accuracy"][-1]
    assert 0.3 < right.mean() < 1
    if loss == "hinge":
        assert right.mean() != ((outputs > 0.5) == (labels[1] == Y)).mean()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_loss_of_classes_is_scikit_learns(classes, probabilities, weight, dtype):
    probabilities[3] = np.eye(N_Y)[(classes[3] + 1) % N_Y]  # certain and wrong: clipped
    p = probabilities.astype(dtype)
    expected = sklearn_metrics.log_loss(classes, p, sample_weight=weight, labels=range(N_Y))
    # Its logarithms and its sum of M positive terms are of this dtype: less than 2 M u off.
    bound = M * float(np.finfo(dtype).eps)
    for Y in (classes, np.eye(N_Y)[classes]):
        assert log_loss(Y, p, weight) == pytest.approx(expected, rel=bound)


def test_log_loss_of_soft_labels_is_the_cross_entropy(rng, probabilities, weight):
    soft = softmax(rng.normal(size=(M, N_Y)))
    rows = [-sum(soft[i] * np.log(probabilities[i])) for i in range(M)]
    expected = np.average(rows, weights=weight)
    assert log_loss(soft, probabilities, weight) == pytest.approx(expected, rel=EXACT)


def test_log_loss_of_yes_and_no_is_scikit_learns(labels, yes, weight):
    expected = sklearn_metrics.log_loss(labels[:, 0], yes[:, 0], sample_weight=weight)
    assert log_loss(labels[:, 0], yes[:, :1], weight) == pytest.approx(expected, rel=EXACT)


def test_log_loss_of_several_labels_is_the_sum_over_outputs(labels, yes, weight):
    columns = [
        sklearn_metrics.log_loss(labels[:, j], yes[:, j], sample_weight=weight) for j in range(N_Y)
    ]
    assert log_loss(labels, yes, weight) == pytest.approx(sum(columns), rel=EXACT)


def test_log_loss_is_finite_for_certain_predictions():
    assert log_loss([0, 1], [[1.0], [0.0]]) == pytest.approx(-math.log(2.0**-52), rel=1e-9)
    p = np.array([[1.0, 0.0]], np.float32)
    assert log_loss([1], p) == pytest.approx(-math.log(2.0**-23), rel=EXACT)
    assert log_loss([0], p) == pytest.approx(2.0**-23, rel=1e-6)


# ---- regression ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_y", [1, 4])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (r2, sklearn_metrics.r2_score),
        (mean_absolute_error, sklearn_metrics.mean_absolute_error),
    ],
)
def test_regression_metric_is_scikit_learns(ours, theirs, n_y, rng, weight):
    Y = rng.normal(size=(M, n_y)) * [3.0, 0.1, 1.0, 10.0][:n_y] + 2
    prediction = Y + rng.normal(size=(M, n_y))
    expected = theirs(Y, prediction, sample_weight=weight, multioutput="uniform_average")
    assert ours(Y, prediction, weight) == pytest.approx(expected, rel=EXACT)
    if n_y == 1:
        assert ours(Y[:, 0], prediction, weight) == pytest.approx(expected, rel=EXACT)


def test_r2_of_a_constant_output_is_scikit_learns(weight):
    Y = np.full((M, 2), 0.5)
    for prediction in (Y, Y + np.array([0.0, 0.25])):
        expected = sklearn_metrics.r2_score(Y, prediction, sample_weight=weight)
        assert r2(Y, prediction, weight) == expected


def test_r2_of_a_constant_whose_mean_is_not_exact():
    Y = np.full((3, 1), 0.1)
    assert Y.mean() != 0.1
    assert r2(Y, Y) == 1.0
    assert r2(Y, Y + 0.1) == 0.0


def test_r2_of_the_mean_is_zero_and_of_worse_is_negative():
    Y = np.array([1.0, 2.0, 3.0])
    assert r2(Y, np.full((3, 1), 2.0)) == 0.0
    assert r2(Y, Y[::-1, None]) == -3.0


# ---- weights and doors ---------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_weight_two_is_the_row_twice_and_weight_zero_is_no_row(metric):
    Y, p = np.array([0.0, 1, 1, 0, 0, 1]), np.array([[0.6], [0.2], [0.7], [0.3], [0.4], [0.8]])
    rows = [0, 1, 1, 3, 4, 5]
    weighted = metric(Y, p, [1, 2, 0, 1, 1, 1])
    assert weighted == pytest.approx(metric(Y[rows], p[rows]), rel=EXACT)
    assert weighted != pytest.approx(metric(Y, p), rel=1e-3)


@pytest.mark.parametrize(
    ("metric", "Y", "prediction", "weight", "message"),
    [
        (accuracy, [0, 3], np.eye(3)[:2], None, "[accuracy] Y: expected class indices from 0 to 2"),
        (accuracy, [0, -1], np.eye(3)[:2], None, "class indices from 0 to 2"),
        (accuracy, [0, 1.5], np.eye(3)[:2], None, "class indices from 0 to 2"),
        (accuracy, [0, math.nan], np.eye(3)[:2], None, "class indices from 0 to 2"),
        (log_loss, [-1, 1], [[0.5], [0.5]], None, "[log_loss] Y: expected labels from 0 to 1"),
        (log_loss, [math.nan, 1], [[0.5], [0.5]], None, "labels from 0 to 1"),
        (accuracy, [0, 1, 2], np.eye(3)[:2], None, "Y: expected shape (2, 3) like the prediction"),
        (r2, [0, 1], np.eye(3)[:2], None, "[r2] Y: expected shape (2, 3) like the prediction"),
        (r2, [0, 1], [0.5, 0.5], None, "[r2] prediction: expected shape (m, n_y), not empty"),
        (accuracy, 1, 1, None, "[accuracy] prediction: expected shape (m, n_y), not empty, got ()"),
        (r2, [], np.zeros((0, 1)), None, "prediction: expected shape (m, n_y), not empty"),
        (r2, [0, 1], [[0], [1]], [1.0], "[r2] sample_weight: expected shape (2,), got (1,)"),
        (r2, [0, 1], [[0], [1]], [2, -1], "sample_weight: expected finite numbers >= 0"),
        (r2, [0, 1], [[0], [1]], [0, 0], "sample_weight: expected finite numbers >= 0"),
        (r2, [0, 1], [[0], [1]], [1, math.nan], "sample_weight: expected finite numbers >= 0"),
    ],
)
def test_metric_refuses(metric, Y, prediction, weight, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        metric(Y, prediction, weight)


BAD = {
    "text": ["a", "b"],
    "complex": [1j, 0],
    "objects": np.array([0, 1], object),
    "records": np.zeros(2, "f8,i4"),
    "durations": np.zeros(2, "m8[s]"),
    "ragged": [[0], [1, 0]],
    "masked": np.ma.array([0, 1], mask=[0, 1]),
    "a generator": (i for i in range(2)),
}


@pytest.mark.parametrize("metric", [accuracy, log_loss, r2, mean_absolute_error])
@pytest.mark.parametrize("argument", ["Y", "prediction", "sample_weight"])
@pytest.mark.parametrize("kind", BAD)
def test_metric_refuses_what_is_no_array_of_numbers(kind, argument, metric):
    right = {"Y": [0, 1], "prediction": [[0.5], [0.25]], "sample_weight": None}
    expected = "an array without a mask" if kind == "masked" else "numbers"
    text = re.escape(f"[{metric.__name__}] {argument}: expected {expected}")
    error = ValueError if kind == "ragged" else TypeError
    with pytest.raises(error, match=text):
        metric(**right | {argument: BAD[kind]})
