"""The load of a trial: users in a closed loop, or requests that leave at a rate whatever becomes of them. Frozen types.

A grid varies one of the two, its *load factor*: `vusers`, or `rate`, whose levels are kept as requests per second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.grid import load_generators, units
from harness.grid.types import Duration, Level, Part, Share, Switch, several
from harness.words import short

VUSERS, RATE = "vusers", "rate"
LOAD_FACTORS = (VUSERS, RATE)
MOST_USERS = 50_000
MOST_PER_S = 50_000
MOST_SERVERS = 1000
LONGEST_TRIAL_S = 3600.0
# An overloaded topology holds rate × timeout of them, 500/s × 10 s say, with room; and one address has 28,000 ports.
IN_FLIGHT = 10_000
LEAST_RAMP_UP_S = 2.0  # the window begins where it ends: queues have to fill

Arrivals = Literal["poisson", "constant"]


class Load(Part):
    """How a load goes, in seconds. `duration` is the whole trial from its first request on.

    `think_time` is of users only, `arrivals` and `in_flight` are of rates only.
    """

    think: Duration | None = Field(
        default=None, alias="think_time", description="mean think time, drawn from 50 to 150 %; with `vusers` only"
    )
    ramp_up: Duration = Field(default=5.0, description="time in which the users start, or the rate rises")
    duration: Duration = Field(description="duration of a trial from its first request on")
    timeout: Duration = Field(default=10.0, description="time after which a request has failed")
    fail_at: Share = Field(default=0.5, description="when a cell's servers fail, as a share of the steady window")
    keep_alive: Switch = Field(default=True, description="whether users keep their connections between requests")
    arrivals: Arrivals | None = Field(
        default=None, description="distribution of the send times; with `rate` only; `poisson` if unset"
    )
    in_flight: Annotated[int, Field(ge=1, le=MOST_USERS, strict=True)] | None = Field(
        default=None, description=f"most requests in flight at once; with `rate` only; {IN_FLIGHT} if unset"
    )

    @model_validator(mode="after")
    def _leaves_a_window(self) -> Load:
        if self.duration > LONGEST_TRIAL_S:
            raise ValueError(f"duration is {self.duration:g}s; at most {LONGEST_TRIAL_S:g}s")
        if not 0 < self.timeout <= 120:
            raise ValueError(f"timeout is {self.timeout:g}s; from 1ms to 120s")
        if self.duration - self.window_from_s < 5:
            thinks = f" and one think_time {self.think:g}s" if self.think is not None else ""
            raise ValueError(
                f"duration {self.duration:g}s leaves less than 5s of steady window after ramp_up "
                f"{self.ramp_up:g}s{thinks}; make it longer"
            )
        if not 0.1 <= self.fail_at <= 0.9:
            raise ValueError(f"fail_at is {self.fail_at:.0%}; from 10% to 90% of the steady window")
        return self

    @property
    def think_time(self) -> float:
        """Mean of the users' think times; 0 where requests leave at a rate."""
        return self.think or 0.0

    @property
    def window_from_s(self) -> float:
        """Start of the steady window: ramp-up and one think time (rule E10)."""
        return self.ramp_up + self.think_time

    @property
    def fail_at_s(self) -> float:
        """Second of the load at which servers are stopped, where a cell asks for that (rule E24)."""
        return self.window_from_s + self.fail_at * (self.duration - self.window_from_s)

    @property
    def process(self) -> Arrivals:
        """How the moments of an open load's requests are drawn."""
        return self.arrivals or "poisson"

    @property
    def most_in_flight(self) -> int:
        """Most requests of an open load that are in flight at once."""
        return self.in_flight or IN_FLIGHT


def factor_of(factors: Iterable[str]) -> str:
    """Which of them is the load factor; raises ValueError unless it is exactly one."""
    found = [name for name in LOAD_FACTORS if name in factors]
    if len(found) == 2:
        raise ValueError("vusers and rate are both factors; a grid has users (vusers) or requests at a rate, not both")
    if not found:
        raise ValueError(
            "factor 'vusers' is missing; give its levels, as in vusers: [1, 2], or requests at a rate, as in "
            "rate: [100/s, 200/s]"
        )
    return found[0]


