"""Overfitting: 100 digits, a fifth of them with a wrong label; dropout and weight decay.

python examples/troubles/overfitting.py [picture.png] [epochs]
"""

import sys

from shared import digits, fit, report

import chainrule as cr

OUTPUT = cr.Dense(10, "softmax")


def main(path="overfitting.png", epochs=150):
    (X, Y), _ = digits(n_train=100)
    Y = Y.copy()
    Y[::5] = (Y[::5] + 1) % 10
    plain = [cr.Dense(128, "relu"), cr.Dense(128, "relu"), OUTPUT]
    dropped = [cr.Dense(128, "relu"), cr.Dropout(0.5), OUTPUT]
    results = {
        "256 units": fit(plain, cr.Adam(1e-3), epochs, (X, Y)),
        "dropout and weight decay": fit(dropped, cr.AdamW(1e-3, weight_decay=1.0), epochs, (X, Y)),
    }
    return report("Overfitting", results, path, "ratio")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
