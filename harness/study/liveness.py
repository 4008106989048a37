"""Request every server's health check after a load: a server without network keeps running."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from harness.deploy.inventory.hosts import Host, Inventory
from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.judge.observation import is_healthy
from harness.study.trial_context import TrialContext

PATIENCE_S = 5.0
INTERVAL_S = 0.2
MAX_PARALLEL = 32


def health_path(grid: Grid, cell: Cell, inventory: Inventory) -> str:
    """Return the path of the deployed health check."""
    name = grid.balancer_of(cell.by_name).variable("health")
    own = {name: grid.service.health} if "health" in grid.service.model_fields_set else {}
    places = (cell.variables, own, grid.vars, inventory.balancer_variables)
    return str(next((by[name] for by in places if name in by), grid.service.health))


def health_statuses(context: TrialContext, servers: Iterable[Host], path: str) -> dict[str, int]:
    """Return the status of each server's last health check; all servers are checked in parallel.

    A failing check is repeated for the timeout of a request: the server may still work on requests that were given
    up. The balancer sends the check over the private network. It reports 502 or 504 for a server that does not
    respond. Raises TrialFailed when the balancer's control port does not respond.
    """
    checked = list(servers)
    with ThreadPoolExecutor(max_workers=max(1, min(len(checked), MAX_PARALLEL))) as pool:
        found = pool.map(lambda server: _status(context, server, path), checked)
        return {server.name: status for server, status in zip(checked, found, strict=True)}


def _status(context: TrialContext, server: Host, path: str) -> int:
    remaining_s = max(PATIENCE_S, context.grid.load.timeout)
    while True:
        began = time.monotonic()
        status = context.probes.health(server, path)
        remaining_s -= time.monotonic() - began + INTERVAL_S
        if is_healthy(status) or remaining_s <= 0:
            return status
        context.wait(INTERVAL_S)
