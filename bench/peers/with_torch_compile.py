"""PyTorch with torch.compile around forward and loss (and so around their backward).

The optimizer is either the fused Adam or Adam compiled as well; both are tried and the faster kept.
"""

from __future__ import annotations

from time import perf_counter

import torch

from bench.peers import with_torch
from bench.peers.base import Problem


class Trained(with_torch.Trained):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        start = perf_counter()
        self.forward = torch.compile(self._forward)
        fused = self.optimizer, self.optimizer.step
        trials = {"fused": fused}
        seconds = {"fused": self._trial()}
        try:
            optimizer = self._optimizer()
            trials["compiled"] = optimizer, torch.compile(optimizer.step)
            self.optimizer, self.update = trials["compiled"]
            seconds["compiled"] = self._trial()
        except Exception as error:  # whatever the compiler raises: then the fused one is kept
            self.notes["optimizer_not_compiled"] = f"{type(error).__name__}: {error}"[:300]
        best = min(seconds, key=lambda name: seconds[name])
        self.optimizer, self.update = trials[best]
        self.notes |= {"adam": best, "seconds_per_epoch_tried": seconds}
        self.notes["compile_seconds"] = perf_counter() - start
        self.reset()

    def _trial(self) -> float:
        """Seconds of an epoch after the one that compiles, the best of three or of two seconds."""
        self.train(1, True)
        tried: list[float] = []
        while len(tried) < 3 and sum(tried) < 2.0:
            tried.append(self.train(1, True))
        return min(tried)