def level_of(levels: Mapping[str, Level]) -> float:
    """The load as a number: users, or requests per second; 0 of levels without one, as at saturation."""
    return next((float(levels[name]) for name in LOAD_FACTORS if name in levels), 0.0)


def without_load(levels: Mapping[str, Level]) -> dict[str, Level]:
    """A topology: levels without the load."""
    return {name: level for name, level in levels.items() if name not in LOAD_FACTORS}


def check_level(name: str, level: Level) -> None:
    """Raise ValueError for a level that `servers`, `fail_servers`, `vusers` or `rate` (as a number) cannot have."""
    if name == RATE:
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level <= MOST_PER_S:
            raise ValueError(f"rate has the level {short(written(name, level))}; above 0/s and at most {MOST_PER_S}/s")
        return
    least, most = 0 if name == "fail_servers" else 1, MOST_USERS if name == VUSERS else MOST_SERVERS
    if isinstance(level, bool) or not isinstance(level, int) or not least <= level <= most:
        raise ValueError(f"{name} has the level {short(level)}; whole numbers from {least} to {most} are allowed")


def read(name: str, level: object) -> object:
    """A level as it is kept: of a rate its requests per second; raises ValueError where it has no unit."""
    if name != RATE:
        return level
    try:
        return units.rate_per_s(level)
    except units.BadQuantity as error:
        raise ValueError(f"{name} has the level {short(level)}; {error.allowed}") from None


def written(name: str, level: Level) -> Level:
    """A level as it stands in a grid."""
    return f"{level:.10g}/s" if name == RATE and isinstance(level, int | float) else level


def with_rates(change: Callable[[str, Any], object], said: object) -> object:
    """A mapping from factors to a level or to levels, with `change` (`read` or `written`) made to those of `rate`."""
    if not isinstance(said, dict) or RATE not in said:
        return said
    if not isinstance(said[RATE], list | tuple):
        return {**said, RATE: change(RATE, said[RATE])}
    rates, wrong = [], []
    for place, rate in enumerate(said[RATE]):
        try:
            rates.append(change(RATE, rate))
        except ValueError as error:
            wrong.append(((RATE, place), str(error)))
    if wrong:
        raise several(wrong)
    return {**said, RATE: rates}


def mismatches(
    factor: str, load: Load, load_generator: str, searched: bool, aims: bool
) -> list[tuple[tuple[str | int, ...], str]]:
    """What of a grid does not go with its load factor: where in it, and what to do.

    `searched` tells whether the load is searched, `aims` whether an objective of each cell is given.
    """
    if factor == VUSERS:
        found: list[tuple[tuple[str | int, ...], str]] = [
            (("load", key), f"{key} is of requests at a rate; leave it out, or give rate instead of vusers")
            for key in ("arrivals", "in_flight")
            if getattr(load, key) is not None
        ]
        if load.think is None:
            found.append((("load",), "think_time is missing: users think between requests, as in think_time: 2s"))
        return found
    found = []
    if not load_generators.BY_NAME[load_generator].open_loads:
        shown = load_generators.BY_NAME[load_generator].shown
        others = " or ".join(kind.name for kind in load_generators.LOAD_GENERATORS if kind.open_loads)
        found.append(
            (
                ("load_generator",),
                f"{shown} plays users, whose next request waits for the last answer, and cannot send at a rate; take "
                f"load_generator: {others}, or vusers instead of rate",
            )
        )
    if load.think is not None:
        found.append((("load", "think_time"), "think_time is of users; with rate nobody thinks: leave it out"))
    if load.ramp_up < LEAST_RAMP_UP_S:
        told = f"ramp_up is {load.ramp_up:g}s; with rate at least {LEAST_RAMP_UP_S:g}s, as the window begins at its end"
        found.append((("load", "ramp_up"), told))
    if searched and not aims:
        told = "a search over rate looks for the largest that meets objectives; give p95 or error_rate of objectives"
        found.append((("factors", RATE), told))
    return found
