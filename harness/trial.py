"""One trial: verify the topology, play the load, watch, collect, judge."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from harness import quality, stats, verdict
from harness.engines.base import Engine, EngineResult, LoadSpec
from harness.errors import EngineFailed, Interrupted, TrialFailed
from harness.events import Listener, SecondSeen
from harness.findings import Finding
from harness.grid import Cell
from harness.gridmodel import Grid
from harness.inventory import Host, Inventory
from harness.plan import PlannedTrial
from harness.probes import ContainerState, Probes, Watcher
from harness.quality import Observation
from harness.results import BalancerSample, Sample, TrialData, TrialRecord

VERIFY_WITHIN_S = 10.0
UNLOADED_REQUESTS = 12


@dataclass
class Bench:
    """What every trial of a study works with."""

    grid: Grid
    inventory: Inventory
    engine: Engine
    probes: Probes
    listener: Listener
    cancelled: Callable[[], bool]

    def wait(self, seconds: float) -> None:
        """Sleep; raises Interrupted when the user asked to stop."""
        if self.cancelled():
            raise Interrupted("interrupted")
        time.sleep(seconds)


@dataclass
class Collected:
    """What one load left behind."""

    started_at: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    stopped_because: str = ""
    ended_at: float = 0.0


def verify(bench: Bench, cell: Cell, trial: str) -> float:
    """Check that exactly the cell's servers answer through the balancer.

    Returns the unloaded response time R0 in seconds, the median of a few single requests. Raises
    TrialFailed naming who answered instead.
    """
    servers = bench.inventory.servers[: cell.servers]
    expected = {bench.inventory.address(server) for server in servers}
    request, url = bench.grid.request, bench.inventory.balancer.need("study_url")
    deadline = time.monotonic() + VERIFY_WITHIN_S
    answered: set[str] = set()
    problem = "nobody"
    with httpx.Client(base_url=url, timeout=5.0, trust_env=False) as client:
        while time.monotonic() < deadline:
            answered, times_s = set(), []
            for _ in range(max(UNLOADED_REQUESTS, 2 * cell.servers)):
                began = time.perf_counter()
                try:
                    answer = client.request(
                        request.method,
                        request.path,
                        content=request.body or None,
                        headers={**request.all_headers, "X-Study-Trial": f"{trial}.verify"},
                    )
                except httpx.HTTPError as error:
                    problem = repr(error)
                    break
                times_s.append(time.perf_counter() - began)
                answered.add(answer.headers.get("X-Study-Server", "an unknown server"))
                if answer.status_code not in request.expect_status:
                    problem = f"{request.method} {request.path} answered status {answer.status_code}"
                    break
            else:
                if answered == expected:
                    return statistics.median(times_s)
                problem = ", ".join(sorted(answered))
            bench.wait(0.2)
    raise TrialFailed(f"the balancer should serve from {', '.join(sorted(expected))}; it answers: {problem}")


def load_spec(bench: Bench, cell: Cell, trial: str) -> LoadSpec:
    """A cell's load."""
    load = bench.grid.load
    return LoadSpec(
        trial=trial,
        url=bench.inventory.balancer.need("study_target_url"),
        users=cell.vusers,
        think_time_s=load.think_time,
        ramp_up_s=load.ramp_up,
        duration_s=load.duration,
        timeout_s=load.timeout,
        window_from_s=load.window_from_s,
        request=bench.grid.request,
    )


def wait_ready(bench: Bench, within_s: float = 30.0) -> None:
    """Wait until the engine may start a load; what an earlier process left running is stopped.

    Raises EngineFailed when it does not come to rest.
    """
    deadline = time.monotonic() + within_s
    asked = False
    while not bench.engine.ready():
        if not asked:
            bench.engine.stop()
            asked = True
        if time.monotonic() > deadline:
            raise EngineFailed(
                f"the traffic engine is not ready after {within_s:g} s; look at its container's log"
            )
        bench.wait(0.1)


def play(bench: Bench, spec: LoadSpec, on_start: Callable[[float], None]) -> tuple[Collected, EngineResult]:
    """Start the load, follow it second by second to its end, and stop it early when rule E8 says so.

    Raises EngineFailed when the engine fails, Interrupted (after stopping the load) on Ctrl-C.
    """
    wait_ready(bench)
    got = Collected(started_at=bench.engine.start(spec))
    on_start(got.started_at)
    deadline = time.monotonic() + spec.longest_s
    over = False
    try:
        while not over:
            bench.wait(0.1 if time.time() > got.started_at + spec.duration_s - 0.5 else 0.5)
            fresh, over = bench.engine.samples(len(got.samples))
            for sample in fresh:
                got.samples.append(sample)
                bench.listener(SecondSeen(sample))
            if fresh and not got.stopped_because:
                why = quality.collapse(got.samples, spec.window_from_s, bench.grid.evidence)
                if why:
                    got.stopped_because = why
                    bench.engine.stop()
            if time.monotonic() > deadline:
                raise EngineFailed(f"the load was not over {spec.longest_s:g} s after its start")
    except BaseException:
        bench.engine.stop()
        raise
    got.ended_at = time.time()
    return got, bench.engine.result()


def deaths(
    servers: list[Host], before: dict[str, ContainerState], after: dict[str, ContainerState]
) -> dict[str, str]:
    """Server → what became of it, for those that died or started again."""
    found = {}
    for name in (server.name for server in servers):
        old, new = before[name], after[name]
        if not new.running:
            how = (
                "was killed for want of memory" if new.oom_killed else f"died with exit code {new.exit_code}"
            )
            found[name] = how
        elif new.started_at != old.started_at:
            found[name] = "died and was started again"
    return found


