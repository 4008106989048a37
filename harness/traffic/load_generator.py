"""The interface of a load generator: the load it gets, what it returns, and its calls."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.grid.load import IN_FLIGHT
from harness.records.failure_kind import FailureKind
from harness.records.series import Sample
from harness.traffic.sent_traffic import SentTraffic


@dataclass(frozen=True, kw_only=True)
class LoadSpec:
    """One trial's load: a closed loop of `users`, or an open loop if `rate_per_s` is set. Times count from its start.

    Think times follow from `seed` and each user's number, arrivals from `seed`, the rate and `arrivals`, if the load
    generator supports it.
    """

    trial: str
    url: str  # of the balancer, without the request's path
    users: int
    think_time_s: float
    ramp_up_s: float
    duration_s: float  # the steady window ends here
    timeout_s: float
    window_from_s: float
    traffic: SentTraffic
    keep_alive: bool = True  # False: a new connection for each request
    rate_per_s: float | None = None
    arrivals: str = "poisson"  # or "constant"
    in_flight: int = IN_FLIGHT  # requests of an open loop at once, at most
    seed: str = ""
    slow_after_s: float | None = None  # successes above this latency are counted in each second

    @property
    def longest_s(self) -> float:
        """Worst-case duration of the load, including the last requests of all users."""
        return self.duration_s + 2 * self.timeout_s + 15

    def wire(self) -> dict[str, Any]:
        """The load as JSON for every load generator: all fields, `longest_s`, and the traffic.

        roles/locust/files/image/load_spec.py and harness/traffic/ngrinder/load.groovy read it.
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**fields, "traffic": self.traffic.wire(), "longest_s": self.longest_s}


@dataclass(frozen=True, kw_only=True)
class RequestCounts:
    """Counts of the requests with one name, or of all transactions.

    Requests, failures and slow successes that were due (open loop) or sent (closed loop) in the steady window, and
    `completed`: successes that ended in it. Histograms are encoded HDR histograms in microseconds.
    """

    requests: int
    failed: int
    completed: int
    slow: int
    errors: dict[str, int] = field(default_factory=dict)  # kind of failure → count
    latencies: str = ""  # histogram of successes
    failures: str = ""  # histogram of failures


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request of a load, sent once by the users' HTTP client. `name` is "login" for the login.

    `error` is None for a success. `server` and `time_s` are the balancer's, from the headers of the response; `status`
    is 0 without a response.
    """

    name: str
    error: FailureKind | None = None
    status: int = 0
    server: str = ""
    took_s: float = 0.0  # to the last byte
    time_s: float | None = None  # in the balancer
    location: str = ""  # of a redirect
    begins: str = ""  # first 80 characters of the body


@dataclass(frozen=True, kw_only=True)
class LoginCounts:
    """Logins of the whole load. A login that fails is repeated."""

    completed: int = 0
    errors: dict[str, int] = field(default_factory=dict)  # kind of failure → count


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """Totals of one load.

    Histograms are encoded HDR histograms in microseconds over the steady window. A failure counts at the timeout, or at
    its own latency if that is longer.
    """

    started_at: float  # Unix time of second 0
    over: bool
    workers: int
    lost_workers: int
    latencies: str  # histogram of successes; empty if the load generator keeps none
    errors: dict[str, int] = field(default_factory=dict)  # kind of failure → count over the whole load
    samples: list[Sample] | None = None  # replace the live samples if set, because they are more exact
    users: int | None = None  # actual number, if the load generator cannot start the requested one
    failures: str = ""  # histogram of failures
    # Open loop: microseconds by which a request due in the window was sent late → count.
    delays: dict[str, int] = field(default_factory=dict)
    # `completed` and `failed` of the whole load, of a load generator whose samples do not match whole seconds. Its
    # samples take their counts from the balancer's log, and rule E13 compares both.
    totals: dict[str, int] = field(default_factory=dict)
    requests: dict[str, RequestCounts] = field(default_factory=dict)  # name of the request → its counts
    transactions: RequestCounts | None = None  # of steps only
    logins: LoginCounts = LoginCounts()
    statuses: dict[str, int] = field(default_factory=dict)  # of a script: status → responses of the whole load
    script_problem: str = ""  # file:line: error of a script that cannot be measured
    streams: bool = False  # whether the script streams responses, whose ends are not measured
    # Number of transactions of each user, or index of the first arrival of a group → digest of the requests.
    sent: dict[str, str] = field(default_factory=dict)


class LoadGenerator(Protocol):
    """Starts users or arrivals, counts them second by second, and stops them.

    A load ends when its time is over, even if no client polls. Every call raises LoadGeneratorFailed if the load
    generator does not answer or rejects it.
    """

    def version(self) -> dict[str, str]:
        """Name of the load generator → its version, as it reports it."""

    def ready(self) -> bool:
        """Whether a load may start now."""

    def send_each(self, load: LoadSpec) -> list[Exchange]:
        """Send the login and each request of a load once, in order, as the first user; return the exchanges.

        Empty for a load generator that validates its traffic itself before its first load.
        """

    def start(self, load: LoadSpec) -> float:
        """Start a load; return the Unix time of second 0."""

    def samples(self, since: int) -> tuple[list[Sample], bool]:
        """Complete seconds from `since` on, and whether the load is over."""

    def stop(self) -> None:
        """End the load early; requests in flight may finish."""

    def result(self) -> LoadResult:
        """Totals so far."""
