"""Whether what a grid sends gets to the servers: past nginx, to each of them, with their variables as written."""

from __future__ import annotations

from pathlib import Path

from harness.deploy import nginx_limits, server_env
from harness.deploy.inventory.hosts import Inventory
from harness.errors import BadInput
from harness.grid.cell import expand
from harness.grid.schema import Grid
from harness.grid.yamldata import Path_
from harness.grid.yamlfile import Document
from harness.judge import balancing


def check(file: Path, grid: Grid, document: Document, hosts: Inventory) -> None:
    """Raise BadInput with each reason why something would not get there, with its line of the grid."""
    found: list[tuple[Path_, str]] = [
        *nginx_limits.problems(grid, hosts.balancer.variables),
        *server_env.problems(grid, file.read_text(encoding="utf-8")),
        *_one_address(grid, hosts),
    ]
    if found:
        told = sorted({(document.line(where), text) for where, text in found})
        raise BadInput(*(f"{file}:{line}: {text}" for line, text in told))


def _one_address(grid: Grid, hosts: Inventory) -> list[tuple[Path_, str]]:
    """By addresses users of one network all get the same server, and the others would be idle."""
    networks = {host.private_ip.rpartition(".")[0] for host in hosts.generators}
    for cell in expand(grid):
        method = balancing.of(cell.variables, grid.vars, hosts.balancer.variables).method
        if method == "ip_hash" and cell.servers > len(networks):
            section = "factors" if "nginx_lb_method" in grid.factors else "vars"
            return [
                (
                    (section, "nginx_lb_method"),
                    f"{section}: nginx_lb_method: ip_hash sends all users of one network to one server, and the load "
                    f"generators are in {len(networks)}: of {cell.servers} servers others would be idle. "
                    "Fix: take cookie, which keeps each user at a server",
                )
            ]
    return []
