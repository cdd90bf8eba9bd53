"""Fixtures: seeded random numbers, every instruction set of this CPU, thread counts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, _stepping

from . import custom

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


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch; skips the test where it is not there."""
    return pytest.importorskip("torch")


@pytest.fixture
def threads() -> Iterator[None]:
    """Lets a test call set_num_threads and takes the setting back."""
    yield
    cr.set_num_threads(None)


@pytest.fixture
def one_step_per_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a fit can be cut off after each step."""
    monkeypatch.setattr(_stepping, "SECONDS_PER_CALL", 0.0)


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line reads and writes in a folder of this test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """command("train", ...) -> standard output; fails if the status is not 0."""

    def command(*arguments: object) -> str:
        from chainrule.cli import main

        status = main([str(argument) for argument in arguments])
        output = capsys.readouterr()
        assert status == 0, output.err
        return output.out

    return command


def pytest_report_header() -> str:
    info = cr.runtime_info()
    return f"chainrule: instruction sets {', '.join(ISAS)}; {info['num_threads']} threads"


@pytest.fixture
def own_functions() -> Iterator[None]:
    """Those of tests/custom.py, registered for this test; threads are as before afterwards."""
    with custom.names_free_afterwards():
        custom.register_all()
        yield
        cr.set_num_threads(None)
