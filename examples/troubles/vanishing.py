"""Vanishing gradients: each sigmoid passes back at most a quarter; a shortcut passes all.

python examples/troubles/vanishing.py [picture.png] [epochs]
"""

import sys

from shared import fit, report

import chainrule as cr

OUTPUT = cr.Dense(10, "softmax")
BLOCK = cr.Residual([cr.Dense(64), cr.BatchNorm(), cr.Activation("sigmoid")])


def main(path="vanishing.png", epochs=10):
    results = {
        "12 sigmoid layers": fit([*[cr.Dense(64, "sigmoid")] * 12, OUTPUT], cr.Adam(1e-3), epochs),
        "batch norm and shortcuts": fit(
            [cr.Dense(64), *[BLOCK] * 11, OUTPUT], cr.Adam(1e-3), epochs
        ),
    }
    for label, (_, diagnosis) in results.items():
        rows = [row for row in diagnosis.layers if not row.is_inside]
        print(f"{label}: gradient {rows[0].gradient / rows[-1].gradient:.1g} times the output's")
    return report("Vanishing gradients", results, path, "gradient")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
