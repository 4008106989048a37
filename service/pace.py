"""Slots of a set time: what makes a server answer a known number of requests per second on any machine.

A server of `count` slots of `service_s` seconds answers count / service_s requests per second, whatever the
processor. A request reserves on arrival the slot that is free first and ends at max(slot free, arrival) +
service_s, in a time of the server's own. Slots start staggered, so answers do not come in bursts. (A
semaphore around a sleep loses about 1 %, and more on a busy host.)

That time follows the clock, so what a late wake-up delays is caught up at once and no capacity is lost. But a
server that had no CPU for seconds must not answer their whole backlog in one: what is later than `CATCH_UP_S`
moves all reservations back by the rest, which counts as lost. A slot that was free earns nothing by it.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

CATCH_UP_S = 0.25
Who = TypeVar("Who")


@dataclass(frozen=True)
class Pace:
    """What a server is held to."""

    count: int
    service_s: float

    @classmethod
    def of(cls, rate_per_s: float, service_s: float) -> Pace:
        """Whole slots that give exactly this rate, each as near to `service_s` as that allows."""
        count = max(1, round(rate_per_s * service_s))
        return cls(count, count / rate_per_s)

    @property
    def rate_per_s(self) -> float:
        return self.count / self.service_s


@dataclass
class Tally:
    """Sums in seconds, of slots (`offered`, `busy`, `lost`) and of answers (`late`), and the number of answers."""

    offered: float = 0.0
    busy: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    answers: int = 0


class Slots(Generic[Who]):
    """When each slot is free again, and who waits for the end of which; every time is in the caller's seconds."""

    def __init__(self, pace: Pace, now: float) -> None:
        self._pace = pace
        self._lost_s = 0.0  # by how much the slots' own time is behind the caller's
        self._free_at = [now + i * pace.service_s / pace.count for i in range(pace.count)]
        self._waiting: deque[tuple[float, Who]] = deque()  # ends never fall: first come, first served
        self._seen = now
        self.tally = Tally()

    def reserve(self, now: float, who: Who) -> None:
        """Take the first free slot for `who`."""
        time = self.settle(now)
        end = max(self._free_at[0], time) + self._pace.service_s
        heapq.heapreplace(self._free_at, end)
        self._waiting.append((end, who))

    @property
    def next_end(self) -> float | None:
        """When the first one that waits is due."""
        return self._waiting[0][0] + self._lost_s if self._waiting else None

    def due(self, now: float) -> list[Who]:
        """Everybody whose slot has ended by `now`, in order."""
        time = self.settle(now)
        found = []
        while self._waiting and self._waiting[0][0] <= time:
            end, who = self._waiting.popleft()
            found.append(who)
            self.tally.late += now - self._lost_s - end
        self.tally.busy += len(found) * self._pace.service_s
        self.tally.answers += len(found)
        return found

    def settle(self, now: float) -> float:
        """The slots' own time now; what is later than may be caught up is lost."""
        self.tally.offered += (now - self._seen) * self._pace.count
        self._seen = now
        late_s = now - self._lost_s - self._waiting[0][0] if self._waiting else 0.0
        if late_s > CATCH_UP_S:
            self._lost_s += late_s - CATCH_UP_S
            self.tally.lost += (late_s - CATCH_UP_S) * self._pace.count
        return now - self._lost_s


class Pacer:
    """Slots on a running event loop; `tell` is given what they sum up to, a little at a time."""

    def __init__(self, pace: Pace, tell: Callable[[Tally], None]) -> None:
        self._pace = pace
        self._tell = tell
        self._slots: Slots[asyncio.Future[None]] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def reserve(self) -> asyncio.Future[None]:
        """Take a slot now; what is returned is done when that ends."""
        loop = asyncio.get_running_loop()
        if self._slots is None:
            self._slots = Slots(self._pace, loop.time())
        ended: asyncio.Future[None] = loop.create_future()
        self._slots.reserve(loop.time(), ended)
        if self._timer is None:
            self._wait(loop, self._slots)
        return ended

    def report(self) -> None:
        """Tell what is summed up by now."""
        if self._slots is not None:
            self._slots.settle(asyncio.get_running_loop().time())
            self._tell(self._slots.tally)
            self._slots.tally = Tally()

    def _wait(self, loop: asyncio.AbstractEventLoop, slots: Slots[asyncio.Future[None]]) -> None:
        end = slots.next_end
        self._timer = None if end is None else loop.call_at(end, self._wake, loop, slots)

    def _wake(self, loop: asyncio.AbstractEventLoop, slots: Slots[asyncio.Future[None]]) -> None:
        for ended in slots.due(loop.time()):
            if not ended.done():  # its request may have been given up
                ended.set_result(None)
        self._wait(loop, slots)
        self.report()
