"""For the tests of the doors: a trainer in the middle of its work, and all that must not change."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import chainrule as cr

M, N_INPUTS = 8, 4  # samples and features of X
NUMBERS = "expected numbers (floating-point, integer or boolean), got"

_rng = np.random.default_rng(7)
X = _rng.normal(size=(M, N_INPUTS))
TARGETS = {
    "cross_entropy": np.array([0, 2, 1, 0, 1, 2, 2, 0]),
    "binary_cross_entropy": np.array([0.0, 1, 1, 0, 1, 0, 0, 1]),
    "squared_error": _rng.normal(size=(M, 2)),
    "poisson": np.array([[0.0, 3], [1, 0], [2, 2], [0, 0], [7, 1], [1, 4], [0, 2], [3, 1]]),
}
OUTPUTS = {"cross_entropy": 3, "binary_cross_entropy": 1, "squared_error": 2, "poisson": 2}
ACTIVATIONS = {
    "cross_entropy": "softmax",
    "binary_cross_entropy": "sigmoid",
    "squared_error": "identity",
    "poisson": "exp",
}


def with_value(array: Any, value: Any, *index: int) -> Any:
    """A copy with one element changed."""
    changed = np.array(array, dtype=np.result_type(array, type(value)))
    changed[index] = value
    return changed


def build(loss: str = "cross_entropy", dtype: str = "float32") -> cr.Network:
    return cr.Network([cr.Dense(5, "relu"), cr.Dense(OUTPUTS[loss], ACTIVATIONS[loss])], 4, dtype)


def trainer_at_work(loss: str = "cross_entropy", dtype: str = "float32") -> cr.Trainer:
    """After two epochs with Adam: no part of the state is as it was at first."""
    trainer = cr.Trainer(build(loss, dtype), loss, cr.Adam(0.01))
    trainer.fit(X, TARGETS[loss], epochs=2, batch_size=3)
    return trainer


def state_of(trainer: cr.Trainer) -> dict[str, Any]:
    """All that training changes, to the bit."""
    net, optimizer = trainer.net, trainer._state
    moments = [
        optimizer.state(net._core, which, i).tobytes()
        for which in (0, 1)
        for i in range(len(net.parameters))
    ]
    return {
        "parameters": {name: value.tobytes() for name, value in net.parameters.items()},
        "gradients": {name: value.tobytes() for name, value in net.gradients.items()},
        "moments": moments,
        "steps": trainer.steps,
        "epoch": trainer.epoch,
        "history": trainer.history.to_dict(),
        "stop_reason": trainer.stop_reason,
    }


@contextmanager
def refusal(trainer: cr.Trainer, error: type[Exception], message: str) -> Iterator[None]:
    """The block must raise just this error with just this message, and leave the trainer alone."""
    before = state_of(trainer)
    with pytest.raises(error) as caught:
        yield
    assert caught.type is error
    assert str(caught.value) == message
    assert state_of(trainer) == before
