"""Choose the time factor of a lab: a machine without enough CPU runs the study more slowly.

One factor multiplies every duration (think time, ramp-up, trial, timeout, service time) and divides every rate. The
results of a closed loop do not depend on it, because a closed loop has no other time scale.
"""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from harness.balancers import registry
from harness.deploy import cpu_benchmark
from harness.errors import CannotRun, MachineNotReady
from harness.grid.cell import Cell
from harness.grid.load import BALANCER
from harness.judge import window_stats
from harness.observe.watch import Watcher
from harness.records.study import TimeScaling
from harness.study.trial_context import TrialContext
from harness.traffic.run_load import load_spec, run_load
from harness.traffic.verification import verify

FACTORS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
MAX_UTILIZATION = 0.6  # of the machine's CPU: the rest is for other processes, bursts and the study itself
TRIAL = "time-scaling"
THINK_S, RAMP_UP_S, WINDOW_FROM_S, WINDOW_TO_S = 1.0, 1.0, 2.0, 6.0
ESTIMATE_ERROR = 1.5  # factor by which the estimate of `check_possible` may err
MAX_ATTEMPTS = 3
BURST_S, START_IN_S = 0.6, 0.8
SUFFICIENT = 0.95  # share of the machine's cores from which on nothing else limits the containers
# Prints the CPU time over the elapsed time of a process that uses all the CPU it gets. All processes start at one
# Unix time.
BURST = """
import time
time.sleep(max(0, {at} - time.time()))
begin, used = time.monotonic(), time.process_time()
while time.monotonic() - begin < {seconds}:
    pass
print((time.process_time() - used) / (time.monotonic() - begin))
"""


def preset(factor: float) -> TimeScaling:
    """Return the record of a factor that the inventory or the grid sets."""
    return TimeScaling(factor=factor, measured_at=_now())


def choose(needed_cores: float, available_cores: float) -> float | None:
    """Return the smallest sufficient factor; None when the largest one is not sufficient."""
    sufficient = MAX_UTILIZATION * available_cores
    return next((factor for factor in FACTORS if needed_cores / factor <= sufficient), None)


def check_possible(nominal_max_per_s: float) -> None:
    """Estimate the needed cores in milliseconds; raise CannotRun when no factor is sufficient."""
    needed, available = nominal_max_per_s * cpu_benchmark.request_s(), cpu_benchmark.cores()
    if choose(needed / ESTIMATE_ERROR, available) is None:
        raise CannotRun(_too_slow(needed, available))


def measure(context: TrialContext, nominal_max_per_s: float) -> TimeScaling:
    """Send half of the largest planned rate for some seconds, measure the CPU cost of a request and choose a factor.

    Raises CannotRun when the largest factor is not sufficient.
    """
    available = _available_cores(context)
    cpu_ms = _cpu_ms_per_request(context, nominal_max_per_s / 2)
    needed = sum(cpu_ms.values()) / 1000 * nominal_max_per_s
    factor = choose(needed, available)
    if factor is None:
        raise CannotRun(_too_slow(needed, available))
    return TimeScaling(
        factor=factor,
        measured_at=_now(),
        needed_cores=round(needed, 3),
        available_cores=round(available, 3),
        cpu_ms={host: round(cost, 3) for host, cost in cpu_ms.items()},
    )


def _cpu_ms_per_request(context: TrialContext, rate_per_s: float) -> dict[str, float]:
    """Measure the CPU time of a request on each host, in ms, at about this rate."""
    users = _users(context, rate_per_s)
    servers = context.inventory.servers
    # Also a study without a balancer is measured here behind one, which reaches all servers.
    through = {} if context.grid.balancer_of({}).forwards else {BALANCER: registry.DEFAULT}
    verify(context, Cell((("servers", len(servers)), ("vusers", users), *through.items())), servers, TRIAL)
    spec = load_spec(context, users, TRIAL, through)
    spec = replace(
        spec,
        traffic=spec.traffic.reusing_rows(),
        think_time_s=THINK_S,
        ramp_up_s=RAMP_UP_S,
        duration_s=WINDOW_TO_S,
        window_from_s=WINDOW_FROM_S,
    )
    watchers: list[Watcher] = []

    def started(at: float) -> None:
        watchers.append(context.dependencies.watch_hosts(context.probes, context.probes.states(), at))

    try:
        load, _ = run_load(context, spec, started)
    finally:
        for watcher in watchers:
            watcher.stop()
    start_at = load.started_at
    context.probes.balancer_summary(TRIAL, start_at, start_at + WINDOW_FROM_S, start_at + WINDOW_TO_S)
    rate = window_stats.mean_rate(window_stats.window(load.samples, WINDOW_FROM_S, WINDOW_TO_S))
    samples = watchers[0].samples(context.inventory.generator.name)
    samples = [sample for sample in samples if WINDOW_FROM_S < sample.t_s - 0.5 < WINDOW_TO_S]
    if not rate or not samples:
        raise CannotRun(
            "the CPU cost of a request could not be measured, because no server responded. "
            "Fix: read the logs of the servers' containers."
        )
    by_host: dict[str, list[float]] = {}
    for sample in samples:
        by_host.setdefault(sample.host, []).append(sample.cpu_cores)
    return {host: 1000 * sum(cores) / len(cores) / rate for host, cores in sorted(by_host.items())}


def _users(context: TrialContext, rate_per_s: float) -> int:
    """Users that send at about this rate; of a script, half of the largest number in the grid."""
    if not context.grid.has_script:
        return max(1, math.ceil(rate_per_s * THINK_S))
    return max(1, max(cell.vusers for cell in context.grid.cells.known) // 2)


def _too_slow(needed: float, available: float) -> str:
    return (
        f"this machine is too slow for the lab: the planned cells need {needed:.3g} cores and the containers get "
        f"{available:.3g}. The largest time factor ({FACTORS[-1]:g}) is not sufficient. "
        "Fix: stop other programs, use a machine with more cores, reduce the load, or lower lab_server_capacity and "
        "raise think_time."
    )


def _available_cores(context: TrialContext) -> float:
    """Measure the cores that the lab's containers get together under full load, whatever limits them."""
    hosts = context.inventory.hosts
    cores = float(os.cpu_count() or 1)
    best = 0.0
    with ThreadPoolExecutor(len(hosts)) as pool:
        for _ in range(MAX_ATTEMPTS):
            command = ["python3", "-c", BURST.format(seconds=BURST_S, at=time.time() + START_IN_S)]
            shares = list(pool.map(lambda host, command=command: context.probes.run_in(host, command).strip(), hosts))
            best = max(best, sum(float(share) for share in shares if share))
            if best >= SUFFICIENT * cores:
                break
            context.wait(0)
    if not best:
        raise MachineNotReady(
            "this machine's available CPU could not be measured in any container. Fix: check the container engine."
        )
    return min(best, cores)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
