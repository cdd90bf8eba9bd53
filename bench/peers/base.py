"""What a peer is asked to do, and the problem it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

from bench.cases import Array, Case, Parameters, initial_parameters, make_data


@dataclass(frozen=True)
class Problem:
    """A case with its data and first weights: the same in every worker."""

    case: Case
    dtype: str
    n_threads: int
    X: Array  # (rows, n_in)
    y: Array  # (rows,) class indices
    parameters: Parameters

    @classmethod
    def make(cls, case: Case, dtype: str, n_threads: int) -> Problem:
        X, y = make_data(case, dtype)
        return cls(case, dtype, n_threads, X, y, initial_parameters(case, dtype))


class Predictor(Protocol):
    """A network with the problem's weights. Details worth a line in the report go to `notes`."""

    notes: dict[str, Any]

    def __init__(self, problem: Problem) -> None: ...

    def predictor(self, X: Array) -> Callable[[], Any]:
        """A function that predicts the rows of X once and returns when it is done.

        X is put into the form that the library likes before; the result is an array of its own
        kind: probabilities (rows, n_out), or as many columns as classes. The first call may
        compile.
        """


class Peer(Predictor, Protocol):
    """A network and its optimizer at their beginning: Adam, learning rate 1e-3.

    The first call of `train` may compile.
    """

    def reset(self) -> None:
        """Back to the first weights and a fresh optimizer; not timed."""

    def train(self, epochs: int, shuffle: bool) -> float:
        """Seconds of `epochs` epochs, rows in a new order each or, for the check, as they lie."""

    def parameters(self) -> Parameters:
        """The weights now, as NumPy arrays."""


class Stopwatch:
    """with Stopwatch() as watch: ..; watch.seconds"""

    seconds: float = 0.0

    def __enter__(self) -> Stopwatch:
        self._start = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = perf_counter() - self._start
