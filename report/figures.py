"""Data of the charts, from cells, gains and trials. Pure."""

from __future__ import annotations

from typing import Any

from harness.gains import Gain
from harness.results import TrialData
from harness.summary import CellSummary
from harness.words import load_name
from report import format as text
from report.parts import Chart


def _label(cell: CellSummary) -> str:
    return load_name(cell.others)


LABEL_HEIGHT = 0.055  # of the chart's height


def headline(cells: list[CellSummary], trials: dict[str, TrialData], ceiling: float | None = None) -> Chart | None:
    """Mean TPS by number of servers; None when no cell has any."""
    rows: list[dict[str, Any]] = []
    for cell in cells:
        if cell.tps is not None:
            low, high = cell.tps.low, cell.tps.high
            rows.append(
                {
                    "load": _label(cell),
                    "servers": cell.servers,
                    "tps": cell.tps.value,
                    "low": low,
                    "high": high,
                }
            )
    if not rows:
        return None
    ends = [max((r for r in rows if r["load"] == load), key=lambda r: r["servers"]) for load in _loads(rows)]
    ideals = _ideals(cells)
    labels = [{"servers": r["servers"], "tps": r["tps"], "load": r["load"], "label": r["load"]} for r in ends]
    labels += [{**ideals[-1], "label": "linear ideal"}] if ideals else []
    dots = [
        {
            "load": _record_load(data),
            "servers": data.record.cell["servers"],
            "tps": data.record.tps_mean,
            "trial": where,
        }
        for where, data in trials.items()
        if data.record.usable
    ]
    return Chart(
        "headline",
        {
            "cells": rows,
            "trials": dots,
            "ideals": ideals,
            "labels": spread(labels),
            # Far above everything it would only press the lines together; the text tells it then.
            "ceiling": ceiling if ceiling is not None and ceiling < 2.5 * max(r["tps"] for r in rows) else None,
        },
        "Throughput by number of servers: "
        + "; ".join(
            f"{r['load']}, {text.count(r['servers'], 'server')}: {text.rate(r['tps'])} per second" for r in rows
        ),
        "Mean successful requests per second in the steady window, by number of servers. Bars are 95 % intervals "
        "over trials, dots single trials, the dotted line is the linear ideal from the smallest saturated topology.",
    )


def _loads(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["load"] for row in rows))


def spread(labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give every label a height `at` of its own, as near to its line as the others allow."""
    gap = LABEL_HEIGHT * max((label["tps"] for label in labels), default=0.0)
    placed: list[dict[str, Any]] = []
    for label in sorted(labels, key=lambda label: float(label["tps"])):
        lowest = placed[-1]["at"] + gap if placed else label["tps"]
        placed.append({**label, "at": max(label["tps"], lowest)})
    return placed


def _record_load(data: TrialData) -> str:
    return load_name({name: level for name, level in data.record.cell.items() if name != "servers"})


def _ideals(cells: list[CellSummary]) -> list[dict[str, Any]]:
    """The linear ideal m · X(smallest) / m0, from the best saturated cell of the smallest topology."""
    saturated = [c for c in cells if c.tps and c.verdict == "server"]
    if not saturated:
        return []
    smallest = min(saturated, key=lambda c: (c.servers, -(c.tps.value if c.tps else 0)))
    per_server = (smallest.tps.value if smallest.tps else 0.0) / smallest.servers
    most = max(c.servers for c in cells)
    return [{"load": "ideal", "servers": m, "tps": m * per_server} for m in range(smallest.servers, most + 1)]


def gain_plot(gains: list[Gain]) -> Chart | None:
    """Gains against 1 and the step ideal; None without any."""
    rows: list[dict[str, Any]] = [
        {
            "step": f"{load_name(gain.others)}, {gain.from_servers} → {gain.to_servers}",
            "gain": gain.ratio.value,
            "low": gain.ratio.low,
            "high": gain.ratio.high,
            "ideal": gain.step_ideal,
            "speaks": gain.kind == "gain",
        }
        for gain in gains
        if gain.ratio is not None
    ]
    if not rows:
        return None
    said = "; ".join(f"{row['step']}: {text.ratio(row['gain'])}" for row in rows)
    return Chart(
        "gains",
        {"rows": rows},
        f"Gains: {said}",
        "Gains with their 95 % intervals; the tick is the step's ideal, the line marks no gain. Grey ones say "
        "nothing about the servers alone.",
    )


def series(cells: list[CellSummary], trials: dict[str, TrialData], from_s: float, to_s: float) -> Chart | None:
    """TPS over time of every trial; None without any."""
    rows: list[dict[str, Any]] = []
    for where, data in trials.items():
        place = {
            "load": _record_load(data),
            "topology": text.count(int(data.record.cell["servers"]), "server"),
            "trial": where,
        }
        rows += [
            {**place, "t": s.t_s, "tps": s.completed, "failed": -s.failed if s.failed else None} for s in data.samples
        ]
    if not rows:
        return None
    order = {(_label(c), text.count(c.servers, "server")): i for i, c in enumerate(cells)}
    rows.sort(key=lambda row: (order.get((row["load"], row["topology"]), 0), row["trial"], row["t"]))
    rows.sort(key=lambda row: int(row["load"].split()[0]) if row["load"][0].isdigit() else 0)
    return Chart(
        "series",
        {"rows": rows, "window": (from_s, to_s)},
        "Requests per second over time, one panel for each cell, one line for each trial",
        "Successful requests per second, every trial a line; failures are drawn below the axis. Shaded: the steady "
        "window that means are taken from.",
    )
