"""Statistics of trials and cells. Pure; methods cite their source."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from hdrh.histogram import HdrHistogram

from harness.results import Sample

HIGHEST_US = 120_000_000
DIGITS = 3


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval; without `low` and `high` there is none."""

    value: float
    low: float | None = None
    high: float | None = None


def window(samples: Sequence[Sample], from_s: float, to_s: float) -> list[Sample]:
    """The samples whose whole second lies in [from_s, to_s)."""
    return [s for s in samples if s.t_s >= from_s and s.t_s + 1 <= to_s]


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
    """Failed share of all answers (0–1); None without answers."""
    answers = sum(s.completed + s.failed for s in samples)
    return sum(s.failed for s in samples) / answers if answers else None


def mean_think_s(samples: Sequence[Sample]) -> float | None:
    """Mean of the think times drawn; None when none was."""
    drawn = sum(s.thinks or 0 for s in samples)
    return sum(s.think_s or 0.0 for s in samples) / drawn if drawn else None


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of ascending values lie, one of them."""
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def mean_in_flight(samples: Sequence[Sample]) -> float | None:
    """Mean number of requests in flight; None where the engine does not count them."""
    counted = [s.in_flight for s in samples if s.in_flight is not None]
    return sum(counted) / len(counted) if counted else None


def histogram_of_ms(counts: Sequence[tuple[int, int]]) -> str:
    """Encode (milliseconds, count) pairs as a histogram in microseconds; empty without any."""
    histogram = HdrHistogram(1, HIGHEST_US, DIGITS)
    for milliseconds, count in counts:
        histogram.record_value(max(1, min(HIGHEST_US, milliseconds * 1000)), count)
    return str(histogram.encode().decode("ascii")) if counts else ""


def merged(histograms: Iterable[str]) -> HdrHistogram:
    """Sum of encoded HDR histograms, in microseconds: percentiles are never averaged (rule E4)."""
    total = HdrHistogram(1, HIGHEST_US, DIGITS)
    for encoded in histograms:
        if encoded:
            total.decode_and_add(encoded)
    return total


def percentiles_ms(histogram: HdrHistogram, p99_needs: int) -> dict[str, float | None]:
    """p50, p95 and p99 in milliseconds; None where there are too few requests (rule E4)."""
    count = histogram.get_total_count()
    return {
        f"p{q}": round(histogram.get_value_at_percentile(q) / 1000, 3) if count >= needs else None
        for q, needs in ((50, 1), (95, 100), (99, p99_needs))
    }


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean with its 95 % t interval over trials; no interval below three values."""
    mean = float(np.mean(values))
    if len(values) < 3:
        return Interval(mean)
    from scipy import (
        stats,  # here and below, because loading it takes a second that a start should not
    )

    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)


def gain(smaller: Sequence[float], larger: Sequence[float], needs: int) -> Interval:
    """Ratio of throughputs over pairs of the same block (rule E15).

    exp of the mean log ratio, with the 95 % interval of a paired t on the logs
    (`scipy.stats.ttest_rel`): repeats are the unit, never seconds, which are autocorrelated. Both
    sequences have shape (k,), in the order of the blocks; below `needs` pairs there is no interval.
    """
    if not smaller or len(smaller) != len(larger):
        raise ValueError(f"gain needs pairs; got {len(smaller)} and {len(larger)} values")
    logs = np.log(larger), np.log(smaller)
    value = float(np.exp(np.mean(logs[0] - logs[1])))
    if len(smaller) < needs:
        return Interval(value)
    if np.ptp(logs[0] - logs[1]) == 0:  # the t statistic of a constant difference is undefined
        return Interval(value, value, value)
    from scipy import stats

    low, high = stats.ttest_rel(*logs).confidence_interval(0.95)
    return Interval(value, float(np.exp(low)), float(np.exp(high)))


def users_bound(users: int, unloaded_s: float, think_s: float) -> float:
    """Most requests per second that closed-loop users can ask for: N / (R0 + Z).

    Asymptotic bounds of an interactive system, Lazowska et al., Quantitative System Performance
    (1984), chapter 5.
    """
    return users / (unloaded_s + think_s)
