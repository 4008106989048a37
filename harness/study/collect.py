"""What hosts say once a load is over, all of them asked at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.deploy.inventory.hosts import Host
from harness.observe.systemd import ContainerState
from harness.observe.watch import Watcher
from harness.study import liveness
from harness.study.trial_context import Bench

IDLE_WITHIN_S, LOOK_EVERY_S = 3.0, 0.05


@dataclass(frozen=True)
class Readings:
    """The hosts' states, the balancer's summary of its log, and what servers and kernels counted and logged.

    `health` is the status of the health check of each server that runs.
    """

    after: dict[str, ContainerState]
    summary: dict[str, Any]
    served: dict[str, dict[str, int] | None]
    network: dict[str, dict[str, int]]
    logged: dict[str, dict[str, int]]
    health: dict[str, int]


def read(
    bench: Bench,
    servers: list[Host],
    trial: str,
    watched: Watcher,
    began_at: float,
    successes: int | None,
    bounds: tuple[float, float, float],
    health_path: str,
    on_read: Callable[[bool], None],
) -> Readings:
    """Ask everybody about a load that is over.

    It began at `began_at` by the clock here; `successes` are what servers should have counted, None where that is not
    known; `bounds` are its begin and its window by the balancer's. `on_read`
    is told whether all containers run, once hosts may be changed. Raises TrialFailed when a host does not tell.
    """
    probes, log_is_read = bench.probes, threading.Event()
    with ThreadPoolExecutor(max_workers=8) as pool:
        summary = pool.submit(probes.balancer_summary, trial, *bounds, log_is_read.set)
        summary.add_done_callback(lambda _: log_is_read.set())
        network = pool.submit(watched.network_counters)
        counted = pool.submit(served, bench, servers, trial, successes)
        after = pool.submit(probes.states)
        logged = {server.name: pool.submit(probes.logged, server, began_at) for server in servers}
        states = after.result()
        health = liveness.statuses(bench, [s for s in servers if states[s.name].running], health_path)
        counts, kernels = counted.result(), network.result()
        events = {name: reading.result() for name, reading in logged.items()}
        log_is_read.wait()
        if summary.done():
            summary.result()  # raises when there is none
        on_read(all(state.running for state in states.values()))
        return Readings(states, summary.result(), counts, kernels, events, health)


def served(bench: Bench, servers: list[Host], trial: str, successes: int | None) -> dict[str, dict[str, int] | None]:
    """The servers' own counts, read once they are idle; where nobody knows what to wait for, once they stay."""
    left_s, before = IDLE_WITHIN_S, None
    while True:
        began = time.monotonic()
        counted = {server.name: bench.probes.served(server, trial) for server in servers}
        known = [by for by in counted.values() if by is not None]
        whole = counted == before if successes is None else sum(sum(by.values()) for by in known) >= successes
        left_s -= time.monotonic() - began + LOOK_EVERY_S
        if not known or whole or left_s <= 0:
            return counted
        before = counted
        bench.wait(LOOK_EVERY_S)
