"""Check before the start that a grid's requests can reach every server: through the balancer and unchanged."""

from __future__ import annotations

from harness.balancers.balancer import Distribution
from harness.deploy import balancer_settings, balancer_template, certificates, request_limits, server_env
from harness.deploy.inventory.hosts import Inventory
from harness.grid.schema import Grid
from harness.grid.yamldata import Path_
from harness.judge import balancing


def problems(text: str, grid: Grid, inventory: Inventory) -> list[tuple[Path_, str]]:
    """Return (path in the grid, message) of each obstacle. `text` is that of the grid's file."""
    return [
        *request_limits.problems(grid, inventory.balancer_variables),
        *server_env.problems(grid, text),
        *_idle_servers(grid, inventory),
        *certificates.problems(grid, inventory),
        *balancer_template.problems(grid, inventory),
    ]


def _idle_servers(grid: Grid, inventory: Inventory) -> list[tuple[Path_, str]]:
    """A method by address sends all users of an address to one server; more servers than addresses leaves some idle."""
    if grid.platform is not None:  # it alone knows how it balances
        return []
    for topology in grid.cells.topologies:
        settings = balancer_settings.of_levels(grid, topology.by_name, inventory.balancer_variables)
        balancer = settings.balancer
        method = balancing.of(balancer, *settings.places)
        groups = {balancer.address_group(host.private_ip) for host in inventory.generators}
        if method.by_address and topology.servers > len(groups):
            variable = balancer.variable("method")
            section = "factors" if variable in grid.factors else "vars"
            sticky = next(name for name, each in balancer.methods.items() if each is Distribution.BY_USER)
            unit, where = balancer.address_unit, "are in" if balancer.address_unit == "network" else "have"
            return [
                (
                    (section, variable),
                    f"{section}: {variable}: {method.method} sends all users of one {unit} to one server. The load "
                    f"generators {where} {len(groups)}, so some of {topology.servers} servers stay idle. "
                    f"Fix: use {sticky}, which keeps each user at one server.",
                )
            ]
    return []
