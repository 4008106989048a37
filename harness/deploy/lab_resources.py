"""Servers that share one machine: what each is held to, or what it may use of the machine. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.deploy.inventory.hosts import Inventory
from harness.errors import BadInput, CannotRun
from harness.grid import units
from harness.grid.schema import Grid

# Variables of an inventory's servers that a grid may set, too.
VARIABLES = ("lab_server_capacity", "lab_service_time", "lab_time_scaling")
OWN_IMAGES = re.compile(r"(.+/)?scale-out[/-]service[:@]")  # under a registry's name, too
# Of the cores of one machine (rule E6): what containers may use of it together, and how it is shared out
# where nothing else keeps a server from using all of it.
MOST_OF_CORES = 0.9
GENERATOR_SHARE, BALANCER_SHARE, SERVERS_SHARE = 0.40, 0.15, 0.45


@dataclass(frozen=True)
class Lab:
    """What the grid and its inventory ask of servers that share one machine.

    `capacity_per_s` is the rate that every server is held to and `service_s` its time for a request; None
    and 0 where it does what it can, as a user's own image does. `time_scaling` is the factor that was asked
    for, None to have it found.
    """

    capacity_per_s: float | None
    service_s: float
    time_scaling: float | None

    @property
    def paced(self) -> bool:
        """Whether its servers are held to a rate."""
        return self.capacity_per_s is not None


def of(grid: Grid, inventory: Inventory) -> Lab | None:
    """The lab of a study, None on hosts of their own; raises BadInput for a value that cannot be."""
    if inventory.kind == "hosts":
        return None
    if "lab_time_scaling" in grid.factors:
        raise BadInput("lab_time_scaling: one study is played at one speed; write it under vars, not as a factor")
    asked = {name: grid.vars.get(name, inventory.servers[0].variables.get(name)) for name in VARIABLES}
    capacities = [
        _read("lab_server_capacity", units.per_second, value)
        for value in grid.factors.get("lab_server_capacity", [asked["lab_server_capacity"]])
        if value
    ]
    capacity = max(capacities, default=None)
    if own_image(grid, inventory):
        capacity = None
    factor = asked["lab_time_scaling"]
    return Lab(
        capacity_per_s=capacity,
        service_s=_read("lab_service_time", units.duration_s, asked["lab_service_time"] or "50ms") if capacity else 0.0,
        time_scaling=None if factor in (None, "", "auto") else _read("lab_time_scaling", _factor, factor),
    )


def own_image(grid: Grid, inventory: Inventory) -> bool:
    """Whether the servers run an image of the user's, which knows of no rate."""
    images = [
        grid.service.image,
        grid.vars.get("ml_server_image"),
        *grid.factors.get("ml_server_image", ()),
        inventory.servers[0].variables.get("ml_server_image"),
    ]
    return any(image and not OWN_IMAGES.match(str(image)) for image in images)


def shares(grid: Grid, inventory: Inventory, cores: int) -> dict[str, float]:
    """Variable → cores that a container may use where nothing but the machine limits its servers.

    Generator and balancer have theirs, and what is left is the servers' in equal parts. What the grid sets
    itself stays as it is.
    """
    room = MOST_OF_CORES * cores
    found = {
        "locust_cpus": GENERATOR_SHARE * room / len(inventory.generators),
        "ngrinder_agent_cpus": GENERATOR_SHARE * room / len(inventory.generators),
        "nginx_lb_cpus": BALANCER_SHARE * room,
        "ml_server_cpus": SERVERS_SHARE * room / len(inventory.servers),
    }
    set_already = {*grid.vars, *grid.factors}
    return {name: round(cpus - 0.0005, 3) for name, cpus in found.items() if name not in set_already}


def check_caps(caps: dict[str, float | None], cores: int) -> None:
    """Refuse caps that together leave this machine no room (rule E6); raises CannotRun."""
    total = sum(cap for cap in caps.values() if cap)
    if total > MOST_OF_CORES * cores:
        each = ", ".join(f"{host} {cap:.2f}" for host, cap in caps.items() if cap)
        raise CannotRun(
            f"the lab's CPU caps sum to {total:.2f}, more than 90 % of this machine's {cores} cores ({each}); "
            "lower ml_server_cpus, locust_cpus or nginx_lb_cpus in the grid's vars, or leave them out"
        )


def _read(name: str, parse: Callable[[Any], float], value: Any) -> float:
    try:
        return parse(value)
    except ValueError as error:
        raise BadInput(f"{name}: {error}") from None


def _factor(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 100:
        raise ValueError(f"got {value!r}; write auto, or a factor from 1 to 100, as in 2")
    return float(value)
