"""The table of requests by name: their share, throughput, errors and latencies in each cell. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.schema import Grid
from harness.language import messages, tr
from harness.summarise.cells.cell import CellSummary
from harness.summarise.cells.requests import CellRequests
from harness.summarise.summary import Summary
from report import format as text
from report.elements import Table, cell_name, link

MOST_NAMES = 12  # of a cell, those with the most requests; the others are in requests.csv
PERCENTILES = ("p50", "p95", "p99")


def table(summary: Summary) -> Table | None:
    """A row for each cell and name; None for one plain request."""
    if not summary.has_requests_by_name:
        return None
    rows, links = [], []
    for cell in summary.cells:
        for each in cell.most_requests(MOST_NAMES):
            rows.append(_row(cell, each))
            links.append(link(cell.cell))
    columns = messages(["cell", "request", "share", "TPS", "errors", "p50 ms", "p95 ms", "p99 ms"])
    return Table(
        columns=columns,
        rows=rows,
        right=(2, 3, 4, 5, 6, 7),
        links=tuple(links),
        note=_note(summary.cells, summary.grid),
    )


def _row(cell: CellSummary, each: CellRequests) -> list[str]:
    return [
        cell_name(cell),
        each.name,
        text.percent(each.share, 1),
        text.rate_interval(each.tps),
        text.percent(each.error_rate, 1),
        *(text.milliseconds(each.latency_ms.get(percentile)) for percentile in PERCENTILES),
    ]


def _note(cells: Sequence[CellSummary], grid: Grid) -> str:
    sentences = [tr("Shares are of all requests in the steady windows, percentiles are of the successes.")]
    if any(cell.transactions for cell in cells):
        sentences.append(tr("The time of a transaction is the sum of its requests’ latencies, without pauses."))
    if any(len(cell.by_request) > MOST_NAMES for cell in cells):
        sentences.append(
            tr("The {count} most frequent names are listed; requests.csv has all of them.", count=MOST_NAMES)
        )
    sentences.append(
        tr(
            "Rule E25: two cells are compared only if each share differs by at most {mix_held}, or by "
            "what chance explains.",
            mix_held=text.percent(grid.evidence.mix_held),
        )
    )
    return " ".join(sentences)
