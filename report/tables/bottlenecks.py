"""What limited each cell, with the figures that the bottleneck rests on. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.grid.load import RATE
from harness.records.trial import TrialData
from harness.summarise.cells.cell import CellSummary
from report import format as text
from report.elements import Table, anchor, by_cell, cell_name

BOUND = "of users’ bound"
COLUMNS = [
    "cell",
    "limited by",
    "server CPU",
    "throttled",
    "balancer CPU",
    "generator CPU",
    BOUND,
    "R / R0",
    "because",
]


def table(cells: list[CellSummary], trials: Mapping[str, TrialData]) -> Table:
    """One row a cell; figures are means over its usable trials, of what each may use."""
    rows = []
    is_open = any(RATE in cell.cell for cell in cells)
    columns = ["of offered" if is_open and name == BOUND else name for name in COLUMNS]
    of = by_cell(trials)
    for cell in cells:
        tried = of.get(anchor(cell.cell), [])
        mine = [data for data in tried if data.record.usable]

        def figure(name: str, mine: list[TrialData] = mine) -> float | None:
            return _mean(
                [data.record.bottleneck.figures.get(name) if data.record.bottleneck else None for data in mine]
            )

        rows.append(
            [
                cell_name(cell),
                cell.bottleneck if cell.usable else _blamed(tried),
                text.percent(figure("server_cpu")),
                text.percent(figure("server_throttled")),
                text.percent(figure("balancer_cpu")),
                text.percent(figure("generator_cpu")),
                text.percent(figure("of_offered" if is_open else "of_users_bound")),
                _times(figure("response_s"), figure("unloaded_s")),
                cell.reason,
            ]
        )
    return Table(columns, rows, (2, 3, 4, 5, 6, 7), ids=tuple(anchor(cell.cell) for cell in cells))


def _blamed(tried: list[TrialData]) -> str:
    """What limited trials of which none counts, where they agree."""
    limits = {data.record.component for data in tried}
    return limits.pop() if len(limits) == 1 and "unknown" not in limits else text.NOTHING


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _times(response_s: float | None, unloaded_s: float | None) -> str:
    if response_s is None or not unloaded_s:
        return text.NOTHING
    return text.times(response_s / unloaded_s)
