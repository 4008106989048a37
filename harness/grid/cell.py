"""One combination of a grid's levels, and all of them."""

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
        """How many servers take part."""
        return int(self.by_name["servers"])

    @property
    def fail_servers(self) -> int:
        """How many of them, the last ones, are stopped in the middle of each trial."""
        return int(self.by_name.get("fail_servers", 0))

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

    def at(self, level: Level) -> Cell:
        """The same cell under another load."""
        return Cell(tuple((name, level if name in LOAD_FACTORS else kept) for name, kept in self.levels))

    @property
    def topology(self) -> tuple[tuple[str, Level], ...]:
        """Its levels but for the load."""
        return tuple((name, level) for name, level in self.levels if name not in LOAD_FACTORS)

    @property
    def variables(self) -> dict[str, Level]:
        """Levels of role variables."""
        return {name: level for name, level in self.levels if name not in OWN_FACTORS}

    @property
    def slug(self) -> str:
        """A name for files and links: letters, digits, dot, dash and underscore."""
        text = "_".join(f"{name}-{level}" for name, level in self.levels)
        return "".join(c if c.isalnum() or c in ".-_" else "-" for c in text)


def combinations(grid: Grid) -> int:
    """How many cells the factors have, before `exclude` and `include`; without making them."""
    return math.prod(len(levels) for levels in grid.factors.values())


def expand(grid: Grid) -> list[Cell]:
    """Product of the factors, minus `exclude`, plus `include`; each cell once, in a stable order."""
    names = list(grid.factors)
    product = (Cell(tuple(zip(names, levels, strict=True))) for levels in itertools.product(*grid.factors.values()))
    excluded: dict[tuple[str, ...], set[tuple[Level, ...]]] = {}  # by the factors that a partial cell names
    for partial in filter(None, grid.exclude):
        excluded.setdefault(tuple(partial), set()).add(tuple(partial.values()))
    kept = [cell for cell in product if not _matches(cell.by_name, excluded)]
    added = [Cell(tuple((name, partial[name]) for name in names)) for partial in grid.include]
    return list(dict.fromkeys([*kept, *added]))


def _matches(levels: dict[str, Level], excluded: dict[tuple[str, ...], set[tuple[Level, ...]]]) -> bool:
    return any(tuple(levels[name] for name in names) in these for names, these in excluded.items())
