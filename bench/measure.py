"""Timing the peers of one case side by side. Start at `measure`.

The clock of a shared machine moves by a third within minutes. Therefore the peers take turns,
A B C A B C .., only one works at a time, the peak is measured before and after every turn, and
ratios are taken within a round.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.cases import Case
from bench.machine import busy_cpu_seconds
from bench.peers import PeerInfo, is_installed
from bench.remote import Remote, WorkerError, cpu_seconds

Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How to measure: `seconds` is what one measurement should last, at least."""

    dtype: str = "float32"
    rounds: int = 7
    seconds: float = 0.3
    peak_seconds: float = 0.05
    setup_timeout: float = 900.0


@dataclass
class Measured:
    """One peer in one case. The lists have an entry per round."""

    peer: str
    status: str = "ok"  # or "not installed", or "failed: .."
    setup: dict[str, Any] = field(default_factory=dict)
    repeats: int = 0  # of one measurement: epochs, or calls
    step_seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)  # FLOP/s, mean of before and after
    busy: list[float] = field(default_factory=list)  # CPU time / wall time
    idle_share: float = 0.0  # CPU time / wall time while others had their turn


@dataclass
class Measurement:
    """All peers of one case. `others_busy`: the share of the CPUs' time that went elsewhere."""

    case: Case
    cpus: list[int]
    peers: list[Measured]
    others_busy: float | None = None


def measure(
    case: Case, cpus: list[int], peers: list[PeerInfo], settings: Settings, say: Say, log: Any
) -> Measurement:
    """Sets up all peers, then `rounds` rounds of one turn each. A peer that fails drops out."""
    measured = {peer.name: Measured(peer.name) for peer in peers}
    with ExitStack() as stack:

        def start(name: str) -> Remote:
            return stack.enter_context(Remote(name, case, settings.dtype, cpus, log))

        peak = _start_peak(start, settings, say)
        remotes: dict[str, Remote] = {}
        for peer in peers:
            result = measured[peer.name]
            if not is_installed(peer):
                result.status = "not installed"
                continue
            say(f"setting up {peer.name}")
            remote = start(peer.name)
            try:
                result.setup = remote.ask("setup", settings.setup_timeout)
                result.repeats = repeats_for(remote, result.setup["repeat_seconds"], settings)
                remotes[peer.name] = remote
            except WorkerError as error:
                _note_failure(result, remotes, error)
        with _others_noted(list(remotes.values()), peak) as others:
            for number in range(settings.rounds):
                say(f"round {number + 1} of {settings.rounds}")
                _round(case, remotes, measured, peak, settings)
        for name, remote in remotes.items():
            measured[name].idle_share = max(remote.idle_shares, default=0.0)
    return Measurement(case, cpus, list(measured.values()), others.get("busy"))


def _start_peak(start: Callable[[str], Remote], settings: Settings, say: Say) -> Remote | None:
    """The worker that measures the peak; None if chainrule's core is not there to do it."""
    remote = start("peak")
    try:
        remote.ask("setup", settings.setup_timeout)
        flops = remote.ask("peak", seconds=settings.peak_seconds)["flops"]
    except WorkerError as error:
        say(f"no peak: {error}")
        return None
    say(f"peak {flops / 1e9:.1f} GFLOP/s")
    return remote


def repeats_for(remote: Remote, repeat_seconds: float, settings: Settings) -> int:
    """How many repeats last `settings.seconds`; the first guess is corrected by trying."""
    repeats, seconds = 1, repeat_seconds
    for _ in range(6):
        if seconds >= settings.seconds / 2:
            break
        factor = min(20.0, settings.seconds / max(seconds, 1e-9))
        repeats = max(repeats + 1, math.ceil(repeats * factor))
        seconds = remote.ask("time", repeats=repeats)["seconds"]
    return math.ceil(repeats * min(1.0, settings.seconds / max(seconds, 1e-9)))


def _round(
    case: Case,
    remotes: dict[str, Remote],
    measured: dict[str, Measured],
    peak: Remote | None,
    settings: Settings,
) -> None:
    def measured_peak() -> float:
        if peak is None:
            return math.nan
        return float(peak.ask("peak", seconds=settings.peak_seconds)["flops"])

    before = measured_peak()
    for name, remote in list(remotes.items()):
        result = measured[name]
        try:
            reply = remote.ask("time", repeats=result.repeats)
        except WorkerError as error:
            _note_failure(result, remotes, error)
            continue
        after = measured_peak()
        result.step_seconds.append(reply["seconds"] / (result.repeats * case.steps_per_repeat))
        result.busy.append(reply["busy"])
        result.peaks.append((before + after) / 2)
        before = after


def _note_failure(result: Measured, remotes: dict[str, Remote], error: WorkerError) -> None:
    result.status = f"failed: {error}"
    remotes.pop(result.peer, None)


@contextmanager
def _others_noted(remotes: list[Remote], peak: Remote | None) -> Iterator[dict[str, float]]:
    """Puts "busy" into the dict: the share of all CPUs' time that neither peers nor peak used."""
    ours = [*remotes, *([peak] if peak else [])]
    noted: dict[str, float] = {}

    def used() -> float:
        return sum(cpu_seconds(remote.process.pid) for remote in ours) + time.process_time()

    wall, all_before, ours_before = time.monotonic(), busy_cpu_seconds(), used()
    yield noted
    all_after = busy_cpu_seconds()
    if all_before is not None and all_after is not None:
        seconds, n_cpus = all_after
        elsewhere = seconds - all_before[0] - (used() - ours_before)
        noted["busy"] = max(0.0, elsewhere / ((time.monotonic() - wall) * n_cpus))
