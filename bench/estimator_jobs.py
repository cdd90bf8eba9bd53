"""Several fits at once in a search over parameters: `python bench/estimators.py --jobs 2`.

As many jobs as cores should take no longer than one job on one thread, divided by their number:
then they do not fight for cores. What joblib and scikit-learn take to hand out fits shows in a loop
of Python that keeps a core busy as long as a fit does. joblib hands out short fits several at a
time, so that of eight one process may do five; so they are 40. Timed in turns after a run that
starts joblib's processes.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV

import chainrule as cr
from bench.report import duration

if TYPE_CHECKING:
    from bench.estimators import Case

FOLDS = 2
LONG_SECONDS = 1  # fits of which are few

HEADER = (
    "| search | dtype | fits | 1 job, 1 thread | 1 job, all threads | jobs | their time "
    "| x of one job's work divided | of a loop |\n| --- | --- |" + " ---: |" * 7
)


class Loop(BaseEstimator):
    """Keeps a core busy for so many seconds of its time, instead of a fit."""

    def __init__(self, seconds: float = 0.0, alpha: float = 0.0) -> None:
        self.seconds, self.alpha = seconds, alpha

    def fit(self, X: Any, y: Any) -> Loop:
        end = time.process_time() + self.seconds
        while time.process_time() < end:
            pass
        return self

    def score(self, X: Any, y: Any) -> float:
        return 0.0


def compare_jobs(case: Case, dtype: str, jobs: int, rounds: int) -> dict[str, Any]:
    """A row: seconds of each round, of one job on one thread and on all, and of `jobs` jobs."""
    X, y = case.data()
    X = X.astype(dtype)
    est = cr.MLPClassifier(random_state=0, **case.options)
    search(est, X[:500], y[:500], 4, jobs)
    start = time.perf_counter()
    est.fit(X, y)
    candidates = 4 if time.perf_counter() - start > LONG_SECONDS else 20
    names = ("one_thread", "one_job", "jobs", "loop_one_thread", "loop_jobs")
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        cr.set_num_threads(1)
        times["one_thread"].append(search(est, X, y, candidates, 1))
        cr.set_num_threads(None)
        times["one_job"].append(search(est, X, y, candidates, 1))
        times["jobs"].append(search(est, X, y, candidates, jobs))
        loop = Loop(times["one_thread"][-1] / (FOLDS * candidates))
        times["loop_one_thread"].append(search(loop, X, y, candidates, 1))
        times["loop_jobs"].append(search(loop, X, y, candidates, jobs))
    seconds = {f"{name}_seconds": values for name, values in times.items()}
    fits = FOLDS * candidates
    return {"case": case.name, "dtype": dtype, "fits": fits, "jobs": jobs, **seconds}


def search(est: Any, X: Any, y: Any, candidates: int, jobs: int) -> float:
    """Seconds of the fits and their scores."""
    grid = {"alpha": np.geomspace(1e-4, 1e-1, candidates)}
    start = time.perf_counter()
    GridSearchCV(est, grid, cv=FOLDS, n_jobs=jobs, refit=False).fit(X, y)
    return time.perf_counter() - start


def line(row: dict[str, Any]) -> str:
    """A line of the table: medians of the times, and of the ratios."""
    names = ("one_thread_seconds", "one_job_seconds", "jobs_seconds")
    one_thread, one_job, jobs = (duration(statistics.median(row[name])) for name in names)
    ratios = [f"{ratio(row, prefix):.2f}" for prefix in ("", "loop_")]
    fits, n_jobs = str(row["fits"]), str(row["jobs"])
    cells = [row["case"], row["dtype"], fits, one_thread, one_job, n_jobs, jobs, *ratios]
    return "| " + " | ".join(cells) + " |"


def ratio(row: dict[str, Any], prefix: str) -> float:
    """Of the time of the jobs to that of one job on one thread, divided by their number."""
    many, one = (row[f"{prefix}{name}_seconds"] for name in ("jobs", "one_thread"))
    return statistics.median(m * row["jobs"] / o for m, o in zip(many, one, strict=True))
