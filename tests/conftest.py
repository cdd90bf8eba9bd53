"""Fixtures: seeded random numbers, every instruction set of this CPU, thread counts."""

from collections.abc import Iterator

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, _stepping

ISAS = _core.available_isas()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs the test once on each instruction set that this CPU has."""
    before = _core.isa()
    _core.use_isa(request.param)
    yield request.param
    _core.use_isa(before)


@pytest.fixture
def threads() -> Iterator[None]:
    """Lets a test call set_num_threads and takes the setting back."""
    yield
    cr.set_num_threads(None)


@pytest.fixture
def one_step_per_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a fit can be cut off after each step."""
    monkeypatch.setattr(_stepping, "SECONDS_PER_CALL", 0.0)


def pytest_report_header() -> str:
    info = cr.runtime_info()
    return f"chainrule: instruction sets {', '.join(ISAS)}; {info['num_threads']} threads"
