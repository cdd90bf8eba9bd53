"""The learning rate, too low, too high, and as the range test suggests.

python examples/troubles/learning_rate.py [picture.png] [epochs]
"""

import sys

from shared import digits, fit, report

import chainrule as cr

LAYERS = [cr.Dense(64, "relu"), cr.Dense(10, "softmax")]


def main(path="learning_rate.png", epochs=10):
    (X, Y), _ = digits()
    trainer = cr.Trainer(cr.Network(LAYERS, 64), "cross_entropy", cr.SGD(0.01, momentum=0.9))
    test = cr.learning_rate_range_test(trainer, X, Y)
    print(test)
    if path is not None:
        picture = path.replace(".png", "_range.png")
        test.plot(picture)
        print(f"picture: {picture}")
    results = {
        f"rate {rate:.2g}": fit(LAYERS, cr.SGD(rate, momentum=0.9), epochs)
        for rate in (1e-5, 10.0, test.suggestion)
    }
    return report("The learning rate", results, path, "ratio")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
