"""Derive figures, findings, bottleneck and outcome of a trial from its raw data. Pure.

The study judges a trial before it is written; `study.py check` judges it again from its files.
"""

from __future__ import annotations

from dataclasses import replace

from harness.grid.schema import Grid
from harness.grid.thresholds import Thresholds
from harness.judge import (
    bottleneck,
    cpu_cost,
    failover,
    figures,
    host_usage,
    latency_stats,
    network_use,
    observation,
    open_load,
    request_stats,
    rules,
    timing,
    window_stats,
)
from harness.judge.observation import Observation
from harness.records.canonical import canonical
from harness.records.counters import Counters
from harness.records.trial import Figures, Outcome, TrialData, TrialRecord, Window


def assess(data: TrialData, grid: Grid) -> TrialRecord:
    """Return the trial's record with all values that are derived from its raw data."""
    limits = grid.evidence
    data = replace(data, record=canonical(data.record))
    seen = observation.of_trial(data, grid)
    findings = rules.judge(seen, limits)
    outcome, cause = rules.outcome_of(findings, seen.died)
    rows = seen.window
    rate = window_stats.mean_rate(rows)
    peak = window_stats.peak_rate(
        window_stats.window(seen.samples, 0.0, seen.window_to_s), limits.peak_seconds
    )  # not the drain
    before = data.record.counters or Counters()
    counted = {
        "completed": sum(s.completed for s in data.samples),
        "failed": sum(s.failed for s in data.samples),
    }
    needed = limits.percentile_p99_samples
    latency_ms, latency_with_failures_ms = latency_stats.latencies_ms([data.latencies], [data.failures], needed)
    judged = bottleneck.of_trial(seen, findings, limits)
    requests = request_stats.of_requests(data, grid, len(rows))
    return data.record.model_copy(
        update={
            "outcome": Outcome(outcome),
            "cause": cause,
            "window": Window(from_s=seen.window_from_s, to_s=seen.window_to_s),
            "tps_mean": None if rate is None else round(rate, 4),
            "tps_peak": None if peak is None else round(peak, 4),
            "error_rate": window_stats.error_rate(rows),
            "latency_ms": latency_ms,
            "latency_with_failures_ms": latency_with_failures_ms,
            "objective_counts": request_stats.objective_counts(data, requests, grid),
            "requests": requests,
            "transactions": request_stats.of_transactions(data, grid, len(rows)),
            "counters": before.model_copy(update={"generator": before.generator.model_copy(update=counted)}),
            "figures": _figures(data, seen, rate, limits),
            "failover": failover.of_trial(seen, limits),
            "findings": tuple(findings),
            "bottleneck": judged,
        }
    )


def _figures(data: TrialData, seen: Observation, rate: float | None, limits: Thresholds) -> Figures:
    """Derive the figures of a trial from its series."""
    rows, offered = seen.window, open_load.of_trial(seen)
    return Figures(
        littles_law_residual=figures.littles_law_residual(seen) if rows else None,
        users=seen.users,
        mean_in_flight=figures.in_flight(seen),
        mean_think_s=figures.think_s(seen),
        generator_lag_ms=max((s.lag_ms for s in rows if s.lag_ms is not None), default=None),
        drift=figures.drift(seen),
        latency_drift=figures.latency_drift(seen),
        server_cost=cpu_cost.of_servers(seen),
        steady_from_s=timing.mser_cut_s(data.samples),
        foreign_cpu={name: host_usage.foreign_share(seen, name) for name in sorted(set(seen.machine_of.values()))},
        cpu_ms_per_request=host_usage.cpu_ms_per_request(seen),
        retransmitted=network_use.retransmitted(seen),
        timeline=timing.of_trial(seen),
        offered_per_s=offered and round(offered.per_s, 4),
        offered_sent=offered and offered.sent,
        offered_late=offered and offered.late,
        falls_behind=offered and open_load.falls_behind(offered, limits),
        send_delay_p99_ms=offered and offered.delay_p99_s and offered.delay_p99_s * 1000,
        of_ceiling=rate / seen.ceiling if rate is not None and seen.ceiling else None,
    )
