"""Grids that follow from a grid file: that of a gate, and that of a quick study. Pure."""

from __future__ import annotations

import math
from typing import Any

from harness.grid.amount import MOST_REPEATS, Repeats, Search
from harness.grid.cell import Cell, Topology
from harness.grid.gate import IMAGE, Gate
from harness.grid.load import RATE
from harness.grid.objectives import Objectives
from harness.grid.schema import Grid
from harness.grid.types import Level
from harness.grid.units import readable

LONGEST_NAME = 64
QUICK_BLOCKS = 3
QUICK_WINDOW_S = 6.0
FEWEST_BLOCKS, LEAST_MOST = 6, 10  # of a gate: before the first decision, and that its time must allow


def gated(
    grid: Grid,
    builds: tuple[str, str],
    gate: Gate,
    load_s: float,
    servers: int | None = None,
    load: Level | None = None,
) -> Grid:
    """Return the grid of a gate: two builds in one topology at one load, for at most `load_s` of load.

    Without `servers` it is the smallest topology, without `load` the largest load. All other factors have their first
    level. Objectives, the target and the time budget do not apply. Raises ValueError when too few blocks fit into
    `load_s`.
    """
    blocks = min(MOST_REPEATS, 2 * math.floor(load_s / (4 * grid.load.duration)))  # half begin with each build
    if blocks < LEAST_MOST:
        least_s = math.ceil(2 * LEAST_MOST * grid.load.duration)
        raise ValueError(
            f"got {load_s:g}s, in which only {blocks} blocks of two trials of {grid.load.duration:g}s fit. "
            f"Allowed: {LEAST_MOST} blocks or more. Fix: at least {least_s}s, or a shorter load.duration"
        )
    own = {"servers", grid.load_factor, IMAGE, "fail_servers"}
    fewest = min(grid.cells.topologies, key=lambda topology: topology.servers).servers_level
    factors: dict[str, Any] = {
        "servers": (fewest if servers is None else servers,),
        grid.load_factor: (one_load(grid) if load is None else load,),
        **{name: levels[:1] for name, levels in grid.levels.items() if name not in own},
        IMAGE: builds,
    }
    head, *rest = factors
    ordered = {name: factors[name] for name in (head, rest[0], *sorted(rest[1:]))}
    return grid.model_copy(
        update={
            **_without_goals(grid, "gate"),
            "factors": ordered,
            "vars": {name: value for name, value in grid.vars.items() if name != IMAGE},
            "service": grid.service.model_copy(update={"image": None}),
            "repeats": Repeats(min=FEWEST_BLOCKS, max=blocks),
            "gate": gate,
            "quick": False,
        }
    )


def quick(grid: Grid) -> Grid:
    """Return the grid of a quick study: two topologies at one load in three blocks with short windows.

    The topologies are the first two of the grid that differ in one factor, in the number of servers if any do. The
    load is the largest one. With a server failure the windows keep their length. Objectives and the target do not
    apply, and three blocks remain indicative.
    """
    levels = {name: tuple(found) for name, found in _two_topologies(grid).items()}
    short_s = math.ceil(grid.window_from_s + QUICK_WINDOW_S)
    fails = "fail_servers" in levels  # needs time before and after the failure
    limits = grid.evidence.model_copy(
        update={"statement_repeats": max(grid.evidence.statement_repeats, QUICK_BLOCKS + 1)}
    )
    servers = levels.pop("servers")
    return grid.model_copy(
        update={
            **_without_goals(grid, "quick"),
            "factors": {"servers": servers, grid.load_factor: (one_load(grid),), **levels},
            "load": grid.load.model_copy(
                update={"duration": grid.load.duration if fails else min(grid.load.duration, float(short_s))}
            ),
            "repeats": Repeats(min=QUICK_BLOCKS, max=QUICK_BLOCKS),
            "evidence": limits,
            "gate": None,
            "quick": True,
        }
    )


def one_load(grid: Grid) -> Level:
    """Return the load at which servers are most likely the bottleneck.

    That is the largest one; of a search over a rate the middle of its range by ratio, as its end may be far beyond all
    capacities.
    """
    levels = grid.factors[grid.load_factor]
    if not isinstance(levels, Search):
        return max(cell.load for cell in grid.cells.known)
    if levels.factor != RATE:
        return levels.most
    return readable(math.sqrt(levels.least * levels.most), whole=False)


def _without_goals(grid: Grid, suffix: str) -> dict[str, Any]:
    """The keys of a grid that follows from another one: its name, and nothing that judges the whole grid."""
    return {
        "name": f"{grid.name[: LONGEST_NAME - len(suffix) - 1]}-{suffix}",
        "exclude": (),
        "include": (),
        "objectives": Objectives(),
        "target": None,
        "calibration": False,
        "budget": grid.budget.model_copy(update={"time": None}),
    }


def _two_topologies(grid: Grid) -> dict[str, list[Level]]:
    """Factor → its levels in the two chosen topologies, which differ in one factor at most."""
    first, *others = _at_the_load(grid)
    differing = [(other, _differing(first, other)) for other in others]
    pairs = [(other, names) for other, names in differing if len(names) == 1]
    second = next((other for other, names in pairs if names == ["servers"]), pairs[0][0] if pairs else first)
    return {name: list(dict.fromkeys([level, second.by_name[name]])) for name, level in first.levels}


def _at_the_load(grid: Grid) -> list[Topology]:
    """The topologies of the grid that have the chosen load, in its order, from the fewest servers on."""
    cells: tuple[Cell, ...] = grid.cells.known
    chosen = one_load(grid)
    is_searched = isinstance(grid.factors[grid.load_factor], Search)
    found = dict.fromkeys(cell.topology for cell in cells if is_searched or cell.load == chosen)
    return sorted(found, key=lambda topology: topology.servers)


def _differing(one: Topology, other: Topology) -> list[str]:
    return [name for name, level in one.levels if other.by_name[name] != level]
