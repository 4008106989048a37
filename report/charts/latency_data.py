"""Data of the chart of latency percentiles. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.grid.load import RATE
from harness.judge import latency_stats
from harness.language import messages, tr
from harness.records.trial import TrialData
from harness.summarise.cells.cell import CellSummary
from harness.words import load_name
from report import format as text
from report import phrases
from report.charts.labels import spread
from report.elements import Chart, anchor, by_cell, drawn

QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9)
LABEL_HEIGHT = 0.085  # of a panel's height
OPEN = messages("open model: requests are sent on schedule, and a latency counts from the scheduled time")
CLOSED = messages(
    "closed model: users wait for their response before their next request, so a slow server also lowers the load"
)


def chart(cells: Sequence[CellSummary], trials: Mapping[str, TrialData], p99_needs: int) -> Chart | None:
    """Percentile curves, a panel for each load and a line for each topology; None without histograms.

    `p99_needs` is the number of requests for a 99th percentile (rule E4); p99.9 needs ten times as many.
    """
    rows: list[dict[str, Any]] = []
    needs = {99.0: p99_needs, 99.9: 10 * p99_needs}
    of = by_cell(trials)
    for cell in drawn(cells):
        mine = [d.latencies for d in of.get(anchor(cell.cell), []) if d.record.usable and d.latencies]
        if not mine:
            continue
        merged = latency_stats.merged(mine)
        count = merged.total
        values = latency_stats.values_ms(merged, QUANTILES)
        rows += [
            {
                "load": load_name(cell.others),
                "topology": phrases.topology(cell.cell),
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
        tr("Latency by percentile on a logarithmic axis; medians: {medians}", medians=medians),
        tr(
            "Latency of successful requests by percentile, all trials of a cell ({model}).",
            model=tr(OPEN if is_open else CLOSED),
        ),
    )


def _labels(rows: list[dict[str, Any]], span: tuple[float, float]) -> list[dict[str, Any]]:
    """A label at the end of each line, apart from the others on the logarithmic axis of all panels."""
    ends = {(row["load"], row["topology"]): row for row in rows}
    gap = LABEL_HEIGHT * math.log(span[1] / span[0])
    found = []
    for load in dict.fromkeys(load for load, _ in ends):
        mine = [row for (where, _), row in ends.items() if where == load]
        heights = spread([math.log(row["ms"]) for row in mine], gap)
        found += [{**row, "at": math.exp(height)} for row, height in zip(mine, heights, strict=True)]
    return found


def _axis(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], tuple[float, float]]:
    """Labels, and the span of the axis, which grows until lines and labels have room."""
    low = min(row["ms"] for row in rows) / 1.1
    span = (low, max(row["ms"] for row in rows) * 1.1)
    for _ in range(20):
        labels = _labels(rows, span)
        highest = max(label["at"] for label in labels) * 1.05
        if highest <= span[1]:
            break
        span = (low, highest)
    return labels, span
