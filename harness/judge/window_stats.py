"""Statistics of one trial's seconds and requests. Pure; methods cite their source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from harness.records.series import BalancerSample, Sample


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


def mean_in_flight(samples: Sequence[Sample]) -> float | None:
    """Mean number of requests in flight; None if the load generator does not count them."""
    counted = [s.in_flight for s in samples if s.in_flight is not None]
    return sum(counted) / len(counted) if counted else None


def mean_latency_s(samples: Sequence[Sample]) -> float | None:
    """Mean latency of the successes in seconds; None without a success, or if the load generator does not count it."""
    rows = [(s.mean_ms, s.completed) for s in samples if s.mean_ms is not None and s.completed]
    answers = sum(count for _, count in rows)
    return sum(mean * count for mean, count in rows) / answers / 1000 if answers else None


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
