"""Clients of the traffic engines: one entry for each that harness/grid/load_generators.py declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import BadInput, EngineFailed
from harness.grid.schema import Grid

# Their clients take long to load, and a plan needs none.
if TYPE_CHECKING:
    from harness.deploy.connections import Reach
    from harness.observe.systemd import Service
    from harness.traffic.load_generator import Engine

LOCUST_TOKEN = "/tmp/study-token"  # noqa: S105, S108 - a file inside its container, roles/locust/files/image/gate.py
TOKEN_TRIES = 5


@dataclass(frozen=True)
class Client:
    """How an engine is reached.

    `check` raises BadInput where the inventory's hosts cannot run it; `connect` makes its client, and raises BadInput
    where the inventory lacks its URL; `services` are what of it runs outside containers, by host.
    """

    check: Callable[[Grid, Inventory], None]
    connect: Callable[[Grid, Inventory, Reach], Engine]
    services: Callable[[Grid, Inventory], dict[str, Service]]


def check(grid: Grid, inventory: Inventory) -> None:
    """Refuse an engine that the inventory's hosts cannot run; raises BadInput."""
    CLIENTS[grid.load_generator].check(grid, inventory)


def connect(grid: Grid, inventory: Inventory, reach: Reach) -> Engine:
    """A client of the engine that the grid names; raises BadInput where the inventory lacks its URL."""
    return CLIENTS[grid.load_generator].connect(grid, inventory, reach)


def services(grid: Grid, inventory: Inventory) -> dict[str, Service]:
    """What runs outside containers, by host."""
    return CLIENTS[grid.load_generator].services(grid, inventory)


def _locust(_grid: Grid, inventory: Inventory, reach: Reach) -> Engine:
    from harness.traffic.locust import LocustEngine

    client = reach.http(inventory.generator, "study_engine_url", timeout=10.0)
    return LocustEngine(client, lambda: _locust_token(inventory, reach))


def _locust_token(inventory: Inventory, reach: Reach) -> str:
    """The token of the Locust master, read inside its container; raises EngineFailed."""
    import docker.errors
    import requests

    from harness.deploy.container_engine import execute

    name = inventory.generator.need("study_container")
    why = f"the engine printed nothing of {LOCUST_TOKEN}, {TOKEN_TRIES} times"
    for _ in range(TOKEN_TRIES):
        try:
            code, output = execute(reach.docker(inventory.generator).api, name, ["cat", LOCUST_TOKEN])
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise EngineFailed(f"the token of the load generator {name} cannot be read: {error}") from None
        if code:
            why = output.strip()
            break
        if output.strip():
            return output.strip()
    raise EngineFailed(f"the token of the load generator {name} cannot be read: {why}")


def _check_ngrinder(grid: Grid, inventory: Inventory) -> None:
    from harness.deploy.connections import is_machine

    if not all(is_machine(host) for host in inventory.generators):
        raise BadInput(
            f"load_generator ngrinder needs load generators that are machines, and those of {inventory.path} are "
            "containers; take another inventory, as inventory/rehearsal, or load_generator: locust"
        )
    known = {**inventory.generator.variables, **grid.vars}
    file = known.get("ngrinder_war_file")
    if not known.get("ngrinder_war_url") and not file:
        raise BadInput(
            "load_generator ngrinder: its WAR is in no package registry; set ngrinder_war_url with "
            "ngrinder_war_sha256, or ngrinder_war_file, under vars: in the grid or in the inventory (docs/hosts.md "
            "tells where to get it)"
        )
    if file and not (Path(str(file)).is_absolute() and Path(str(file)).is_file()):
        raise BadInput(f"ngrinder_war_file: there is no file {file}; give the absolute path of the downloaded WAR")


def _ngrinder(grid: Grid, inventory: Inventory, reach: Reach) -> Engine:
    from harness.traffic.ngrinder.client import NgrinderEngine

    first = inventory.generator
    folder = Path(first.need("study_ngrinder_credentials"))
    client = reach.http(first, "study_ngrinder_url", timeout=20.0)
    return NgrinderEngine(client, folder / "admin", [agent_name(grid, host) for host in inventory.generators])


def agent_name(grid: Grid, host: Host) -> str:
    """The name under which a generator's agent joins the controller."""
    return str({**host.variables, **grid.vars}.get("ngrinder_agent_name") or host.name)


def _ngrinder_agents(grid: Grid, inventory: Inventory) -> dict[str, Service]:
    from harness.observe.systemd import Service

    return {
        host.name: Service(
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
