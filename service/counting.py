"""Request counters that a study reads: one count per trial and status, in addition to the usual metrics."""

from __future__ import annotations

import os
import re
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.pace import Tally

TRIAL_HEADER = b"x-study-trial"
UNCOUNTED = frozenset({"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})
MOST_TRIALS = 5000  # every label value uses memory, so the header must not create an unlimited number

_TRIAL_ID = re.compile(rb"[A-Za-z0-9._-]{1,80}")

# Created on import, when prometheus_client decides whether several processes share them.
REQUESTS = Counter(
    "ml_requests",
    "Completed requests by trial of a study (empty outside a trial) and status",
    ["trial", "status"],
)
SECONDS = Histogram(
    "ml_request_seconds",
    "Time from the arrival of a request to the end of its response",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
# Only a paced service increments these.
SLOTS = Counter("ml_slot_seconds", "Slot seconds by state: offered, busy, and lost for lack of CPU", ["state"])
CAPACITY = Gauge(
    "ml_capacity_per_second", "Requests per second of a paced service; 0 without pacing", multiprocess_mode="livesum"
)
LATE = Counter("ml_late_seconds", "Total seconds by which responses were later than the end of their slot")
PACED = Counter("ml_paced_answers", "Responses sent at the end of a slot")


class CountRequests:
    """ASGI middleware that counts every completed request.

    It is plain ASGI, because Starlette's BaseHTTPMiddleware takes longer than a prediction.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._trials: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        status = 500  # the status after an exception without a response

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            REQUESTS.labels(self._trial_of(scope), str(status)).inc()
            SECONDS.observe(perf_counter() - started)

    def _trial_of(self, scope: Scope) -> str:
        value: bytes = next((v for k, v in scope["headers"] if k == TRIAL_HEADER), b"")
        if not _TRIAL_ID.fullmatch(value):
            return ""
        trial = value.decode("ascii")
        if trial not in self._trials:
            if len(self._trials) >= MOST_TRIALS:
                return ""
            self._trials.add(trial)
        return trial


def count_slots(tally: Tally) -> None:
    """Add the sums of a paced service's slots to the counters."""
    for state, seconds in (("offered", tally.offered), ("busy", tally.busy), ("lost", tally.lost)):
        SLOTS.labels(state).inc(seconds)
    LATE.inc(tally.late)
    PACED.inc(tally.answers)


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format, summed over all worker processes."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # library is untyped here
    return generate_latest(registry)
