"""One combination of a grid's levels, and the list of all cells."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from harness.grid import load
from harness.grid.load import LOAD_FACTORS, RATE, VUSERS
from harness.grid.schema import Grid
from harness.grid.types import Level

OWN_FACTORS = ("servers", *LOAD_FACTORS, "fail_servers")


@dataclass(frozen=True)
class Cell:
    """One combination of levels, in the order of the grid's factors."""

    levels: tuple[tuple[str, Level], ...]

    @property
    def by_name(self) -> dict[str, Level]:
        """Factor → level."""
        return dict(self.levels)

    @property
    def servers(self) -> int:
        """Number of servers."""
        return int(self.by_name["servers"])

    @property
    def fail_servers(self) -> int:
        """Number of servers, the last ones, that are killed in mid-trial."""
        return int(self.by_name.get("fail_servers", 0))

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

    def at(self, level: Level) -> Cell:
        """Return the cell with another load."""
        return Cell(tuple((name, level if name in LOAD_FACTORS else kept) for name, kept in self.levels))

    @property
    def topology(self) -> tuple[tuple[str, Level], ...]:
        """Levels without the load."""
        return tuple((name, level) for name, level in self.levels if name not in LOAD_FACTORS)

    @property
    def variables(self) -> dict[str, Level]:
        """Levels of role variables."""
        return {name: level for name, level in self.levels if name not in OWN_FACTORS}

    @property
    def slug(self) -> str:
        """Name for files and links: letters, digits, dot, dash and underscore."""
        text = "_".join(f"{name}-{level}" for name, level in self.levels)
        return "".join(c if c.isalnum() or c in ".-_" else "-" for c in text)


def combinations(grid: Grid) -> int:
    """Return the number of combinations of all levels, before `exclude` and `include`."""
    return math.prod(len(levels) for levels in grid.factors.values())


def expand(grid: Grid) -> list[Cell]:
    """Return the product of the factors, minus `exclude`, plus `include`; each cell once, in a stable order."""
    names = list(grid.factors)
    product = (Cell(tuple(zip(names, levels, strict=True))) for levels in itertools.product(*grid.factors.values()))
    excluded: dict[tuple[str, ...], set[tuple[Level, ...]]] = {}  # factors of a partial cell → their levels
    for partial in filter(None, grid.exclude):
        excluded.setdefault(tuple(partial), set()).add(tuple(partial.values()))
    kept = [cell for cell in product if not _matches(cell.by_name, excluded)]
    added = [Cell(tuple((name, partial[name]) for name in names)) for partial in grid.include]
    return list(dict.fromkeys([*kept, *added]))


def _matches(levels: dict[str, Level], excluded: dict[tuple[str, ...], set[tuple[Level, ...]]]) -> bool:
    return any(tuple(levels[name] for name in names) in these for names, these in excluded.items())
