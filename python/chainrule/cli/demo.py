"""`chainrule demo`: handwritten digits, learned by the core and once more by the NumPy reference.

Both start from the same weights and see the same batches in the same order, so they must arrive at
the same costs; only then is the comparison of their times fair.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import chainrule as cr
from chainrule import reference
from chainrule.cli import report
from chainrule.cli.console import make_table, show

Array = NDArray[Any]

HIDDEN = (128, 64)
BATCH_SIZE = 32
OPTIMIZER = cr.Adam(2e-3)
L2 = 1e-3
LONGEST = 60.0  # seconds for the reference; beyond, one epoch is timed and scaled up


def demo(picture: Path, epochs: int, seed: int, compare: bool, threads: int | None) -> None:
    """Trains, times, prints a table and writes the learning curve."""
    report.check_picture(picture)
    if threads is not None:
        cr.set_num_threads(threads)
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)  # grey levels 0 .. 16
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=seed
    )
    layers = [*(cr.Dense(units, "relu") for units in HIDDEN), cr.Dense(10, "softmax")]
    net = cr.Network(layers, n_inputs=64, seed=seed)
    first = course_parameters(net)
    shape = " - ".join(map(str, (64, *HIDDEN, 10)))
    show(
        f"{len(X):,} handwritten digits of 8 x 8 pixels: {len(X_train):,} to train, "
        f"{len(X_test):,} held out",
        f"Network {shape} (relu, softmax), Adam, {epochs} epochs of batches of {BATCH_SIZE}, "
        f"seed {seed}",
    )
    schedule = cr.cosine(epochs)
    trainer = cr.Trainer(
        net, "cross_entropy", OPTIMIZER, schedule, seed=seed, metrics=["accuracy"], l2=L2
    )
    # The rows are in random order already; not shuffled anew, so that both see the same batches.
    history = trainer.fit(
        X_train,
        y_train,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        validation_data=(X_test, y_test),
        callbacks=[cr.ProgressBar()] if sys.stderr.isatty() else [],
        shuffle=False,
    )
    seconds = sum(history["seconds"])
    test_accuracy = trainer.evaluate(X_test, y_test)["accuracy"]
    rows = [["chainrule", f"{100 * test_accuracy:.2f} %", f"{seconds:.2f}"]]
    lines: list[str] = []
    if compare:
        row, lines = compare_with_numpy(first, X_train, y_train, X_test, y_test, history, schedule)
        rows.append(row)
    show(make_table("", ["", "test accuracy", "seconds of training"], rows), *lines)
    report.picture(history, picture, "Handwritten digits (validation: the test data)")
    show(f"Learning curve: {picture}")


def course_parameters(net: cr.Network) -> dict[str, Array]:
    """Copies of W1, b1, .. as the reference takes them."""
    numbers = range(1, len(net.layers) + 1)
    return {
        f"{letter}{layer}": view[layer].copy()
        for layer in numbers
        for letter, view in (("W", net.W), ("b", net.b))
    }


def compare_with_numpy(
    parameters: dict[str, Array],
    X_train: Array,
    y_train: Array,
    X_test: Array,
    y_test: Array,
    history: cr.History,
    schedule: Any,
) -> tuple[list[str], list[str]]:
    """The reference's row of the table, and what to say below it."""
    activations = [*("relu" for _ in HIDDEN), "softmax"]

    def optimize(epochs: int) -> tuple[dict[str, Array], list[float], float]:
        start = time.perf_counter()
        trained, costs = reference.optimize(
            X_train,
            y_train,
            parameters,
            activations,
            "cross_entropy",
            epochs=epochs,
            batch_size=BATCH_SIZE,
            optimizer=OPTIMIZER.name,
            learning_rate=OPTIMIZER.learning_rate,
            schedule=lambda epoch: schedule.factor(epoch, None),
            shuffle=False,
            l2=L2,
            samples="rows",
        )
        return trained, costs, time.perf_counter() - start

    epochs, own = len(history), sum(history["seconds"])
    _, _, one = optimize(1)
    if one * epochs > LONGEST:
        estimate = one * epochs
        row = ["NumPy reference", "-", f"about {estimate:.0f}"]
        return row, [
            f"About {estimate / own:.1f} times as fast as NumPy (one epoch timed, scaled up)."
        ]
    trained, costs, seconds = optimize(epochs)
    predicted = reference.predict(X_test, trained, activations, samples="rows").argmax(axis=1)
    row = ["NumPy reference", f"{100 * np.mean(predicted == y_test):.2f} %", f"{seconds:.2f}"]
    difference = np.max(np.abs(np.array(costs) / history["loss"] - 1))
    return row, [
        f"{seconds / own:.1f} times as fast as NumPy doing the same work.",
        f"Same first weights, same batches; the costs of all epochs agree within {difference:.1g}.",
    ]
