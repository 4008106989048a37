"""Counts of one worker process: one row a second, and histograms of latencies. No Locust here.

Second k of a trial is [t0 + k, t0 + k + 1). Throughput is counted when requests end. What became of requests is counted
in the second in which they were due (open loop) or sent (closed loop), even if they never end: a request that waits
for its whole timeout would otherwise be in no window (Tene, "How NOT to Measure Latency", 2013).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from tally import Logins, Tally, summed

LATENCY_BITS = 11  # 2048 values, enough for three digits
DELAY_BITS = 6  # a resolution of 3 %
NAME = "request"  # of the only request of a load


def bucket_us(latency_us: int, bits: int = LATENCY_BITS) -> int:
    """The lower bound of a latency's bucket, to three digits, as in an HDR histogram."""
    coarse = max(0, latency_us.bit_length() - bits)
    return latency_us >> coarse << coarse


SHORTEST, LONGEST = 0.5, 1.5  # of a think time, as shares of the mean; uniformly distributed between them


def residual_s(think_time_s: float, which: float, where: float) -> float:
    """The residual of a think time that is in progress at a random time; `which` and `where` are draws from 0 to 1.

    The probability of a think time to be in progress is proportional to its length, and the random time is uniformly
    distributed in it: Feller, "An Introduction to Probability Theory and Its Applications" II (1971), chapter XI.4.
    """
    current = (SHORTEST**2 + which * (LONGEST**2 - SHORTEST**2)) ** 0.5
    return think_time_s * current * where


@dataclass(kw_only=True)
class Row:
    """Sums over one second; the master adds those of its workers."""

    completed: int = 0  # successes that ended in this second
    failed: int = 0  # failures that ended in this second
    requests: int = 0  # requests due or sent in this second
    requests_failed: int = 0  # of these, those that failed
    slow: int = 0  # of these, successes that took longer than the objective
    latency_s: float = 0.0  # summed over the successes
    in_flight_s: float = 0.0  # request-seconds: the mean number in flight
    users_s: float = 0.0  # user-seconds: the mean number of users
    think_s: float = 0.0  # think times drawn in this second, summed
    thinks: int = 0
    thinking_s: float = 0.0  # user-seconds until the drawn ends of think times: the mean number of users in one
    cpu_s: float = 0.0  # CPU time of this process
    lag_s: float = 0.0  # largest delay of the event loop


@dataclass
class OpenRow(Row):
    """The same for an open load, whose requests are due at set times."""

    offered: int = 0  # requests due in this second
    sent: int = 0  # requests sent in this second, whenever they were due
    late: int = 0  # requests due in it that had to wait because too many were in flight
    delay_s: float = 0.0  # largest delay of a request sent in it


class Level:
    """A count that changes over time, integrated exactly over each second."""

    def __init__(self) -> None:
        self.value = 0
        self._since = 0.0

    def settle(self, now: float, rows: dict[int, Any], column: str) -> None:
        """Add value × time since the last call to the rows of the seconds in between."""
        start, self._since = self._since, now
        second = int(now)
        if start >= second:  # most calls: no second has ended since the last one
            if self.value and start < now:
                row = rows[second]
                setattr(row, column, getattr(row, column) + self.value * (now - start))
            return
        while self.value and start < now:
            second = int(start)
            end = min(now, second + 1.0)
            row = rows[second]
            setattr(row, column, getattr(row, column) + self.value * (end - start))
            start = end


