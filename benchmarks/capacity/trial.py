"""Simulate one trial of an open load, and the true capacity of its servers: counts by the time of each due request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from benchmarks.truth.arrivals import Requests, ServiceModel, simulate
from benchmarks.truth.queues import Numbers
from harness.grid.objectives import P95
from harness.grid.thresholds import Thresholds
from harness.plan import order
from harness.summarise.capacity import window
from harness.summarise.capacity.counts import Count
from harness.summarise.statistics import queueing

MANY = 2_000_000  # requests of the simulation where no formula exists
SCAN = 10  # the share of them with which the crossing is bracketed
MORE = 4  # times as many for servers that pause
STEP = 0.04  # of the largest load, between the loads of this scan
FEWEST = 20_000  # requests of each speed
CLOSE = 4e-4
SEED = 4
FLEET = 3  # servers of a study, from which each block takes its own


@dataclass(frozen=True, kw_only=True)
class Servers(ServiceModel):
    """The servers behind the balancer, and the objectives of the study: p95, and an error rate (a share) if not None.

    `speeds` are those of all servers of the study, of which the first of each block's rotation take part; 1 if empty.
    Requests that are due in `window_s` count.
    """

    p95_s: float = 0.2
    error_rate: float | None = None
    speeds: tuple[float, ...] = ()
    window_s: tuple[float, float] = (3.0, 23.0)

    @property
    def allowed(self) -> dict[str, float]:
        """Objective → the share of requests that may be over."""
        return {"p95": P95} if self.error_rate is None else {"p95": P95, "error_rate": self.error_rate}

    @property
    def line_error(self) -> float:
        """The error of a line for windows of this length, as a study has it."""
        return window.line_error_of(self.p95_s, self.window_s[1] - self.window_s[0])

    def named(self, count: int, block: int, seed: int = SEED) -> tuple[str, ...]:
        """The servers in a topology of `count` in this block of a study with this seed; probes (0) have the first's."""
        names = [f"server-{number}" for number in range(1, (len(self.speeds) or FLEET) + 1)]
        return order.rotation(names, max(block, 1), seed)[:count]

    def taking_part(self, count: int, block: int, seed: int = SEED) -> tuple[float, ...]:
        """The speeds of these servers."""
        if not self.speeds:
            return (1.0,) * count
        return tuple(self.speeds[int(name.removeprefix("server-")) - 1] for name in self.named(count, block, seed))


@dataclass(frozen=True, kw_only=True)
class CountedTrial:
    """A trial's counts, and for each second of its window the requests due in it and how many of them were late.

    `delay_p95_s` is the 95th percentile of the delay of sends. `is_behind`: fewer of them ended in the window than were
    due in it, so a queue grows.
    """

    count: Count
    requests_by_s: Numbers
    late_by_s: Numbers
    delay_p95_s: float
    is_behind: bool


def trial(
    servers: Servers,
    count: int,
    rate: float,
    speed: float,
    block: int,
    random_of: np.random.Generator,
    seed: int = SEED,
) -> CountedTrial:
    """A trial under `rate` requests per second, for `count` servers whose speeds are multiplied by this `speed`.

    `seed` is that of the study's rotation of servers.
    """
    from_s, to_s = servers.window_s
    speeds = [speed * each for each in servers.taking_part(count, block, seed)]
    seen = simulate(servers, count, rate, random_of, to_s, speeds)
    inside = seen.due_s >= from_s
    late = seen.late(servers.p95_s)[inside]
    second = (seen.due_s[inside] - from_s).astype(np.int64)
    seconds = math.ceil(to_s - from_s)
    requests_by_s = np.bincount(second, minlength=seconds)
    delays = seen.delay_s[inside]
    return CountedTrial(
        count=Count(
            block=block,
            load=rate,
            requests=len(late),
            late=int(late.sum()),
            failed=int(seen.failed[inside].sum()),
            unanswered=int(np.isinf(seen.response_s[inside]).sum()),
            offered=len(late) / (to_s - from_s),
            latency_drift=_drift(seen, from_s, to_s),
            servers=tuple(sorted(servers.named(count, block, seed))),
        ),
        requests_by_s=requests_by_s,
        late_by_s=np.bincount(second[late], minlength=seconds),
        delay_p95_s=float(np.quantile(delays, 0.95)) if len(delays) else 0.0,
        is_behind=_is_behind(seen, from_s, to_s),
    )


def _is_behind(seen: Requests, from_s: float, to_s: float) -> bool:
    """Whether a queue grows in the window, by successes that were due and those that ended in it."""
    good, limits = ~seen.failed, Thresholds()
    end_s = seen.due_s + seen.response_s
    due = int((seen.due_s >= from_s).sum())
    missing = int((good & (seen.due_s >= from_s)).sum()) - int((good & (end_s >= from_s) & (end_s < to_s)).sum())
    return missing > max((1 - limits.load_served) * due, limits.offered_count)


