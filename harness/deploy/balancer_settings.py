"""Settings of the balancer in force in a cell: those of the cell, of the grid's `vars`, and of its host. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.balancers.balancer import Balancer
from harness.grid.schema import Grid


@dataclass(frozen=True)
class BalancerSettings:
    """A balancer, and variables that control it; of several places the first one that has a variable wins."""

    balancer: Balancer
    places: tuple[Mapping[str, Any], ...]

    def value(self, name: str) -> Any:
        """Return a variable in force, by its full name; None if nothing sets it."""
        return next((variables[name] for variables in self.places if name in variables), None)

    def own(self, ending: str) -> Any:
        """Return a variable of the balancer's role, by its name without the role's prefix."""
        return self.value(self.balancer.variable(ending))


def of_levels(grid: Grid, levels: Mapping[str, Any], host: Mapping[str, Any]) -> BalancerSettings:
    """Return the settings for a cell's levels; `host` are the variables of the balancer's host."""
    return BalancerSettings(grid.balancer_of(levels), (levels, grid.vars, host))