class Recorder:
    """Counts one trial's events in one process. Times are seconds since t0.

    A request counts in the rows, which are of all names together, and in the tally of its name. A login counts in
    neither. Successes above `slow_after_s` are slow, in a tally those above the value of `slow_by_name` if it has one.
    """

    def __init__(
        self,
        window_from_s: float,
        window_to_s: float,
        timeout_s: float = 0.0,
        open_load: bool = False,
        slow_after_s: float | None = None,
        slow_by_name: dict[str, float | None] | None = None,
    ) -> None:
        self._window = (window_from_s, window_to_s)
        self._timeout_s = timeout_s
        self._slow_after_s = float("inf") if slow_after_s is None else slow_after_s
        self._slow_by_name = {name: seconds for name, seconds in (slow_by_name or {}).items() if seconds is not None}
        self.rows: dict[int, Any] = defaultdict(OpenRow if open_load else Row)
        self.errors: Counter[str] = Counter()
        self.in_flight = Level()
        self.users = Level()
        self.logins = Logins()
        self._outstanding: Counter[tuple[float, str]] = Counter()  # requests in flight: when due or sent, and name
        self._names: dict[str, Tally] = defaultdict(Tally)
        self._transactions = Tally()
        self._delays: Counter[int] = Counter()

    def user_started(self, now: float) -> None:
        self.users.settle(now, self.rows, "users_s")
        self.users.value += 1

    def user_ended(self, now: float) -> None:
        self.users.settle(now, self.rows, "users_s")
        self.users.value -= 1

    def sent(self, now: float, due: float | None = None, name: str = NAME) -> None:
        """Count a request that is sent now; `due` is when it was due in an open loop, where `offered` counted it."""
        self.in_flight.settle(now, self.rows, "in_flight_s")
        self.in_flight.value += 1
        self._outstanding[now if due is None else due, name] += 1
        if due is None:
            self.rows[int(now)].requests += 1
            if self._window[0] <= now < self._window[1]:
                self._names[name].requests += 1

    def answered(self, now: float, since: float, error: str, latency_s: float | None = None, name: str = NAME) -> None:
        """Count the end of a request that was due or sent at `since`; `error` is the kind of failure, or empty.

        `latency_s` is its latency if a better clock measured it. A failure counts at the timeout if it took less: a
        server that fails quickly must not look fast.
        """
        self.in_flight.settle(now, self.rows, "in_flight_s")
        self.in_flight.value -= 1
        key = since, name
        if self._outstanding[key] > 1:
            self._outstanding[key] -= 1
        else:
            del self._outstanding[key]
        self._count(now, since, now - since if latency_s is None else latency_s, error, name)

    def unsent(self, now: float, due: float, error: str, name: str = NAME) -> None:
        """Count a request that was due and never sent, as a failure."""
        self._count(now, due, now - due, error, name)

    def transaction(self, now: float, since: float, error: str, latency_s: float) -> None:
        """Count the end of a transaction whose first request was sent at `since`; `error` is that of its failed step.

        `latency_s` is the sum of its requests' latencies, without its pauses. A transaction that the load's end
        interrupts is never counted.
        """
        if self._window[0] <= since < self._window[1]:
            self._transactions.requests += 1
        latency_s = max(latency_s, self._timeout_s) if error else latency_s
        self._tally(self._transactions, now, since, latency_s, error, self._slow_after_s)

    def _count(self, now: float, since: float, latency_s: float, error: str, name: str) -> None:
        ended, began = self.rows[int(now)], self.rows[int(since)]
        if error:
            ended.failed += 1
            began.requests_failed += 1
            self.errors[error] += 1
            latency_s = max(latency_s, self._timeout_s)
        else:
            ended.completed += 1
            ended.latency_s += latency_s
            began.slow += int(latency_s > self._slow_after_s)
        slow_after_s = self._slow_by_name.get(name, self._slow_after_s)
        self._tally(self._names[name], now, since, latency_s, error, slow_after_s)

    def _tally(self, tally: Tally, now: float, since: float, latency_s: float, error: str, slow_after_s: float) -> None:
        begin, end = self._window
        if not error and begin <= now < end:
            tally.completed += 1
        if not begin <= since < end:
            return
        bucket = bucket_us(max(1, round(latency_s * 1e6)))
        if error:
            tally.failed += 1
            tally.errors[error] += 1
            tally.failures[bucket] += 1
        else:
            tally.slow += int(latency_s > slow_after_s)
            tally.latencies[bucket] += 1

    def offered(self, due: float, late: bool, name: str = NAME) -> None:
        """Count a request that is due; `late` if it has to wait because too many are in flight."""
        row = self.rows[int(due)]
        row.requests += 1
        row.offered += 1
        row.late += late
        if self._window[0] <= due < self._window[1]:
            self._names[name].requests += 1

    def sent_late(self, now: float, due: float) -> None:
        """Count a request that was due at `due` and is sent now."""
        row, delay_s = self.rows[int(now)], max(0.0, now - due)
        row.sent += 1
        row.delay_s = max(row.delay_s, delay_s)
        if self._window[0] <= due < self._window[1]:
            self._delays[bucket_us(max(1, round(delay_s * 1e6)), DELAY_BITS)] += 1

    def thinks(self, now: float, duration_s: float) -> None:
        """Count a think time that starts now, with its drawn duration."""
        row = self.rows[int(now)]
        row.think_s += duration_s
        row.thinks += 1
        self.thinking(now, duration_s)

    def thinking(self, now: float, duration_s: float) -> None:
        """Count a user as thinking until the drawn end, however late it wakes up."""
        start, until = now, min(now + duration_s, max(now, self._window[1]))
        while start < until:
            end = min(until, int(start) + 1.0)
            self.rows[int(start)].thinking_s += end - start
            start = end

    def process(self, now: float, cpu_s: float, lag_s: float) -> None:
        """Count CPU time of the second of `now`, and a delay of the event loop that ends now.

        A delay belongs to the second that has most of it. One of more than a second belongs to all seconds that it
        covers, to each with its rest: a freeze at the end of the window would otherwise be counted after it.
        """
        row = self.rows[int(now)]
        row.cpu_s += cpu_s
        begin = max(0.0, now - lag_s)
        if int(begin) == int(now):
            row.lag_s = max(row.lag_s, lag_s)
            return
        seconds = range(int(begin), int(now) + 1)
        rests = {k: now - max(begin, float(k)) for k in seconds}
        if lag_s <= 1.0:
            rests = {max(seconds, key=lambda k: min(now, k + 1.0) - max(begin, float(k))): lag_s}
        for second, rest_s in rests.items():
            row = self.rows[second]
            row.lag_s = max(row.lag_s, rest_s)

    def abort_rest(self, now: float) -> None:
        """Count requests that are still in flight as failures."""
        for since, name in list(self._outstanding.elements()):
            self.answered(now, since, "aborted", name=name)

    def take(self, now: float, last: bool) -> dict[str, object]:
        """Complete seconds since the last call (all of them when `last`), with histograms.

        A second that was taken before is taken again if requests of it have ended since: rows are increases. Histograms
        of delays, and counts and histograms by name, are increases as well, so that their sum over all calls is exact.
        """
        self.in_flight.settle(now, self.rows, "in_flight_s")
        self.users.settle(now, self.rows, "users_s")
        # Think times extend into future seconds, which do not exist if the load ends before.
        complete = sorted(k for k in self.rows if k < int(now) + last)
        rows = {str(k): asdict(self.rows.pop(k)) for k in complete}
        names = {name: counts for name, tally in self._names.items() if (counts := tally.wire())}
        self._names.clear()
        total = summed(list(names.values()))
        transactions, self._transactions = self._transactions.wire(), Tally()
        delays = {str(us): count for us, count in self._delays.items()}
        self._delays.clear()
        return {
            "rows": rows,
            "upto": max(int(now) + last, 0),
            "errors": dict(self.errors),
            "latencies": total["latencies"],
            "failures": total["failures"],
            "delays": delays,
            "requests": names,
            "transactions": transactions,
            "logins": {"completed": self.logins.completed, "errors": dict(self.logins.errors)},
            "done": last,
        }
