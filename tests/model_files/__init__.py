"""Files of each version of the format, kept as they were written; what is in them is told here.

`python -m tests.model_files` writes those of the version at hand, where they are missing.
"""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import chainrule as cr
from tests import golden

FOLDER = Path(__file__).parent
TABLE = "length,colour,kind\n" + "".join(
    f"{i % 7}.{i % 3},{'red' if i % 2 else 'blue'},{'ab'[i % 2]}\n" for i in range(40)
)


def network(dtype: str) -> cr.Network:
    """Every value is exact in float32 and comes from integers alone."""
    layers = [cr.Dense(5, cr.Activation("leaky_relu", 0.25), "he_uniform"), cr.Dense(3, "softmax")]
    net = cr.Network(layers, 4, dtype, seed=7)
    for i, (name, value) in enumerate(net.parameters.items()):
        net.parameters[name] = golden.numbers(i + 1, *value.shape)
    return net


def X() -> NDArray[Any]:
    """Six rows for `network`."""
    return golden.numbers(9, 6, 4)
