"""Simulate one trial of an open load: Poisson arrivals, round robin, servers with queues."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from harness.grid.schema import P95
from harness.summarise.capacity.counts import Count
from harness.summarise.statistics import queueing
from harness.summarise.statistics.intervals import Array

MANY = 4_000_000  # requests of the simulation where no formula exists
CLOSE = 2e-4


@dataclass(frozen=True, kw_only=True)
class Servers:
    """The servers behind the balancer; `cv` is that of the service time, above 0 only for one slot."""

    slots: int = 7
    service_s: float = 0.05
    cv: float = 0.0
    p95_s: float = 0.2
    window_s: tuple[float, float] = (3.0, 23.0)

    @property
    def rate(self) -> float:
        """The maximum rate of one server."""
        return self.slots / self.service_s


def ends(arrivals_s: Array, slots: int, service_s: float) -> Array:
    """The times at which requests in the order of their arrival leave a queue D/c.

    The recursion of Kiefer and Wolfowitz, "On the Theory of Queues with Many Servers", Transactions of the American
    Mathematical Society 78 (1955), for a constant service time: the slot that is free first is that of the
    request `slots` before. Each slot alone is Lindley's recursion: end(j) = (j + 1)·s + max of arrival(i) − i·s.
    """
    count = len(arrivals_s)
    rows = -(-count // slots)
    laid = np.full(rows * slots, np.inf)
    laid[:count] = arrivals_s
    before = (np.arange(rows) * service_s)[:, None]
    begun = np.maximum.accumulate(laid.reshape(rows, slots) - before, axis=0) + before
    found: Array = (begun + service_s).reshape(-1)[:count]
    return found


def ends_of(arrivals_s: Array, services_s: Array) -> Array:
    """The same for one slot with these service times."""
    done = np.cumsum(services_s)
    found: Array = done + np.maximum.accumulate(arrivals_s - (done - services_s))
    return found


def _ends(servers: Servers, arrivals_s: Array, speed: float, random_of: np.random.Generator) -> Array:
    if not servers.cv:
        return ends(arrivals_s, servers.slots, servers.service_s / speed)
    spread = np.log1p(servers.cv**2)
    works = random_of.lognormal(-spread / 2, np.sqrt(spread), len(arrivals_s)) * servers.service_s / speed
    return ends_of(arrivals_s, works)


def run(servers: Servers, count: int, rate: float, speed: float, block: int, random_of: np.random.Generator) -> Count:
    """The counts of a trial under `rate` requests per second, for `count` servers with this `speed`."""
    from_s, to_s = servers.window_s
    arrivals = np.sort(random_of.uniform(0, to_s, random_of.poisson(rate * to_s)))
    requests = late = 0
    for first in range(count):
        mine = arrivals[first::count]
        end = _ends(servers, mine, speed, random_of)
        inside = (end >= from_s) & (end < to_s)
        requests += int(inside.sum())
        late += int(((end - mine)[inside] > servers.p95_s).sum())
    offered = float((arrivals >= from_s).sum()) / (to_s - from_s)
    return Count(block=block, load=rate, requests=requests, late=late, failed=0, offered=offered)


@cache
def truth(servers: Servers, count: int) -> float:
    """The capacity at speed 1: exact for a constant service time, else by a long simulation."""
    if not servers.cv:
        return queueing.paced_capacity(count, servers.slots, servers.service_s, servers.p95_s)
    random_of = np.random.default_rng([4, count])
    gaps = random_of.gamma(count, 1.0, MANY).cumsum()
    spread = np.log1p(servers.cv**2)
    works = random_of.lognormal(-spread / 2, np.sqrt(spread), MANY) * servers.service_s
    low, high = 0.0, count * servers.rate
    while high - low > CLOSE * high:
        middle = (low + high) / 2
        arrivals = gaps / middle
        late = float((ends_of(arrivals, works) - arrivals > servers.p95_s).mean())
        low, high = (middle, high) if late <= P95 else (low, middle)
    return low
