"""From a recorded trial's raw data to its figures, findings, verdict and outcome. Pure.

The study judges a trial with this before it is written, and `study.py check` again from what is on disk.
"""

from __future__ import annotations

from dataclasses import replace

from harness.grid.schema import Grid
from harness.judge import costs, figures, losses, moments, observation, offered, rules, seconds, verdict
from harness.records.canonical import canonical
from harness.records.trial import Counters, Figures, Outcome, TrialData, TrialRecord, Window


def assess(data: TrialData, grid: Grid) -> TrialRecord:
    """The trial's record with everything that follows from its raw data."""
    limits = grid.evidence
    data = replace(data, record=canonical(data.record))
    seen = observation.of_trial(data, grid)
    findings = rules.judge(seen, limits)
    outcome, cause = rules.outcome_of(findings, seen.died)
    rows = seen.window
    rate = seconds.mean_rate(rows)
    peak = seconds.peak_rate(seconds.window(seen.samples, 0.0, seen.window_to_s), limits.peak_seconds)  # not the drain
    before = data.record.counters or Counters()
    counted = {
        "completed": sum(s.completed for s in data.samples),
        "failed": sum(s.failed for s in data.samples),
    }
    needed = limits.percentile_p99_samples
    latency_ms, waits_ms = seconds.latencies_and_waits_ms([data.latencies], [data.failures], needed)
    asked = offered.of_trial(seen)
    judged = verdict.of_trial(seen, findings, limits)
    return data.record.model_copy(
        update={
            "outcome": Outcome(outcome),
            "cause": cause,
            "window": Window(from_s=seen.window_from_s, to_s=seen.window_to_s),
            "tps_mean": None if rate is None else round(rate, 4),
            "tps_peak": None if peak is None else round(peak, 4),
            "error_rate": seconds.error_rate(rows),
            "latency_ms": latency_ms,
            "waits_ms": waits_ms,
            "against": seconds.against(data.latencies, data.failures, grid.objectives.p95),
            "counters": before.model_copy(update={"generator": before.generator.model_copy(update=counted)}),
            "figures": Figures(
                little_gap=figures.little_gap(seen) if rows else None,
                users=seen.users,
                mean_in_flight=figures.in_flight(seen),
                mean_think_s=figures.think_s(seen),
                generator_lag_ms=max((s.lag_ms for s in rows if s.lag_ms is not None), default=None),
                drift=figures.drift(seen),
                latency_drift=figures.latency_drift(seen),
                server_cost=costs.of_servers(seen),
                steady_from_s=seconds.mser_cut_s(data.samples),
                foreign_cpu={name: figures.foreign_share(seen, name) for name in sorted(set(seen.placed.values()))},
                cpu_ms_per_request=figures.cpu_ms_per_request(seen),
                retransmitted=figures.retransmitted(seen),
                moments=moments.of_trial(seen),
                offered_per_s=asked and round(asked.per_s, 4),
                offered_sent=asked and asked.sent,
                offered_late=asked and asked.late,
                send_delay_p99_ms=asked and asked.delay_p99_s and asked.delay_p99_s * 1000,
                of_ceiling=rate / seen.ceiling if rate is not None and seen.ceiling else None,
            ),
            "lost": losses.of_trial(seen, limits),
            "findings": tuple(findings),
            "verdict": judged,
        }
    )
