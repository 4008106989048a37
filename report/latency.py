"""Latencies and errors by cell. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness import stats
from harness.results import TrialData
from harness.summary import CellSummary
from harness.words import load_name
from report import answer
from report import format as text
from report.parts import Chart, Table

QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9)
NEEDS = {99: 662, 99.9: 6635}  # requests that a percentile needs (rule E4: as many as put 5 beyond it, with margin)


def table(cells: list[CellSummary], trials: Mapping[str, TrialData]) -> Table:
    """Percentiles of the successes in the steady window, and what failed by its cause, over the whole trials."""
    rows = []
    for cell in cells:
        kinds: dict[str, int] = {}
        for data in trials.values():
            if data.record.cell == cell.cell:
                for kind, count in data.record.counters.get("generator", {}).get("errors", {}).items():
                    kinds[kind] = kinds.get(kind, 0) + count
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1]))
        rows.append(
            [
                answer.cell_name(cell),
                *(text.milliseconds(cell.latency_ms.get(p)) for p in ("p50", "p95", "p99")),
                text.percent(cell.error_rate, 1),
                told or "none",
            ]
        )
    return Table(["cell", "p50 ms", "p95 ms", "p99 ms", "errors", "what failed"], rows, (1, 2, 3, 4))


def chart(cells: list[CellSummary], trials: Mapping[str, TrialData]) -> Chart | None:
    """Percentile curves, a panel for each load and a line for each topology; None without any histogram."""
    rows: list[dict[str, Any]] = []
    for cell in cells:
        mine = [d.latencies for d in trials.values() if d.record.usable and d.record.cell == cell.cell and d.latencies]
        if not mine:
            continue
        merged = stats.merged(mine)
        count = merged.get_total_count()
        rows += [
            {
                "load": load_name(cell.others),
                "topology": text.count(cell.servers, "server"),
                "percentile": q,
                "ms": merged.get_value_at_percentile(q) / 1000,
            }
            for q in QUANTILES
            if count >= NEEDS.get(int(q) if q == int(q) else q, 1)
        ]
    if not rows:
        return None
    medians = "; ".join(
        f"{row['load']}, {row['topology']}: {text.milliseconds(row['ms'])} ms"
        for row in rows
        if row["percentile"] == 50
    )
    return Chart(
        "latency",
        {"rows": rows},
        f"Latency by percentile on a logarithmic axis; medians: {medians}",
        "Latency of successful requests by percentile, merged over a cell's trials (closed model: users wait for their "
        "answer before they ask again, so a slow server also slows what is asked of it).",
    )
