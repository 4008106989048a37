"""The grid as frozen types. Parsed once, at the edge; nothing behind it checks again."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from harness.grid import engines, units
from harness.grid.amount import MOST_USERS, Repeats, Search, as_repeats, plain_repeats
from harness.grid.thresholds import Thresholds
from harness.grid.types import Count, Duration, Level, Part, Rate, Share

Money = Annotated[float, BeforeValidator(units.money_usd), PlainSerializer(lambda v: f"{v:.10g} USD", when_used="json")]
Blocks = Annotated[Repeats, BeforeValidator(as_repeats), PlainSerializer(plain_repeats, when_used="json")]
LONGEST_TRIAL_S = 3600.0
MOST_CELLS = 10_000
MOST_SERVERS = 1000


class Load(Part):
    """How users behave, in seconds. `duration` is the whole trial from its first request on."""

    think_time: Duration
    ramp_up: Duration = 5.0
    duration: Duration
    timeout: Duration = 10.0
    lose_at: Share = Field(default=0.5, description="of the steady window: when a cell's `lose` servers are stopped")
    keep_alive: bool = Field(default=True, strict=True, description="users keep their connections between requests")

    @model_validator(mode="after")
    def _leaves_a_window(self) -> Load:
        if self.duration > LONGEST_TRIAL_S:
            raise ValueError(f"duration is {self.duration:g}s; at most {LONGEST_TRIAL_S:g}s")
        if not 0 < self.timeout <= 120:
            raise ValueError(f"timeout is {self.timeout:g}s; from 1ms to 120s")
        if self.duration - self.window_from_s < 5:
            raise ValueError(
                f"duration {self.duration:g}s leaves less than 5s of steady window after ramp_up "
                f"{self.ramp_up:g}s and one think_time {self.think_time:g}s; make it longer"
            )
        if not 0.1 <= self.lose_at <= 0.9:
            raise ValueError(f"lose_at is {self.lose_at:.0%}; from 10% to 90% of the steady window")
        return self

    @property
    def window_from_s(self) -> float:
        """Start of the steady window: ramp-up and one think time (rule E10)."""
        return self.ramp_up + self.think_time

    @property
    def lose_at_s(self) -> float:
        """Second of the load at which servers are stopped, where a cell asks for that (rule E24)."""
        return self.window_from_s + self.lose_at * (self.duration - self.window_from_s)


class Request(Part):
    """The request every user sends, and what a right answer is."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str
    json_body: Any = Field(default=None, alias="json")
    headers: dict[str, str] = Field(default={})
    expect_status: tuple[int, ...] = (200,)
    expect_body: str | None = Field(default=None, description="regular expression the body must hold")

    @field_validator("path")
    @classmethod
    def _begins_with_slash(cls, path: str) -> str:
        if not path.startswith("/") or any(c.isspace() for c in path):
            raise ValueError(f"got {path!r}; write a path that begins with a slash, as in /predict")
        return path

    @field_validator("expect_status", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, int) else value

    @field_validator("expect_status")
    @classmethod
    def _is_status(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or not all(100 <= status <= 599 for status in value):
            raise ValueError(f"got {list(value)}; HTTP status codes are 100 to 599")
        return value

    @field_validator("expect_body")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        import re

        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"got {value!r}, which is no regular expression: {error}") from None
        return value

    @property
    def body(self) -> str:
        """The request's body as text; empty for none."""
        return "" if self.json_body is None else json.dumps(self.json_body, separators=(",", ":"))

    @property
    def all_headers(self) -> dict[str, str]:
        """Headers as sent."""
        kind = {} if self.json_body is None else {"Content-Type": "application/json"}
        return {**kind, **self.headers}


