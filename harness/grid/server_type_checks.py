"""Check that the levels of `servers` fit the grid's `server_types`, and those the hosts of the inventory. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.grid import server_types
from harness.grid.cells import SearchedCells
from harness.grid.schema import Grid
from harness.grid.server_types import ServersLevel
from harness.grid.yamldata import Path_
from harness.words import nearest, short

KEY = "server_types"
RATE = "lab_server_capacity"  # of a paced server
EXAMPLE = "server_types: {small: [server-1, server-2], large: [server-3]}"


def problems(grid: Grid) -> Iterator[tuple[Path_, str]]:
    """Yield (path in the grid, message) for each problem."""
    places: list[tuple[Path_, ServersLevel]] = [
        (("factors", "servers", place), level if isinstance(level, str) else int(level))
        for place, level in enumerate(grid.levels["servers"])
    ]
    places += [
        (("include", place, "servers"), level if isinstance(level, str) else int(level))
        for place, cell in enumerate(grid.include)
        if (level := cell.get("servers")) is not None
    ]
    known: dict[frozenset[tuple[str, int]], ServersLevel] = {}
    for where, level in places:
        same = known.setdefault(frozenset(server_types.counts(level).items()), level)
        if server_types.is_typed(level) and same != level:
            yield (
                where,
                f"{where[0]}: servers: {level} is also {same}. Fix: write it alike, as in {{small: 2, large: 1}}",
            )
        for words in _of_level(grid, level):
            yield where, f"{where[0]}: servers: {words}"
    if not grid.server_types:
        return
    if grid.platform is not None:
        yield (KEY,), f"{KEY}: only valid without target.url. Fix: remove it"
    if isinstance(grid.cells, SearchedCells) and grid.is_open:
        words = f"a search over rate needs an objective, which is not supported with {KEY}. Fix: use vusers"
        yield ("factors", "rate"), f"factors: rate: {words}"
    if "fail_servers" in grid.factors:
        yield (
            ("factors", "fail_servers"),
            f"factors: fail_servers is not supported with {KEY}, as types differ in what fails. Fix: remove one",
        )
    for section in ("vars", "factors"):
        if RATE in getattr(grid, section):
            words = f"{RATE}: it applies to every server, so types would not differ"
            yield (
                (section, RATE),
                f"{section}: {words}. Fix: set it for each host, as in inventory/lab_types",
            )
    if grid.objectives.for_a_load:
        words = f"p95 and error_rate are not supported with {KEY}. Fix: remove them, or study one type at a time"
        yield ("objectives",), f"objectives: {words}"
    if grid.objectives.gain:
        words = f"a gain is set by number of servers, which is not supported with {KEY}. Fix: remove it"
        yield ("objectives", "gain"), f"objectives.gain: {words}"


def _of_level(grid: Grid, level: ServersLevel) -> Iterator[str]:
    """Why a level does not fit the types."""
    if isinstance(level, int):
        if grid.server_types:
            first = next(iter(grid.server_types))
            yield f"got {level}. Allowed with {KEY}: numbers by type. Fix: write {{{first}: {level}}}"
        return
    if not grid.server_types:
        yield f"got {short(level, bare=True)}. Allowed without {KEY}: a whole number. Fix: add {EXAMPLE}"
        return
    for name, number in server_types.counts(level).items():
        if name not in grid.server_types:
            yield f"{short(name)} is not in {KEY}{nearest(name, list(grid.server_types))}"
        elif number > (most := len(grid.server_types[name])):
            yield f"got {number} {name}. Allowed: at most {most}, the servers of that type in {KEY}"


def of_hosts(grid: Grid, known: Sequence[str]) -> Iterator[tuple[Path_, str]]:
    """Yield (path in the grid, message) for each server that is no host of the inventory; `known` are its servers."""
    for name, servers in grid.server_types.items():
        for place, server in enumerate(servers):
            if server not in known:
                words = f"{short(server)} is not a host of group ml_servers in {grid.inventory}"
                yield (KEY, name, place), f"{KEY}: {name}: {words}{nearest(server, known)}"


def missing_singles(grid: Grid) -> dict[ServersLevel, tuple[str, ...]]:
    """Return topology → its types without a cell of one server, for which no linear speedup is known."""
    levels = dict.fromkeys(topology.servers_level for topology in grid.cells.topologies)
    missing = {
        level: tuple(name for name in server_types.counts(level) if server_types.text({name: 1}) not in levels)
        for level in levels
    }
    return {level: names for level, names in missing.items() if names}
