"""The load of a trial: a closed loop of users, or an open loop with a rate. Frozen types.

A grid varies one of the two, its *load factor*: `vusers`, or `rate`, whose levels are stored as requests per second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.balancers import registry
from harness.grid import load_generators, server_types, units
from harness.grid.types import Duration, GridPart, Level, Share, Switch, several
from harness.words import short

VUSERS, RATE = "vusers", "rate"
LOAD_FACTORS = (VUSERS, RATE)
BALANCER = "balancer"  # a factor, or a key of the grid
MOST_USERS = 50_000
MOST_PER_S = 50_000
LONGEST_TRIAL_S = 3600.0
# Above rate × timeout in overload, for example 500/s × 10 s, and below the 28,000 ports of one address.
IN_FLIGHT = 10_000
LEAST_WINDOW_S = 5.0
LEAST_RAMP_UP_S = 2.0  # the window begins at its end, when queues have filled

Arrivals = Literal["poisson", "constant"]


class Load(GridPart):
    """The course of a load, in seconds. `duration` is that of the whole trial from its first request on.

    `think_time` is only valid with users, `arrivals` and `in_flight` only with a rate.
    """

    think: Duration | None = Field(
        default=None, alias="think_time", description="mean think time, drawn from 50 to 150 %; with `vusers` only"
    )
    ramp_up: Duration = Field(default=5.0, description="time in which the users start, or the rate rises")
    duration: Duration = Field(description="duration of a trial from its first request on")
    timeout: Duration = Field(default=10.0, description="time after which a request has failed")
    fail_at: Share = Field(default=0.5, description="when a cell's servers fail, as a share of the steady window")
    keep_alive: Switch = Field(default=True, description="whether users keep their connections between requests")
    tls_verify: Switch | None = Field(
        default=None,
        description="whether Locust verifies the certificate of HTTPS; "
        "if unset, true with `nginx_lb_tls_certificate` and false with a self-signed one",
        exclude_if=lambda value: value is None,  # new keys change no stored grid
    )
    arrivals: Arrivals | None = Field(
        default=None, description="distribution of the send times; with `rate` only; `poisson` if unset"
    )
    in_flight: Annotated[int, Field(ge=1, le=MOST_USERS, strict=True)] | None = Field(
        default=None, description=f"most requests in flight at once; with `rate` only; {IN_FLIGHT} if unset"
    )

    @model_validator(mode="after")
    def _leaves_a_window(self) -> Load:
        if self.duration > LONGEST_TRIAL_S:
            raise ValueError(f"duration: got {self.duration:g}s. Allowed: at most {LONGEST_TRIAL_S:g}s")
        if not 0 < self.timeout <= 120:
            raise ValueError(f"timeout: got {self.timeout:g}s. Allowed: from 1ms to 120s")
        if words := self.too_short(self.think_time):
            raise ValueError(words)
        if not 0.1 <= self.fail_at <= 0.9:
            raise ValueError(f"fail_at: got {self.fail_at:.0%}. Allowed: from 10% to 90% of the steady window")
        return self

    @property
    def think_time(self) -> float:
        """Mean think time of the users; 0 for an open load."""
        return self.think or 0.0

    def too_short(self, cycle_think_s: float) -> str:
        """Return why the steady window is too short; `cycle_think_s` is the mean think time of a transaction."""
        if self.duration - self.ramp_up - cycle_think_s >= LEAST_WINDOW_S:
            return ""
        is_cycle = cycle_think_s > self.think_time
        thinks = f" and one think_time {self.think:g}s" if self.think is not None else ""
        thinks = f" and {cycle_think_s:g}s of think_time and pauses of the steps" if is_cycle else thinks
        return (
            f"duration {self.duration:g}s leaves less than {LEAST_WINDOW_S:g}s of steady window after ramp_up "
            f"{self.ramp_up:g}s{thinks}. Fix: make it longer"
        )

    @property
    def process(self) -> Arrivals:
        """Distribution of the send times of an open load."""
        return self.arrivals or "poisson"

    @property
    def most_in_flight(self) -> int:
        """Largest number of an open load's requests in flight."""
        return self.in_flight or IN_FLIGHT


def factor_of(factors: Iterable[str]) -> str:
    """Return the load factor; raises ValueError unless exactly one is among the factors."""
    found = [name for name in LOAD_FACTORS if name in factors]
    if len(found) == 2:
        raise ValueError("vusers and rate are both factors. Allowed: one of them")
    if not found:
        raise ValueError(
            "factor 'vusers' or 'rate' is missing. Fix: give its levels, as in vusers: [1, 2] or rate: [100/s, 200/s]"
        )
    return found[0]


def level_of(levels: Mapping[str, Level]) -> float:
    """Return the load as a number: users, or requests per second; 0 for levels without a load."""
    return next((float(levels[name]) for name in LOAD_FACTORS if name in levels), 0.0)


