"""Read all hosts in parallel after a load."""

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
from harness.study.trial_context import TrialContext

IDLE_WITHIN_S, POLL_S = 3.0, 0.05
ServerCounts = dict[str, dict[str, int] | None]  # server → status → requests; None for a server without a counter


@dataclass(frozen=True, kw_only=True)
class LoadEnd:
    """A load that has ended, and how to read it.

    `servers` are those that still run. `started_at` is second 0 by this machine's clock. `bounds` are second 0 and the
    steady window by the balancer's clock, in Unix seconds. `successes` is the number that the servers should have
    counted; None when it is not known. `has_log`: a balancer has a log of the requests.
    """

    trial: str
    servers: list[Host]
    started_at: float
    bounds: tuple[float, float, float]
    successes: int | None
    health_path: str
    has_log: bool = True


@dataclass(frozen=True, kw_only=True)
class HostReport:
    """Data of all hosts after a load.

    `states` are those of containers and units, `balancer` is the summary of the balancer's log, `network` has the
    increases of kernel counters, `log_events` the events in servers' logs, `health` the status of each running
    server's health check.
    """

    states: dict[str, ContainerState]
    balancer: dict[str, Any]
    server_counts: ServerCounts
    network: dict[str, dict[str, int]]
    log_events: dict[str, dict[str, int]]
    health: dict[str, int]


def collect(context: TrialContext, load: LoadEnd, watcher: Watcher, on_collected: Callable[[bool], None]) -> HostReport:
    """Read everything that the hosts have recorded of a load; raises TrialFailed when a host does not respond.

    `on_collected` is called once hosts may change, with whether all containers run.
    """
    probes, log_is_read = context.probes, threading.Event()
    with ThreadPoolExecutor(max_workers=8) as pool:
        if load.has_log:
            summary = pool.submit(probes.balancer_summary, load.trial, *load.bounds, log_is_read.set)
        else:
            summary = pool.submit(dict)
        summary.add_done_callback(lambda _: log_is_read.set())
        network = pool.submit(watcher.network_counters)
        counts = pool.submit(_server_counts, context, load)
        states_read = pool.submit(probes.states)
        logs = {server.name: pool.submit(probes.logged, server, load.started_at) for server in load.servers}
        states = states_read.result()
        running = [server for server in load.servers if states[server.name].running]
        health = liveness.health_statuses(context, running, load.health_path)
        server_counts, counters = counts.result(), network.result()
        log_events = {name: log.result() for name, log in logs.items()}
        log_is_read.wait()
        if summary.done():
            summary.result()  # raises the error of a failed reading
        on_collected(all(state.running for state in states.values()))
        return HostReport(
            states=states,
            balancer=summary.result(),
            server_counts=server_counts,
            network=counters,
            log_events=log_events,
            health=health,
        )


def _server_counts(context: TrialContext, load: LoadEnd) -> ServerCounts:
    """Read the servers' own counts until they reach the expected sum, or until they no longer change."""
    remaining_s, before = IDLE_WITHIN_S, None
    while True:
        began = time.monotonic()
        counts = {server.name: context.probes.served(server, load.trial) for server in load.servers}
        known = [by_status for by_status in counts.values() if by_status is not None]
        if load.successes is None:
            complete = counts == before
        else:
            complete = sum(sum(by_status.values()) for by_status in known) >= load.successes
        remaining_s -= time.monotonic() - began + POLL_S
        if not known or complete or remaining_s <= 0:
            return counts
        before = counts
        context.wait(POLL_S)
