"""Check that cells with a server failure can be measured: remaining servers, and time before and after. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.cells import SearchedCells
from harness.grid.schema import Grid

LEAST_BEFORE_S, LEAST_AFTER_S = 3.0, 5.0  # of the steady window, to compare the time before and after a failure


def problems(grid: Grid) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (path in the grid, message) for each problem of the factor `fail_servers`."""
    failing = [topology for topology in grid.cells.topologies if topology.fail_servers]
    if not failing:
        return
    empty = list(
        dict.fromkeys((each.servers, each.fail_servers) for each in failing if each.fail_servers >= each.servers)
    )
    if empty:
        cells = ", ".join(f"{{servers: {servers}, fail_servers: {killed}}}" for servers, killed in empty)
        yield (
            ("factors", "fail_servers"),
            f"factors: fail_servers must be smaller than servers. Fix: add exclude: [{cells}]",
        )
    if isinstance(grid.cells, SearchedCells):
        yield (
            ("factors", "fail_servers"),
            "factors: fail_servers is not supported with a search. Fix: give the users, as in vusers: [1000]",
        )
    load = grid.load
    before_s, after_s = grid.fail_at_s - grid.window_from_s, load.duration - grid.fail_at_s
    if before_s < LEAST_BEFORE_S or after_s < LEAST_AFTER_S:
        spans = f"{before_s:g}s of the steady window before the failure and {after_s:g}s after it"
        allowed = f"Allowed: at least {LEAST_BEFORE_S:g}s and {LEAST_AFTER_S:g}s. Fix: make duration longer"
        yield ("load",), f"load: fail_at {load.fail_at:.0%} leaves {spans}. {allowed}"
