"""One trial on a topology that is up: play the load, watch, collect, judge, record."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from harness import observation, quality, stats, verdict
from harness.engines.base import EngineResult
from harness.findings import Finding
from harness.inventory import Host
from harness.observation import Observation
from harness.plan import PlannedTrial
from harness.probes import ContainerState, Watcher
from harness.results import BalancerSample, TrialData, TrialRecord
from harness.traffic import Bench, load_spec, play, verify


def deaths(servers: list[Host], before: dict[str, ContainerState], after: dict[str, ContainerState]) -> dict[str, str]:
    """Server → what became of it, for those that died or started again."""
    found = {}
    for name in (server.name for server in servers):
        old, new = before[name], after[name]
        if not new.running:
            how = "was killed for want of memory" if new.oom_killed else f"died with exit code {new.exit_code}"
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
        unhealthy = [s for s in servers if s.name not in died and not bench.probes.ready(s, grid.service.health)]
        died |= {server.name: "stopped answering its health check" for server in unhealthy}
    balancer_seconds = summary.pop("seconds", [])
    times_ms = [(int(ms), int(count)) for ms, count in summary.pop("times_ms", [])]
    seen = Observation(
        users=result.users or cell.vusers,
        think_time_s=grid.load.think_time,
        window_from_s=spec.window_from_s,
        window_to_s=window_to_s,
        samples=got.samples,
        hosts=host_samples,
        caps={name: state.cpus for name, state in before.items()},
        generators=[host.name for host in bench.inventory.generators],
        generator_errors=result.errors,
        lost_workers=result.lost_workers,
        balancer=summary,
        served=served(bench, servers, trial, sum(s.completed for s in got.samples)),
        expected={server.name: bench.inventory.address(server) for server in servers},
        died=died,
    )
    findings = quality.judge(seen, grid.evidence)
    latencies = result.latencies or stats.histogram_of_ms(times_ms)
    record = make_record(planned, position, trial, began, seen, findings, unloaded_s, result, latencies, bench)
    record.load_s = round(got.ended_at - at, 3)
    record.hosts = {name: {"before": asdict(before[name]), "after": asdict(after[name])} for name in before}
    return TrialData(
        record=record,
        samples=got.samples,
        hosts=host_samples,
        balancer=[BalancerSample(int(t - at), server, status, n) for t, server, status, n in balancer_seconds],
        latencies=latencies,
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
    latencies: str,
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
        latency_ms=stats.percentiles_ms(stats.merged([latencies]), limits.percentile_p99_samples),
        latency_source="generator" if result.latencies else "balancer",
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
            "little_gap": observation.little_gap(seen) if rows else None,
            "users": seen.users,
            "mean_in_flight": observation.in_flight(seen),
            "mean_think_s": observation.think_s(seen),
            "generator_lag_ms": max((s.lag_ms for s in rows if s.lag_ms is not None), default=None),
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
