"""How good a model is on a table: the numbers of the results, and baselines to compare with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from chainrule.cli.target import Target
from chainrule.metrics import accuracy, log_loss, mean_absolute_error, r2

Scores = dict[str, float | None]

# Keys of the scores, as the tables head them.
HEADINGS = {
    "rows": "rows",
    "log_loss": "log loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "roc_auc": "ROC AUC",
    "r2": "R2",
    "mean_absolute_error": "mean abs. error",
    "root_mean_squared_error": "root mean sq. error",
}


def scores(target: Target, y: NDArray[Any], output: NDArray[Any]) -> Scores:
    """Of a network's output (m, n_outputs) for y (m,) as `Target.encode` gives it.

    Classification: log_loss (nats), accuracy, balanced_accuracy (mean recall of the classes there
    are), roc_auc (two classes, None unless both are there). Regression: r2, mean_absolute_error and
    root_mean_squared_error in the target's units.
    """
    if target.task == "regression":
        predicted = (output[:, :1].astype(np.float64)) * target.scale + target.mean
        return {
            "rows": len(y),
            "r2": r2(y, predicted),
            "mean_absolute_error": mean_absolute_error(y, predicted),
            "root_mean_squared_error": float(np.sqrt(np.mean((y - predicted[:, 0]) ** 2))),
        }
    probabilities = target.probabilities(output)
    recall = [row["recall"] for row in class_scores(target, y, output) if row["rows"]]
    values: Scores = {
        "rows": len(y),
        "log_loss": log_loss(y, probabilities),
        "accuracy": accuracy(y, probabilities),
        "balanced_accuracy": float(np.mean(recall)),
    }
    if len(target.classes) == 2:
        both = len(np.unique(y)) == 2
        values["roc_auc"] = float(roc_auc_score(y, probabilities[:, 1])) if both else None
    return values


def class_scores(target: Target, y: NDArray[Any], output: NDArray[Any]) -> list[dict[str, Any]]:
    """For each class: rows, precision, recall, f1 (0 where undefined)."""
    predicted = target.probabilities(output).argmax(axis=1)
    labels = np.arange(len(target.classes))
    parts = precision_recall_fscore_support(y, predicted, labels=labels, zero_division=0)
    return [
        {"class": label, "rows": int(n), "precision": float(p), "recall": float(r), "f1": float(f)}
        for label, p, r, f, n in zip(target.classes, *parts, strict=True)
    ]


def baseline(target: Target, y_train: NDArray[Any], y: NDArray[Any]) -> Scores:
    """How the class shares of the training rows, or their mean, score on y."""
    if target.task == "regression":
        return scores(target, y, np.zeros((len(y), 1)))  # the mean, standardized
    shares = np.bincount(y_train, minlength=len(target.classes)) / len(y_train)
    output = np.tile(shares if target.n_outputs > 1 else shares[1:], (len(y), 1))
    return scores(target, y, output)
