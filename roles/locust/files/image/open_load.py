"""An open load as a Locust worker plays it: requests leave when they are due, whatever becomes of those before.

Senders are what users are in a closed loop, with the same client and one connection each, but for the think time:
there are as many as ever had to be in flight at once, at most `in_flight` over all workers.
"""

from __future__ import annotations

from typing import Any

import gevent
from arrivals import Offer, moments, of_worker
from gevent.queue import SimpleQueue
from locust.runners import WorkerRunner
from recorder import Recorder
from users import Load, StudyUser, ask

AT_ONCE = 16  # senders that are there before the first request


class OpenLoad(Load):
    """Sends at the moments that are this worker's."""

    def __init__(self, spec: dict[str, Any], runner: WorkerRunner) -> None:
        super().__init__(spec)
        self._environment = runner.environment
        workers: list[str] = spec["workers"]
        everybody = moments(spec["rate_per_s"], self.ramp_up_s, self.end_s, spec["arrivals"], spec["seed"])
        mine = of_worker(everybody, workers.index(runner.client_id), len(workers))
        self._most = max(1, -(-spec["in_flight"] // len(workers)))
        self.offer = Offer(mine, self._most, self.recorder)
        self._tokens = SimpleQueue()  # one for each request that waits; a sender that has none waits for one
        self._senders: list[gevent.Greenlet] = []
        self._idle = 0
        self._scheduler = gevent.spawn(self._schedule)

    def recorder_of(self, spec: dict[str, Any]) -> Recorder:
        window, slow_after_s = (spec["window_from_s"], spec["window_to_s"]), spec.get("slow_after_s")
        return Recorder(*window, self.timeout_s, open_load=True, slow_after_s=slow_after_s)

    def settle(self) -> None:
        """Hand what is due to senders, and have as many of them as it takes."""
        for _ in range(self.offer.settle(self.now())):
            self._tokens.put(None)
        while len(self.offer.waiting) > self._idle and len(self._senders) < self._most:
            self._add_sender()

    def close(self) -> None:
        self._scheduler.kill()
        self.settle()
        self.offer.close(self.now())

    def leave(self) -> None:
        gevent.killall(self._senders, block=True, timeout=1)

    def _schedule(self) -> None:
        for _ in range(min(AT_ONCE, self._most)):
            self._add_sender()
        while self.offer.next_s is not None:
            wait_s = self.offer.next_s - self.now()
            if wait_s > 0:
                gevent.sleep(wait_s)
            self.settle()

    def _add_sender(self) -> None:
        self._idle += 1
        self._senders.append(gevent.spawn(self._send))

    def _send(self) -> None:
        """Send whatever is due next, again and again, on one connection."""
        user = StudyUser(self._environment)
        client = user.client
        try:
            while True:
                self._tokens.get()
                self._idle -= 1
                if self.offer.waiting:  # none is left when the load has ended
                    due = self.offer.send(self.now())
                    error = ask(self, client)
                    self.offer.answered(self.now(), due, error)
                self._idle += 1
        finally:
            client.client.close()
