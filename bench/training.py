"""One training step, chainrule and its peers side by side: `python bench/training.py --help`.

A step is: gather a shuffled mini-batch, forward, loss, backward, Adam. README.md tells what each
peer runs and how to read the numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench import command
from bench.cases import TRAINING


def main(arguments: Sequence[str] | None = None) -> None:
    command.main(TRAINING, __doc__, arguments)


if __name__ == "__main__":
    main()
