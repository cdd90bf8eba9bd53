"""The picture of a --json file: each peer's share of the peak, case by case. Needs matplotlib.

One panel per job and number of threads, a group of bars per case, a bar per peer: always the same
colour for the same peer, chainrule's the darkest. Thin lines are the quartiles.
"""

from __future__ import annotations

import os
from typing import Any

from bench.peers import PEERS

Row = dict[str, Any]
# Okabe and Ito's colours, which colour-blind readers can tell apart, in the order of PEERS.
COLOURS = (
    "#222222",
    "#56b4e9",
    "#f0e442",
    "#999999",
    "#e69f00",
    "#d55e00",
    "#cc79a7",
    "#0072b2",
    "#009e73",
)
BAR = 0.8  # of the distance between two groups, for all bars of one
SHORTEST_LABEL = 10.0  # per cent: shares below it are written above their bar, which hardly shows
WIDEST_LABEL = 11  # letters of a line


def panels_of(rows: list[Row]) -> dict[tuple[str, str, int], list[Row]]:
    """Rows with a share of the peak by (job, dtype, threads); of repeated runs the last counts."""
    last: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row.get("share_of_peak") is not None:
            case, peer = row["case"]["name"], row["peer"]
            last[row["bench"], row["dtype"], row["threads"], case, peer] = row
    panels: dict[tuple[str, str, int], list[Row]] = {}
    for (job, dtype, threads, _, _), row in last.items():
        panels.setdefault((job, dtype, threads), []).append(row)
    return dict(sorted(panels.items(), key=lambda item: (item[0][0] != "training", *item[0][1:])))


def share_quartiles(row: Row) -> tuple[float, float]:
    """First and third quartile of the shares of the rounds, in per cent."""
    from bench.rows import quartiles

    flops = row["case"]["flops_per_step"]
    pairs = zip(row["samples"], row["peaks"], strict=True)
    shares = [100 * flops / seconds / peak for seconds, peak in pairs if peak]
    low, _, high = quartiles(shares)
    return low, high


def draw(rows: list[Row], path: str | os.PathLike[str]) -> None:
    """Saves the picture; the suffix of `path` picks the format. ValueError: nothing to show."""
    from matplotlib.figure import Figure

    panels = panels_of(rows)
    if not panels:
        raise ValueError("[draw] rows: expected rows with a share of the peak, got none")
    figure = Figure(figsize=(9.0, 0.5 + 2.9 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for ax, ((job, dtype, threads), found) in zip(axes, panels.items(), strict=True):
        _draw_panel(ax, found)
        ax.set_title(f"{job}, {dtype}, {threads} thread{'s' if threads > 1 else ''}", loc="left")
        ax.set_ylabel("% of the fma peak")
    shown = {row["peer"] for found in panels.values() for row in found}
    handles = [handle for handle, peer in _legend() if peer in shown]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    figure.savefig(path, dpi=150)


def _legend() -> list[tuple[Any, str]]:
    from matplotlib.patches import Patch

    return [
        (Patch(color=colour, label=peer.name), peer.name)
        for peer, colour in zip(PEERS, COLOURS, strict=True)
    ]


def _draw_panel(ax: Any, rows: list[Row]) -> None:
    cases = list(dict.fromkeys(row["case"]["name"] for row in rows))
    peers = [peer.name for peer in PEERS if any(row["peer"] == peer.name for row in rows)]
    colours = {peer.name: colour for peer, colour in zip(PEERS, COLOURS, strict=True)}
    width = BAR / len(peers)
    for row in rows:
        x = cases.index(row["case"]["name"]) - BAR / 2 + (peers.index(row["peer"]) + 0.5) * width
        share = 100 * row["share_of_peak"]
        low, high = share_quartiles(row)
        ax.bar(x, share, 0.92 * width, color=colours[row["peer"]])
        ax.plot([x, x], [low, high], color="#666666", linewidth=0.8)
        if share < SHORTEST_LABEL:
            style = {"fontsize": 6, "ha": "center", "va": "bottom", "rotation": 90}
            ax.text(x, max(share, high) + 2, f"{share:.2g}", **style)
    ax.set_xticks(range(len(cases)), [_label(case) for case in cases])
    ax.set_xlim(-0.5, len(cases) - 0.5)
    ax.set_ylim(0, 100)
    ax.grid(axis="y", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _label(case: str) -> str:
    """20-64-64-2-b32 as the network above its batch size or its rows."""
    network, _, last = case.rpartition("-")
    kind = {"b": "batch", "r": "rows"}.get(last[0], "")
    if not network or not kind:
        return case
    lines = [""]
    for part in network.split("-"):
        if lines[-1] and len(lines[-1]) + len(part) > WIDEST_LABEL:
            lines.append("")
        lines[-1] += f"{part}-"
    return "\n".join(lines)[:-1] + f"\n{kind} {last[1:]}"
