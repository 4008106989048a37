"""The load of one trial as the study sends it: `LoadSpec.wire` in harness/traffic/load_generator.py. No Locust here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """The request that every user sends, and which responses are successes."""

    method: str
    path: str
    body: str
    headers: dict[str, str]
    expect_status: list[int]
    expect_body: str | None  # regular expression


@dataclass(frozen=True, kw_only=True)
class LoadSpec:
    """A load: a closed loop of `users`, or an open loop if `rate_per_s` is set. Times count from the load's start."""

    trial: str
    url: str  # of the balancer, without the request's path
    users: int
    think_time_s: float
    ramp_up_s: float
    duration_s: float
    timeout_s: float
    window_from_s: float
    request: Request
    keep_alive: bool
    rate_per_s: float | None
    arrivals: str
    in_flight: int
    seed: str
    slow_after_s: float | None
    longest_s: float

    @classmethod
    def read(cls, message: dict[str, Any]) -> LoadSpec:
        """A load from JSON; raises TypeError or KeyError for a message with other fields."""
        return cls(**{**message, "request": Request(**message["request"])})

    @property
    def request_url(self) -> str:
        """The URL of every request."""
        return self.url + self.request.path