def without_load(levels: Mapping[str, Level]) -> dict[str, Level]:
    """Return the levels without the load, which identify a topology."""
    return {name: level for name, level in levels.items() if name not in LOAD_FACTORS}


def check_level(name: str, level: Level) -> None:
    """Raise ValueError for a level that a factor of the grid's own cannot have; a rate is a number here."""
    if name == BALANCER:
        try:
            registry.known(level)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return
    if name == RATE:
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level <= MOST_PER_S:
            raise ValueError(f"rate: got {short(written(name, level))}. Allowed: above 0/s and at most {MOST_PER_S}/s")
        return
    if name == "servers" and server_types.is_typed(level):
        return
    least, most = 0 if name == "fail_servers" else 1, MOST_USERS if name == VUSERS else server_types.MOST_SERVERS
    if isinstance(level, bool) or not isinstance(level, int) or not least <= level <= most:
        raise ValueError(f"{name}: got {short(level)}. Allowed: a whole number from {least} to {most}")


def read(name: str, level: object) -> object:
    """Parse a level: a rate becomes requests per second; raises ValueError for a rate without a unit."""
    if name != RATE:
        return level
    try:
        return units.rate_per_s(level)
    except units.BadQuantity as error:
        raise ValueError(f"{name}: got {short(level)}. Allowed: {error.allowed}") from None


def written(name: str, level: Level) -> Level:
    """Format a level as in a grid file."""
    return f"{level:.10g}/s" if name == RATE and isinstance(level, int | float) else level


def with_rates(change: Callable[[str, Any], object], factors: object) -> object:
    """Apply `change` (`read` or `written`) to the levels of `rate` in a mapping of factors to a level or to levels."""
    if not isinstance(factors, dict) or RATE not in factors:
        return factors
    if not isinstance(factors[RATE], list | tuple):
        return {**factors, RATE: change(RATE, factors[RATE])}
    rates, wrong = [], []
    for place, rate in enumerate(factors[RATE]):
        try:
            rates.append(change(RATE, rate))
        except ValueError as error:
            wrong.append(((RATE, place), str(error)))
    if wrong:
        raise several(wrong)
    return {**factors, RATE: rates}


def mismatches(
    factor: str, load: Load, load_generator: str, is_searched: bool, has_objective: bool, has_script: bool = False
) -> list[tuple[tuple[str | int, ...], str]]:
    """Return (path in the grid, message) for each key that does not fit the load factor.

    `has_objective` is true for a grid with an objective for a load, `has_script` for one with your Locust script.
    """
    if has_script:
        return _mismatches_of_script(factor, load, load_generator)
    if factor == VUSERS:
        found: list[tuple[tuple[str | int, ...], str]] = [
            (("load", key), "only valid with rate. Fix: remove it, or use rate instead of vusers")
            for key in ("arrivals", "in_flight")
            if getattr(load, key) is not None
        ]
        if load.think is None:
            found.append((("load",), "think_time is missing. Fix: give its mean, as in think_time: 2s"))
        return found
    found = []
    if not load_generators.BY_NAME[load_generator].open_loads:
        shown = load_generators.BY_NAME[load_generator].shown
        others = " or ".join(kind.name for kind in load_generators.LOAD_GENERATORS if kind.open_loads)
        found.append(
            (
                ("load_generator",),
                f"{shown} cannot generate an open load. Fix: use load_generator: {others}, or vusers instead of rate",
            )
        )
    if load.think is not None:
        found.append((("load", "think_time"), "only valid with vusers. Fix: remove it"))
    if load.ramp_up < LEAST_RAMP_UP_S:
        words = f"got {load.ramp_up:g}s. Allowed with rate: at least {LEAST_RAMP_UP_S:g}s, as the window follows it"
        found.append((("load", "ramp_up"), words))
    if is_searched and not has_objective:
        words = "a search over rate needs an objective. Fix: set p95 or error_rate under objectives"
        found.append((("factors", RATE), words))
    return found


def _mismatches_of_script(factor: str, load: Load, load_generator: str) -> list[tuple[tuple[str | int, ...], str]]:
    """Return the same for a grid with your Locust script, whose users have their own waits."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    if factor == RATE:
        words = "the users of a Locust script wait for responses. Fix: use vusers instead of rate"
        found.append((("factors", RATE), words))
    if load_generator != "locust":
        words = f"got {load_generator}: it cannot run a Locust script. Fix: use load_generator: locust"
        found.append((("load_generator",), words))
    for key, value in (("think_time", load.think), ("arrivals", load.arrivals), ("in_flight", load.in_flight)):
        if value is not None:
            found.append((("load", key), "the script has its own waits, which are measured. Fix: remove it"))
    return found
