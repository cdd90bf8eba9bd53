"""Dead units: a rate too high pushes relus below zero for good; leaky ones come back.

python examples/troubles/dead_units.py [picture.png] [epochs]
"""

import sys

from shared import fit, report

import chainrule as cr

OUTPUT = cr.Dense(10, "softmax")


def main(path="dead_units.png", epochs=10):
    def layers(activation):
        return [cr.Dense(64, activation), cr.Dense(64, activation), OUTPUT]

    results = {
        "relu, rate 0.1": fit(layers("relu"), cr.Adam(0.1), epochs),
        "leaky_relu, rate 0.1": fit(layers("leaky_relu"), cr.Adam(0.1), epochs),
        "relu, rate 0.001": fit(layers("relu"), cr.Adam(1e-3), epochs),
    }
    for label, (_, diagnosis) in results.items():
        shares = [f"{row.dead:.0%}" for row in diagnosis.layers[:-1] if row.dead == row.dead]
        print(f"{label}: dead units by layer {', '.join(shares) or 'none can die'}")
    return report("Dead units", results, path, "dead", log=False)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
