"""One combination of a grid's levels, and the part of it that is deployed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.grid import load, server_types
from harness.grid.load import BALANCER, LOAD_FACTORS, RATE, VUSERS
from harness.grid.server_types import ServersLevel
from harness.grid.types import Level

OWN_FACTORS = ("servers", *LOAD_FACTORS, "fail_servers", BALANCER)


@dataclass(frozen=True)
class Combination:
    """A level of each of several factors, in the order of the grid's factors."""

    levels: tuple[tuple[str, Level], ...]

    @property
    def by_name(self) -> dict[str, Level]:
        """Factor → level."""
        return dict(self.levels)

    @property
    def servers(self) -> int:
        """Number of servers."""
        return server_types.count(self.by_name["servers"])

    @property
    def servers_level(self) -> ServersLevel:
        """The level of `servers`: their number, or their numbers by type as text."""
        return server_types.level_of(self.by_name)

    @property
    def fail_servers(self) -> int:
        """Number of servers, the last ones, that are killed in mid-trial."""
        return int(self.by_name.get("fail_servers", 0))

    @property
    def variables(self) -> dict[str, Level]:
        """Levels of role variables."""
        return {name: level for name, level in self.levels if name not in OWN_FACTORS}


@dataclass(frozen=True)
class Topology(Combination):
    """The levels of a cell without its load."""

    def at(self, load_factor: str, load: float) -> Cell:
        """The cell of this topology under a load. The load follows `servers`, as in every cell."""
        servers, *others = self.levels
        return Cell((servers, (load_factor, int(load) if load == int(load) else load), *others))


@dataclass(frozen=True)
class Cell(Combination):
    """One combination of levels of all factors."""

    @property
    def topology(self) -> Topology:
        """Its levels without the load."""
        return Topology(tuple((name, level) for name, level in self.levels if name not in LOAD_FACTORS))

    @property
    def load_factor(self) -> str:
        """The load factor: `vusers` or `rate`."""
        return load.factor_of(self.by_name)

    @property
    def load(self) -> int | float:
        """Level of the load: users, or nominal requests per second, without time scaling."""
        level = self.by_name[self.load_factor]
        return level if isinstance(level, int) else float(level)

    @property
    def vusers(self) -> int:
        """Number of virtual users; raises KeyError for an open load."""
        return int(self.by_name[VUSERS])

    @property
    def rate(self) -> int | float:
        """Nominal offered requests per second; raises KeyError for a closed loop."""
        level = self.by_name[RATE]
        return level if isinstance(level, int) else float(level)

    @property
    def slug(self) -> str:
        """Name for files and links: letters, digits, dot, dash and underscore."""
        text = "_".join(f"{name}-{level}" for name, level in self.levels)
        return "".join(c if c.isalnum() or c in ".-_" else "-" for c in text)
