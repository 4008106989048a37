"""Rows and files of the study: the master receives them once and passes them to each worker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import gevent
from load_spec import Dataset

WITHIN_S = 60.0  # until every worker has received them
AGAIN_S = 5.0  # until they are sent again: a worker that has just joined may not listen yet


class UnknownData(ValueError):
    """A load uses data that were not uploaded, or that a worker lacks because it joined later."""


class MasterData:
    """The data on the master. `send` passes a message to one worker."""

    def __init__(self, send: Callable[[dict[str, Any], str], None]) -> None:
        self._send = send
        self._data = Dataset()
        self._received: set[str] = set()  # workers that have them

    def upload(self, message: dict[str, Any], workers: list[str]) -> None:
        """Store data and pass them to all workers; raises ValueError for data that cannot be read."""
        self._data = Dataset.read(message)
        self._received.clear()
        files = self._data.files
        sent = {"digest": self._data.digest, "rows": json.dumps(self._data.rows), "files": files}
        deadline = time.monotonic() + WITHIN_S
        while (missing := set(workers) - self._received) and time.monotonic() < deadline:
            for worker in missing:
                self._send(sent, worker)
            self._wait(set(workers), AGAIN_S)
        if missing:
            raise ValueError(f"{len(missing)} of {len(workers)} workers did not receive the data in {WITHIN_S:g} s")

    def _wait(self, workers: set[str], longest_s: float) -> None:
        until = time.monotonic() + longest_s
        while not self._received >= workers and time.monotonic() < until:
            gevent.sleep(0.005)

    def on_received(self, msg: Any, **_: Any) -> None:
        """Note that a worker has the data."""
        if msg.data == self._data.digest:
            self._received.add(msg.node_id)

    def of(self, digest: str, workers: list[str]) -> Dataset:
        """The data of a load; raises UnknownData if the master or a worker lacks them."""
        if not digest:
            return Dataset()
        if digest != self._data.digest or not self._received >= set(workers):
            raise UnknownData(f"data: unknown (got {digest}). Fix: upload them.")
        return self._data


class WorkerData:
    """The data on a worker."""

    def __init__(self) -> None:
        self._data = Dataset()

    def keep(self, message: dict[str, Any]) -> str:
        """Keep the master's data; return their digest."""
        self._data = Dataset(message["digest"], json.loads(message["rows"]), message["files"])
        return self._data.digest

    def of(self, digest: str) -> Dataset:
        """The data of a load. The master has verified that this worker has them."""
        return self._data if digest == self._data.digest else Dataset()
