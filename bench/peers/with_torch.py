"""PyTorch, eager: fused Adam, mini-batches sliced from tensors by a shuffled index."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch

from bench.cases import (
    BATCH_NORM,
    BETA1,
    BETA2,
    BN_EPSILON,
    BN_MOMENTUM,
    DROPOUT,
    EPSILON,
    LEARNING_RATE,
    RESIDUAL,
    Array,
    Parameters,
    shuffled_rows,
)
from bench.peers.base import Problem, Stopwatch


class Block(torch.nn.Module):
    def __init__(self, first: torch.nn.Linear, second: torch.nn.Linear) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return torch.relu(X + self.second(torch.relu(self.first(X))))


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
        self.norms: list[torch.nn.BatchNorm1d] = []
        self.model = torch.nn.Sequential(*self._hidden(), self.linears[-1])
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

    def _hidden(self) -> list[torch.nn.Module]:
        case, (first, *others) = self.problem.case, self.linears[:-1]
        if case.hidden == BATCH_NORM:
            modules: list[torch.nn.Module] = []
            for linear in (first, *others):
                norm = torch.nn.BatchNorm1d(linear.out_features, BN_EPSILON, 1 - BN_MOMENTUM)
                self.norms.append(norm)
                modules += [linear, norm, torch.nn.ReLU(), torch.nn.Dropout(DROPOUT)]
            return modules
        if case.hidden == RESIDUAL:
            blocks = zip(others[::2], others[1::2], strict=True)
            return [first, torch.nn.ReLU(), *(Block(a, b) for a, b in blocks)]
        return [module for linear in (first, *others) for module in (linear, torch.nn.ReLU())]

    def _optimizer(self, **options: bool) -> torch.optim.Adam:
        betas = (BETA1, BETA2)
        parameters = self.model.parameters()
        return torch.optim.Adam(parameters, LEARNING_RATE, betas, EPSILON, **options)

    def _forward(self, X: torch.Tensor, Y: torch.Tensor) -> Any:
        return self.loss(self.model(X), Y)

    def reset(self) -> None:
        # In place: compiled code keeps the tensors it has seen.
        with torch.no_grad():
            for linear, (W, b, *_) in zip(self.linears, self.problem.parameters, strict=True):
                linear.weight.copy_(torch.from_numpy(W).T)
                linear.bias.copy_(torch.from_numpy(b))
            for norm in self.norms:
                norm.reset_parameters()  # gamma is 1, beta 0
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
        norms: list[Any] = [(norm.weight, norm.bias) for norm in self.norms]
        norms += [()] * (len(self.linears) - len(norms))
        return [
            (
                linear.weight.detach().numpy().T,
                linear.bias.detach().numpy(),
                *(tensor.detach().numpy() for tensor in norm),
            )
            for linear, norm in zip(self.linears, norms, strict=True)
        ]
