"""Latencies of one trial, by histograms. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from harness.records.histogram import Histogram
from harness.records.trial import ObjectiveCounts


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """Return the element below which `share` of the ascending values lie."""
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def rank_ms(counts_us: Mapping[str, int], share: float) -> float | None:
    """Return the quantile `share` of µs → count, in milliseconds; None without any."""
    total, so_far = sum(counts_us.values()), 0
    for value, count in sorted((int(us), count) for us, count in counts_us.items()):
        so_far += count
        if so_far >= share * total:
            return value / 1000
    return None


def histogram_of_ms(counts: Sequence[tuple[int, int]]) -> str:
    """Encode (milliseconds, count) pairs as a histogram in microseconds; empty without any."""
    found: Counter[int] = Counter()
    for milliseconds, count in counts:
        found[milliseconds * 1000] += count
    return histogram_of_us(found) if found else ""


def histogram_of_us(counts: Mapping[int, int]) -> str:
    """Encode microseconds → count as a histogram, which may be empty."""
    histogram = Histogram()
    histogram.record(counts)
    return histogram.encode()


def merged(histograms: Iterable[str]) -> Histogram:
    """Sum of encoded HDR histograms, in microseconds: percentiles are never averaged (rule E4); raises ValueError."""
    total = Histogram()
    for encoded in histograms:
        if encoded:
            total.add(encoded)
    return total


def percentiles_ms(histogram: Histogram, p99_needs: int) -> dict[str, float | None]:
    """Return p50, p95 and p99 in milliseconds; None if there are too few requests (rule E4)."""
    count = histogram.total
    needed = {50: 1, 95: 100, 99: p99_needs}
    found = values_ms(histogram, needed)
    return {f"p{q}": round(found[q], 3) if count >= needs else None for q, needs in needed.items()}


def latencies_ms(
    latencies: Iterable[str], failures: Iterable[str], p99_needs: int
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Return the percentiles of the successes, and of successes and failures, from encoded histograms."""
    total = merged(latencies)
    served = percentiles_ms(total, p99_needs)
    failed = [encoded for encoded in failures if encoded]
    if not failed:
        return served, dict(served)
    for encoded in failed:
        total.add(encoded)
    return served, percentiles_ms(total, p99_needs)


def objective_counts(latencies: str, failures: str, p95_s: float | None) -> ObjectiveCounts:
    """Count a window's requests by its histograms; without `p95_s` only failures are late. Raises ValueError."""
    served, failed = merged([latencies]), merged([failures]).total
    late = 0 if p95_s is None else served.above(round(p95_s * 1_000_000))
    return ObjectiveCounts(requests=served.total + failed, late=late + failed, failed=failed)


def fastest_s(encoded: str) -> float | None:
    """Return the 1st percentile of an encoded histogram in seconds; None for an empty one."""
    lowest = merged([encoded]).values_us([1])
    return lowest[1] / 1_000_000 if lowest else None


def values_ms(histogram: Histogram, percentiles: Iterable[float]) -> dict[float, float]:
    """Return percentile → milliseconds; empty for an empty histogram."""
    return {q: value / 1000 for q, value in histogram.values_us(percentiles).items()}
