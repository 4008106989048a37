"""An open load on a Locust worker: requests are sent when they are due, whatever happened to earlier ones.

Senders replace the users of a closed loop, with the same HTTP client and one connection each, but without think times.
Their number grows to the largest number of requests in flight, at most `in_flight` over all workers.
"""

from __future__ import annotations

from typing import Any

import gevent
from arrivals import Arrival, ArrivalQueue, due_times, share_of_worker
from digests import line
from gevent.queue import SimpleQueue
from load_spec import Dataset, LoadSpec
from locust.runners import WorkerRunner
from sending import send
from sessions import Sessions, SharedSession
from users import Load, StudyUser

FIRST_SENDERS = 16  # started before the first request


class OpenLoad(Load):
    """Sends this worker's share of the arrivals."""

    def __init__(
        self, spec: LoadSpec, t0: float, worker: int, workers: int, runner: WorkerRunner, data: Dataset | None = None
    ) -> None:
        super().__init__(spec, t0, worker, workers, data)
        self._environment = runner.environment
        self._sessions = Sessions(spec.traffic.sessions, spec.seed, spec.think_time_s)
        times = due_times(spec.rate_per_s or 0.0, spec.ramp_up_s, self.end_s, spec.arrivals, spec.seed)
        self._most = max(1, -(-spec.in_flight // workers))
        share = share_of_worker(times, worker, workers, spec.traffic.sessions, self._name_of)
        self.queue = ArrivalQueue(share, self._most, self.recorder)
        self._tokens = SimpleQueue()  # one token for each waiting request; idle senders wait for one
        self._senders: list[gevent.Greenlet] = []
        self._idle = 0
        self._scheduler = gevent.spawn(self._schedule)

    def _name_of(self, arrival: int) -> str:
        return self.traffic.requests[self.traffic.choices.of_arrival(arrival).request].name

    def settle(self) -> None:
        """Pass due requests to senders, and start more senders if needed."""
        for _ in range(self.queue.add_due(self.now())):
            self._tokens.put(None)
        while len(self.queue.waiting) > self._idle and len(self._senders) < self._most:
            self._add_sender()

    def close(self) -> None:
        self._scheduler.kill()
        self.settle()
        self.queue.close(self.now())

    def leave(self) -> None:
        gevent.killall(self._senders, block=True, timeout=1)

    def _schedule(self) -> None:
        for _ in range(min(FIRST_SENDERS, self._most)):
            self._add_sender()
        while self.queue.next_s is not None:
            wait_s = self.queue.next_s - self.now()
            if wait_s > 0:
                gevent.sleep(wait_s)
            self.settle()

    def _add_sender(self) -> None:
        self._idle += 1
        self._senders.append(gevent.spawn(self._send))

    def _send(self) -> None:
        """Send due requests one after the other on one connection."""
        user = StudyUser(self._environment)
        client = user.client
        try:
            while True:
                self._tokens.get()
                self._idle -= 1
                if self.queue.waiting:  # none is left when the load has ended
                    arrival = self.queue.send(self.now())
                    error = self._exchange(client, arrival)
                    self.queue.answered(self.now(), arrival, error)
                self._idle += 1
        finally:
            client.client.close()

    def _exchange(self, client: Any, arrival: Arrival) -> str:
        """Send the request of an arrival; return its kind of failure. It never raises."""
        choice = self.traffic.choices.of_arrival(arrival.number)
        request = self.traffic.requests[choice.request]
        self.digests.arrival(arrival.number, line(request.name, choice.row, arrival.due_s))
        session = self._sessions.of(arrival.number)
        if isinstance(session, SharedSession):
            session.use(client)
            if error := session.ready(self, client):
                return error
        prepared = session.prepare(self.traffic, request, choice.row)
        if isinstance(prepared, str):
            return prepared
        return session.keep(request, send(client, prepared, request))
