"""Objectives of a grid. Frozen types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import Discriminator, Field, Tag, field_validator

from harness.grid.server_types import MOST_SERVERS
from harness.grid.types import Duration, GridPart, Ratio, Share
from harness.language import tr
from harness.words import nearest, short

P95 = 0.05  # share of requests that may exceed an objective for the 95th percentile
OTHERS = "*"  # in place of a request's name: all requests without an objective of their own
# harness/grid/validation.py leaves the tags out of paths.
OneOrByName = Annotated[
    Annotated[Duration, Tag("one time")] | Annotated[dict[str, Duration], Tag("times by name")],
    Discriminator(lambda p95: "times by name" if isinstance(p95, dict) else "one time"),
]


class Objectives(GridPart):
    """Objectives of every cell; a missed one makes the exit code 1."""

    error_rate: Share | None = Field(default=None, description="largest failed share of the requests of any cell")
    p95: OneOrByName | None = Field(
        default=None,
        description="largest 95th percentile of the latency of any cell, or by request: "
        '`{predict: 200ms, "*": 500ms}`, `*` for all others',
    )
    gain: dict[Annotated[int, Field(ge=2, le=MOST_SERVERS)], Ratio] = Field(
        default={},
        description="number of servers → gain that the whole interval must reach, as in `{2: 1.7}`",
    )

    @field_validator("p95")
    @classmethod
    def _names_a_request(cls, p95: float | dict[str, float] | None) -> float | dict[str, float] | None:
        if isinstance(p95, dict) and not p95:
            raise ValueError("names no request. Allowed: a time, or times by the names of requests")
        return p95

    @property
    def p95_s(self) -> float | None:
        """Objective for all requests together; None without one."""
        return None if isinstance(self.p95, dict) else self.p95

    @property
    def p95_by_name(self) -> Mapping[str, float]:
        """Name of a request, or `OTHERS` → its objective; empty without objectives by name."""
        return self.p95 if isinstance(self.p95, dict) else {}

    @property
    def all_p95_s(self) -> list[float]:
        """Every objective for p95, in seconds."""
        return [*self.p95_by_name.values()] if self.p95_s is None else [self.p95_s]

    def p95_of(self, name: str) -> float | None:
        """Return the objective for the requests of one name, in seconds; None without objectives by name."""
        return self.p95_by_name.get(name, self.p95_by_name.get(OTHERS))

    def p95_of_names(self, names: Iterable[str]) -> dict[str, float]:
        """Return name → objective for those of these requests, and of the named ones, that have one."""
        all_names = dict.fromkeys([*(name for name in self.p95_by_name if name != OTHERS), *names])
        return {name: p95_s for name in all_names if (p95_s := self.p95_of(name)) is not None}

    def p95_of_names_met(self, p95_ms: Mapping[str, float | None]) -> bool:
        """Whether every name's p95 in ms, failures included, meets its objective; an unknown one misses it."""
        wanted = self.p95_of_names(p95_ms)
        found = {name: p95_ms.get(name) for name in wanted}
        return all(ms is not None and ms <= wanted[name] * 1000 for name, ms in found.items())

    def met(self, error_rate: float | None, p95_ms: float | None, p95_ms_by_name: Mapping[str, float | None]) -> bool:
        """Whether a load meets its objectives."""
        return self.error_rate_met(error_rate) and self.p95_met(p95_ms) and self.p95_of_names_met(p95_ms_by_name)

    @property
    def for_a_load(self) -> bool:
        """Whether there is an objective that a load meets or misses."""
        return self.error_rate is not None or self.p95 is not None

    def error_rate_met(self, error_rate: float | None) -> bool:
        """Whether this error rate meets its objective; an unknown one misses it."""
        return self.error_rate is None or (error_rate is not None and error_rate <= self.error_rate)

    def p95_met(self, p95_ms: float | None) -> bool:
        """Whether the p95 of all requests in ms, failures included, meets its objective; an unknown one misses it."""
        return self.p95_s is None or (p95_ms is not None and p95_ms <= self.p95_s * 1000)


def unknown_names(objectives: Objectives, names: Iterable[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (path in the grid, message) for each objective of a request that the traffic does not have."""
    known = [*names, OTHERS]
    for name in objectives.p95_by_name:
        if name not in known:
            hint = nearest(name, known)
            yield ("objectives", "p95", name), f"objectives.p95: {short(name)} is not a request of the traffic{hint}"


def in_words(objective: str) -> str:
    """Name an objective of a load: `p95`, `p95 NAME` or `error_rate`."""
    first, _, name = objective.partition(" ")
    if first == "error_rate":
        return tr("error rate")
    return tr("{first} of {name}", first=first, name=name) if name else first
