"""An activation and a loss of one's own, in NumPy, checked when they are registered.

Squareplus (Barron 2021) and log-cosh are not built in. The script registers a derivative that is
wrong first, to show what is said of it; then it trains with the right ones and tells what Python
costs.

    python examples/own_functions.py [epochs]
"""

import sys

import numpy as np
from sklearn.datasets import load_diabetes

import chainrule as cr


def squareplus(z):
    return (z + np.sqrt(z * z + 4)) / 2


def squareplus_derivative(z):
    return (1 + z / np.sqrt(z * z + 4)) / 2


def log_cosh(A, Y):
    """L = sum_j log cosh(a_j - y_j), written so that nothing overflows."""
    size = np.abs(A - Y)
    return (size + np.log1p(np.exp(-2 * size)) - np.log(2)).sum(axis=1)


def log_cosh_derivative(A, Y):
    return np.tanh(A - Y)


def main(epochs=200):
    """The correlation of predictions and targets on data that were held out."""
    try:
        cr.register_activation("squareplus", squareplus, lambda z: z / np.sqrt(z * z + 4))
    except ValueError as error:
        print(error)
    # With replace=True a cell of a notebook can run again.
    cr.register_activation("squareplus", squareplus, squareplus_derivative, replace=True)
    cr.register_loss("log_cosh", log_cosh, log_cosh_derivative, replace=True)

    X, y = load_diabetes(return_X_y=True)
    X, y = X / X.std(axis=0), (y - y.mean()) / y.std()
    net = cr.Network([cr.Dense(32, "squareplus"), cr.Dense(1)], n_inputs=X.shape[1], seed=0)
    print(cr.check_gradients(net, X, y, loss="log_cosh"))
    cr.Trainer(net, loss="log_cosh", optimizer=cr.AdamW(1e-3), seed=0).fit(
        X[:350], y[:350], epochs=epochs, batch_size=32
    )
    correlation = np.corrcoef(net.predict(X[350:]).ravel(), y[350:])[0, 1]
    print(f"correlation {correlation:.2f}")
    print(net.summary(loss="log_cosh"))
    return correlation


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
