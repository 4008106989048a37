"""Queues, first come first served: when requests leave a server that has slots and a speed that changes over time.

All functions take arrivals in ascending order. Times of a server are kept as work that it could have done so far, so a
pause costs nothing: no request is served in it, and the others follow the recursions of a server without pauses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Numbers = np.ndarray[Any, np.dtype[np.int64]]
STEP_S = 0.25  # of a warm-up, whose speed changes in steps


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Seconds since the begin of a load ↔ work that a server can do until then; one unit takes 1 s at speed 1.

    The work is linear between the points (`at_s`, `done`), which begin at (0, 0); beyond them the speed is `speed`.
    """

    speed: float
    at_s: Array
    done: Array

    @property
    def steady(self) -> bool:
        """Whether the speed never changes."""
        return len(self.at_s) == 1

    def work(self, at_s: Array) -> Array:
        """The work done until these times."""
        if self.steady:
            return at_s * self.speed
        beyond = np.maximum(at_s - self.at_s[-1], 0.0) * self.speed
        found: Array = np.interp(at_s, self.at_s, self.done) + beyond
        return found

    def when(self, work: Array) -> Array:
        """The times at which this work is done."""
        if self.steady:
            return work / self.speed
        beyond = np.maximum(work - self.done[-1], 0.0) / self.speed
        found: Array = np.interp(work, self.done, self.at_s) + beyond
        return found


def clock(
    until_s: float, speed: float = 1.0, warm_up_s: float = 0.0, pause: tuple[float, float, float] | None = None
) -> Clock:
    """The clock of a server; `pause` is its length, the time from one begin to the next, and a begin, in seconds.

    A warm-up leads from half of the speed to all of it.
    """
    points = [np.zeros(1), np.arange(STEP_S, warm_up_s, STEP_S), np.full(int(warm_up_s > 0), warm_up_s)]
    if pause is not None:
        length_s, every_s, begin_s = pause
        begins = np.arange(begin_s % every_s - every_s, until_s, every_s)
        points += [begins, begins + length_s]
    at_s = np.unique(np.clip(np.concatenate(points), 0.0, None))
    middle = (at_s[:-1] + at_s[1:]) / 2
    speeds = np.full(len(middle), speed)
    if warm_up_s:
        speeds *= np.minimum(0.5 + 0.5 * middle / warm_up_s, 1.0)
    if pause is not None:
        speeds *= (middle - begin_s) % every_s >= length_s
    return Clock(speed=speed, at_s=at_s, done=np.append(0.0, np.cumsum(np.diff(at_s) * speeds)))


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


def ends_of_slots(arrivals_s: Array, services_s: Array, slots: int) -> Array:
    """The same for several slots with these service times, event by event."""
    free, found = [0.0] * slots, []
    for arrival, service in zip(arrivals_s.tolist(), services_s.tolist(), strict=True):
        first = free[0]
        end = (first if first > arrival else arrival) + service
        heapreplace(free, end)
        found.append(end)
    return np.array(found)


def served(arrivals_s: Array, works: Array, slots: int, clock: Clock) -> Array:
    """The times at which requests with this work leave one server with a clock, by the fastest of these functions."""
    if not len(arrivals_s):
        return arrivals_s
    begun = clock.work(arrivals_s)
    if slots == 1:
        done = ends_of(begun, works)
    elif works.min() == works.max():
        done = ends(begun, slots, float(works[0]))
    else:
        done = ends_of_slots(begun, works, slots)
    return clock.when(done)


def least_connections(arrivals_s: Array, works: Array, slots: int, clocks: Sequence[Clock]) -> tuple[Array, Numbers]:
    """The times at which requests leave, and their servers: each goes to the one with the fewest requests.

    Of servers with equally many, the first one after the server of the request before it is chosen, as nginx does.
    """
    count, turn = len(clocks), -1
    free = [[0.0] * slots for _ in clocks]
    present, leaving = [0] * count, list[tuple[float, int]]()
    following = [[(first + more) % count for more in range(1, count)] for first in range(count)]
    speeds = [one.speed if one.steady else None for one in clocks]
    begun = [one.work(arrivals_s).tolist() for one in clocks]
    ended, chosen = [], []
    for number, (arrival, work) in enumerate(zip(arrivals_s.tolist(), works.tolist(), strict=True)):
        while leaving and leaving[0][0] <= arrival:
            present[heappop(leaving)[1]] -= 1
        turn = turn + 1 if turn + 1 < count else 0
        fewest = present[turn]
        if fewest:
            for other in following[turn]:
                if present[other] < fewest:
                    fewest, turn = present[other], other
        line, at = free[turn], begun[turn][number]
        done = (line[0] if line[0] > at else at) + work
        heapreplace(line, done)
        speed = speeds[turn]
        end = done / speed if speed is not None else float(clocks[turn].when(np.array([done]))[0])
        present[turn] += 1
        heappush(leaving, (end, turn))
        ended.append(end)
        chosen.append(turn)
    return np.array(ended), np.array(chosen, dtype=np.int64)
