"""Simulate a closed loop, event by event: round robin, servers with queues, a generator that may freeze.

Its users behave as those of roles/locust/files/image/users.py, and that role's own recorder counts their requests.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from benchmarks.truth.pace import Pace, Server
from benchmarks.truth.parts import residual_s

SEND, ANSWER, SERVED = 0, 1, 2
Event = tuple[float, int, int, float, str]  # moment, number, what, when it was sent, error; no two have one number
LAG_EVERY_S = 0.05  # interval of the samples of the generator's event loop
LAG_S = 0.0005  # mean delay of a healthy event loop


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The system and its load; times in seconds, CPU in cores or core-seconds.

    `patience_s` is the timeout of a request; with `drops` servers do not start requests that timed out. `path_s` is
    the network time of a request between balancer and server. `link_per_s` is the capacity of the link to the balancer
    in requests per second; None for an unlimited link. After its work a server may need a database that all servers
    share: one of `database_workers` connections for `database_s` seconds, of which the share `database_cpu` uses CPU.
    `database_workers` 0 is no database.
    """

    users: tuple[int, ...] = (180,)
    think_s: float = 2.0
    ramp_up_s: float = 5.0
    duration_s: float = 17.0
    patience_s: float = 40.0
    drops: bool = True
    workers: int = 2
    service_s: float = 0.1
    path_s: float = 0.001
    link_per_s: float | None = None
    server_cap: float = 0.2
    generator_cap: float = 0.8
    balancer_cap: float = 0.4
    generator_s: float = 0.004
    balancer_s: float = 0.002
    database_workers: int = 0
    database_s: float = 0.0
    database_cpu: float = 1.0
    paced: bool = False  # servers report the use of their slots (workers), as in the lab
    residual: bool = True  # users start in the middle of a think time, else with a request

    @property
    def rate(self) -> float:
        """The capacity of one server in requests per second."""
        return self.workers / self.service_s

    @property
    def database(self) -> Server | None:
        """A new database; None without one."""
        return Server(Pace([(-10.0, 1.0)]), self.database_workers) if self.database_workers else None

    @property
    def database_rate(self) -> float:
        """The capacity of the database in requests per second; infinite without one."""
        return self.database_workers / self.database_s if self.database_workers else math.inf

    def changed(self, **more: Any) -> Setup:
        return replace(self, **more)


class Logged(NamedTuple):
    """One line of the balancer's log; times in seconds of the trial."""

    ended: float
    took: float
    upstream: float
    server: int
    status: str


@dataclass
class SimulatedLoad:
    """The results of a load, besides the recorder's rows."""

    log: list[Logged] = field(default_factory=list)
    processed: list[float] = field(default_factory=list)  # when the generator sent or stamped something
    over_at: float = 0.0
    database: Server | None = None  # the one that all servers share


def thawed(freezes: Sequence[tuple[float, float]]) -> Callable[[float], float]:
    """Return a function from a moment to the time at which the generator handles it; `freezes` are (begin, end)."""
    begins = [begin for begin, _ in freezes]

    def thaw(at: float) -> float:
        i = bisect_right(begins, at) - 1
        return freezes[i][1] if i >= 0 and at < freezes[i][1] else at

    return thaw


def run(
    setup: Setup,
    users: int,
    servers: Sequence[Server],
    works: Iterator[float],
    draw: random.Random,
    freezes: Sequence[tuple[float, float]],
    recorder: Any,
) -> SimulatedLoad:
    """Run one load; the recorder counts its requests."""
    thaw, result = thawed(freezes), SimulatedLoad()
    end_s, patience_s, path_s = setup.duration_s, setup.patience_s, setup.path_s
    low, span = 0.5 * setup.think_s, setup.think_s
    turn, count = 0, len(servers)
    database = result.database = setup.database
    link = None if setup.link_per_s is None else Server(Pace([(0.0, setup.link_per_s)]), workers=1)
    processed, heap = result.processed.append, _first_sends(setup, users, draw)
    waiting: dict[int, tuple[float, int]] = {}  # number → when the request reached the servers, and which one
    number = users
    while heap:
        at, request, what, sent, error = heappop(heap)
        if freezes and what != SERVED:
            at = thaw(at)
        number += 1
        if what == SEND:
            if sent < 0:
                recorder.user_started(at)
                if setup.residual:
                    think = residual_s(setup.think_s, draw.random(), draw.random())
                    recorder.thinking(at, think)
                    heappush(heap, (min(at + think, max(at, end_s)), number, SEND, 0.0, ""))
                    continue
            if at >= end_s:
                recorder.user_ended(at)
                continue
            recorder.sent(at)
            processed(at)
            arrives = at if link is None else link.take(at, 1.0, patience_s, drops=False)
            rest_s = at + patience_s - arrives
            done = servers[turn % count].take(arrives + path_s / 2, next(works), rest_s, drops=setup.drops)
            if database is not None and done < math.inf:
                # Requests reach the database in the order in which servers end them.
                waiting[number] = arrives, turn % count
                heappush(heap, (done, number, SERVED, at, ""))
            else:
                heappush(heap, _ended(result, setup, at, arrives, turn % count, done, number))
            turn += 1
        elif what == SERVED and database is not None:
            done = database.take(at, setup.database_s, math.inf, drops=False)
            heappush(heap, _ended(result, setup, sent, *waiting.pop(request), done, number))
        else:
            recorder.answered(at, sent, error)
            processed(at)
            think = low + span * draw.random()
            recorder.thinks(at, think)
            wakes = at + think
            heappush(heap, (wakes if wakes < end_s else max(at, end_s), number, SEND, 0.0, ""))
        result.over_at = at
    _sample_event_loop(setup, thaw, draw, recorder)
    return result


def _first_sends(setup: Setup, users: int, draw: random.Random) -> list[Event]:
    """A heap with the beginning of each user."""
    heap: list[Event] = [(draw.uniform(0, setup.ramp_up_s), user, SEND, -1.0, "") for user in range(users)]
    heapify(heap)
    return heap


def _ended(
    result: SimulatedLoad, setup: Setup, sent: float, arrives: float, server: int, done: float, number: int
) -> Event:
    """Log a request that is answered at `done`, or times out before; return the event of its end."""
    answered = done + setup.path_s / 2
    late = answered > sent + setup.patience_s
    ended = sent + setup.patience_s if late else answered
    result.log.append(Logged(ended, ended - sent, max(0.0, ended - arrives), server, "499" if late else "200"))
    return ended, number, ANSWER, sent, "timeout" if late else ""


def _sample_event_loop(setup: Setup, thaw: Callable[[float], float], draw: random.Random, recorder: Any) -> None:
    """The generator samples the delay of its own event loop every 50 ms."""
    now = 0.0
    while now < setup.duration_s:
        woken = thaw(now + LAG_EVERY_S) + draw.expovariate(1 / LAG_S)
        recorder.process(woken, 0.0, woken - now - LAG_EVERY_S)
        now = woken
