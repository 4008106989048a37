"""Clients of the load generators: one entry for each in harness/grid/load_generators.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.deploy.inventory.hosts import Host, Inventory, Url
from harness.errors import BadInput, LoadGeneratorFailed
from harness.grid.schema import Grid

# Their clients take long to import, and a plan needs none.
if TYPE_CHECKING:
    from harness.deploy.connections import Connections
    from harness.observe.systemd import SystemdUnit
    from harness.traffic.load_generator import LoadGenerator

LOCUST_TOKEN = "/tmp/study-token"  # noqa: S105, S108 - a file inside its container, roles/locust/files/image/gate.py
TOKEN_TRIES = 5
LEAST_TIMEOUT_S = 5.0  # of a request that the harness sends


@dataclass(frozen=True)
class Client:
    """How a load generator is used.

    `check` raises BadInput if the inventory's hosts cannot run it. `connect` returns a client, or raises BadInput if
    the inventory lacks its URL. `services` returns its units outside containers, by host.
    """

    check: Callable[[Grid, Inventory], None]
    connect: Callable[[Grid, Inventory, Connections], LoadGenerator]
    services: Callable[[Grid, Inventory], dict[str, SystemdUnit]]


def check(grid: Grid, inventory: Inventory) -> None:
    """Raise BadInput if the inventory's hosts cannot run the grid's load generator."""
    CLIENTS[grid.load_generator].check(grid, inventory)


def connect(grid: Grid, inventory: Inventory, connections: Connections) -> LoadGenerator:
    """A client of the grid's load generator; raises BadInput if the inventory lacks its URL."""
    return CLIENTS[grid.load_generator].connect(grid, inventory, connections)


def services(grid: Grid, inventory: Inventory) -> dict[str, SystemdUnit]:
    """Units of the load generator outside containers, by host."""
    return CLIENTS[grid.load_generator].services(grid, inventory)


def _locust(_grid: Grid, inventory: Inventory, connections: Connections) -> LoadGenerator:
    from harness.traffic.locust import LocustLoadGenerator

    client = connections.http(inventory.generator, Url.LOAD_GENERATOR, timeout=10.0)
    return LocustLoadGenerator(client, lambda: _locust_token(inventory, connections))


def _locust_token(inventory: Inventory, connections: Connections) -> str:
    """The token of the Locust master, read inside its container; raises LoadGeneratorFailed."""
    import docker.errors
    import requests

    from harness.deploy.container_engine import execute

    name = inventory.generator.container
    reason = f"the container engine returned nothing of {LOCUST_TOKEN}, {TOKEN_TRIES} times"
    for _ in range(TOKEN_TRIES):
        try:
            code, output = execute(connections.docker(inventory.generator).api, name, ["cat", LOCUST_TOKEN])
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise LoadGeneratorFailed(f"the token of the load generator {name} cannot be read: {error}") from None
        if code:
            reason = output.strip()
            break
        if output.strip():
            return output.strip()
    raise LoadGeneratorFailed(f"the token of the load generator {name} cannot be read: {reason}")


def _check_ngrinder(grid: Grid, inventory: Inventory) -> None:
    if not all(host.is_machine for host in inventory.generators):
        raise BadInput(
            f"ngrinder needs load generators that are machines; those of {inventory.path} are containers. "
            "Fix: use another inventory, such as inventory/rehearsal, or locust."
        )
    variables = {**inventory.generator.variables, **grid.vars}
    file = variables.get("ngrinder_war_file")
    if not variables.get("ngrinder_war_url") and not file:
        raise BadInput(
            "ngrinder needs its WAR, which is in no package registry. Fix: set ngrinder_war_url and "
            "ngrinder_war_sha256, or ngrinder_war_file, under vars in the grid or in the inventory "
            "(see docs/how-to/ngrinder.md)."
        )
    if file and not (Path(str(file)).is_absolute() and Path(str(file)).is_file()):
        raise BadInput(
            f"ngrinder_war_file: no such file (got {file}). Allowed: the absolute path of the downloaded WAR."
        )


def _ngrinder(grid: Grid, inventory: Inventory, connections: Connections) -> LoadGenerator:
    from harness.traffic.ngrinder.client import NgrinderLoadGenerator

    first = inventory.generator
    if not first.ngrinder_credentials:
        raise BadInput(f"host {first.name}: study_ngrinder_credentials is not set. Fix: set it in the inventory.")
    folder = Path(first.ngrinder_credentials)
    client = connections.http(first, Url.NGRINDER, timeout=20.0)
    balancer = connections.http(inventory.balancer, Url.SERVICE, timeout=max(LEAST_TIMEOUT_S, grid.load.timeout))
    agents = [agent_name(grid, host) for host in inventory.generators]
    return NgrinderLoadGenerator(client, balancer, folder / "admin", agents)


def agent_name(grid: Grid, host: Host) -> str:
    """The name with which a load generator's agent registers at the controller."""
    return str({**host.variables, **grid.vars}.get("ngrinder_agent_name") or host.name)


def _ngrinder_agents(grid: Grid, inventory: Inventory) -> dict[str, SystemdUnit]:
    from harness.observe.systemd import SystemdUnit

    return {
        host.name: SystemdUnit(
            "ngrinder-agent",
            str(host.variables.get("ngrinder_agent_user") or "ngrinder-agent"),
            float(str(grid.vars.get("ngrinder_agent_cpus", host.variables.get("ngrinder_agent_cpus")) or 0)),
        )
        for host in inventory.generators
    }


CLIENTS = {
    "locust": Client(lambda _grid, _inventory: None, _locust, lambda _grid, _inventory: {}),
    "ngrinder": Client(_check_ngrinder, _ngrinder, _ngrinder_agents),
}
