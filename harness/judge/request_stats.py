"""Statistics of one trial by the name of the request, and of its transactions. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.grid.schema import Grid
from harness.judge import latency_stats
from harness.records.histogram import Histogram
from harness.records.requests import Histograms, RequestStats
from harness.records.trial import ObjectiveCounts, TrialData

P90_NEEDS = 50  # requests: five beyond it, as p95 has of 100


def of_requests(data: TrialData, grid: Grid, window_s: int) -> dict[str, RequestStats]:
    """Return name → statistics with all derived values; `window_s` is the length of the steady window."""
    counted = data.record.requests
    total = sum(each.requests for each in counted.values())
    return {
        name: _derived(
            each,
            data.requests.get(name, Histograms()),
            window_s,
            grid.evidence.percentile_p99_samples,
            share=each.requests / total if total else None,
            p95_s=grid.objectives.p95_of(name),
        )
        for name, each in counted.items()
    }


def of_transactions(data: TrialData, grid: Grid, window_s: int) -> RequestStats | None:
    """Return the statistics of the transactions; None without steps."""
    counted = data.record.transactions
    if counted is None:
        return None
    return _derived(counted, data.transactions, window_s, grid.evidence.percentile_p99_samples)


def percentiles_ms(served: Histogram, p99_needs: int) -> dict[str, float | None]:
    """Return mean, p50, p90, p95, p99 and max in milliseconds; None if there are too few requests (rule E4)."""
    plain = latency_stats.percentiles_ms(served, p99_needs)
    p90 = latency_stats.values_ms(served, [90]).get(90) if served.total >= P90_NEEDS else None
    mean_us, most_us = served.mean_us, served.most_us
    return {
        "mean": None if mean_us is None else round(mean_us / 1000, 3),
        "p50": plain["p50"],
        "p90": None if p90 is None else round(p90, 3),
        "p95": plain["p95"],
        "p99": plain["p99"],
        "max": None if most_us is None else most_us / 1000,
    }


def objective_counts(data: TrialData, requests: Mapping[str, RequestStats], grid: Grid) -> ObjectiveCounts:
    """Count the window's requests against the objectives; with objectives by name, each against its own."""
    found = latency_stats.objective_counts(data.latencies, data.failures, grid.objectives.p95_s)
    late = sum(each.late - each.failed for each in requests.values() if each.late is not None)
    return found if grid.objectives.p95_s is not None else found.model_copy(update={"late": found.failed + late})


def fastest_s(data: TrialData) -> dict[str, float | None]:
    """Return name → 1st percentile of the successes in seconds; None without any."""
    return {name: latency_stats.fastest_s(each.latencies) for name, each in data.requests.items()}


def mean_fastest_s(data: TrialData) -> float | None:
    """Return the mean of `fastest_s` over all requests, as names have different ones; None without any."""
    counted = data.record.requests
    known = [(own, counted[name].requests) for name, own in fastest_s(data).items() if own is not None]
    total = sum(requests for _, requests in known)
    return sum(own * requests for own, requests in known) / total if total else None


def _derived(
    counted: RequestStats,
    histograms: Histograms,
    window_s: int,
    p99_needs: int,
    share: float | None = None,
    p95_s: float | None = None,
) -> RequestStats:
    served, failed = latency_stats.merged([histograms.latencies]), latency_stats.merged([histograms.failures])
    late = None if p95_s is None else served.above(round(p95_s * 1_000_000)) + failed.total
    latency_ms = percentiles_ms(served, p99_needs)
    served.add(failed.encode())
    return counted.model_copy(
        update={
            "share": share,
            "tps": round(counted.completed / window_s, 4) if window_s else None,
            "error_rate": counted.failed / counted.requests if counted.requests else None,
            "latency_ms": latency_ms,
            "latency_with_failures_ms": latency_stats.percentiles_ms(served, p99_needs),
            "late": late,
        }
    )
