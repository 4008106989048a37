"""From a recorded trial's raw data to its figures, findings, verdict and outcome. Pure.

The study judges a trial with this before it is written, and `study.py check` again from what is on disk.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from harness import derived, moments, observation, quality, stats, verdict
from harness.grid.schema import Grid
from harness.records.directory import TrialData, TrialRecord


def assess(data: TrialData, grid: Grid) -> TrialRecord:
    """The trial's record with everything that follows from its raw data."""
    limits = grid.evidence
    seen = observation.of_trial(data, grid)
    findings = quality.judge(seen, limits)
    outcome, cause = quality.outcome_of(findings, seen.died)
    rows = seen.window
    rate = stats.mean_rate(rows)
    peak = stats.peak_rate(seen.samples, limits.peak_seconds)
    counters = data.record.counters
    counted = {
        "completed": sum(s.completed for s in data.samples),
        "failed": sum(s.failed for s in data.samples),
    }
    return replace(
        data.record,
        outcome=outcome,
        cause=cause,
        window={"from_s": seen.window_from_s, "to_s": seen.window_to_s},
        tps_mean=None if rate is None else round(rate, 4),
        tps_peak=None if peak is None else round(peak, 4),
        error_rate=stats.error_rate(rows),
        latency_ms=stats.percentiles_ms(stats.merged([data.latencies]), limits.percentile_p99_samples),
        counters={**counters, "generator": {**counters["generator"], **counted}},
        figures={
            "little_gap": derived.little_gap(seen) if rows else None,
            "users": seen.users,
            "mean_in_flight": derived.in_flight(seen),
            "mean_think_s": derived.think_s(seen),
            "generator_lag_ms": max((s.lag_ms for s in rows if s.lag_ms is not None), default=None),
            "drift": derived.drift(seen),
            "steady_from_s": stats.mser_cut_s(data.samples),
            "foreign_cpu": {name: derived.foreign_share(seen, name) for name in sorted(set(seen.placed.values()))},
            "cpu_ms_per_request": derived.cpu_ms_per_request(seen),
            "retransmitted": derived.retransmitted(seen),
            "moments": moments.of_trial(seen),
            "of_ceiling": rate / seen.ceiling if rate is not None and seen.ceiling else None,
        },
        findings=[asdict(finding) for finding in findings],
        verdict=asdict(verdict.of_trial(seen, findings, limits)),
    )
