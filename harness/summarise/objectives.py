"""What a grid's author wants of every cell and every step, and whether it was reached. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.grid.schema import Objectives
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.summary import Summary
from harness.words import load_name, percent


@dataclass(frozen=True)
class Judged:
    """One objective for one cell or step; `text` tells what was found and wanted."""

    name: str
    met: bool
    text: str


def judge(summary: Summary) -> list[Judged]:
    """Every objective of the grid, in the order of the cells, then of the steps; empty without any.

    A search asks which load just meets those of a cell, so it has cells on both sides and none that should.
    """
    wanted = summary.grid.objectives
    cells = summary.cells if summary.grid.search is None else []
    found = [judged for cell in cells for judged in _cell(wanted, cell)]
    return found + [judged for gain in summary.gains for judged in _step(wanted, gain)]


def _cell(wanted: Objectives, cell: CellSummary) -> list[Judged]:
    found = []
    p95_ms = cell.latency_with_failures_ms.get("p95")  # failures count too: nobody served them in time
    if wanted.error_rate is not None:
        got = "not measured" if cell.error_rate is None else percent(cell.error_rate, 2)
        met = cell.error_rate is not None and cell.error_rate <= wanted.error_rate
        text = f"{cell.name}: error rate {got}, wanted at most {percent(wanted.error_rate, 2)}"
        found.append(Judged(f"{cell.name}: error rate", met, text))
    if wanted.p95 is not None:
        got = "not measured" if p95_ms is None else f"{p95_ms:.0f} ms"
        met = p95_ms is not None and p95_ms <= wanted.p95 * 1000
        text = f"{cell.name}: p95 {got}, wanted at most {wanted.p95 * 1000:.0f} ms"
        text += f"; the mean {cell.latency_marked}" if cell.latency_marked else ""
        found.append(Judged(f"{cell.name}: p95", met, text))
    return found


def _step(wanted: Objectives, gain: Gain) -> list[Judged]:
    """A gain is reached when its interval lies wholly at or above it: a bare estimate shows nothing."""
    least = wanted.gain.get(gain.to_servers)
    if least is None or gain.kind in (GainKind.IDLE, GainKind.NOT_MEASURABLE, GainKind.LOST):
        return []  # this load cannot show it either way
    name = f"{load_name(gain.others)}: gain of {gain.from_servers} → {gain.to_servers} servers"
    ratio = gain.ratio if gain.speaks else None
    if ratio is None:
        return [Judged(name, False, f"{name} not measured ({gain.reason}), wanted at least {least:g}×")]
    if ratio.low is None or ratio.high is None:
        return [Judged(name, False, f"{name} {ratio.value:.2f}× without an interval, wanted at least {least:g}×")]
    text = f"{name} {ratio.value:.2f}× [{ratio.low:.2f}, {ratio.high:.2f}], wanted at least {least:g}×"
    shown = "" if ratio.low >= least or ratio.high < least else ", which the interval does not show"
    return [Judged(name, ratio.low >= least, text + shown)]
