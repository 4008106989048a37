"""The factors of a grid: levels, or a search of the load. Types with their notation in grid files and in study.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Discriminator, PlainSerializer, Tag

from harness.grid import load
from harness.grid.amount import Search
from harness.grid.load import RATE
from harness.grid.types import Level

# Levels of `rate` are numbers here, and have a unit in files.
SomeLevels = Annotated[
    dict[str, Level],
    BeforeValidator(lambda factors: load.with_rates(load.read, factors)),
    PlainSerializer(lambda factors: load.with_rates(load.written, factors), when_used="json"),
]
# harness/grid/validation.py leaves the tags out of paths.
LevelsOrSearch = Annotated[
    Annotated[tuple[Level, ...], Tag("levels")] | Annotated[Search, Tag("search")],
    Discriminator(lambda levels: "search" if isinstance(levels, dict | Search) else "levels"),
]


def _read_factors(factors: object) -> object:
    """Levels of `rate` as numbers, and a search with its factor."""
    is_searched = isinstance(factors, dict) and isinstance(factors.get(RATE), dict | Search)
    read = factors if is_searched else load.with_rates(load.read, factors)
    if not isinstance(read, dict):
        return read
    return {name: {**each, "factor": name} if isinstance(each, dict) else each for name, each in read.items()}


def _stored_factors(factors: Mapping[str, tuple[Level, ...] | Search]) -> object:
    """Factors as they are stored. The level of a searched load is its smallest one, and the search has its own key."""
    stored = {name: [each.least] if isinstance(each, Search) else each for name, each in factors.items()}
    return load.with_rates(load.written, stored)


Factors = Annotated[
    dict[str, LevelsOrSearch],
    BeforeValidator(_read_factors),
    PlainSerializer(_stored_factors, when_used="json"),
]
