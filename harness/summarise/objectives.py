"""Whether every cell and every step meets the grid's objectives. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.cells import FixedCells
from harness.grid.objectives import Objectives
from harness.grid.schema import Grid
from harness.language import tr
from harness.summarise import objective_evidence
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain, GainKind
from harness.words import load_name, percent


@dataclass(frozen=True)
class ObjectiveResult:
    """One objective of one cell or step; `text` has the measured value, the objective, and what is missing to show it.

    `met` follows from the measured value of a cell, and from the whole interval of a gain.
    """

    name: str
    met: bool
    text: str


def judge(grid: Grid, cells: Sequence[CellSummary], gains: Sequence[Gain]) -> list[ObjectiveResult]:
    """Every objective of the grid, by the cells, then by the steps; empty without objectives.

    A search looks for the largest load that meets those of a cell: it has cells on both sides, and none must meet them.
    """
    judged = cells if isinstance(grid.cells, FixedCells) else ()
    of_cells = [found for cell in judged for found in _cell(grid.objectives, cell)]
    return of_cells + [found for gain in gains for found in _step(grid.objectives, gain)]


def _cell(objectives: Objectives, cell: CellSummary) -> list[ObjectiveResult]:
    found = []
    evidence = objective_evidence.of_cell(objectives, cell)
    p95_ms = cell.objective_p95_ms  # with failures, which no user was served
    if objectives.error_rate is not None:
        got = tr("not measured") if cell.error_rate is None else percent(cell.error_rate, 2)
        text = tr(
            "{name}: error rate {got}, objective at most {error_rate}{behind}",
            name=cell.name,
            got=got,
            error_rate=percent(objectives.error_rate, 2),
            behind=_behind(cell),
        )
        text += f"; {evidence.error_rate_missing}" if evidence.error_rate_missing else ""
        met = objectives.error_rate_met(cell.error_rate) and not cell.falls_behind
        found.append(ObjectiveResult(tr("{name}: error rate", name=cell.name), met, text))
    if objectives.p95_s is not None:
        clauses = [
            tr("the mean {latency_unsteady}", latency_unsteady=cell.latency_unsteady) if cell.latency_unsteady else "",
            evidence.p95_missing,
        ]
        found.append(_p95(cell, "p95", objectives.p95_s, p95_ms, clauses))
    known = cell.objective_p95_ms_by_name
    for name, p95_s in objectives.p95_of_names(known).items():
        found.append(_p95(cell, tr("p95 of {name}", name=name), p95_s, known.get(name), [evidence.by_name[name][1]]))
    return found


def _behind(cell: CellSummary) -> str:
    return tr("; {served} was served, so a queue grows", served=cell.served) if cell.falls_behind else ""


def _p95(cell: CellSummary, what: str, limit_s: float, p95_ms: float | None, clauses: Sequence[str]) -> ObjectiveResult:
    """The objective for the p95 of all requests, or of one name."""
    late = "" if not cell.lateness or p95_ms is not None else tr(": the load generator was late in all trials")
    got = tr("not measured{late}", late=late) if p95_ms is None else f"{p95_ms:,.0f} ms"
    text = tr(
        "{name}: {what} {got}, objective at most {limit_s:,.0f} ms",
        name=cell.name,
        what=what,
        got=got,
        limit_s=limit_s * 1000,
    )
    text = "; ".join(filter(None, [text, *clauses])) + _behind(cell)
    met = p95_ms is not None and p95_ms <= limit_s * 1000 and not cell.falls_behind
    return ObjectiveResult(f"{cell.name}: {what}", met, text)


def _step(objectives: Objectives, gain: Gain) -> list[ObjectiveResult]:
    """A gain meets its objective if its whole interval does: an estimate without an interval is no evidence."""
    least = objectives.gain.get(gain.to_servers) if isinstance(gain.to_servers, int) else None
    if least is None or gain.kind in (GainKind.IDLE, GainKind.NOT_MEASURABLE, GainKind.SERVER_FAILURE):
        return []  # this load cannot show it
    name = tr(
        "{load}: gain of {from_servers} → {to_servers} servers",
        load=load_name(gain.others),
        from_servers=gain.from_servers,
        to_servers=gain.to_servers,
    )
    ratio, objective = gain.ratio if gain.is_statement else None, tr("objective at least {least:g}×", least=least)
    if ratio is None:
        return [
            ObjectiveResult(
                name,
                False,
                tr("{name} not measured ({reason}), {objective}", name=name, reason=gain.reason, objective=objective),
            )
        ]
    if ratio.low is None or ratio.high is None:
        return [
            ObjectiveResult(
                name,
                False,
                tr(
                    "{name} {value:.2f}× without an interval, {objective}",
                    name=name,
                    value=ratio.value,
                    objective=objective,
                ),
            )
        ]
    text = f"{name} {ratio.value:.2f}× [{ratio.low:.2f}, {ratio.high:.2f}], {objective}"
    uncertain = "" if ratio.low >= least or ratio.high < least else tr(", within the interval")
    return [ObjectiveResult(name, ratio.low >= least, text + uncertain)]
