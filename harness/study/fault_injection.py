"""Stopping servers in the middle of a load (rule E24): by their engines, at once, without a word to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime

import docker.errors
import requests

from harness.deploy.connections import Reach
from harness.deploy.inventory.hosts import Host
from harness.records.failover import ServerFailure

GONE_WITHIN_S = 10


class Losing:
    """Stops servers at a Unix time by the clock here, all at once, in threads of its own; `end` calls off what is left.

    A server is killed, as what is lost says no good-bye: nobody closes its connections or finishes its requests.
    """

    def __init__(self, reach: Reach, servers: Sequence[Host], at: float) -> None:
        self._reach = reach
        self._servers = servers
        self._at = at
        self._called_off = threading.Event()
        self._ended: dict[str, float] = {}
        self._problems: dict[str, str] = {}
        self._threads = [threading.Thread(target=self._lose, args=(server,), daemon=True) for server in servers]
        self.begin()

    def begin(self) -> None:
        """Have it happen when it is time."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """The load is over: stop nobody from now on, and wait until who is being stopped is."""
        self._called_off.set()
        for thread in self._threads:
            thread.join(timeout=2 * GONE_WITHIN_S)

    def loss(self, planned_s: float, offsets_s: dict[str, float]) -> ServerFailure:
        """What was done, by when it was planned; `offsets_s` takes each server's clock to second 0."""
        return ServerFailure(
            servers=[server.name for server in self._servers],
            at_s=round(planned_s, 3),
            stopped_s={name: round(at - offsets_s[name], 3) for name, at in sorted(self._ended.items())},
            problems=dict(sorted(self._problems.items())),
        )

    def _lose(self, server: Host) -> None:
        if self.called_off_before(self._at):
            return
        try:
            self._ended[server.name] = stop(self._reach, server)
        except (docker.errors.DockerException, requests.RequestException, ValueError) as error:
            self._problems[server.name] = f"its engine could not stop it: {error}"

    def called_off_before(self, at: float) -> bool:
        """Wait for a moment; whether the load was over before."""
        return self._called_off.wait(max(0.0, at - time.time()))


def stop(reach: Reach, server: Host) -> float:
    """Kill a server's container; returns the Unix time at which it ended, by its own engine's clock.

    Raises what the engine's client raises, ValueError where the engine does not tell when it ended.
    """
    engine, container = reach.docker(server).api, server.need("study_container")
    engine.kill(container)
    engine.wait(container, timeout=GONE_WITHIN_S)
    said = engine.inspect_container(container)["State"]
    if said["Running"]:
        raise ValueError("it runs again")
    return datetime.fromisoformat(said["FinishedAt"]).timestamp()
