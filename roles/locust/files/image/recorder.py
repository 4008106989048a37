"""What one worker process records: one row a second and how many requests took how long.

No Locust in here. Times are Unix seconds; second k of a trial is [t0 + k, t0 + k + 1).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import Any

SMALLEST_BITS = 11  # 2048 values, as many as three digits need
DELAY_BITS = 6  # delays are told apart by 3 %


def told_apart(latency_us: int, bits: int = SMALLEST_BITS) -> int:
    """The smallest latency that is not told apart from this one, to three digits: as an HDR histogram counts them."""
    coarse = max(0, latency_us.bit_length() - bits)
    return latency_us >> coarse << coarse


SHORTEST, LONGEST = 0.5, 1.5  # think times are drawn uniformly between these, of their mean


def residual_s(think_time_s: float, which: float, where: float) -> float:
    """What is left of the think time that somebody is in who is met at any moment; two draws from 0 to 1 choose it.

    A long one is met more often, in proportion to its length, and at any place in it alike: Feller, "An Introduction
    to Probability Theory and Its Applications" II (1971), chapter XI.4.
    """
    met = (SHORTEST**2 + which * (LONGEST**2 - SHORTEST**2)) ** 0.5
    return think_time_s * met * where


@dataclass
class Row:
    """Sums of one second; a master adds those of its workers."""

    completed: int = 0  # successes that ended in this second
    failed: int = 0
    slow: int = 0  # of the successes, that took longer than an objective allows
    latency_s: float = 0.0  # summed over the successes
    in_flight_s: float = 0.0  # request-seconds: the mean number in flight
    users_s: float = 0.0  # user-seconds: the mean number of users
    think_s: float = 0.0  # think times drawn in this second, summed
    thinks: int = 0
    thinking_s: float = 0.0  # user-seconds until the wake-ups that were drawn: the mean number of users that think
    cpu_s: float = 0.0  # processor time of this process
    lag_s: float = 0.0  # largest delay of the event loop


@dataclass
class OpenRow(Row):
    """The same of an open load, whose requests are due at set moments."""

    offered: int = 0  # that were due in this second
    sent: int = 0  # in this second, whenever they were due
    late: int = 0  # of those due in it, that had to wait as too many were in flight
    delay_s: float = 0.0  # of those sent in it, by how much the latest was late


class Level:
    """A number that goes up and down, integrated over each second exactly."""

    def __init__(self) -> None:
        self.value = 0
        self._since = 0.0

    def settle(self, now: float, rows: dict[int, Any], column: str) -> None:
        """Add value × time since the last call to the rows it fell into; `now` counts from t0."""
        start, self._since = self._since, now
        while self.value and start < now:
            second = int(start)
            end = min(now, second + 1.0)
            row = rows[second]
            setattr(row, column, getattr(row, column) + self.value * (end - start))
            start = end


class Recorder:
    """Collects one trial's events of one process. Every time is given in seconds since t0."""

    def __init__(
        self,
        window_from_s: float,
        window_to_s: float,
        timeout_s: float = 0.0,
        open_load: bool = False,
        slow_after_s: float | None = None,
    ) -> None:
        self._window = (window_from_s, window_to_s)
        self._timeout_s = timeout_s
        self._slow_after_s = float("inf") if slow_after_s is None else slow_after_s
        self.rows: dict[int, Any] = defaultdict(OpenRow if open_load else Row)
        self.errors: Counter[str] = Counter()
        self.in_flight = Level()
        self.users = Level()
        self._latencies: Counter[int] = Counter()
        self._failures: Counter[int] = Counter()
        self._delays: Counter[int] = Counter()

    def user_started(self, now: float) -> None:
        self.users.settle(now, self.rows, "users_s")
        self.users.value += 1

    def user_ended(self, now: float) -> None:
        self.users.settle(now, self.rows, "users_s")
        self.users.value -= 1

    def sent(self, now: float) -> None:
        self.in_flight.settle(now, self.rows, "in_flight_s")
        self.in_flight.value += 1

    def answered(self, now: float, latency_s: float, error: str) -> None:
        """Count an answer; `error` is empty for a success, else what went wrong.

        Whoever was given a failure is not served, however quickly: it counts as having waited as long as anybody may.
        """
        self.in_flight.settle(now, self.rows, "in_flight_s")
        self.in_flight.value -= 1
        self._count(now, latency_s, error)

    def unsent(self, now: float, waited_s: float, error: str) -> None:
        """Count a request that was due and never sent: a failure as any other."""
        self._count(now, waited_s, error)

    def _count(self, now: float, latency_s: float, error: str) -> None:
        row = self.rows[int(now)]
        counted = self._failures if error else self._latencies
        if error:
            row.failed += 1
            self.errors[error] += 1
            latency_s = max(latency_s, self._timeout_s)
        else:
            row.completed += 1
            row.latency_s += latency_s
            row.slow += latency_s > self._slow_after_s
        if self._window[0] <= now < self._window[1]:
            counted[told_apart(max(1, round(latency_s * 1e6)))] += 1

    def offered(self, due: float, late: bool) -> None:
        """A request is due; `late` tells that it has to wait as too many are in flight."""
        row = self.rows[int(due)]
        row.offered += 1
        row.late += late

    def sent_late(self, now: float, due: float) -> None:
        """A request that was due at a moment is sent now."""
        row, delay_s = self.rows[int(now)], max(0.0, now - due)
        row.sent += 1
        row.delay_s = max(row.delay_s, delay_s)
        if self._window[0] <= due < self._window[1]:
            self._delays[told_apart(max(1, round(delay_s * 1e6)), DELAY_BITS)] += 1

    def thinks(self, now: float, duration_s: float) -> None:
        """A user thinks from now on, for the time that was drawn."""
        row = self.rows[int(now)]
        row.think_s += duration_s
        row.thinks += 1
        self.rests(now, duration_s)

    def rests(self, now: float, duration_s: float) -> None:
        """A user is thinking until the time that was drawn, however late it then wakes."""
        start, until = now, min(now + duration_s, max(now, self._window[1]))
        while start < until:
            end = min(until, int(start) + 1.0)
            self.rows[int(start)].thinking_s += end - start
            start = end

    def process(self, now: float, cpu_s: float, lag_s: float) -> None:
        row = self.rows[int(now)]
        row.cpu_s += cpu_s
        row.lag_s = max(row.lag_s, lag_s)

    def abort_rest(self, now: float) -> None:
        """What is still in flight ends here, as failures."""
        while self.in_flight.value:
            self.answered(now, 0.0, "aborted")

    def take(self, now: float, last: bool) -> dict[str, object]:
        """Hand over the seconds that are complete (all of them when `last`), and how long what took so far.

        Latencies, failures' waits and delays are microseconds → count, since the last call; a sum of them is exact.
        """
        self.in_flight.settle(now, self.rows, "in_flight_s")
        self.users.settle(now, self.rows, "users_s")
        # Users that think reach into seconds to come, which are none when the load ends before.
        complete = sorted(k for k in self.rows if k < int(now) + last)
        rows = {str(k): asdict(self.rows.pop(k)) for k in complete}
        waits = []
        for counts in (self._latencies, self._failures, self._delays):
            waits.append({str(us): count for us, count in counts.items()})
            counts.clear()
        return {
            "rows": rows,
            "upto": max(int(now) + last, 0),
            "errors": dict(self.errors),
            "latencies": waits[0],
            "failures": waits[1],
            "delays": waits[2],
            "done": last,
        }
