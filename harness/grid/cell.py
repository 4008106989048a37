"""One combination of a grid's levels, and the part of it that is deployed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.grid import load
from harness.grid.load import LOAD_FACTORS, RATE, VUSERS
from harness.grid.types import Level

OWN_FACTORS = ("servers", *LOAD_FACTORS, "fail_servers")


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
        """How many servers take part."""
        return int(self.by_name["servers"])

    @property
    def fail_servers(self) -> int:
        """How many of them, the last ones, are stopped in the middle of each trial."""
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
        """Which factor is the load: `vusers` or `rate`."""
        return load.factor_of(self.by_name)

    @property
    def load(self) -> int | float:
        """The level of the load: users, or requests per second as they are written, in slow motion too."""
        level = self.by_name[self.load_factor]
        return level if isinstance(level, int) else float(level)

    @property
    def vusers(self) -> int:
        """How many virtual users send requests; raises KeyError where they leave at a rate."""
        return int(self.by_name[VUSERS])

    @property
    def rate(self) -> int | float:
        """How many requests per second are offered, as written; raises KeyError where users send them."""
        level = self.by_name[RATE]
        return level if isinstance(level, int) else float(level)

    @property
    def slug(self) -> str:
        """A name for files and links: letters, digits, dot, dash and underscore."""
        text = "_".join(f"{name}-{level}" for name, level in self.levels)
        return "".join(c if c.isalnum() or c in ".-_" else "-" for c in text)
