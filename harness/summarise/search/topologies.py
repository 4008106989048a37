"""The trials of a search by topology, whatever their load. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.grid.cell import Topology
from harness.grid.load import LOAD_FACTORS
from harness.grid.types import Level
from harness.records.trial import TrialRecord

Levels = tuple[tuple[str, Level], ...]  # of a topology, sorted by name


def by_topology(records: Iterable[TrialRecord]) -> dict[Levels, list[TrialRecord]]:
    """Topology (sorted by name) → its trials under any load, with probes but without control trials."""
    found: dict[Levels, list[TrialRecord]] = {}
    for record in records:
        if not record.control:
            levels = sorted((name, level) for name, level in record.cell.items() if name not in LOAD_FACTORS)
            found.setdefault(tuple(levels), []).append(record)
    return found


def trials(topology: Topology, known: Mapping[Levels, list[TrialRecord]]) -> list[TrialRecord]:
    """The trials of a topology under any load."""
    return known.get(tuple(sorted(topology.levels)), [])


def probes(topology: Topology, factor: str, known: Mapping[Levels, list[TrialRecord]]) -> dict[int, list[TrialRecord]]:
    """Load → probes of a topology in their order; a search uses whole numbers."""
    found: dict[int, list[TrialRecord]] = {}
    for record in sorted(trials(topology, known), key=lambda record: record.probe or 1):
        if record.repeat == 0:
            found.setdefault(int(record.cell[factor]), []).append(record)
    return found
