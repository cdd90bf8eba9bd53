"""A worker process: one peer, one case (a job), one number of threads. Started by remote.py.

It answers one request per line of standard input with one line on standard output, both JSON, and
in between waits without using the CPU. Whatever a library prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])


class TrainingWorker:
    """Sets up a peer, sees that it learns, and times it."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task

    def setup(self) -> dict[str, Any]:
        """Imports, builds, and trains an epoch in the rows' own order: for all the same steps."""
        start = time.perf_counter()
        from bench.cases import Case
        from bench.peers import load_peer
        from bench.peers.base import Problem

        trained_type = load_peer(self.task["peer"])
        imported = time.perf_counter()
        case = Case(**self.task["case"])
        problem = Problem.make(case, self.task["dtype"], self.task["n_threads"])
        made = time.perf_counter()
        self.peer = trained_type(problem)
        built = time.perf_counter()
        first_loss = self._loss(problem)
        first = self.peer.train(1, shuffle=False)
        last_loss = self._loss(problem)
        self.peer.reset()
        second = self.peer.train(1, shuffle=False)
        compiling = self.peer.notes.pop("compile_seconds", max(0.0, first - second))
        return {
            "import_seconds": imported - start,
            "build_seconds": built - made,
            "compile_seconds": compiling,
            "repeat_seconds": second,
            "loss": {"before": first_loss, "after": last_loss, "steps": case.steps_per_epoch},
            "notes": self.peer.notes,
        }

    def _loss(self, problem: Any) -> float:
        from bench.cases import mean_loss

        return mean_loss(self.peer.parameters(), problem.X, problem.y, hidden=problem.case.hidden)

    def time(self, repeats: int) -> dict[str, Any]:
        """Seconds of so many shuffled epochs from the first weights; busy: CPU time / wall time."""
        for _ in range(3):
            self.peer.reset()
            if repeats >= 10:  # at most a tenth more, and the caches are its own again
                self.peer.train(1, shuffle=True)
            cpu, wall = time.process_time(), time.perf_counter()
            seconds = self.peer.train(repeats, shuffle=True)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if seconds > 0:  # a difference of two times, as with scikit-learn, need not be
                return {"seconds": seconds, "busy": cpu / wall}
        raise RuntimeError("no positive time measured; try more --seconds")


class InferenceWorker:
    """Sets up a peer, sees what it predicts, and times calls for the first `batch_size` rows."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task

    def setup(self) -> dict[str, Any]:
        """Imports, builds, predicts; the loss of the probabilities shows that all do the same."""
        start = time.perf_counter()
        import numpy as np

        from bench.cases import Case, mean_loss, mean_loss_of_probabilities
        from bench.peers import load_peer
        from bench.peers.base import Problem

        predictor_type = load_peer(self.task["peer"], self.task["case"]["job"])
        imported = time.perf_counter()
        case = Case(**self.task["case"])
        problem = Problem.make(case, self.task["dtype"], self.task["n_threads"])
        made = time.perf_counter()
        self.peer = predictor_type(problem)
        self.predict = self.peer.predictor(problem.X[: case.batch_size])
        built = time.perf_counter()
        checked = np.asarray(self.peer.predictor(problem.X[:1024])())
        first = self.time(1)["seconds"]
        second = self.time(1)["seconds"]
        return {
            "import_seconds": imported - start,
            "build_seconds": built - made,
            "compile_seconds": max(0.0, first - second),
            "repeat_seconds": second,
            "loss": {
                "before": mean_loss(problem.parameters, problem.X, problem.y),
                "after": mean_loss_of_probabilities(checked, problem.y),
                "steps": 0,
            },
            "notes": self.peer.notes,
        }

    def time(self, repeats: int) -> dict[str, Any]:
        """Seconds of so many calls, one after the other; busy: CPU time / wall time.

        A function with a `repeat` of its own times itself.
        """
        predict = self.predict
        for _ in range(repeats // 10):  # the caches are its own again
            predict()
        cpu, wall = time.process_time(), time.perf_counter()
        if hasattr(predict, "repeat"):
            seconds = predict.repeat(repeats)
        else:
            for _ in range(repeats):
                predict()
            seconds = time.perf_counter() - wall
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return {"seconds": seconds, "busy": cpu / wall}


class PeakWorker:
    """Measures the fused-multiply-add peak with chainrule's own kernel."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task

    def setup(self) -> dict[str, Any]:
        from chainrule import _core

        self.core = _core
        self.peak(0.02)
        return {"isa": _core.isa()}

    def peak(self, seconds: float) -> dict[str, Any]:
        """FLOP/s of all threads together."""
        n_threads = self.task["n_threads"]
        return {"flops": self.core.kernels.fma_peak(self.task["dtype"], n_threads, seconds)}


WORKERS = {"training": TrainingWorker, "inference": InferenceWorker}  # per job


def serve(task: dict[str, Any], replies: Any) -> None:
    worker: Any = PeakWorker(task) if task["peer"] == "peak" else WORKERS[task["case"]["job"]](task)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # the driver reports it and goes on with the other peers
            reply = {"error": f"{type(error).__name__}: {error}"[:500]}
        replies.write(json.dumps(reply, default=str) + "\n")
        replies.flush()


def main() -> None:
    task = json.loads(sys.argv[1])
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):  # where it is forbidden the row's `busy` tells
            os.sched_setaffinity(0, task["cpus"])
    serve(task, replies)


if __name__ == "__main__":
    main()
