"""What hosts say once a load is over, all of them asked at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.inventory import Host
from harness.services import ContainerState
from harness.traffic import Bench
from harness.watch import Watcher


@dataclass(frozen=True)
class Readings:
    """The hosts' states, the balancer's summary of its log, and what servers and kernels counted and logged."""

    after: dict[str, ContainerState]
    summary: dict[str, Any]
    served: dict[str, dict[str, int] | None]
    network: dict[str, dict[str, int]]
    logged: dict[str, dict[str, int]]


def read(
    bench: Bench,
    servers: list[Host],
    trial: str,
    watched: Watcher,
    began_at: float,
    successes: int,
    bounds: tuple[float, float, float],
) -> Readings:
    """Ask everybody about a load that is over.

    It began at `began_at` by the clock here; `bounds` are its begin and its window by the balancer's. Raises
    TrialFailed when a host does not tell.
    """
    probes = bench.probes
    with ThreadPoolExecutor(max_workers=8) as pool:
        summary = pool.submit(probes.balancer_summary, trial, *bounds)
        network = pool.submit(watched.network_counters)
        counted = pool.submit(served, bench, servers, trial, successes)
        after = pool.submit(probes.states)
        logged = {server.name: pool.submit(probes.logged, server, began_at) for server in servers}
        return Readings(
            after=after.result(),
            summary=summary.result(),
            served=counted.result(),
            network=network.result(),
            logged={name: events.result() for name, events in logged.items()},
        )


def served(bench: Bench, servers: list[Host], trial: str, successes: int) -> dict[str, dict[str, int] | None]:
    """The servers' own counts, read once they are idle."""
    limit = time.monotonic() + 3.0
    while True:
        counted = {server.name: bench.probes.served(server, trial) for server in servers}
        known = [by for by in counted.values() if by is not None]
        if not known or sum(sum(by.values()) for by in known) >= successes or time.monotonic() > limit:
            return counted
        bench.wait(0.05)
