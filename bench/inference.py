"""Prediction, chainrule and its peers side by side: `python bench/inference.py --help`.

One row, for the latency of a call from Python, and 100,000 rows in one call, for the rate.
README.md tells what each peer runs and how to read the numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench import command
from bench.cases import INFERENCE


def main(arguments: Sequence[str] | None = None) -> None:
    command.main(INFERENCE, __doc__, arguments)


if __name__ == "__main__":
    main()
