"""A speed that changes over time, and a server with that speed."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from heapq import heapreplace
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Steps = Sequence[tuple[float, float]]  # (from this second on, speed), ascending


class Pace:
    """A speed that changes in steps; one unit of work takes a second at speed 1. The last speed is not 0."""

    def __init__(self, steps: Steps) -> None:
        self.steps = list(steps)
        self._times = [at for at, _ in steps]
        self._speeds = [speed for _, speed in steps]
        self._done = [0.0]
        for (begin, speed), (end, _) in itertools.pairwise(steps):
            self._done.append(self._done[-1] + (end - begin) * speed)

    def work(self, at: float) -> float:
        """The work done from the first step up to a moment."""
        i = bisect_right(self._times, at, 1) - 1
        return self._done[i] + (at - self._times[i]) * self._speeds[i]

    def when(self, work: float) -> float:
        """The first moment at which this work is done."""
        i = bisect_left(self._done, work, 1) - 1
        return self._times[i] + (work - self._done[i]) / self._speeds[i] if work > self._done[i] else self._times[i]

    def speed(self, at: float) -> float:
        return self._speeds[bisect_right(self._times, at, 1) - 1]

    @property
    def stalls(self) -> list[tuple[float, float]]:
        """The spans with speed 0."""
        ends = [*self._times[1:], float("inf")]
        return [(a, b) for a, b, speed in zip(self._times, ends, self._speeds, strict=True) if speed == 0]


def combined(parts: Sequence[Pace]) -> Pace:
    """The product of several paces."""
    times = sorted({at for part in parts for at, _ in part.steps})
    return Pace([(at, float(np.prod([part.speed(at) for part in parts]))) for at in times])


class Server:
    """Workers and one queue, first come first served; requests must arrive in the order of time.

    Times are kept as work, so that a queue of any length costs one step.
    """

    def __init__(self, pace: Pace, workers: int) -> None:
        self.pace = pace
        self.workers = workers
        self.answered = 0
        self._free = [0.0] * workers  # the work after which each is free, a heap
        self._starts: list[float] = []
        self._ends: list[float] = []

    def take(self, at: float, work: float, patience_s: float, *, drops: bool) -> float:
        """The time at which a request that arrives at `at` is answered.

        A request that timed out is served nevertheless; with `drops` it is not started, and its time is infinite.
        """
        now, first = self.pace.work(at), self._free[0]
        waits = first > now
        begin = self.pace.when(first) if waits else at
        if drops and begin - at > patience_s:
            return float("inf")
        done = (first if waits else now) + work
        heapreplace(self._free, done)
        end = self.pace.when(done)
        self._starts.append(begin)
        self._ends.append(end)
        self.answered += 1
        return end

    def in_window(self, from_s: float, to_s: float) -> tuple[float, int]:
        """Busy worker-seconds between two moments, and the number of requests that ended there."""
        starts, ends = np.array(self._starts), np.array(self._ends)
        busy = float((np.clip(ends, from_s, to_s) - np.clip(starts, from_s, to_s)).sum())
        return busy, int(((ends >= from_s) & (ends < to_s)).sum())

    def cpu_share(self, edges: Array) -> Array:
        """The share of its workers that used CPU, between neighbouring edges (seconds)."""
        starts, ends = np.array(self._starts), np.array(self._ends)
        spent: Callable[[Array], Array] = lambda at: (np.clip(at[:, None], starts, ends) - starts).sum(axis=1)  # noqa: E731 - used thrice below
        busy = spent(edges)
        for a, b in self.pace.stalls:  # busy without CPU
            busy = busy - spent(np.minimum(edges, b)) + spent(np.minimum(edges, a))
        share: Array = np.diff(busy) / np.diff(edges) / self.workers
        return share
