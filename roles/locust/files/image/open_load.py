"""An open load on a Locust worker: requests are sent when they are due, whatever happened to earlier ones.

Senders replace the users of a closed loop, with the same HTTP client and one connection each, but without think times.
Their number grows to the largest number of requests in flight, at most `in_flight` over all workers.
"""

from __future__ import annotations

import gevent
from arrivals import ArrivalQueue, due_times, share_of_worker
from gevent.queue import SimpleQueue
from load_spec import LoadSpec
from locust.runners import WorkerRunner
from users import Load, StudyUser, send

FIRST_SENDERS = 16  # started before the first request


class OpenLoad(Load):
    """Sends this worker's share of the arrivals."""

    def __init__(self, spec: LoadSpec, t0: float, worker: int, workers: int, runner: WorkerRunner) -> None:
        super().__init__(spec, t0, worker, workers)
        self._environment = runner.environment
        times = due_times(spec.rate_per_s or 0.0, spec.ramp_up_s, self.end_s, spec.arrivals, spec.seed)
        self._most = max(1, -(-spec.in_flight // workers))
        self.queue = ArrivalQueue(share_of_worker(times, worker, workers), self._most, self.recorder)
        self._tokens = SimpleQueue()  # one token for each waiting request; idle senders wait for one
        self._senders: list[gevent.Greenlet] = []
        self._idle = 0
        self._scheduler = gevent.spawn(self._schedule)

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
                    due = self.queue.send(self.now())
                    error = send(self, client)
                    self.queue.answered(self.now(), due, error)
                self._idle += 1
        finally:
            client.client.close()
