"""Several fits at once in a search over parameters: `python bench/estimators.py --jobs 2`.

As many jobs as cores should take no longer than one job on one thread, divided by their number:
then they do not fight for cores. Timed in turns after a run that starts joblib's processes.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from sklearn.model_selection import GridSearchCV

import chainrule as cr
from bench.report import duration

if TYPE_CHECKING:
    from bench.estimators import Case

HEADER = (
    "| search, 8 fits | dtype | 1 job, 1 thread | 1 job, all threads | jobs | their time "
    "| x of one job's work divided |\n| --- | --- |" + " ---: |" * 5
)


def compare_jobs(case: Case, dtype: str, jobs: int, rounds: int) -> dict[str, Any]:
    """A row: seconds of each round, of one job on one thread and on all, and of `jobs` jobs."""
    X, y = case.data()
    X = X.astype(dtype)
    search(case, X[:500], y[:500], jobs)
    times: dict[str, list[float]] = {"one_thread": [], "one_job": [], "jobs": []}
    for _ in range(rounds):
        cr.set_num_threads(1)
        times["one_thread"].append(search(case, X, y, 1))
        cr.set_num_threads(None)
        times["one_job"].append(search(case, X, y, 1))
        times["jobs"].append(search(case, X, y, jobs))
    seconds = {f"{name}_seconds": values for name, values in times.items()}
    return {"case": case.name, "dtype": dtype, "jobs": jobs, **seconds}


def search(case: Case, X: Any, y: Any, jobs: int) -> float:
    """Seconds of eight fits and their scores."""
    est = cr.MLPClassifier(random_state=0, **case.options)
    grid = {"alpha": [1e-4, 1e-3, 1e-2, 1e-1]}
    start = time.perf_counter()
    GridSearchCV(est, grid, cv=2, n_jobs=jobs, refit=False).fit(X, y)
    return time.perf_counter() - start


def line(row: dict[str, Any]) -> str:
    """A line of the table: medians of the times, and of the ratios."""
    names = ("one_thread_seconds", "one_job_seconds", "jobs_seconds")
    one_thread, one_job, jobs = (duration(statistics.median(row[name])) for name in names)
    pairs = zip(row["jobs_seconds"], row["one_thread_seconds"], strict=True)
    ratio = statistics.median(many * row["jobs"] / one for many, one in pairs)
    cells = [row["case"], row["dtype"], one_thread, one_job, str(row["jobs"]), jobs, f"{ratio:.2f}"]
    return "| " + " | ".join(cells) + " |"
