"""The cells of a grid: fixed by its levels, or found by a search. Frozen types.

`Grid.cells` has one of the two types. With a search, a grid has topologies and a range of loads, and the recorded
trials determine its cells (harness/summarise/search/search.py).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from harness.grid.amount import Search
from harness.grid.cell import Cell, Topology
from harness.grid.load import without_load
from harness.grid.types import Level, Levels


@dataclass(frozen=True)
class _Combinations:
    """The product of the factors' levels, minus `exclude`, plus `include`."""

    factors: Mapping[str, Sequence[Level]]
    exclude: Sequence[Levels] = ()
    include: Sequence[Levels] = ()

    @property
    def combinations(self) -> int:
        """Their number before `exclude` and `include`, without making them."""
        return math.prod(len(levels) for levels in self.factors.values())


@dataclass(frozen=True)
class FixedCells(_Combinations):
    """Cells by their levels."""

    @cached_property
    def known(self) -> tuple[Cell, ...]:
        """All cells: each once, in a stable order."""
        return tuple(map(Cell, _product(self.factors, filter(None, self.exclude), self.include)))

    @cached_property
    def topologies(self) -> tuple[Topology, ...]:
        """The topologies of the cells: each once, in the order of the cells."""
        return tuple(dict.fromkeys(cell.topology for cell in self.known))


@dataclass(frozen=True)
class SearchedCells(_Combinations):
    """Topologies, each of which is measured at loads that `search` finds. `factors` have no load.

    `include` adds topologies; the loads it names have no effect. An entry of `exclude` with a load only has an effect
    if that is the smallest load of the search.
    """

    search: Search = field(kw_only=True)

    @cached_property
    def known(self) -> tuple[Cell, ...]:
        """The cells that are known before the first trial, the first probes: each topology at the smallest load."""
        return tuple(topology.at(self.search.factor, self.search.least) for topology in self.topologies)

    @cached_property
    def topologies(self) -> tuple[Topology, ...]:
        """All topologies: each once, in a stable order."""
        factor, least = self.search.factor, self.search.least
        exclude = (without_load(part) for part in self.exclude if part and part.get(factor, least) == least)
        return tuple(map(Topology, _product(self.factors, exclude, map(without_load, self.include))))


def _product(
    factors: Mapping[str, Sequence[Level]], exclude: Iterable[Levels], include: Iterable[Levels]
) -> Iterable[tuple[tuple[str, Level], ...]]:
    """Combinations of levels in the order of the factors: their product, minus `exclude`, plus `include`; each once."""
    excluded: dict[tuple[str, ...], set[tuple[Level, ...]]] = {}  # by the factors that a partial cell names
    for partial in exclude:
        excluded.setdefault(tuple(partial), set()).add(tuple(partial.values()))
    product = (tuple(zip(factors, levels, strict=True)) for levels in itertools.product(*factors.values()))
    kept = (levels for levels in product if not _matches(dict(levels), excluded))
    added = (tuple((name, partial[name]) for name in factors) for partial in include)
    return dict.fromkeys([*kept, *added])


def _matches(levels: Levels, excluded: Mapping[tuple[str, ...], set[tuple[Level, ...]]]) -> bool:
    return any(tuple(levels[name] for name in names) in these for names, these in excluded.items())
