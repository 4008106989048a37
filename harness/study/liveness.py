"""Asks every server after a load whether it still answers: one that was cut off the network runs all the same."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from harness.deploy.inventory.hosts import Host, Inventory
from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.judge.observation import is_well
from harness.study.trial_context import Bench

AT_LEAST_S = 5.0
EVERY_S = 0.2
MOST_AT_ONCE = 32


def health_path(grid: Grid, cell: Cell, inventory: Inventory) -> str:
    """The path of the health check in force, as the deployment asks for it."""
    own = {"nginx_lb_health": grid.service.health} if "health" in grid.service.model_fields_set else {}
    places = (cell.variables, own, grid.vars, inventory.balancer.variables)
    return str(next((by["nginx_lb_health"] for by in places if "nginx_lb_health" in by), grid.service.health))


def statuses(bench: Bench, servers: Iterable[Host], path: str) -> dict[str, int]:
    """Server → status of its last answer to a health check; all are asked at once.

    A server that does not answer well is asked again for as long as a request of the load may take: it may still work
    on requests that nobody waits for. The balancer asks for us, over the private network, and reports 502 or 504 for a
    server that does not answer. Raises TrialFailed when the balancer's control port does not answer.
    """
    asked = list(servers)
    with ThreadPoolExecutor(max_workers=max(1, min(len(asked), MOST_AT_ONCE))) as pool:
        found = pool.map(lambda server: _status(bench, server, path), asked)
        return {server.name: status for server, status in zip(asked, found, strict=True)}


def _status(bench: Bench, server: Host, path: str) -> int:
    left_s = max(AT_LEAST_S, bench.grid.load.timeout)
    while True:
        began = time.monotonic()
        status = bench.probes.health(server, path)
        left_s -= time.monotonic() - began + EVERY_S
        if is_well(status) or left_s <= 0:
            return status
        bench.wait(EVERY_S)
