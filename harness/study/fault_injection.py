"""Kill servers in the middle of a load through their container engines (rule E24)."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime

import docker.errors
import requests

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host
from harness.records.failover import ServerFailure

EXITS_WITHIN_S = 10


class FaultInjector:
    """Kills servers at a Unix time of this machine's clock, all at once, each in its own thread.

    The signal is SIGKILL, as in a real failure: the server closes no connection and finishes no request.
    """

    def __init__(self, connections: Connections, servers: Sequence[Host], at: float) -> None:
        self._connections = connections
        self._servers = servers
        self._at = at
        self._cancelled = threading.Event()
        self._ended_at: dict[str, float] = {}
        self._problems: dict[str, str] = {}
        self._threads = [threading.Thread(target=self._kill, args=(server,), daemon=True) for server in servers]
        self.start()

    def start(self) -> None:
        """Start waiting for the time of the failure."""
        for thread in self._threads:
            thread.start()

    def cancel(self) -> None:
        """Kill no further server, and wait until a kill in progress has ended."""
        self._cancelled.set()
        for thread in self._threads:
            thread.join(timeout=2 * EXITS_WITHIN_S)

    def result(self, planned_s: float, start_at: Mapping[str, float]) -> ServerFailure:
        """Record which servers were killed and when, in seconds since second 0 of the load.

        `planned_s` is the planned second. `start_at` has the Unix time of second 0 by each server's clock.
        """
        return ServerFailure(
            servers=[server.name for server in self._servers],
            at_s=round(planned_s, 3),
            stopped_s={name: round(at - start_at[name], 3) for name, at in sorted(self._ended_at.items())},
            problems=dict(sorted(self._problems.items())),
        )

    def _kill(self, server: Host) -> None:
        if self.is_cancelled_before(self._at):
            return
        try:
            self._ended_at[server.name] = kill(self._connections, server)
        except (docker.errors.DockerException, requests.RequestException, ValueError) as error:
            self._problems[server.name] = f"the container engine could not kill it: {error}"

    def is_cancelled_before(self, at: float) -> bool:
        """Wait until a Unix time; return whether the injector was cancelled before."""
        return self._cancelled.wait(max(0.0, at - time.time()))


def kill(connections: Connections, server: Host) -> float:
    """Kill a server's container; return the Unix time at which it ended, by the clock of its container engine.

    Raises the errors of the engine's client, and ValueError when the container runs again.
    """
    engine, container = connections.docker(server).api, server.container
    engine.kill(container)
    engine.wait(container, timeout=EXITS_WITHIN_S)
    state = engine.inspect_container(container)["State"]
    if state["Running"]:
        raise ValueError("the container runs again")
    return datetime.fromisoformat(state["FinishedAt"]).timestamp()
