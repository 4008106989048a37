"""Statistics of one trial's seconds and requests. Pure; methods cite their source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.records.histogram import Histogram
from harness.records.series import BalancerSample, Sample
from harness.records.trial import ObjectiveCounts


def window(samples: Sequence[Sample], from_s: float, to_s: float) -> list[Sample]:
    """The samples whose whole second lies in [from_s, to_s)."""
    return [s for s in samples if s.t_s >= from_s and s.t_s + 1 <= to_s]


def by_log(
    samples: Sequence[Sample], answered: Iterable[BalancerSample], expected: Iterable[int], users: int, seconds: int
) -> list[Sample]:
    """Return one row for each of `seconds` and every later one with a response, counted by the balancer's log.

    `expected` are the statuses of a success. Users and latencies are the load generator's, if it has that second.
    """
    good, own = {str(status) for status in expected}, {row.t_s: row for row in samples}
    completed, failed = Counter[int](), Counter[int]()
    for answer in answered:
        (completed if answer.status in good else failed)[answer.t_s] += answer.requests
    found = []
    for t_s in range(max([seconds - 1, *completed, *failed]) + 1):
        row = own.get(t_s) or Sample(t_s, 0, 0, float(users), None, None, None, None, None, None)
        mean_ms = row.mean_ms if completed[t_s] else None
        found.append(replace(row, completed=completed[t_s], failed=failed[t_s], mean_ms=mean_ms))
    return found


def mean_rate(samples: Sequence[Sample]) -> float | None:
    """Successful requests per second (rule E1); None without samples."""
    return sum(s.completed for s in samples) / len(samples) if samples else None


def peak_rate(samples: Sequence[Sample], seconds: int) -> float | None:
    """Largest mean over `seconds` consecutive seconds (rule E2); None when the series is shorter."""
    if len(samples) < seconds:
        return None
    completed = np.array([s.completed for s in samples], dtype=float)
    return float(np.convolve(completed, np.ones(seconds), "valid").max() / seconds)


def error_rate(samples: Sequence[Sample]) -> float | None:
    """Failed share of all requests (0–1); None without any."""
    answers = sum(s.completed + s.failed for s in samples)
    return sum(s.failed for s in samples) / answers if answers else None


def over_p95(samples: Sequence[Sample]) -> float | None:
    """Share of all requests (0–1) that failed or exceeded the objective p95; None if it is not counted."""
    answers = sum(s.completed + s.failed for s in samples)
    if not answers or any(s.slow is None for s in samples):
        return None
    return sum(s.failed + (s.slow or 0) for s in samples) / answers


def mean_think_s(samples: Sequence[Sample]) -> float | None:
    """Mean of the drawn think times in seconds; None without any."""
    drawn = sum(s.thinks or 0 for s in samples)
    return sum(s.think_s or 0.0 for s in samples) / drawn if drawn else None


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


def mean_in_flight(samples: Sequence[Sample]) -> float | None:
    """Mean number of requests in flight; None if the load generator does not count them."""
    counted = [s.in_flight for s in samples if s.in_flight is not None]
    return sum(counted) / len(counted) if counted else None


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


def mean_latency_s(samples: Sequence[Sample]) -> float | None:
    """Mean latency of the successes in seconds; None without a success, or if the load generator does not count it."""
    rows = [(s.mean_ms, s.completed) for s in samples if s.mean_ms is not None and s.completed]
    answers = sum(count for _, count in rows)
    return sum(mean * count for mean, count in rows) / answers / 1000 if answers else None


def values_ms(histogram: Histogram, percentiles: Iterable[float]) -> dict[float, float]:
    """Return percentile → milliseconds; empty for an empty histogram."""
    return {q: value / 1000 for q, value in histogram.values_us(percentiles).items()}


def mser_cut_s(samples: Sequence[Sample]) -> int | None:
    """Second from which the rate is steady by MSER-5; None for a series of less than 20 s.

    The cut minimises the standard error of the mean of the rest, over batches of 5 s and at most half of
    the series: White, "An Effective Truncation Heuristic for Bias Reduction in Simulation
    Output", Simulation 69 (1997). A note only: on healthy short trials it cuts in up to half of them.
    """
    batches = [sum(s.completed for s in samples[i : i + 5]) / 5 for i in range(0, len(samples) - 4, 5)]
    if len(batches) < 4:
        return None
    scores = []
    for cut in range(len(batches) // 2 + 1):
        rest = np.array(batches[cut:])
        scores.append(float(((rest - rest.mean()) ** 2).sum()) / len(rest) ** 2)
    return 5 * int(np.argmin(scores))
