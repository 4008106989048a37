"""Levels of `servers` with several types: `{small: 2, large: 1}`, which is stored as "2 small + 1 large". Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.words import short

ServersLevel = int | str  # a number of servers, or numbers by type as text
MOST_SERVERS = 1000
NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,31}")
_PART = re.compile(rf"([1-9][0-9]{{0,3}}) ({NAME.pattern})")
_BETWEEN = " + "
_ALLOWED = "numbers of servers by type, as in {small: 2, large: 1}"


def is_typed(level: object) -> bool:
    """Whether a level is the text of numbers by type."""
    return isinstance(level, str) and all(map(_PART.fullmatch, level.split(_BETWEEN)))


def counts(level: object) -> dict[str, int]:
    """Return type → number of servers; empty for a plain number."""
    parts = level.split(_BETWEEN) if isinstance(level, str) else []
    return {part[2]: int(part[1]) for part in map(_PART.fullmatch, parts) if part}


def count(level: object) -> int:
    """Return the number of servers of a level."""
    return sum(counts(level).values()) if is_typed(level) else int(str(level))


def level_of(levels: Mapping[str, Any]) -> ServersLevel:
    """Return the level of `servers` of a cell."""
    level = levels["servers"]
    return level if isinstance(level, str) else int(level)


def text(numbers: Mapping[Any, Any], order: Sequence[str] = ()) -> str:
    """Return the text of numbers by type, in the order of the grid's types; raises ValueError for a wrong number."""
    if not numbers:
        raise ValueError(f"got {{}}. Allowed: {_ALLOWED}")
    for name, number in numbers.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(f"got the type {short(name)}. Allowed: {_ALLOWED}")
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_SERVERS:
            raise ValueError(f"{name}: got {short(number)}. Allowed: a whole number from 1 to {MOST_SERVERS}")
    known = [name for name in order if name in numbers]
    return _BETWEEN.join(f"{numbers[name]} {name}" for name in dict.fromkeys([*known, *numbers]))


def contains(larger: ServersLevel, smaller: ServersLevel) -> bool:
    """Whether the larger level has all servers of the smaller one and at least one more."""
    more, fewer = counts(larger), counts(smaller)
    return more != fewer and all(more.get(name, 0) >= number for name, number in fewer.items())


def neighbours(levels: Iterable[ServersLevel]) -> list[tuple[ServersLevel, ServersLevel]]:
    """Return the steps (smaller, larger): of plain numbers each to the next; of types each to all that contain it.

    A step between types has no measured topology in between: the covering relation of the order by containment.
    """
    found = list(dict.fromkeys(levels))
    if not any(isinstance(level, str) for level in found):
        return list(itertools.pairwise(sorted(found, key=count)))
    pairs = [(a, b) for b in found for a in found if contains(b, a)]
    return [(a, b) for a, b in pairs if not any(contains(b, other) and contains(other, a) for other in found)]


def alternatives(levels: Iterable[ServersLevel]) -> list[tuple[ServersLevel, ServersLevel]]:
    """Return the comparisons of a server of one type with any number of servers of one other type (scale-up)."""
    pure = [level for level in dict.fromkeys(levels) if len(counts(level)) == 1]
    singles = [level for level in pure if count(level) == 1]
    return [(one, other) for one in singles for other in pure if not counts(one).keys() & counts(other).keys()]


def members(level: ServersLevel, ordered: Sequence[str], types: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the servers of a topology: the first ones of each type, or of all without types, in this order."""
    if not isinstance(level, str):
        return tuple(ordered[:level])
    own = {name: [server for server in ordered if server in types.get(name, ())] for name in counts(level)}
    return tuple(server for name, number in counts(level).items() for server in own[name][:number])
