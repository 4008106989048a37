"""What a study asks of a traffic engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from harness.grid.load import IN_FLIGHT
from harness.grid.request import Request
from harness.records.series import Sample


@dataclass(frozen=True)
class LoadSpec:
    """One trial's load. Times are in seconds; the window counts from the start of traffic.

    With `keep_alive` every user keeps its connection, else it opens a new one for each request. Where the engine can,
    the think times of users follow from `seed` and the user's number alone. With `rate_per_s` there are no users:
    requests leave at that rate, at moments that follow from `arrivals` (poisson or constant), the rate and `seed`
    alone, and at most `in_flight` of them are under way at once. Where the engine can, it counts in every second the
    successes that took longer than `slow_after_s`.
    """

    trial: str
    url: str
    users: int
    think_time_s: float
    ramp_up_s: float
    duration_s: float
    timeout_s: float
    window_from_s: float
    request: Request
    keep_alive: bool = True
    rate_per_s: float | None = None
    arrivals: str = "poisson"
    in_flight: int = IN_FLIGHT
    seed: str = ""
    slow_after_s: float | None = None

    @property
    def longest_s(self) -> float:
        """When the load is over at the latest, users' last requests included."""
        return self.duration_s + 2 * self.timeout_s + 15


@dataclass(frozen=True)
class LoadResult:
    """What the engine counted over one trial, beside its samples.

    `errors` maps a kind of failure to its count over the whole trial; `latencies` is an encoded HDR
    histogram of the successes in the steady window, in microseconds, empty where the engine keeps
    none. `samples` replaces what was seen live, where the engine's own record is better. `users` is
    how many there really were, where the engine could not have the number asked for. `failures` is a
    histogram of what failed in the window, each at the timeout or what it took, if that is more. `delays` are of an
    open load: by how many microseconds requests that were due in the window were sent late → how many. `totals` are
    successes (`completed`) and failures (`failed`) of the whole load, of an engine that does not count by whole
    seconds: its samples take their counts from the balancer's log, and rule E13 compares both.
    """

    started_at: float
    over: bool
    workers: int
    lost_workers: int
    latencies: str
    errors: dict[str, int] = field(default_factory=dict)
    samples: list[Sample] | None = None
    users: int | None = None
    failures: str = ""
    delays: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)


class LoadGenerator(Protocol):
    """A traffic engine: users start, are counted second by second, and stop.

    An engine ends a load by itself when its time is over, whether anybody asks or not. Every call
    raises LoadGeneratorFailed when the engine does not answer or refuses.
    """

    def version(self) -> dict[str, str]:
        """Name of the engine → its version by its own word."""

    def ready(self) -> bool:
        """Tell whether a load may start now."""

    def ask(self, load: LoadSpec) -> str:
        """Send one request of a load with the client that users have; the kind of failure, empty for a success.

        Empty, too, of an engine that does so by itself before the first load of a request.
        """

    def start(self, load: LoadSpec) -> float:
        """Start a load; returns the Unix time of second 0."""

    def samples(self, since: int) -> tuple[list[Sample], bool]:
        """Seconds that are complete, from `since` on, and whether the load is over."""

    def stop(self) -> None:
        """End the load early; requests in flight may finish."""

    def result(self) -> LoadResult:
        """Totals so far."""