def served(bench: Bench, servers: list[Host], trial: str, successes: int) -> dict[str, dict[str, int] | None]:
    """The servers' own counts, read once they are idle."""
    limit = time.monotonic() + 3.0
    while True:
        counted = {server.name: bench.probes.served(server, trial) for server in servers}
        known = [by for by in counted.values() if by is not None]
        if not known or sum(sum(by.values()) for by in known) >= successes or time.monotonic() > limit:
            return counted
        bench.wait(0.2)


def run(bench: Bench, planned: PlannedTrial, position: int, on_start: Callable[[float], None]) -> TrialData:
    """Carry out one trial on a topology that is up; raises TrialFailed when that is not possible."""
    grid, cell = bench.grid, planned.cell
    servers = bench.inventory.servers[: cell.servers]
    trial = f"{position:04d}-r{planned.repeat}-{secrets.token_hex(4)}"
    unloaded_s = verify(bench, cell, trial)
    before = bench.probes.states()
    spec = load_spec(bench, cell, trial)
    watchers: list[Watcher] = []

    def started(at: float) -> None:
        watchers.append(Watcher(bench.probes, before, at))
        on_start(at)

    began = datetime.now(UTC)
    try:
        got, result = play(bench, spec, started)
    finally:
        host_samples = [sample for watcher in watchers for sample in watcher.stop()]
    after = bench.probes.states()
    window_to_s = min(spec.duration_s, float(len(got.samples)))
    at = got.started_at
    summary = bench.probes.balancer_summary(
        trial, at + spec.window_from_s, at + max(window_to_s, spec.window_from_s + 1)
    )
    died = deaths(servers, before, after)
    if got.stopped_because:
        unhealthy = [
            s for s in servers if s.name not in died and not bench.probes.ready(s, grid.service.health)
        ]
        died |= {server.name: "stopped answering its health check" for server in unhealthy}
    balancer_seconds = summary.pop("seconds", [])
    seen = Observation(
        users=cell.vusers,
        think_time_s=grid.load.think_time,
        window_from_s=spec.window_from_s,
        window_to_s=window_to_s,
        samples=got.samples,
        hosts=host_samples,
        caps={name: state.cpus for name, state in before.items()},
        generator=bench.inventory.generator.name,
        generator_errors=result.errors,
        lost_workers=result.lost_workers,
        balancer=summary,
        served=served(bench, servers, trial, sum(s.completed for s in got.samples)),
        expected={server.name: bench.inventory.address(server) for server in servers},
        died=died,
    )
    findings = quality.judge(seen, grid.evidence)
    record = make_record(planned, position, trial, began, seen, findings, unloaded_s, result, bench)
    record.load_s = round(got.ended_at - at, 3)
    record.hosts = {name: {"before": asdict(before[name]), "after": asdict(after[name])} for name in before}
    return TrialData(
        record=record,
        samples=got.samples,
        hosts=host_samples,
        balancer=[
            BalancerSample(int(t - at), server, status, n) for t, server, status, n in balancer_seconds
        ],
        latencies=result.latencies,
        ended_at=got.ended_at,
    )


def make_record(
    planned: PlannedTrial,
    position: int,
    trial: str,
    began: datetime,
    seen: Observation,
    findings: list[Finding],
    unloaded_s: float,
    result: EngineResult,
    bench: Bench,
) -> TrialRecord:
    """Turn what was seen into the trial's record."""
    limits = bench.grid.evidence
    outcome, cause = quality.outcome_of(findings, seen.died)
    judged = verdict.of_trial(seen, findings, unloaded_s, limits)
    rows = seen.window
    rate = stats.mean_rate(rows)
    peak = stats.peak_rate(seen.samples, limits.peak_seconds)
    statuses: dict[str, Any] = dict(seen.balancer.get("statuses", {}))
    return TrialRecord(
        id=trial,
        cell=planned.cell.by_name,
        repeat=planned.repeat,
        block_position=position,
        started_at=began.isoformat(timespec="seconds"),
        outcome=outcome,
        cause=cause,
        window={"from_s": seen.window_from_s, "to_s": seen.window_to_s},
        tps_mean=None if rate is None else round(rate, 4),
        tps_peak=None if peak is None else round(peak, 4),
        error_rate=stats.error_rate(rows),
        latency_ms=stats.percentiles_ms(stats.merged([result.latencies]), limits.percentile_p99_samples),
        unloaded_ms=round(unloaded_s * 1000, 3),
        counters={
            "generator": {
                "completed": sum(s.completed for s in seen.samples),
                "failed": sum(s.failed for s in seen.samples),
                "errors": dict(result.errors),
                "workers": result.workers,
            },
            "balancer": {**seen.balancer, "statuses": statuses},
            "servers": {name: None if by is None else dict(by) for name, by in seen.served.items()},
        },
        figures={
            "little_gap": quality.little_gap(seen) if rows else None,
            "mean_in_flight": sum(s.in_flight for s in rows) / len(rows) if rows else None,
            "mean_think_s": stats.mean_think_s(rows),
            "generator_lag_ms": max((s.lag_ms for s in rows), default=None),
        },
        findings=[asdict(finding) for finding in findings],
        verdict=asdict(judged),
    )


def failed_record(planned: PlannedTrial, position: int, cause: str) -> TrialRecord:
    """The record of a trial that could not be carried out."""
    return TrialRecord(
        id="",
        cell=planned.cell.by_name,
        repeat=planned.repeat,
        block_position=position,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        outcome="failed",
        cause=cause,
    )
