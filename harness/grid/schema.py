"""The grid as frozen types. Parsed once, at the edge; nothing behind it checks again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PrivateAttr,
    field_validator,
    model_validator,
)

from harness.grid import load, load_generators, units
from harness.grid.amount import Repeats, Search, as_repeats, plain_repeats
from harness.grid.counter import RequestsMetric
from harness.grid.load import LOAD_FACTORS, RATE, Load
from harness.grid.request import Request
from harness.grid.thresholds import Thresholds
from harness.grid.types import Count, Duration, Level, Part, Rate, Ratio, Share, Switch, several
from harness.words import short

Money = Annotated[float, BeforeValidator(units.money_usd), PlainSerializer(lambda v: f"{v:.10g} USD", when_used="json")]
Blocks = Annotated[Repeats, BeforeValidator(as_repeats), PlainSerializer(plain_repeats, when_used="json")]
# Levels of `rate` are numbers, and have their unit where they are written.
SomeLevels = Annotated[
    dict[str, Level],
    BeforeValidator(lambda said: load.with_rates(load.read, said)),
    PlainSerializer(lambda said: load.with_rates(load.written, said), when_used="json"),
]
Factors = Annotated[
    dict[str, tuple[Level, ...]],
    BeforeValidator(lambda said: load.with_rates(load.read, said)),
    PlainSerializer(lambda said: load.with_rates(load.written, said), when_used="json"),
]
MOST_CELLS = 10_000


class Service(Part):
    """The server under study; without an image it is the one in service/."""

    image: Annotated[str, Field(min_length=1)] | None = None
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] = 8080
    health: str = "/readyz"
    requests_metric: RequestsMetric | None = Field(
        default=None, description="the counter that its own count is read from (E13); ml_requests_total if unset"
    )

    @field_validator("health")
    @classmethod
    def _begins_with_slash(cls, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError(f"got {short(path)}; write a path that begins with a slash, as in /readyz")
        return path


P95 = 0.05  # the share of requests that may be over where the objective is a 95th percentile


class Objectives(Part):
    """What every cell should reach; missing one makes the exit code 1."""

    error_rate: Share | None = None
    p95: Duration | None = None
    gain: dict[Annotated[int, Field(ge=2, le=load.MOST_SERVERS)], Ratio] = Field(
        default={}, description="to how many servers → the gain that this step must show, as in {2: 1.7}"
    )


class Budget(Part):
    """What a study may use; a plan over it is refused before anything is deployed."""

    time: Duration | None = None
    cost: Money | None = None


class Grid(Part):
    """One study as its author wrote it."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    inventory: str = "inventory/lab"
    load_generator: Annotated[str, BeforeValidator(load_generators.known)] = "locust"
    factors: Factors
    exclude: tuple[SomeLevels, ...] = ()
    include: tuple[SomeLevels, ...] = ()
    vars: dict[str, Any] = Field(default={}, description="role variables that are the same in every cell")
    load: Load
    request: Request
    service: Service = Service()
    repeats: Annotated[Repeats, BeforeValidator(as_repeats), PlainSerializer(plain_repeats, when_used="json")] = (
        Repeats(min=5, max=5)
    )
    seed: Count | None = Field(default=None, description="of the order of trials; drawn when the study begins if unset")
    calibration: Switch = Field(
        default=False, description="every server's capacity is exactly the same, so the ideal is the truth"
    )
    objectives: Objectives = Objectives()
    budget: Budget = Budget()
    target: Annotated[Rate, Field(gt=0)] | None = Field(
        default=None, description="requests per second, at full speed, that the report finds the cheapest topology for"
    )
    evidence: Thresholds = Thresholds()
    search: Search | None = Field(default=None, description="written as the levels of vusers or rate")
    _slower: float = PrivateAttr(1.0)  # by what every time is longer than it is written
    _secrets: frozenset[str] = PrivateAttr(frozenset())  # values that were referenced, to be masked wherever they stand

    @model_validator(mode="before")
    @classmethod
    def _load_may_be_a_search(cls, data: object) -> object:
        """`vusers: {from, to, until}` is a search; its cells begin with the smallest load."""
        factors = data.get("factors") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(factors, dict):
            return data
        for name in LOAD_FACTORS:
            span = factors.get(name)
            if isinstance(span, dict):
                first = span.get("from")
                try:
                    load.check_level(name, load.read(name, first))  # type: ignore[arg-type] # it refuses other types
                except ValueError:
                    first = "1/s" if name == RATE else 1  # Search refuses what is written
                return {**data, "search": {**span, "factor": name}, "factors": {**factors, name: [first]}}
        return data

    @model_validator(mode="after")
    def _goes_with_the_load(self) -> Grid:
        aims = self.objectives.p95 is not None or self.objectives.error_rate is not None
        found = load.mismatches(self.load_factor, self.load, self.load_generator, self.search is not None, aims)
        if found:
            raise several(found)
        return self

    @property
    def secrets(self) -> frozenset[str]:
        """Values that the author referenced rather than wrote."""
        return self._secrets

    def with_secrets(self, values: Iterable[str]) -> Grid:
        """The same grid, in which these values are secret."""
        found = self.model_copy()
        found._secrets = frozenset(values)
        return found

    @property
    def load_factor(self) -> str:
        """Which factor is the load: `vusers`, a closed loop, or `rate`, an open load."""
        return load.factor_of(self.factors)

    @property
    def is_open(self) -> bool:
        """Whether requests leave at a rate, whatever becomes of those before."""
        return self.load_factor == RATE

    def played_per_s(self, rate: float) -> float:
        """Requests per second at which a level of `rate` is played: in slow motion so many times fewer."""
        return rate / self._slower

    def written_per_s(self, played: float) -> float:
        """The level of `rate` that is played at so many requests per second."""
        return played * self._slower

    def slowed(self, factor: float) -> Grid:
        """The same study played slower: every time of its load, its objectives and its thresholds is longer.

        Levels of `rate` stay as they are written, as they are names of cells; `played_per_s` has what they mean.
        """
        if factor == 1:
            return self
        limits, p95 = self.evidence, self.objectives.p95
        times = {name: getattr(self.load, name) * factor for name in ("ramp_up", "duration", "timeout")}
        think = None if self.load.think is None else self.load.think * factor
        slow = self.model_copy(
            update={
                "load": self.load.model_copy(update={**times, "think": think}),
                "evidence": limits.model_copy(
                    update={
                        "errors_stop_for": limits.errors_stop_for * factor,
                        "lag_warning": limits.lag_warning * factor,
                        "send_delay": limits.send_delay * factor,
                        "peak_seconds": round(limits.peak_seconds * factor),
                    }
                ),
                "objectives": self.objectives.model_copy(update={"p95": None if p95 is None else p95 * factor}),
            }
        )
        slow._slower = self._slower * factor
        return slow

    @field_validator("factors", mode="before")
    @classmethod
    def _levels_are_lists(cls, factors: object) -> object:
        found: list[tuple[tuple[str | int, ...], str]] = []
        for name, levels in factors.items() if isinstance(factors, dict) else ():
            shown = short(name, bare=True)
            if not isinstance(levels, list | tuple):
                found.append(((name,), f"factor {shown!r} needs a list of levels, as in {shown}: [1, 2]"))
            elif not levels:
                found.append(((name,), f"factor {shown!r} has no levels; give at least one"))
        if found:
            raise several(found)
        return factors

    @field_validator("factors")
    @classmethod
    def _whole_and_distinct(cls, factors: dict[str, tuple[Level, ...]]) -> dict[str, tuple[Level, ...]]:
        found: list[tuple[tuple[str | int, ...], str]] = []
        own = ["servers"]
        if "servers" not in factors:
            found.append(((), "factor 'servers' is missing; give its levels, as in servers: [1, 2]"))
        try:
            own.append(load.factor_of(factors))
        except ValueError as error:
            found.append(((), str(error)))
        for name, levels in factors.items():
            if len(set(levels)) < len(levels):
                found.append(((name,), f"factor {short(name)} names a level twice; every level once"))
        for name in ("servers", *LOAD_FACTORS, "fail_servers"):
            for place, level in enumerate(factors.get(name, ())):
                try:
                    load.check_level(name, level)
                except ValueError as error:
                    found.append(((name, place), str(error)))
        if found:
            raise several(found)
        # One order, whatever the author's: a stored grid has its keys sorted, and folders are named in this order.
        rest = sorted(factors.keys() - set(own))
        return {name: factors[name] for name in (*own, *rest)}