class Service(Part):
    """The server under study; without an image it is the one in service/."""

    image: Annotated[str, Field(min_length=1)] | None = None
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] = 8080
    health: str = "/readyz"

    @field_validator("health")
    @classmethod
    def _begins_with_slash(cls, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError(f"got {path!r}; write a path that begins with a slash, as in /readyz")
        return path


class Objectives(Part):
    """What every cell should reach; missing one makes the exit code 1."""

    error_rate: Share | None = None
    p95: Duration | None = None
    gain: dict[Annotated[int, Field(ge=2)], Annotated[float, Field(gt=0)]] = Field(
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
    engine: Annotated[str, BeforeValidator(engines.known)] = "locust"
    factors: dict[str, tuple[Level, ...]]
    exclude: tuple[dict[str, Level], ...] = ()
    include: tuple[dict[str, Level], ...] = ()
    vars: dict[str, Any] = Field(default={}, description="role variables that are the same in every cell")
    load: Load
    request: Request
    service: Service = Service()
    repeats: Annotated[Repeats, BeforeValidator(as_repeats), PlainSerializer(plain_repeats, when_used="json")] = (
        Repeats(min=5, max=5)
    )
    seed: Count | None = Field(default=None, description="of the order of trials; drawn when the study begins if unset")
    instrument_check: bool = Field(
        default=False, strict=True, description="every server's capacity is exactly the same, so the ideal is the truth"
    )
    objectives: Objectives = Objectives()
    budget: Budget = Budget()
    target: Annotated[Rate, Field(gt=0)] | None = Field(
        default=None, description="requests per second, at full speed, that the report finds the cheapest topology for"
    )
    evidence: Thresholds = Thresholds()
    search: Search | None = Field(default=None, description="written as the levels of vusers")

    @model_validator(mode="before")
    @classmethod
    def _users_may_be_a_search(cls, data: object) -> object:
        """`vusers: {from, to, until}` is a search; its cells begin with the smallest load."""
        factors = data.get("factors") if isinstance(data, dict) else None
        if isinstance(data, dict) and isinstance(factors, dict) and isinstance(factors.get("vusers"), dict):
            span = factors["vusers"]
            first = span.get("from", 1)
            return {**data, "search": span, "factors": {**factors, "vusers": [first]}}
        return data

    def slowed(self, factor: float) -> Grid:
        """The same study played slower: every time of its load, its objectives and its thresholds is longer."""
        if factor == 1:
            return self
        load, limits, p95 = self.load, self.evidence, self.objectives.p95
        times = {name: getattr(load, name) * factor for name in ("think_time", "ramp_up", "duration", "timeout")}
        return self.model_copy(
            update={
                "load": load.model_copy(update=times),
                "evidence": limits.model_copy(
                    update={
                        "errors_stop_for": limits.errors_stop_for * factor,
                        "lag_degrade": limits.lag_degrade * factor,
                        "peak_seconds": round(limits.peak_seconds * factor),
                    }
                ),
                "objectives": self.objectives.model_copy(update={"p95": None if p95 is None else p95 * factor}),
            }
        )

    @field_validator("factors", mode="before")
    @classmethod
    def _levels_are_lists(cls, factors: object) -> object:
        if isinstance(factors, dict):
            for name, levels in factors.items():
                if not isinstance(levels, list):
                    raise ValueError(f"factor {name!r} needs a list of levels, as in {name}: [1, 2]")
                if not levels:
                    raise ValueError(f"factor {name!r} has no levels; give at least one")
        return factors

    @field_validator("factors")
    @classmethod
    def _whole_and_distinct(cls, factors: dict[str, tuple[Level, ...]]) -> dict[str, tuple[Level, ...]]:
        for needed in ("servers", "vusers"):
            if needed not in factors:
                raise ValueError(f"factor {needed!r} is missing; give its levels, as in {needed}: [1, 2]")
        for name, levels in factors.items():
            if len({(type(level), level) for level in levels}) < len(levels):
                raise ValueError(f"factor {name!r} names a level twice; every level once")
        for name, most in (("servers", MOST_SERVERS), ("vusers", MOST_USERS)):
            for level in factors[name]:
                check_count(name, level, most)
        for level in factors.get("lose", ()):
            check_count("lose", level, MOST_SERVERS, least=0)
        # One order, whatever the author's: a stored grid has its keys sorted, and folders are named in this order.
        rest = sorted(factors.keys() - {"servers", "vusers"})
        return {name: factors[name] for name in ("servers", "vusers", *rest)}


def check_count(name: str, level: Level, most: int, least: int = 1) -> None:
    """Raise ValueError unless `level` is a whole number from `least` to `most`."""
    if isinstance(level, bool) or not isinstance(level, int) or not least <= level <= most:
        raise ValueError(f"{name} has the level {level!r}; whole numbers from {least} to {most} are allowed")
