"""The topologies of a search: cells without their load, and their trials. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.grid.cell import Cell
from harness.grid.load import LOAD_FACTORS
from harness.grid.types import Level
from harness.records.trial import TrialRecord

Topology = tuple[tuple[str, Level], ...]


def at(cell: Cell, load: float) -> Cell:
    """The same cell under another load."""
    return cell.at(int(load) if load == int(load) else load)


def by_topology(records: Iterable[TrialRecord]) -> dict[Topology, list[TrialRecord]]:
    """Topology (sorted by name) → its trials under any load, with probes but without control trials."""
    found: dict[Topology, list[TrialRecord]] = {}
    for record in records:
        if not record.control:
            levels = sorted((name, level) for name, level in record.cell.items() if name not in LOAD_FACTORS)
            found.setdefault(tuple(levels), []).append(record)
    return found


def trials(cell: Cell, known: Mapping[Topology, list[TrialRecord]]) -> list[TrialRecord]:
    """The trials of a cell's topology under any load."""
    return known.get(tuple(sorted(cell.topology)), [])


def probes(cell: Cell, known: Mapping[Topology, list[TrialRecord]]) -> dict[int, TrialRecord]:
    """Load → probe of a cell's topology; a search uses whole numbers."""
    factor = cell.load_factor
    return {int(record.cell[factor]): record for record in trials(cell, known) if record.repeat == 0}
