"""A study's cells and gains, read from its directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import BadInput
from harness.gains import CellSummary, Gain, all_gains, summarise
from harness.grid import expand
from harness.gridmodel import Grid
from harness.results import StudyDirectory, TrialRecord
from harness.words import percent


@dataclass(frozen=True)
class Summary:
    """All cells of the grid, measured or not, and the gains between them."""

    grid: Grid
    cells: list[CellSummary]
    gains: list[Gain]


def grid_of(study: dict[str, Any]) -> Grid:
    """The grid as study.json keeps it: with units, so that it reads back like a grid file."""
    return Grid.model_validate(study["configuration"]["grid"])


def from_directory(directory: StudyDirectory) -> Summary:
    """Summarise what was measured; raises BadInput when there is no study."""
    study = directory.read_json("study.json")
    if study is None:
        raise BadInput(f"{directory.path}: there is no study.json")
    grid, records = grid_of(study), directory.trials()
    return summarise_records(grid, records, lambda where: directory.trial(where).latencies)


def summarise_records(
    grid: Grid, records: Mapping[str, TrialRecord], latencies: Callable[[str], str] = lambda _: ""
) -> Summary:
    """The same from records by path; `latencies` gives a trial's histogram."""
    by_cell: dict[str, list[str]] = {}
    for where, record in records.items():
        if not record.sentinel:
            by_cell.setdefault(where.split("/")[0], []).append(where)
    found = []
    for cell in expand(grid):
        wheres = by_cell.get(cell.slug, [])
        histograms = [latencies(w) for w in wheres if records[w].usable]
        found.append(summarise(cell.by_name, [records[w] for w in wheres], histograms, grid.evidence))
    return Summary(grid, found, all_gains(found, grid.evidence))


def missed_objectives(grid: Grid, cells: list[CellSummary]) -> list[str]:
    """What the grid's objectives ask for and a cell does not reach, one line each."""
    wanted = grid.objectives
    missed = []
    for cell in cells:
        name = ", ".join(f"{factor} {level}" for factor, level in cell.cell.items())
        p95_ms = cell.latency_ms.get("p95")
        if wanted.error_rate is not None and (cell.error_rate is None or cell.error_rate > wanted.error_rate):
            got = "not measured" if cell.error_rate is None else f"{percent(cell.error_rate, 2)}"
            missed.append(f"{name}: error rate {got}, wanted at most {percent(wanted.error_rate, 2)}")
        if wanted.p95 is not None and (p95_ms is None or p95_ms > wanted.p95 * 1000):
            got = "not measured" if p95_ms is None else f"{p95_ms:.0f} ms"
            missed.append(f"{name}: p95 {got}, wanted at most {wanted.p95 * 1000:.0f} ms")
    return missed
