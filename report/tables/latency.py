"""Latencies and errors by cell. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.grid.load import RATE
from harness.judge import window_stats
from harness.records.trial import TrialData
from harness.summarise.cells.cell import CellSummary
from harness.words import load_name
from report import format as text
from report.charts.gain_data import drawn, spread
from report.elements import Chart, Table, anchor, by_cell, cell_name, link

QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9)
LABEL_HEIGHT = 0.085  # of a panel's height


def table(cells: list[CellSummary], trials: Mapping[str, TrialData]) -> Table:
    """Percentiles of the successes in the steady window, and what failed by its cause, over the whole trials."""
    rows = []
    of = by_cell(trials)
    for cell in cells:
        kinds: dict[str, int] = {}
        for data in of.get(anchor(cell.cell), []):
            for kind, count in (data.record.counters.generator.errors if data.record.counters else {}).items():
                kinds[kind] = kinds.get(kind, 0) + count
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1]))
        rows.append(
            [
                cell_name(cell),
                *(_marked(text.milliseconds(cell.latency_ms.get(p)), cell) for p in ("p50", "p95", "p99")),
                text.percent(cell.error_rate, 1),
                told or ("none" if cell.trials else text.NOTHING),
            ]
        )
    columns = ["cell", "p50 ms", "p95 ms", "p99 ms", "errors", "what failed"]
    return Table(columns, rows, (1, 2, 3, 4), links=tuple(link(cell.cell) for cell in cells), note=_note(cells))


MARK = "*"


def _marked(shown: str, cell: CellSummary) -> str:
    return f"{shown}{MARK}" if cell.latency_unsteady and shown != text.NOTHING else shown


def _note(cells: list[CellSummary]) -> str:
    """Rule E10: which latencies are no steady ones, and why; empty for none."""
    marked = [f"{cell_name(cell)}, where the mean {cell.latency_unsteady}" for cell in cells if cell.latency_unsteady]
    if not marked:
        return ""
    return f"{MARK} not steady, though throughput is: {'; '.join(marked)}. A longer ramp_up and duration let it settle."


OPEN = "open model: requests leave whatever becomes of those before, and a latency counts from when one was due"
CLOSED = (
    "closed model: users wait for their answer before they ask again, so a slow server also slows what is asked of it"
)


def chart(cells: list[CellSummary], trials: Mapping[str, TrialData], p99_needs: int) -> Chart | None:
    """Percentile curves, a panel for each load and a line for each topology; None without any histogram.

    `p99_needs` is how many requests a 99th percentile needs (rule E4); one ten times as rare needs ten times as many.
    """
    rows: list[dict[str, Any]] = []
    needs = {99.0: p99_needs, 99.9: 10 * p99_needs}
    of = by_cell(trials)
    for cell in drawn(cells):
        mine = [d.latencies for d in of.get(anchor(cell.cell), []) if d.record.usable and d.latencies]
        if not mine:
            continue
        merged = window_stats.merged(mine)
        count = merged.total
        values = window_stats.values_ms(merged, QUANTILES)
        rows += [
            {
                "load": load_name(cell.others),
                "topology": text.count(cell.servers, "server"),
                "percentile": q,
                "ms": max(0.001, values[q]),
            }
            for q in QUANTILES
            if count >= needs.get(q, 1)
        ]
    if not rows:
        return None
    medians = "; ".join(
        f"{row['load']}, {row['topology']}: {text.milliseconds(row['ms'])} ms"
        for row in rows
        if row["percentile"] == 50
    )
    labels, span = _axis(rows)
    is_open = any(RATE in cell.cell for cell in cells)
    return Chart(
        "latency",
        {"rows": rows, "labels": labels, "span": span},
        f"Latency by percentile on a logarithmic axis; medians: {medians}",
        f"Latency of successful requests by percentile, merged over a cell's trials ({OPEN if is_open else CLOSED}).",
    )


def _labels(rows: list[dict[str, Any]], span: tuple[float, float]) -> list[dict[str, Any]]:
    """One at the end of each line, none on another: spread on the logarithmic axis that all panels share."""
    ends = {(row["load"], row["topology"]): row for row in rows}
    gap = LABEL_HEIGHT * math.log(span[1] / span[0])
    found = []
    for load in dict.fromkeys(load for load, _ in ends):
        mine = [row for (where, _), row in ends.items() if where == load]
        heights = spread([math.log(row["ms"]) for row in mine], gap)
        found += [{**row, "at": math.exp(height)} for row, height in zip(mine, heights, strict=True)]
    return found


def _axis(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], tuple[float, float]]:
    """Labels, and the span of the axis that holds lines and labels: it grows until all of them have room."""
    low = min(row["ms"] for row in rows) / 1.1
    span = (low, max(row["ms"] for row in rows) * 1.1)
    for _ in range(20):
        labels = _labels(rows, span)
        highest = max(label["at"] for label in labels) * 1.05
        if highest <= span[1]:
            break
        span = (low, highest)
    return labels, span
