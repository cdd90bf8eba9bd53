"""MLPClassifier of chainrule beside scikit-learn's: `python bench/estimators.py --help`.

Equal settings and equal seeds, both with all threads. The two take turns, a fit each, seed after
seed; reported are the median time, the median of the ratios, and the scores on data that nobody was
trained on. Predicting one row and `partial_fit` of 32 rows are timed apart. With --jobs instead a
search over parameters, by one job and by several.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import sklearn.neural_network
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.model_selection import train_test_split

import chainrule as cr
from bench import estimator_jobs
from bench.command import append_rows, run_context
from bench.machine import describe_machine, machine_line
from bench.report import duration

KINDS = {"chainrule": cr.MLPClassifier, "sklearn": sklearn.neural_network.MLPClassifier}

ASLEEP = 0.2  # seconds; after 0.11 the BLAS threads of the fit before no longer wait at work


@dataclass(frozen=True)
class Case:
    """Data, made when needed, and the parameters of both estimators."""

    name: str
    data: Callable[[], tuple[Any, Any]]
    options: dict[str, Any]


def digits() -> tuple[Any, Any]:
    X, y = load_digits(return_X_y=True)
    return X, y


def made(rows: int, columns: int, classes: int) -> Callable[[], tuple[Any, Any]]:
    def make() -> tuple[Any, Any]:
        X, y = make_classification(
            rows * 5 // 4,  # a fifth is for the score
            columns,
            n_informative=columns // 2,
            n_classes=classes,
            flip_y=0.1,
            random_state=0,
        )
        return X, y

    return make


def texts(rows: int, words: int, classes: int) -> Callable[[], tuple[Any, Any]]:
    """Sparse: of 80 words, drawn by Zipf's law and the class, how often each comes, weighted."""

    def make() -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        y = rng.integers(classes, size=rows * 5 // 4)
        chances = np.exp(rng.normal(size=(classes, words))) / np.arange(1, words + 1)
        chances /= chances.sum(axis=1, keepdims=True)
        drawn = np.stack([rng.choice(words, 80, p=chances[c]) for c in y])
        place = np.repeat(np.arange(len(y)), 80), drawn.ravel()
        counts = csr_matrix((np.ones(drawn.size), place), (len(y), words))  # adds them up
        return TfidfTransformer().fit_transform(counts), y

    return make


CASES = [
    Case("digits, defaults", digits, {}),
    Case("digits, lbfgs, 50 iterations", digits, {"solver": "lbfgs", "max_iter": 50}),
    Case(
        "100,000 x 54, 7 classes, 256-256, batch 256",
        made(100_000, 54, 7),
        {"hidden_layer_sizes": (256, 256), "batch_size": 256, "max_iter": 3},
    ),
    Case(
        "20,000 x 20, 2 classes, 64-64, batch 32",
        made(20_000, 20, 2),
        {"hidden_layer_sizes": (64, 64), "batch_size": 32, "max_iter": 10},
    ),
    Case("4,000 texts, 20,000 words, 4 classes", texts(4_000, 20_000, 4), {"max_iter": 5}),
]


def compare(case: Case, dtype: str, seeds: int) -> list[dict[str, Any]]:
    """A row for each estimator, ours first."""
    X, y = case.data()
    X = X.astype(dtype)
    times: dict[str, list[float]] = {name: [] for name in KINDS}
    scores: dict[str, list[float]] = {name: [] for name in KINDS}
    latencies: dict[str, list[float]] = {name: [] for name in KINDS}
    more: dict[str, list[float]] = {name: [] for name in KINDS}
    for seed in range(seeds):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=seed)
        for name, kind in KINDS.items():
            est = kind(random_state=seed, **case.options)
            time.sleep(ASLEEP)
            start = time.perf_counter()
            est.fit(X_train, y_train)
            times[name].append(time.perf_counter() - start)
            scores[name].append(est.score(X_test, y_test))
            latencies[name].append(seconds_of(est.predict_proba, X_test[:1]))
            if hasattr(est, "partial_fit"):
                est.set_params(batch_size="auto")  # a number above 32 is warned of
                more[name].append(seconds_of(est.partial_fit, X_train[:32], y_train[:32]))
    return [
        {
            "case": case.name,
            "peer": name,
            "dtype": dtype,
            "fit_seconds": times[name],
            "scores": scores[name],
            "one_row_seconds": latencies[name],
            "more_rows_seconds": more[name],
        }
        for name in KINDS
    ]


def seconds_of(call: Callable[..., Any], *arguments: Any) -> float:
    """The median time of 200 calls."""
    seconds = []
    for _ in range(200):
        start = time.perf_counter()
        call(*arguments)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def line(rows: list[dict[str, Any]]) -> str:
    """A line of the table: both times, how many times as fast, both scores."""
    ours, theirs = rows

    def ratio(key: str) -> float:
        return statistics.median(b / a for a, b in zip(ours[key], theirs[key], strict=True))

    cells = [ours["case"], ours["dtype"]]
    for key in TIMES:
        timed = bool(ours[key])
        cells += [duration(statistics.median(r[key])) if timed else "-" for r in rows]
        cells.append(f"{ratio(key):.1f}" if timed else "-")
    cells += [f"{np.mean(r['scores']):.4f} +- {np.std(r['scores']):.4f}" for r in rows]
    return "| " + " | ".join(cells) + " |"


TIMES = ("fit_seconds", "one_row_seconds", "more_rows_seconds")
HEADER = (
    "| case | dtype | fit: chainrule | sklearn | x | one row: chainrule | sklearn | x "
    "| 32 rows more: chainrule | sklearn | x | score: chainrule | sklearn |\n| --- | --- |"
) + " ---: |" * 11


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python bench/estimators.py", description=__doc__)
    parser.add_argument("--dtype", default="float64", choices=("float32", "float64"))
    parser.add_argument("--seeds", type=int, default=10, help="or rounds of --jobs; default 10")
    parser.add_argument("--jobs", type=int, metavar="N", help="a search by 1 and by N jobs")
    parser.add_argument("--quick", action="store_true", help="the digits, 2 seeds, 5 epochs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append a line per row")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error("--seeds: expected more than 0")
    if options.jobs is not None and options.jobs < 2:
        parser.error("--jobs: expected more than 1")
    warnings.simplefilter("ignore", ConvergenceWarning)
    machine = describe_machine()
    header = HEADER if options.jobs is None else estimator_jobs.HEADER
    print(machine_line(machine), header, sep="\n\n", flush=True)
    cases, seeds = CASES, options.seeds
    if options.quick:
        cases, seeds = [Case("digits, 5 epochs", digits, {"max_iter": 5})], 2
    for case in cases:
        if options.jobs is None:
            rows = compare(case, options.dtype, seeds)
            print(line(rows), flush=True)
        else:
            rows = [estimator_jobs.compare_jobs(case, options.dtype, options.jobs, seeds)]
            print(estimator_jobs.line(rows[0]), flush=True)
        append_rows(options.json, [run_context(options.quick, machine) | row for row in rows])


if __name__ == "__main__":
    main()
