"""By how much slower than real a lab plays on a machine that has not the CPU for its rates.

Every time (think, ramp-up, trial, time-out, service) is longer and every rate lower by one factor. What a
closed loop shows does not depend on it, as nothing in it has another scale of time.
"""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from harness.deploy import cpu_benchmark
from harness.errors import CannotRun
from harness.grid.cell import Cell
from harness.judge import window_stats
from harness.observe.watch import Watcher
from harness.records.study import TimeScaling
from harness.study.trial_context import Bench
from harness.traffic.run_load import load_spec, play
from harness.traffic.verification import verify

FACTORS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
ROOM = 0.6  # of what the machine has: the rest is for its neighbours, bursts, and the study itself
TRIAL = "slow-motion"
THINK_S, RAMP_UP_S, FROM_S, UNTIL_S = 1.0, 1.0, 2.0, 6.0
CLEARLY = 1.5  # a rough look may err by as much
TRIES = 3
BURST_S, BEGIN_IN_S = 0.6, 0.8
ENOUGH = 0.95  # of the engine's cores: then nothing holds the lab back
# How much CPU a process gets that wants all: printed as its CPU time over the time that passed. All of them begin
# at one moment, given in Unix seconds.
BURST = """
import time
time.sleep(max(0, {at} - time.time()))
begin, used = time.monotonic(), time.process_time()
while time.monotonic() - begin < {seconds}:
    pass
print((time.process_time() - used) / (time.monotonic() - begin))
"""


def asked_for(factor: float) -> TimeScaling:
    """A factor that the inventory or the grid sets."""
    return TimeScaling(factor=factor, measured_at=_now())


def choose(needed_cores: float, available_cores: float) -> float | None:
    """The smallest factor with which the need leaves room; None where no factor does."""
    return next((factor for factor in FACTORS if needed_cores / factor <= ROOM * available_cores), None)


def check_possible(most_per_s: float) -> None:
    """Raise CannotRun when a rough look already tells that no slow motion is slow enough; takes milliseconds."""
    needed, available = most_per_s * cpu_benchmark.request_s(), cpu_benchmark.cores()
    if choose(needed / CLEARLY, available) is None:
        raise CannotRun(too_slow(needed, available))


def measure(bench: Bench, most_per_s: float) -> TimeScaling:
    """Play half of the largest planned rate for some seconds and see what a request costs.

    Raises CannotRun where even the slowest motion needs more than this machine has.
    """
    available = _available_cores(bench)
    users = max(1, math.ceil(most_per_s / 2 * THINK_S))
    servers = len(bench.inventory.servers)
    verify(bench, Cell((("servers", servers), ("vusers", users))), TRIAL)
    spec = replace(
        load_spec(bench, users, TRIAL),
        think_time_s=THINK_S,
        ramp_up_s=RAMP_UP_S,
        duration_s=UNTIL_S,
        window_from_s=FROM_S,
    )
    watchers: list[Watcher] = []
    try:
        got, _ = play(
            bench, spec, lambda at: watchers.append(bench.outside.watch(bench.probes, bench.probes.states(), at))
        )
    finally:
        seen = [watcher.stop() for watcher in watchers]
    bench.probes.balancer_summary(TRIAL, got.started_at, got.started_at + FROM_S, got.started_at + UNTIL_S)
    rate = window_stats.mean_rate(window_stats.window(got.samples, FROM_S, UNTIL_S))
    rows = [row for row in seen[0].samples(bench.inventory.generator.name) if FROM_S < row.t_s - 0.5 < UNTIL_S]
    if not rate or not rows:
        raise CannotRun("the probe of this machine's speed had no answer; look at the servers' containers' logs")
    by_host: dict[str, list[float]] = {}
    for row in rows:
        by_host.setdefault(row.host, []).append(row.cpu_cores)
    cpu_ms = {host: 1000 * sum(cores) / len(cores) / rate for host, cores in sorted(by_host.items())}
    needed = sum(cpu_ms.values()) / 1000 * most_per_s
    factor = choose(needed, available)
    if factor is None:
        raise CannotRun(too_slow(needed, available))
    rounded = {host: round(cost, 3) for host, cost in cpu_ms.items()}
    return TimeScaling(
        factor=factor,
        measured_at=_now(),
        needed_cores=round(needed, 3),
        available_cores=round(available, 3),
        cpu_ms=rounded,
    )


def too_slow(needed: float, available: float) -> str:
    """Why this machine cannot play the lab that was asked for, and what to do."""
    return (
        f"this machine is too slow for the lab it was asked for: the planned cells need {needed:.3g} cores and it has "
        f"{available:.3g}, which even in slow motion, {FACTORS[-1]:g} times slower, is not enough; stop what else runs "
        "here, take a machine with more cores, a smaller load, or a lower lab_server_capacity with a longer think_time"
    )


def _available_cores(bench: Bench) -> float:
    """Cores that the lab's containers get together when they want all: whatever holds them back, known or not."""
    hosts = bench.inventory.hosts
    cores = float(os.cpu_count() or 1)
    best = 0.0
    with ThreadPoolExecutor(len(hosts)) as pool:
        for _ in range(TRIES):
            command = ["python3", "-c", BURST.format(seconds=BURST_S, at=time.time() + BEGIN_IN_S)]
            said = list(pool.map(lambda host, command=command: bench.probes.run_in(host, command).strip(), hosts))
            best = max(best, sum(float(share) for share in said if share))
            if best >= ENOUGH * cores:
                break
            bench.wait(0)
    if not best:
        raise CannotRun("the probe of this machine's speed could not run in any container; is the engine well?")
    return min(best, cores)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
