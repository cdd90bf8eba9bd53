"""PyTorch, eager: fused Adam, mini-batches sliced from tensors by a shuffled index."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch

from bench.cases import BETA1, BETA2, EPSILON, LEARNING_RATE, Array, Parameters, shuffled_rows
from bench.peers.base import Problem, Stopwatch


class Trained:
    def __init__(self, problem: Problem) -> None:
        torch.set_num_threads(problem.n_threads)
        torch.set_num_interop_threads(1)
        torch.set_default_dtype(getattr(torch, problem.dtype))
        self.problem = problem
        case = problem.case
        self.X = torch.from_numpy(problem.X)
        self.Y = torch.from_numpy(problem.y)
        self.loss: torch.nn.Module = torch.nn.CrossEntropyLoss()
        if case.is_binary:
            self.Y = self.Y.to(self.X.dtype).reshape(-1, 1)
            self.loss = torch.nn.BCEWithLogitsLoss()
        self.linears = [torch.nn.Linear(n_in, n_out) for n_in, n_out in pairwise(case.sizes)]
        modules = [module for linear in self.linears for module in (linear, torch.nn.ReLU())]
        self.model = torch.nn.Sequential(*modules[:-1])
        self.optimizer = self._optimizer(fused=True)
        self.forward: Any = self._forward
        self.update: Any = self.optimizer.step
        self.epoch = 0
        self.notes: dict[str, Any] = {
            "mkl": torch.backends.mkl.is_available(),
            "mkldnn": torch.backends.mkldnn.is_available(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "num_threads": torch.get_num_threads(),
        }
        self.reset()

    def _optimizer(self, **options: bool) -> torch.optim.Adam:
        betas = (BETA1, BETA2)
        parameters = self.model.parameters()
        return torch.optim.Adam(parameters, LEARNING_RATE, betas, EPSILON, **options)

    def _forward(self, X: torch.Tensor, Y: torch.Tensor) -> Any:
        return self.loss(self.model(X), Y)

    def reset(self) -> None:
        # In place: compiled code keeps the tensors it has seen.
        with torch.no_grad():
            for linear, (W, b) in zip(self.linears, self.problem.parameters, strict=True):
                linear.weight.copy_(torch.from_numpy(W).T)
                linear.bias.copy_(torch.from_numpy(b))
            for state in self.optimizer.state.values():
                for tensor in state.values():
                    tensor.zero_()

    def train(self, epochs: int, shuffle: bool) -> float:
        case = self.problem.case
        with Stopwatch() as watch:
            for _ in range(epochs):
                rows = torch.arange(case.rows)
                if shuffle:
                    self.epoch += 1
                    rows = torch.from_numpy(shuffled_rows(case, 0, self.epoch))
                for chosen in rows.split(case.batch_size):
                    loss = self.forward(self.X[chosen], self.Y[chosen])
                    loss.backward()
                    self.update()
                    self.optimizer.zero_grad(set_to_none=True)
        return watch.seconds

    def predictor(self, X: Array) -> Callable[[], torch.Tensor]:
        last: torch.nn.Module = torch.nn.Sigmoid()
        if not self.problem.case.is_binary:
            last = torch.nn.Softmax(dim=1)
        model = torch.nn.Sequential(*self.model, last).eval()
        rows = torch.from_numpy(X)

        def predict() -> torch.Tensor:
            with torch.inference_mode():
                probabilities: torch.Tensor = model(rows)
            return probabilities

        return predict

    def parameters(self) -> Parameters:
        return [
            (linear.weight.detach().numpy().T, linear.bias.detach().numpy())
            for linear in self.linears
        ]
