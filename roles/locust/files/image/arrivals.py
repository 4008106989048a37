"""When the requests of an open load are due, and which of them could be sent. No Locust here.

Times are seconds since t0. A request is due at a time drawn beforehand, whatever happened to earlier requests. If it
cannot be sent yet, its wait is part of its latency; otherwise latencies would suffer from coordinated omission. In a
closed loop users wait instead (Schroeder, Wierman and Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI
2006).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from recorder import NAME, Recorder

NOT_SENT = "not sent"


def due_times(rate_per_s: float, ramp_up_s: float, until_s: float, process: str, seed: str) -> Iterator[float]:
    """Times before `until_s` at which a request is due, in order.

    The rate rises linearly from 0 over the ramp-up r, so that λt²/2r requests are due by t, and λ(t − r/2) after it.
    With "poisson", the numbers of requests due in disjoint intervals are independent and Poisson: a process of rate 1,
    drawn from `seed`, is transformed by that function's inverse (Çinlar, "Introduction to Stochastic Processes" (1975),
    chapter 4.7), so that other rates have the same draws. With "constant", a request is due whenever the function
    passes half of an odd number.
    """
    draw = random.Random(seed)  # noqa: S311 - reproducible arrivals, no secret
    half = rate_per_s * ramp_up_s / 2
    due = 0.5
    if process == "poisson":
        due = draw.expovariate(1.0)
    while True:
        at = (2 * due * ramp_up_s / rate_per_s) ** 0.5 if due < half else due / rate_per_s + ramp_up_s / 2
        if at >= until_s:
            return
        yield at
        due += draw.expovariate(1.0) if process == "poisson" else 1.0


class Arrival(NamedTuple):
    """When a request is due, its number from 0 over all workers, and its name."""

    due_s: float
    number: int = 0
    name: str = NAME


def share_of_worker(
    times: Iterator[float], worker: int, workers: int, sessions: int = 0, name_of: Callable[[int], str] = lambda _: NAME
) -> Iterator[Arrival]:
    """One worker's share of all arrivals: arrival i goes to worker i mod n.

    With sessions, session s goes to worker s mod n, with all its arrivals: only one worker logs it in.
    """
    for number, due_s in enumerate(times):
        if (number % sessions if sessions else number) % workers == worker:
            yield Arrival(due_s, number, name_of(number))


class ArrivalQueue:
    """Requests of one worker: those to come, those that wait because too many are in flight, and those in flight."""

    def __init__(self, arrivals: Iterator[Arrival], most_in_flight: int, recorder: Recorder) -> None:
        self._arrivals = arrivals
        self._most = most_in_flight
        self._recorder = recorder
        self._next = next(arrivals, None)
        self.waiting: deque[Arrival] = deque()  # requests that are due and not sent yet, oldest first
        self.busy = 0  # requests in flight

    @property
    def next_s(self) -> float | None:
        """When the next request is due; None for no more."""
        return None if self._next is None else self._next.due_s

    def add_due(self, now: float) -> int:
        """Add the requests that are due by now; return their number."""
        count = 0
        while self._next is not None and self._next.due_s <= now:
            late = self.busy + len(self.waiting) >= self._most
            self._recorder.offered(self._next.due_s, late, self._next.name)
            self.waiting.append(self._next)
            self._next = next(self._arrivals, None)
            count += 1
        return count

    def send(self, now: float) -> Arrival:
        """Take the oldest waiting request, which is sent now."""
        arrival = self.waiting.popleft()
        self.busy += 1
        self._recorder.sent_late(now, arrival.due_s)
        self._recorder.sent(now, arrival.due_s, arrival.name)
        return arrival

    def answered(self, now: float, arrival: Arrival, error: str) -> None:
        """Count a response; its latency starts when its request was due."""
        self.busy -= 1
        self._recorder.answered(now, arrival.due_s, error, name=arrival.name)

    def close(self, now: float) -> None:
        """Send no more: waiting requests have failed."""
        self._next = None
        while self.waiting:
            arrival = self.waiting.popleft()
            self._recorder.unsent(now, arrival.due_s, NOT_SENT, arrival.name)
