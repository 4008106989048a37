"""Whether cells in which servers fail can be measured: who would be left, and whether there is time to see it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.cells import SearchedCells
from harness.grid.schema import Grid

LEAST_BEFORE_S, LEAST_AFTER_S = 3.0, 5.0  # of the steady window, to tell what was before a loss and what is after it


def problems(grid: Grid) -> Iterator[tuple[tuple[str, ...], str]]:
    """(place in the grid, what is wrong with it, in words) of everything about factor `fail_servers` that cannot be."""
    losing = [topology for topology in grid.cells.topologies if topology.fail_servers]
    if not losing:
        return
    empty = list(
        dict.fromkeys((each.servers, each.fail_servers) for each in losing if each.fail_servers >= each.servers)
    )
    if empty:
        told = ", ".join(f"{{servers: {servers}, fail_servers: {failing}}}" for servers, failing in empty)
        mend = f"leave such cells out with exclude: [{told}]"
        yield (
            ("factors", "fail_servers"),
            f"factors: fail_servers must be smaller than servers, or nobody is left; {mend}",
        )
    if isinstance(grid.cells, SearchedCells):
        yield (
            ("factors", "fail_servers"),
            "factors: fail_servers cannot be varied while vusers is a search; name the users, as in vusers: [1000]",
        )
    load = grid.load
    before_s, after_s = load.fail_at_s - load.window_from_s, load.duration - load.fail_at_s
    if before_s < LEAST_BEFORE_S or after_s < LEAST_AFTER_S:
        told = f"{before_s:g}s of the steady window before a server is stopped and {after_s:g}s after it"
        needed = f"at least {LEAST_BEFORE_S:g}s and {LEAST_AFTER_S:g}s are needed: make duration longer"
        yield ("load",), f"load: fail_at {load.fail_at:.0%} leaves {told}; {needed}"
