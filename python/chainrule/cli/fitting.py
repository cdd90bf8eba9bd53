"""The split into rows to train and to validate on, and the training with early stopping."""

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

import chainrule as cr
from chainrule.cli import report
from chainrule.cli.console import InputError, count, warning
from chainrule.cli.options import Options
from chainrule.cli.target import Target

Array = NDArray[Any]


def split(y: Array, share: float, seed: int, task: str) -> tuple[Array, Array]:
    """Row numbers to train on and to validate on, shuffled; for classes in their proportions.

    A class with a single row is trained on. Where there are too few rows for all classes the split
    is plainly random.
    """
    rows = np.arange(len(y))
    if share == 0:
        return rows, rows[:0]
    if round(share * len(y)) < 1 or len(y) < 2:
        raise InputError(f"--validation {share}: {count(len(y), 'row')} are too few to split")
    alone = np.zeros(len(y), dtype=bool)
    strata = None
    if task == "classification":
        alone = np.bincount(y)[y] == 1
        strata = y[~alone]
        n_check = round(share * len(strata))
        if min(n_check, len(strata) - n_check) < len(np.unique(strata)):
            warning("too few rows for validation with every class; the split is plainly random")
            strata, alone = None, np.zeros(len(y), dtype=bool)
    fit_rows, check_rows = train_test_split(
        rows[~alone],
        test_size=max(1, round(share * len(rows[~alone]))),
        random_state=seed,
        stratify=strata,
    )
    return np.concatenate([fit_rows, rows[alone]]), check_rows


def auto_batch_size(rows: int) -> int:
    """32 for small tables, doubled until an epoch has at most 2000 steps, but at most 512."""
    size = 32
    while rows > 2000 * size and size < 512:
        size *= 2
    return min(size, rows)


def fit(
    net: cr.Network, target: Target, X: dict[str, Array], y: dict[str, Array], options: Options
) -> dict[str, Any]:
    """Trains the network; returns what `chainrule info` tells of it."""
    rows = len(X["training"])
    batch_size = min(options.batch_size or auto_batch_size(rows), rows)
    # "val_loss" is not watched, for the penalty of l2 is a part of it.
    metrics: list[Any] = ["log_loss", "accuracy"]
    watched = "log_loss"
    if target.task == "regression":
        watched, metrics = "mean_squared_error", [mean_squared_error, "r2"]
    stopping = cr.EarlyStopping(options.patience, f"val_{watched}", larger_is_better=False)
    validation = None
    callbacks: list[cr.Callback] = []
    if sys.stderr.isatty() and not options.quiet:
        callbacks.append(cr.ProgressBar())
    if "validation" in X:
        validation = (X["validation"], target.to_network(y["validation"]))
        callbacks.append(stopping)
    trainer = cr.Trainer(
        net,
        target.loss,
        cr.Adam(options.learning_rate),
        seed=options.seed,
        metrics=metrics,
        l2=options.l2,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a cost that is not finite: see below
        history = trainer.fit(
            X["training"],
            target.to_network(y["training"]),
            epochs=options.epochs,
            batch_size=batch_size,
            validation_data=validation,
            callbacks=callbacks,
        )
    if not np.isfinite(history["loss"][-1]):
        advice = f"try a smaller --learning-rate than {options.learning_rate:g}"
        if stopping.best is None:
            raise InputError(f"training diverged; {advice}")
        warning(f"training diverged after {count(len(history), 'epoch')}; {advice}")
    if options.picture is not None:
        title = f"{options.data.name}: {target.name}"
        report.picture(history, options.picture, title, loss=watched)
    return {
        "epochs": len(history),
        "best_epoch": None if stopping.best_epoch is None else stopping.best_epoch + 1,
        "stopped_early": trainer.stop_reason is not None,
        "batch_size": batch_size,
    }


def mean_squared_error(Y: Any, prediction: Any, sample_weight: Any = None) -> float:
    """Of a standardized target (m,); 1 is as bad as the mean."""
    return float(np.mean((np.asarray(Y) - np.asarray(prediction)[:, 0]) ** 2))
