"""Traffic engines: which one a grid asks for, and what it needs of an inventory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.deploy.inventory import Inventory
from harness.errors import BadInput
from harness.grid.schema import Grid

# Their clients take long to load, and a plan needs none.
if TYPE_CHECKING:
    from harness.deploy.connections import Reach
    from harness.observe.systemd import Service
    from harness.traffic.engine import Engine


def check(grid: Grid, inventory: Inventory) -> None:
    """Refuse an engine that the inventory's hosts cannot run; raises BadInput."""
    if grid.engine != "ngrinder":
        return
    from harness.deploy.connections import is_machine

    if not all(is_machine(host) for host in inventory.generators):
        raise BadInput(
            f"engine ngrinder needs load generators that are machines, and those of {inventory.path} are containers; "
            "take another inventory, as inventory/rehearsal, or engine: locust"
        )
    known = {**inventory.generator.variables, **grid.vars}
    file = known.get("ngrinder_war_file")
    if not known.get("ngrinder_war_url") and not file:
        raise BadInput(
            "engine ngrinder: its WAR is in no package registry; set ngrinder_war_url with ngrinder_war_sha256, or "
            "ngrinder_war_file, under vars: in the grid or in the inventory (docs/hosts.md tells where to get it)"
        )
    if file and not (Path(str(file)).is_absolute() and Path(str(file)).is_file()):
        raise BadInput(f"ngrinder_war_file: there is no file {file}; give the absolute path of the downloaded WAR")


def connect(grid: Grid, inventory: Inventory, reach: Reach) -> Engine:
    """A client of the engine that the grid names; raises BadInput where the inventory lacks its URL."""
    first = inventory.generator
    if grid.engine == "ngrinder":
        from harness.traffic.ngrinder.client import NgrinderEngine

        folder = Path(first.need("study_ngrinder_credentials"))
        client = reach.http(first, "study_ngrinder_url", timeout=20.0)
        return NgrinderEngine(client, folder / "admin", len(inventory.generators))
    from harness.traffic.locust import LocustEngine

    return LocustEngine(reach.http(first, "study_engine_url", timeout=10.0))


def services(grid: Grid, inventory: Inventory) -> dict[str, Service]:
    """What runs outside containers, by host."""
    if grid.engine != "ngrinder":
        return {}
    from harness.observe.systemd import Service

    return {
        host.name: Service(
            "ngrinder-agent",
            str(host.variables.get("ngrinder_agent_user") or "ngrinder-agent"),
            float(str(grid.vars.get("ngrinder_agent_cpus", host.variables.get("ngrinder_agent_cpus")) or 0)),
        )
        for host in inventory.generators
    }