def _drift(seen: Requests, from_s: float, to_s: float) -> float | None:
    """Ln of the mean response time of the requests due in the window's second half over the first; None without any."""
    middle_s = (from_s + to_s) / 2
    answered = np.isfinite(seen.response_s) & ~seen.failed
    first, second = (
        seen.response_s[answered & (seen.due_s >= begin) & (seen.due_s < end)]
        for begin, end in ((from_s, middle_s), (middle_s, to_s))
    )
    return math.log(second.mean() / first.mean()) if len(first) and len(second) else None


def run(
    servers: Servers,
    count: int,
    rate: float,
    speed: float,
    block: int,
    random_of: np.random.Generator,
    seed: int = SEED,
) -> Count | None:
    """The counts of such a trial alone, as a study judges them.

    None if its generator is too late for the objective p95 (rule E6). Where a queue grows every request is over.
    """
    found = trial(servers, count, rate, speed, block, random_of, seed)
    if found.delay_p95_s > Thresholds().lateness_share * (servers.p95_s - servers.service_s):
        return None
    counted = found.count
    return replace(counted, late=counted.requests, failed=counted.requests) if found.is_behind else counted


@cache
def truth(servers: Servers, count: int, speeds: tuple[float, ...] = (1.0,)) -> float:
    """The largest load of `count` servers that meets all objectives, over all requests in the long run; 0 if none does.

    The objectives hold for the requests of all trials together, whose `speeds` are equally likely, and of all rotations
    of different servers. The servers are warm, and their generator is on time.
    """
    plain = replace(servers, warm_up_s=0.0, stall=None, killed=None, window_s=(0.0, 0.0))
    if plain != servers:
        return truth(plain, count, speeds)
    if servers == Servers(**_constant(servers)) and not servers.speeds:
        return _paced(servers, count, speeds)
    rotations = [servers.taking_part(count, block) for block in range(1, max(len(servers.speeds), 1) + 1)]
    ways = (tuple(speed * each for each in sorted(rotation)) for rotation in rotations for speed in speeds)
    return counted_capacity(servers, tuple(ways))


def _paced(servers: Servers, count: int, speeds: tuple[float, ...]) -> float:
    """The same by formula, for paced servers that are alike."""

    def over(rate: float) -> float:
        shares = [
            queueing.paced_over(rate, count * servers.slots, servers.service_s / speed, servers.p95_s)
            for speed in speeds
        ]
        return sum(shares) / len(shares)

    return queueing.largest_load(over, count * servers.rate * max(speeds))


def _constant(servers: Servers) -> dict[str, Any]:
    """The fields of paced servers alone, for which a formula exists."""
    names = ("slots", "service_s", "p95_s", "window_s", "speeds", "timeout_s")
    return {name: getattr(servers, name) for name in names}


def counted_capacity(servers: Servers, ways: tuple[tuple[float, ...], ...]) -> float:
    """The largest load that meets the objectives, by counting all requests of long loads; 0 if none does.

    Each of the `ways` has the speeds of the servers that take part, and has as many requests as any other. Loads are
    tried from the largest one down, because a smaller one may be worse. The same seed draws the same requests for every
    load, so the share over an objective changes little between neighbouring ones. Pauses do not follow the load, and
    the share grows slowly with it: they need more requests.
    """
    from scipy import optimize

    most = servers.rate * max(map(sum, ways))

    def over(share: float, requests: int = MANY) -> float:
        load, more = share * most, MORE if servers.pause else 1
        each_s = max(requests // len(ways), FEWEST) / load
        loads = (simulate(servers, len(way), load, SEED + at, each_s, way) for at, way in enumerate(ways * more))
        return _over(servers, [_counted(servers, seen) for seen in loads])

    steps = np.arange(1 - STEP, STEP / 2, -STEP).tolist()
    low = next((share for share in steps if over(share, MANY // SCAN) <= 0), 0.0)
    high = low + STEP
    while low > 0 and over(low) > 0:
        low, high = max(low - STEP / 2, 0.0), low
    while low > 0 and over(high) <= 0:
        low, high = high, high + STEP / 2
    return float(optimize.brentq(over, low, high, xtol=CLOSE * low)) * most if low > 0 else 0.0


def _counted(servers: Servers, seen: Requests) -> dict[str, int]:
    """All requests (under an empty name), and by objective the ones over it."""
    return {"": len(seen.due_s), "p95": int(seen.late(servers.p95_s).sum()), "error_rate": int(seen.failed.sum())}


def _over(servers: Servers, counts: Sequence[dict[str, int]]) -> float:
    """The largest of ln(share over an objective / the allowed one); a share of 0 counts as half a request."""
    total = {name: sum(each[name] for each in counts) for name in counts[0]}
    return max(math.log(max(total[name], 0.5) / total[""] / share) for name, share in servers.allowed.items())
