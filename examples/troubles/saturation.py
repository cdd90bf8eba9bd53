"""Saturated units: inputs from 0 to 320 push tanh to its limits; scale them.

python examples/troubles/saturation.py [picture.png] [epochs]
"""

import sys

from shared import digits, report

import chainrule as cr

LAYERS = [cr.Dense(64, "tanh"), cr.Dense(64, "tanh"), cr.Dense(10, "softmax")]


def main(path="saturation.png", epochs=10):
    (X, Y), (X_test, Y_test) = digits()
    results = {}
    for label, factor in {"pixels from 0 to 320": 320, "pixels from 0 to 1": 1}.items():
        net = cr.Network(LAYERS, 64)
        trainer = cr.Trainer(net, "cross_entropy", cr.Adam(1e-3), metrics=["accuracy"])
        trainer.fit(factor * X, Y, epochs, validation_data=(factor * X_test, Y_test))
        results[label] = trainer, cr.diagnose(net, factor * X, Y, trainer=trainer)
    return report("Saturated units", results, path, "saturated", log=False)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
