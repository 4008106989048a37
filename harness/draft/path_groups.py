"""Group logged paths: paths that only differ in ids or in values of parameters are one request with data. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

SLOT = "\0"  # a segment that varies
MOST_SEGMENTS_APART = 20  # different values of a segment above which it varies
MOST_COMBINATIONS = 20_000  # of one group; rarer ones are counted and not stored
_ID = re.compile(
    r"\d+|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{16,}|[0-9A-HJKMNP-TV-Z]{26}|"
    r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9_-]{16,}|\d{4}-\d{2}-\d{2}|[A-Za-z]{1,6}[-_]?\d+"
)
_VERSION = re.compile(r"v\d+", re.I)

Values = tuple[str, ...]


@dataclass(kw_only=True)
class Group:
    """Requests of one method and form: `segments` with SLOT for each that varies, and names of parameters.

    `combinations` counts the values of slots and parameters, in order. `total` is the number of requests.
    """

    method: str
    segments: Values
    names: Values
    combinations: Counter[Values] = field(default_factory=Counter)
    total: int = 0

    def add(self, values: Values, number: int = 1) -> None:
        """Count requests with these values."""
        self.total += number
        if values in self.combinations or len(self.combinations) < MOST_COMBINATIONS:
            self.combinations[values] += number

    @property
    def slots(self) -> int:
        """Number of segments that vary."""
        return self.segments.count(SLOT)


class Groups:
    """Counts paths by their form."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, Values, Values], Group] = {}

    def add(self, method: str, path: str, query: Iterable[tuple[str, str]]) -> None:
        """Count one request; `path` begins with a slash and is percent-encoded, `query` is decoded."""
        segments = tuple(path.split("/")[1:])
        form = tuple(SLOT if _is_id(each) else each for each in segments)
        pairs = sorted(dict(query).items())
        names = tuple(name for name, _ in pairs)
        group = self._groups.setdefault((method, form, names), Group(method=method, segments=form, names=names))
        group.add(
            (*(own for own, each in zip(segments, form, strict=True) if each == SLOT), *(value for _, value in pairs))
        )

    def __len__(self) -> int:
        return len(self._groups)

    def merged(self) -> list[Group]:
        """Return groups by frequency; groups that differ in one segment with many values are one."""
        groups = list(self._groups.values())
        for place in range(max((len(each.segments) for each in groups), default=0)):
            groups = list(_merged_at(groups, place))
        return sorted(groups, key=lambda each: (-each.total, each.method, each.segments, each.names))


def _merged_at(groups: list[Group], place: int) -> Iterable[Group]:
    alike: dict[tuple[str, Values, Values, int], list[Group]] = defaultdict(list)
    for at, each in enumerate(groups):
        is_here = place < len(each.segments) and each.segments[place] != SLOT
        form = (*each.segments[:place], SLOT, *each.segments[place + 1 :]) if is_here else each.segments
        alike[each.method, form, each.names, -1 if is_here else at].append(each)
    for (method, form, names, _), several in alike.items():
        if len(several) <= MOST_SEGMENTS_APART:
            yield from several
            continue
        found = Group(method=method, segments=form, names=names)
        before = form[:place].count(SLOT)
        for each in several:
            for values, number in each.combinations.items():
                found.add((*values[:before], each.segments[place], *values[before:]), number)
            found.total += each.total - each.combinations.total()
        yield found


def _is_id(segment: str) -> bool:
    return bool(_ID.fullmatch(segment)) and not _VERSION.fullmatch(segment)
