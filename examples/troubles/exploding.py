"""Exploding gradients: weights three times too large, in 12 layers; He's first weights.

python examples/troubles/exploding.py [picture.png] [epochs]
"""

import sys

from shared import fit, report

import chainrule as cr

OUTPUT = cr.Dense(10, "softmax")


def main(path="exploding.png", epochs=10):
    wide = cr.Initializer("normal", {"std": 0.5})
    results = {
        "weights of deviation 0.5": fit(
            [*[cr.Dense(64, "relu", wide)] * 12, OUTPUT], cr.SGD(0.01), epochs
        ),
        "He's weights (the default)": fit(
            [*[cr.Dense(64, "relu")] * 12, OUTPUT], cr.SGD(0.01), epochs
        ),
    }
    return report("Exploding gradients", results, path, "gradient")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
