"""Scale-up against scale-out: one faster server compared with several slower ones, at the same load. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.grid import server_types
from harness.grid.server_types import ServersLevel
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.summarise.cells.cell import CellSummary, saturated
from harness.summarise.gains import gain, linear
from harness.summarise.gains.gain import Gain


@dataclass(frozen=True, kw_only=True)
class ScaleUp:
    """The comparisons of one load.

    `base` is one server of the slowest type. `options` compare it with one server of each other type, and with several
    of its own; `mixed` compare it with topologies of several types, and have a linear speedup. `direct` compare one
    server of each other type with several of the base's. All ratios have the interval and the conclusion of a gain
    (rules E15, E17, E18).
    """

    others: Levels
    base: ServersLevel
    options: tuple[Gain, ...]
    mixed: tuple[Gain, ...]
    direct: tuple[Gain, ...]


def comparisons(cells: Sequence[CellSummary], gains: Sequence[Gain], limits: Thresholds) -> list[ScaleUp]:
    """Every load with single servers of two types or more, in the cells' order; with a search each at its saturation.

    `gains` are those of the same cells.
    """
    own = [step for step in gains if step.others.get("load") == gain.SATURATION]
    if own:
        steps = [cell for cell in cells if any(cell.cell in step.cells for step in own)]
        found = _of_load(steps, limits)
        return [replace(found, others=own[0].others)] if found else []
    loads: dict[tuple[tuple[str, Any], ...], list[CellSummary]] = {}
    for cell in cells:
        loads.setdefault(tuple(cell.others.items()), []).append(cell)
    by_load = (_of_load(alike, limits) for alike in loads.values())
    return [each for each in by_load if each is not None]


def _of_load(cells: Sequence[CellSummary], limits: Thresholds) -> ScaleUp | None:
    pure = [cell for cell in cells if len(server_types.counts(cell.topology)) == 1]
    singles = [cell for cell in pure if cell.servers == 1 and cell.tps is not None]
    if len(singles) < 2:
        return None
    base = min(singles, key=lambda cell: cell.tps.value if cell.tps else 0.0)
    own = server_types.counts(base.topology).keys()
    others = [cell for cell in singles if cell is not base]
    several = [cell for cell in pure if server_types.counts(cell.topology).keys() == own and cell is not base]
    mixed = [cell for cell in cells if len(server_types.counts(cell.topology)) > 1]
    table, known = saturated(cells), linear.singles_of(cells)
    return ScaleUp(
        others=base.others,
        base=base.topology,
        options=tuple(gain.between(base, cell, limits, table) for cell in (*others, *several)),
        mixed=tuple(gain.between(base, cell, limits, table, known) for cell in mixed),
        direct=tuple(gain.between(one, cell, limits, table) for one in others for cell in several),
    )
