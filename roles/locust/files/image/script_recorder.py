"""Counts of the users of your Locust script. No Locust here.

A request is in flight until its response is complete. Its result may be decided later, as a script may check
the response first. Sleeps of the script are think times: all of a request's sleeps until the next one are one think.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import script_secrets
from recorder import Recorder

MOST_NAMES = 200  # of requests, in one process; a script that puts an identifier into each URL would have thousands
MOST_KINDS = 20  # of failures that a script names
LONGEST_NAME = 100
OTHER_NAMES = "(other names)"


class Call:
    """One request of a user. `trial` is the value of its header; a call that is not `counted` is in no row."""

    __slots__ = (
        "counted",
        "decided",
        "ended_s",
        "error",
        "handle",
        "in_flight",
        "latency_s",
        "name",
        "response",
        "since_s",
        "trial",
        "unsent",
    )

    def __init__(self, since_s: float, name: str, trial: str, counted: bool) -> None:
        self.since_s = since_s
        self.name = name
        self.trial = trial
        self.counted = counted
        self.in_flight = self.counted
        self.decided = False
        self.ended_s = since_s
        self.latency_s = 0.0
        self.error = ""
        self.unsent = False  # the client has rejected it
        self.handle: Any = None  # the response as the script got it, if it judges the response itself
        self.response: Any = None  # the last one of the client's library, with status and headers


class ScriptRecorder(Recorder):
    """Counts one trial's events in one process. Times are seconds since t0."""

    def __init__(self, window_from_s: float, window_to_s: float, timeout_s: float, slow_after_s: float | None) -> None:
        super().__init__(window_from_s, window_to_s, timeout_s, slow_after_s=slow_after_s)
        self.statuses: Counter[str] = Counter()  # status → responses, each of a followed redirect as well
        self.script: dict[str, Any] = {}  # state of the script for the master
        self._calls: set[Call] = set()
        self._known: set[str] = set()
        self._kinds: set[str] = set()

    def begin(self, call: Call) -> None:
        """Count a request that is sent now."""
        now = call.since_s
        self.in_flight.settle(now, self.rows, "in_flight_s")
        self.in_flight.value += 1
        self.rows[int(now)].requests += 1
        self._calls.add(call)

    def end(self, call: Call, now: float) -> None:
        """Count the end of its response."""
        if not call.in_flight:
            return
        call.in_flight = False
        call.ended_s, call.latency_s = now, now - call.since_s
        self.in_flight.settle(now, self.rows, "in_flight_s")
        self.in_flight.value -= 1
        self.rows[int(now)].thinks += 1  # its think time: the sleep before the next request

    def decide(self, call: Call, error: str) -> None:
        """Count the result of a request whose response has ended; `error` is the kind of failure, or empty."""
        if call.decided:
            return
        call.decided, call.error = True, error
        self._calls.discard(call)
        name = self._name(call.name)
        if self._window[0] <= call.since_s < self._window[1]:
            self._names[name].requests += 1
        self._count(call.ended_s, call.since_s, call.latency_s, self._kind(error), name)

    def _name(self, name: str) -> str:
        if name in self._known:
            return name
        name = script_secrets.without(name)[:LONGEST_NAME]
        if name in self._known:
            return name
        if len(self._known) >= MOST_NAMES:
            return OTHER_NAMES
        self._known.add(name)
        return name

    def _kind(self, error: str) -> str:
        """A kind of failure; one that a script names loses its text if there are too many."""
        if not error.startswith("script ") or error in self._kinds:
            return error
        if len(self._kinds) >= MOST_KINDS:
            return "script"
        self._kinds.add(error)
        return error

    def slept(self, now: float, duration_s: float) -> None:
        """Count a sleep that starts now as thinking."""
        self.rows[int(now)].think_s += duration_s
        self.thinking(now, duration_s)

    def woke(self, now: float, until: float) -> None:
        """Take back the rest of a sleep that ended before its time."""
        until = min(until, max(now, self._window[1]))
        self.rows[int(now)].think_s -= max(0.0, until - now)
        while now < until:
            end = min(until, int(now) + 1.0)
            self.rows[int(now)].thinking_s -= end - now
            now = end

    def abort_rest(self, now: float) -> None:
        """Count requests that are still in flight as failures."""
        for call in [call for call in self._calls if call.in_flight]:
            self.end(call, now)
            self.decide(call, "aborted")

    def take(self, now: float, last: bool) -> dict[str, object]:
        return {**super().take(now, last), "statuses": dict(self.statuses), "script": self.script}
