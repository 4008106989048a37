"""Paced slots, which give a server the same known capacity on any machine.

A server with `count` slots of `service_s` seconds serves count / service_s requests per second, on any processor. On
arrival a request reserves the first free slot. It ends at max(slot free, arrival) + service_s, in the server's own
time. Slots start staggered, so responses do not come in bursts. (A semaphore around a sleep loses about 1 % of the
capacity, and more on a busy host.)

The server's time follows the clock, so the server catches up after a late wake-up and loses no capacity. A server
without CPU for seconds must not send its whole backlog at once, however. A delay above `CATCH_UP_S` therefore moves all
reservations back by the excess, which counts as lost. Idle slots gain nothing from this.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

CATCH_UP_S = 0.25
Waiter = TypeVar("Waiter")


@dataclass(frozen=True)
class Pace:
    """Slots of a paced server: their number, and the service time of each in seconds."""

    count: int
    service_s: float

    @classmethod
    def of(cls, rate_per_s: float, service_s: float) -> Pace:
        """Return the whole number of slots with exactly this rate and a service time closest to `service_s`."""
        count = max(1, round(rate_per_s * service_s))
        return cls(count, count / rate_per_s)

    @property
    def rate_per_s(self) -> float:
        return self.count / self.service_s


@dataclass(kw_only=True)
class Tally:
    """Sums in seconds, of slots (`offered`, `busy`, `lost`) and responses (`late`), and the number of responses."""

    offered: float = 0.0
    busy: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    answers: int = 0


class Slots(Generic[Waiter]):
    """Release times of all slots and the requests that occupy them; all times are in the caller's seconds."""

    def __init__(self, pace: Pace, now: float) -> None:
        self._pace = pace
        self._lost_s = 0.0  # delay of the slots' own time behind the caller's
        self._free_at = [now + i * pace.service_s / pace.count for i in range(pace.count)]
        self._waiting: deque[tuple[float, Waiter]] = deque()  # first come, first served: ends never decrease
        self._seen = now
        self.tally = Tally()

    def reserve(self, now: float, waiter: Waiter) -> None:
        """Reserve the first free slot for `waiter`."""
        time = self.settle(now)
        end = max(self._free_at[0], time) + self._pace.service_s
        heapq.heapreplace(self._free_at, end)
        self._waiting.append((end, waiter))

    @property
    def next_end(self) -> float | None:
        """The end of the first occupied slot; None without one."""
        return self._waiting[0][0] + self._lost_s if self._waiting else None

    def due(self, now: float) -> list[Waiter]:
        """Remove and return the waiters whose slots have ended by `now`, in order."""
        time = self.settle(now)
        found = []
        while self._waiting and self._waiting[0][0] <= time:
            end, waiter = self._waiting.popleft()
            found.append(waiter)
            self.tally.late += now - self._lost_s - end
        self.tally.busy += len(found) * self._pace.service_s
        self.tally.answers += len(found)
        return found

    def settle(self, now: float) -> float:
        """Return the slots' own time; a delay above `CATCH_UP_S` counts as lost."""
        self.tally.offered += (now - self._seen) * self._pace.count
        self._seen = now
        late_s = now - self._lost_s - self._waiting[0][0] if self._waiting else 0.0
        if late_s > CATCH_UP_S:
            self._lost_s += late_s - CATCH_UP_S
            self.tally.lost += (late_s - CATCH_UP_S) * self._pace.count
        return now - self._lost_s


class Pacer:
    """Slots on a running event loop; calls `add` with the sums since its last call."""

    def __init__(self, pace: Pace, add: Callable[[Tally], None]) -> None:
        self._pace = pace
        self._add = add
        self._slots: Slots[asyncio.Future[None]] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def reserve(self) -> asyncio.Future[None]:
        """Reserve a slot; the returned future is done when the slot ends."""
        loop = asyncio.get_running_loop()
        if self._slots is None:
            self._slots = Slots(self._pace, loop.time())
        ended: asyncio.Future[None] = loop.create_future()
        self._slots.reserve(loop.time(), ended)
        if self._timer is None:
            self._wait(loop, self._slots)
        return ended

    def report(self) -> None:
        """Pass on the sums since the last report."""
        if self._slots is not None:
            self._slots.settle(asyncio.get_running_loop().time())
            self._add(self._slots.tally)
            self._slots.tally = Tally()

    def _wait(self, loop: asyncio.AbstractEventLoop, slots: Slots[asyncio.Future[None]]) -> None:
        end = slots.next_end
        self._timer = None if end is None else loop.call_at(end, self._wake, loop, slots)

    def _wake(self, loop: asyncio.AbstractEventLoop, slots: Slots[asyncio.Future[None]]) -> None:
        for ended in slots.due(loop.time()):
            if not ended.done():  # the client may have cancelled the request
                ended.set_result(None)
        self._wait(loop, slots)
        self.report()
