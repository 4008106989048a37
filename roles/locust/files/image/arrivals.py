"""When the requests of an open load are due, and which of them could be sent. No Locust in here.

Times are seconds since t0. What is due is due, whatever becomes of the requests before: a request that cannot be sent
yet waits, and its wait is part of its latency. A closed loop has no such waits to tell of, as its users wait instead
(Schroeder, Wierman and Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006).
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Iterator

from recorder import Recorder

NOT_SENT = "not sent"


def moments(rate_per_s: float, ramp_up_s: float, until_s: float, process: str, seed: str) -> Iterator[float]:
    """Every moment before `until_s` at which a request is due, in order.

    The rate rises linearly from 0 over the ramp-up, so that λt²/2r of them are due by t, and then λ(t − r/2). Of
    "poisson" the numbers due between two moments are independent and Poisson: the moments are those of a process of
    rate 1, drawn from `seed`, with that function's inverse as their clock (Çinlar, "Introduction to Stochastic
    Processes" (1975), chapter 4.7); another rate has the same draws. Of "constant" one is due each time the function
    passes half of a whole number.
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


def of_worker(all_moments: Iterator[float], worker: int, workers: int) -> Iterator[float]:
    """One worker's part: arrival i is worker i mod n's, so together they are that process, however many they are."""
    return itertools.islice(all_moments, worker, None, workers)


class Offer:
    """What one worker offers: what is due, what waits as too many are in flight, and what was never sent."""

    def __init__(self, due: Iterator[float], most_in_flight: int, recorder: Recorder) -> None:
        self._due = due
        self._most = most_in_flight
        self._recorder = recorder
        self.next_s: float | None = next(due, None)  # when the next request is due; None when no more is
        self.waiting: deque[float] = deque()  # the moments of those that are due and not sent, oldest first
        self.busy = 0  # requests in flight

    def settle(self, now: float) -> int:
        """Take in what is due by now; returns how many."""
        found = 0
        while self.next_s is not None and self.next_s <= now:
            late = self.busy + len(self.waiting) >= self._most
            self._recorder.offered(self.next_s, late)
            self.waiting.append(self.next_s)
            self.next_s = next(self._due, None)
            found += 1
        return found

    def send(self, now: float) -> float:
        """The oldest that waits is sent now; returns the moment at which it was due."""
        due = self.waiting.popleft()
        self.busy += 1
        self._recorder.sent_late(now, due)
        self._recorder.sent(now)
        return due

    def answered(self, now: float, due: float, error: str) -> None:
        """One was answered; its latency counts from when it was due."""
        self.busy -= 1
        self._recorder.answered(now, now - due, error)

    def close(self, now: float) -> None:
        """Nothing more is sent: what waits has failed."""
        self.next_s = None
        while self.waiting:
            self._recorder.unsent(now, now - self.waiting.popleft(), NOT_SENT)
