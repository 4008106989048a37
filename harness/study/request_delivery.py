"""Check before the start that a grid's requests can reach every server: through nginx and unchanged."""

from __future__ import annotations

from pathlib import Path

from harness.deploy import certificates, nginx_limits, server_env
from harness.deploy.inventory.hosts import Inventory
from harness.grid.schema import Grid
from harness.grid.yamldata import Path_
from harness.judge import balancing


def problems(file: Path, grid: Grid, inventory: Inventory) -> list[tuple[Path_, str]]:
    """Return (path in the grid, message) of each obstacle. `file` is the grid's file."""
    return [
        *nginx_limits.problems(grid, inventory.balancer.variables),
        *server_env.problems(grid, file.read_text(encoding="utf-8")),
        *_ip_hash_problems(grid, inventory),
        *certificates.problems(grid, inventory),
    ]


def _ip_hash_problems(grid: Grid, inventory: Inventory) -> list[tuple[Path_, str]]:
    """ip_hash sends a whole network to one server; more servers than networks leaves the others idle."""
    networks = {host.private_ip.rpartition(".")[0] for host in inventory.generators}
    for topology in grid.cells.topologies:
        method = balancing.of(topology.variables, grid.vars, inventory.balancer.variables).method
        if method == "ip_hash" and topology.servers > len(networks):
            section = "factors" if "nginx_lb_method" in grid.factors else "vars"
            return [
                (
                    (section, "nginx_lb_method"),
                    f"{section}: nginx_lb_method: ip_hash sends all users of one network to one server. The load "
                    f"generators are in {len(networks)}, so some of {topology.servers} servers stay idle. "
                    "Fix: use cookie, which keeps each user at one server.",
                )
            ]
    return []
