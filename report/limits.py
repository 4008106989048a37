"""What limited each cell, with the figures that the verdict rests on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.results import TrialData
from harness.summary import CellSummary
from report import answer
from report import format as text
from report.parts import Table

COLUMNS = [
    "cell",
    "limited by",
    "server CPU",
    "throttled",
    "balancer CPU",
    "generator CPU",
    "of users’ bound",
    "R / R0",
    "because",
]


def table(cells: list[CellSummary], trials: Mapping[str, TrialData]) -> Table:
    """One row a cell; figures are means over its usable trials, of what each may use."""
    rows = []
    for cell in cells:
        mine = [data for data in trials.values() if data.record.usable and data.record.cell == cell.cell]

        def figure(name: str, mine: list[TrialData] = mine) -> float | None:
            return _mean([data.record.verdict.get("figures", {}).get(name) for data in mine])

        rows.append(
            [
                answer.cell_name(cell),
                cell.verdict if cell.usable else text.NOTHING,
                text.percent(figure("server_cpu")),
                text.percent(_mean([_throttled(data) for data in mine])),
                text.percent(figure("balancer_cpu")),
                text.percent(figure("generator_cpu")),
                text.percent(figure("of_users_bound")),
                _times(figure("response_s"), figure("unloaded_s")),
                cell.verdict_why if cell.usable else cell.cause,
            ]
        )
    return Table(COLUMNS, rows, (2, 3, 4, 5, 6, 7))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _throttled(data: TrialData) -> float | None:
    """Share of periods in which a server was held back at its cap, in the steady window."""
    window = data.record.window
    servers = data.record.facts.get("expected", {})
    inside: Callable[[float], bool] = lambda t: window["from_s"] <= t - 1 and t <= window["to_s"]  # noqa: E731 - a name for reading
    return _mean([h.throttled_share for h in data.hosts if window and h.host in servers and inside(h.t_s)])


def _times(response_s: float | None, unloaded_s: float | None) -> str:
    if response_s is None or not unloaded_s:
        return text.NOTHING
    return f"{response_s / unloaded_s:.1f}"
