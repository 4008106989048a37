"""A search's topologies: every cell but for its load, which is what is searched. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.grid.cell import Cell
from harness.records.trial import TrialRecord


def at(cell: Cell, load: float) -> Cell:
    """The same cell under another load."""
    return cell.at(int(load) if load == int(load) else load)


def trials(cell: Cell, records: Mapping[str, TrialRecord]) -> list[TrialRecord]:
    """Every trial of a topology under any load, probes among them, but for control trials."""
    factor = cell.load_factor
    wanted = dict(cell.topology)
    return [
        record
        for record in records.values()
        if not record.control and {n: level for n, level in record.cell.items() if n != factor} == wanted
    ]


def probes(cell: Cell, records: Mapping[str, TrialRecord]) -> dict[int, TrialRecord]:
    """Load → probe of a topology, as far as they are recorded; a search goes in whole numbers."""
    factor = cell.load_factor
    return {int(record.cell[factor]): record for record in trials(cell, records) if record.repeat == 0}
