"""Servers that share one machine: the rate of each paced server, or its share of the CPU. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.balancers.balancer import Distribution
from harness.deploy import balancer_settings
from harness.deploy.inventory.hosts import Inventory
from harness.errors import BadInput, CannotRun
from harness.grid import units
from harness.grid.schema import Grid
from harness.grid.server_rates import ServerRates
from harness.words import short

# Variables of an inventory's servers that a grid may also set.
VARIABLES = ("lab_server_capacity", "lab_service_time", "lab_time_scaling")
_OWN_IMAGES = re.compile(r"(.+/)?scale-out[/-]service[:@]")  # also below a registry's name
# Share of one machine's cores that all containers may use (rule E6), and its division if servers are not paced.
MOST_OF_CORES = 0.9
GENERATOR_SHARE, BALANCER_SHARE, SERVERS_SHARE = 0.40, 0.15, 0.45
DEPENDENCIES_SHARE = 0.20  # taken from the servers, in an inventory with dependencies


@dataclass(frozen=True)
class Lab:
    """Settings of servers that share one machine.

    `rates` are those of paced servers and `service_s` their service time; None and 0 for servers that are not paced,
    for example those of a user's own image. `time_scaling` is the set factor of time scaling; None for auto.
    """

    rates: ServerRates | None
    service_s: float
    time_scaling: float | None

    @property
    def paced(self) -> bool:
        """Whether its servers are paced."""
        return self.rates is not None


def of(grid: Grid, inventory: Inventory) -> Lab | None:
    """The lab of a study; None for separate hosts, and for a platform. Raises BadInput for an invalid value."""
    if inventory.kind == "hosts" or grid.platform is not None:
        return None
    if "lab_time_scaling" in grid.factors:
        raise BadInput("lab_time_scaling: not allowed as a factor. Fix: set it under vars.")
    values = {name: grid.vars.get(name, inventory.servers[0].variables.get(name)) for name in VARIABLES}
    capacities = [
        _read("lab_server_capacity", units.per_second, value)
        for value in grid.levels.get("lab_server_capacity", [values["lab_server_capacity"]])
        if value
    ]
    capacity = max(capacities, default=None)
    rates = _rates(grid, inventory, capacity) if capacity and not _has_own_image(grid, inventory) else None
    factor = values["lab_time_scaling"]
    return Lab(
        rates=rates,
        service_s=_read("lab_service_time", units.duration_s, values["lab_service_time"] or "50ms") if rates else 0.0,
        time_scaling=None if factor in (None, "", "auto") else _read("lab_time_scaling", _factor, factor),
    )


def _rates(grid: Grid, inventory: Inventory, capacity_per_s: float) -> ServerRates | None:
    """The rates of paced servers: equal ones, or those of each type by its first server."""
    if not grid.server_types:
        return ServerRates(capacity_per_s)
    by_type = {}
    for name, servers in grid.server_types.items():
        value = inventory.server(servers[0]).variables.get("lab_server_capacity")
        if not value:
            return None
        by_type[name] = _read("lab_server_capacity", units.per_second, value)
    host = inventory.balancer.variables
    settings = [balancer_settings.of_levels(grid, each.by_name, host) for each in grid.cells.topologies]
    even = all(
        each.balancer.methods.get(str(each.own("method") or "round_robin")) is Distribution.EVEN
        and not each.own("template")
        for each in settings
    )
    return ServerRates(min(by_type.values()), by_type, even)


def _has_own_image(grid: Grid, inventory: Inventory) -> bool:
    """Whether the servers run an image of the user, which does not support pacing."""
    images = [
        grid.service.image,
        grid.vars.get("ml_server_image"),
        *grid.levels.get("ml_server_image", ()),
        inventory.servers[0].variables.get("ml_server_image"),
    ]
    return any(image and not _OWN_IMAGES.match(str(image)) for image in images)


def shares(grid: Grid, inventory: Inventory, cores: int) -> dict[str, float]:
    """Variable → cores that a container may use, for servers that only the machine limits.

    Load generators and balancer have fixed shares, and so have dependencies that are run here. The servers get equal
    parts of the rest. Variables that the grid sets are left out.
    """
    room = MOST_OF_CORES * cores
    shared = [host for host in inventory.dependencies if host.is_managed]
    of_servers = SERVERS_SHARE - (DEPENDENCIES_SHARE if shared else 0.0)
    found = {
        "locust_cpus": GENERATOR_SHARE * room / len(inventory.generators),
        "ngrinder_agent_cpus": GENERATOR_SHARE * room / len(inventory.generators),
        **dict.fromkeys((balancer.variable("cpus") for balancer in grid.balancers), BALANCER_SHARE * room),
        "ml_server_cpus": of_servers * room / len(inventory.servers),
    }
    if shared:
        found["dependency_cpus"] = DEPENDENCIES_SHARE * room / len(shared)
    set_already = {*grid.vars, *grid.factors}
    return {name: round(cpus - 0.0005, 3) for name, cpus in found.items() if name not in set_already}


def check_caps(caps: dict[str, float | None], cores: int) -> None:
    """Raise CannotRun for CPU limits whose sum exceeds what containers may use (rule E6)."""
    total = sum(cap for cap in caps.values() if cap)
    if total > MOST_OF_CORES * cores:
        each = ", ".join(f"{host} {cap:.2f}" for host, cap in caps.items() if cap)
        raise CannotRun(
            f"the lab's CPU limits sum to {total:.2f}, more than 90 % of this machine's {cores} cores ({each}). "
            "Fix: lower or remove ml_server_cpus, locust_cpus, nginx_lb_cpus or dependency_cpus in the grid's vars."
        )


def _read(name: str, parse: Callable[[Any], float], value: Any) -> float:
    try:
        return parse(value)
    except units.BadQuantity as error:
        raise BadInput(f"{name}: not a valid quantity (got {short(value)}). Allowed: {error.allowed}.") from None


def _factor(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 100:
        raise units.BadQuantity(value, "auto, or a factor from 1 to 100")
    return float(value)
