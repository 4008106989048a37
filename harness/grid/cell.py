"""One combination of a grid's levels, and all of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from harness.grid.schema import Grid
from harness.grid.types import Level

OWN_FACTORS = ("servers", "vusers", "lose")


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
    def lose(self) -> int:
        """How many of them, the last ones, are stopped in the middle of each trial."""
        return int(self.by_name.get("lose", 0))

    @property
    def vusers(self) -> int:
        """How many virtual users send requests."""
        return int(self.by_name["vusers"])

    @property
    def variables(self) -> dict[str, Level]:
        """Levels of role variables."""
        return {name: level for name, level in self.levels if name not in OWN_FACTORS}

    @property
    def slug(self) -> str:
        """A name for files and links: letters, digits, dot, dash and underscore."""
        text = "_".join(f"{name}-{level}" for name, level in self.levels)
        return "".join(c if c.isalnum() or c in ".-_" else "-" for c in text)


def expand(grid: Grid) -> list[Cell]:
    """Product of the factors, minus `exclude`, plus `include`; each cell once, in a stable order."""
    names = list(grid.factors)
    product = (Cell(tuple(zip(names, levels, strict=True))) for levels in itertools.product(*grid.factors.values()))
    kept = [cell for cell in product if not any(_matches(cell, partial) for partial in grid.exclude)]
    added = [Cell(tuple((name, partial[name]) for name in names)) for partial in grid.include]
    return list(dict.fromkeys([*kept, *added]))


def _matches(cell: Cell, partial: dict[str, Level]) -> bool:
    return bool(partial) and all(cell.by_name[name] == level for name, level in partial.items())
