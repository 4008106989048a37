"""When the requests of an open load are due, and which of them could be sent. No Locust here.

Times are seconds since t0. A request is due at a time drawn beforehand, whatever happened to earlier requests. If it
cannot be sent yet, its wait is part of its latency; otherwise latencies would suffer from coordinated omission. In a
closed loop users wait instead (Schroeder, Wierman and Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI
2006).
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Iterator

from recorder import Recorder

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


def share_of_worker(times: Iterator[float], worker: int, workers: int) -> Iterator[float]:
    """One worker's share of all due times: arrival i goes to worker i mod n."""
    return itertools.islice(times, worker, None, workers)


class ArrivalQueue:
    """Requests of one worker: those to come, those that wait because too many are in flight, and those in flight."""

    def __init__(self, due: Iterator[float], most_in_flight: int, recorder: Recorder) -> None:
        self._due = due
        self._most = most_in_flight
        self._recorder = recorder
        self.next_s: float | None = next(due, None)  # when the next request is due; None for no more
        self.waiting: deque[float] = deque()  # due times of requests that are not sent yet, oldest first
        self.busy = 0  # requests in flight

    def add_due(self, now: float) -> int:
        """Add the requests that are due by now; return their number."""
        count = 0
        while self.next_s is not None and self.next_s <= now:
            late = self.busy + len(self.waiting) >= self._most
            self._recorder.offered(self.next_s, late)
            self.waiting.append(self.next_s)
            self.next_s = next(self._due, None)
            count += 1
        return count

    def send(self, now: float) -> float:
        """Take the oldest waiting request, which is sent now; return the time at which it was due."""
        due = self.waiting.popleft()
        self.busy += 1
        self._recorder.sent_late(now, due)
        self._recorder.sent(now, due)
        return due

    def answered(self, now: float, due: float, error: str) -> None:
        """Count a response; its latency starts when its request was due."""
        self.busy -= 1
        self._recorder.answered(now, due, error)

    def close(self, now: float) -> None:
        """Send no more: waiting requests have failed."""
        self.next_s = None
        while self.waiting:
            self._recorder.unsent(now, self.waiting.popleft(), NOT_SENT)
