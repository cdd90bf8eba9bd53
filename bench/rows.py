"""From raw samples to rows: medians, spreads, shares of peak, ratios within rounds."""

from __future__ import annotations

import math
import statistics
from typing import Any

from bench.cases import INFERENCE, TRAINING
from bench.measure import Measured, Measurement, Settings
from bench.peers import OURS

FORMAT = 2  # of a JSON row; counts up when a key changes its meaning
# Two implementations of the same steps in float32 differ by rounding, which training amplifies.
LOSS_TOLERANCE = {TRAINING: 0.02, INFERENCE: 1e-4}


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """First quartile, median, third quartile; NaN for no values."""
    if not values:
        return math.nan, math.nan, math.nan
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def fastest_peer(results: list[Measured]) -> Measured | None:
    """The smallest median time of all but chainrule, however it is called."""
    finished = [r for r in results if r.status == "ok" and r.step_seconds]
    others = [r for r in finished if not r.peer.startswith(OURS)]
    return min(others, key=lambda r: statistics.median(r.step_seconds), default=None)


def speed_ratios(result: Measured, other: Measured) -> list[float]:
    """Time of `other` / time of `result` in each round that both finished."""
    pairs = zip(result.step_seconds, other.step_seconds, strict=False)
    return [theirs / own for own, theirs in pairs]


def loss_deviation(results: list[Measured]) -> dict[str, float]:
    """By how much each peer's loss after the common steps is off the median of all, relative."""
    losses = {r.peer: r.setup["loss"]["after"] for r in results if r.status == "ok"}
    if not losses:
        return {}
    middle = statistics.median(losses.values())
    return {peer: loss / middle - 1 for peer, loss in losses.items()}


def summarize(
    measurement: Measurement, settings: Settings, context: dict[str, Any]
) -> list[dict[str, Any]]:
    """A row per peer, ready for JSON. `context` (machine, date, commit, ..) goes into each."""
    case, results = measurement.case, measurement.peers
    fastest = fastest_peer(results)
    deviation = loss_deviation(results)
    rows = []
    for result in results:
        row: dict[str, Any] = {
            "bench": case.job,
            "format": FORMAT,
            **context,
            "case": case.to_dict(),
            "dtype": settings.dtype,
            "threads": len(measurement.cpus),
            "cpus": measurement.cpus,
            "peer": result.peer,
            "status": result.status,
            "versions": context["versions"].get(result.peer, {}),
            "others_busy": measurement.others_busy,
        }
        if result.status == "ok" and result.step_seconds:
            row |= _numbers(result, case.flops_per_step, fastest)
            row["loss_deviation"] = deviation[result.peer]
        rows.append(row)
    return rows


def _numbers(result: Measured, flops: float, fastest: Measured | None) -> dict[str, Any]:
    low, median, high = quartiles(result.step_seconds)
    pairs = zip(result.step_seconds, result.peaks, strict=True)
    shares = [flops / seconds / peak for seconds, peak in pairs if not math.isnan(peak)]
    numbers: dict[str, Any] = {
        "setup": result.setup,
        "repeats": result.repeats,  # epochs, or calls
        "samples": result.step_seconds,
        "peaks": [None if math.isnan(peak) else peak for peak in result.peaks],
        "busy": statistics.median(result.busy),
        "idle_share": result.idle_share,
        "seconds": {"q1": low, "median": median, "q3": high},
        "gflops": flops / median / 1e9,
        "share_of_peak": statistics.median(shares) if shares else None,
        "to_fastest_peer": None,
    }
    if fastest is not None:
        low, median, high = quartiles(speed_ratios(result, fastest))
        ratio = {"peer": fastest.peer, "q1": low, "median": median, "q3": high}
        numbers["to_fastest_peer"] = ratio
    return numbers


def warnings_of(rows: list[dict[str, Any]]) -> list[str]:
    """What makes these rows doubtful, in words."""
    found = []
    others = rows[0]["others_busy"] if rows else None
    if others is not None and others > 0.03:
        found.append(f"other programs used {others:.0%} of the CPUs meanwhile")
    for row in rows:
        if "seconds" not in row:
            continue
        if abs(row["loss_deviation"]) > LOSS_TOLERANCE[row["bench"]]:
            found.append(
                f"{row['peer']}: the loss is {100 * row['loss_deviation']:+.2g} % off the median"
            )
        if row["idle_share"] > 0.02:
            found.append(f"{row['peer']}: used {row['idle_share']:.0%} CPU while others were timed")
        if row["busy"] > row["threads"] * 1.1:
            found.append(f"{row['peer']}: used {row['busy']:.2f} CPUs of {row['threads']}")
    return found
