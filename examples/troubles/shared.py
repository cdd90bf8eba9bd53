"""What the scripts here share: the data, a fit that ends with a diagnosis, and the picture."""

import warnings
from math import isfinite

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import chainrule as cr

COLORS = ["#d9730d", "#3465a4", "#4e9a06"]
# Of a layer, by their names in a diagnosis.
NUMBERS = {
    "gradient": "gradient, root mean square",
    "ratio": "next update / weight",
    "dead": "share of dead units",
    "saturated": "share of saturated values",
}


def digits(n_train=None):
    """(X, Y), (X_test, Y_test): pixels from 0 to 1, class indices."""
    X, Y = load_digits(return_X_y=True)
    X, X_test, Y, Y_test = train_test_split(
        X / 16, Y, train_size=n_train or 0.8, test_size=0.2, random_state=0, stratify=Y
    )
    return (X, Y), (X_test, Y_test)


def fit(layers, optimizer, epochs, train=None, **options):
    """The trainer, and what the diagnosis says after the fit, of a network on the digits."""
    (X, Y), test = digits()
    X, Y = (X, Y) if train is None else train
    net = cr.Network(layers, X.shape[1])
    trainer = cr.Trainer(net, "cross_entropy", optimizer, metrics=["accuracy"], **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of training that diverges
        trainer.fit(X, Y, epochs=epochs, batch_size=32, validation_data=test)
    return trainer, cr.diagnose(net, X, Y, trainer=trainer)


def report(title, results, path, numbers, log=True):
    """Prints every verdict and draws `numbers` of the layers beside the cost: {label: result}."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (label, (trainer, diagnosis)), color in zip(results.items(), COLORS, strict=False):
        accuracy = trainer.history["val_accuracy"][-1]
        print(f"{label:28} test accuracy {100 * accuracy:5.1f} %   {diagnosis.verdicts[0]}")
        rows = [row for row in diagnosis.layers if not row.is_inside]
        left.plot(
            [int(row.path) for row in rows if isfinite(getattr(row, numbers))],
            [getattr(row, numbers) for row in rows if isfinite(getattr(row, numbers))],
            "o-",
            ms=4,
            color=color,
            label=label,
        )
        right.plot(trainer.history["loss"], color=color, label=f"{label}: {diagnosis.verdict}")
        right.plot(trainer.history["val_loss"], "--", color=color)
    left.set(xlabel="layer", ylabel=NUMBERS[numbers], yscale="log" if log else "linear")
    left.xaxis.get_major_locator().set_params(integer=True)
    right.set(xlabel="epoch", ylabel="cost (dashed: test)")
    right.set_yscale("log")
    right.legend(frameon=False, fontsize=9)
    figure.suptitle(title)
    if path is not None:
        figure.savefig(path, dpi=120)
        print(f"picture: {path}")
    return results
