"""A search's topologies: every cell but for its load, which is what is searched. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.grid.cell import Cell, expand
from harness.grid.schema import Grid
from harness.grid.types import Level
from harness.records.trial import TrialRecord

USERS, RATE = "vusers", "rate"


def factor_of(names: Iterable[str]) -> str:
    """The load factor among those of a grid or a cell: `vusers`, or `rate` in requests per second."""
    return RATE if RATE in names else USERS


def topologies(grid: Grid) -> list[Cell]:
    """Every cell but for its load, which is where the search begins."""
    return expand(grid)


def load_of(cell: Cell) -> Level:
    """The level of its load factor."""
    return cell.by_name[factor_of(cell.by_name)]


def at(cell: Cell, load: float) -> Cell:
    """The same cell under another load."""
    factor = factor_of(cell.by_name)
    level = int(load) if load == int(load) else load
    return Cell(tuple((name, level if name == factor else kept) for name, kept in cell.levels))


def trials(cell: Cell, records: Mapping[str, TrialRecord]) -> list[TrialRecord]:
    """Every trial of a topology under any load, probes among them, but for sentinels."""
    factor = factor_of(cell.by_name)
    wanted = {name: level for name, level in cell.levels if name != factor}
    return [
        record
        for record in records.values()
        if not record.sentinel and {n: level for n, level in record.cell.items() if n != factor} == wanted
    ]


def probes(cell: Cell, records: Mapping[str, TrialRecord]) -> dict[int, TrialRecord]:
    """Load → probe of a topology, as far as they are recorded; a search goes in whole numbers."""
    factor = factor_of(cell.by_name)
    return {int(record.cell[factor]): record for record in trials(cell, records) if record.repeat == 0}
