"""Data of the chart of response times by the name of the request. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.grid.load import LOAD_FACTORS, level_of, without_load
from harness.language import tr
from harness.summarise.cells.cell import CellSummary
from harness.summarise.summary import Summary
from harness.words import load_name
from report import format as text
from report import phrases
from report.charts.labels import Rows, spread
from report.elements import MOST_TOPOLOGIES, Chart, evenly

PERCENTILES = ("p50", "p95", "p99")
MOST_PANELS = 9
LABEL_HEIGHT = 0.13  # of a panel's height


def chart(summary: Summary) -> Chart | None:
    """Percentiles and throughput by topology at its largest load, a panel for each name; None for one plain request."""
    if not summary.has_requests_by_name:
        return None
    shown = _at_largest_load(summary.cells)
    names = list(dict.fromkeys(each.name for cell in shown for each in cell.most_requests(MOST_PANELS)))[:MOST_PANELS]
    rows: Rows = [
        {
            "name": each.name,
            "topology": _topology(cell),
            "percentile": percentile,
            "ms": max(0.001, ms),
            "load": load_name(cell.others),
        }
        for cell in shown
        for each in cell.most_requests(MOST_PANELS)
        for percentile in PERCENTILES
        if each.name in names and (ms := each.latency_ms.get(percentile)) is not None
    ]
    if not rows:
        return None
    heights = [row["ms"] for row in rows]
    span = (min(heights) / 1.4, max(heights) * 1.4)
    return Chart(
        "by_request",
        {
            "rows": rows,
            "labels": _labels(rows, span),
            "names": names,
            "topologies": list(dict.fromkeys(_topology(cell) for cell in shown)),
            "span": span,
        },
        _alternative(rows),
        tr("Response times of the successes by request, {load}.", load=_load(shown)),
    )


def _topology(cell: CellSummary) -> str:
    """The name of a topology on the axis: "2 servers", and the levels of other factors."""
    rest = {name: level for name, level in without_load(cell.cell).items() if name != "servers"}
    return ", ".join(filter(None, (phrases.topology(cell.cell), load_name(rest))))


def _at_largest_load(cells: Sequence[CellSummary]) -> list[CellSummary]:
    """Of each topology the measured cell with the largest load; some topologies at even distances where many."""
    found: dict[str, CellSummary] = {}
    for cell in sorted(cells, key=lambda each: (each.servers, level_of(each.cell))):
        if cell.by_request:
            found[_topology(cell)] = cell
    return evenly(list(found.values()), MOST_TOPOLOGIES)


def _load(shown: Sequence[CellSummary]) -> str:
    each = [{name: level for name, level in cell.others.items() if name in LOAD_FACTORS} for cell in shown]
    loads = {load_name(levels) for levels in each}
    return tr("at {load}", load=loads.pop()) if len(loads) == 1 else tr("each topology at its largest load")


def _labels(rows: Rows, span: tuple[float, float]) -> Rows:
    """A label at the end of each line, apart from the others."""
    gap = LABEL_HEIGHT * math.log(span[1] / span[0])
    found: Rows = []
    for name in dict.fromkeys(row["name"] for row in rows):
        mine = [row for row in rows if row["name"] == name]
        last = mine[-1]["topology"]
        ends = [row for row in mine if row["topology"] == last]
        heights = spread([math.log(end["ms"]) for end in ends], gap)
        over = max(0.0, heights[-1] - math.log(span[1]) + gap / 2)  # down again where the last one leaves the panel
        found += [{**end, "ms": math.exp(height - over)} for end, height in zip(ends, heights, strict=True)]
    return found


def _alternative(rows: Rows) -> str:
    """The p95 of every name by topology, as text."""
    clauses = []
    for name in dict.fromkeys(row["name"] for row in rows):
        mine = [row for row in rows if row["name"] == name and row["percentile"] == "p95"]
        clauses.append(f"{name} " + ", ".join(f"{row['topology']}: {text.milliseconds(row['ms'])} ms" for row in mine))
    return tr("Response times by request on a logarithmic axis; p95: {listed}", listed="; ".join(clauses))
