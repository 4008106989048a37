"""Statistics of one trial's seconds and requests. Pure; methods cite their source."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from harness.records.series import BalancerSample, Sample


def window(samples: Sequence[Sample], from_s: float, to_s: float) -> list[Sample]:
    """The samples whose whole second lies in [from_s, to_s)."""
    return [s for s in samples if s.t_s >= from_s and s.t_s + 1 <= to_s]


def by_log(
    samples: Sequence[Sample],
    ended: Iterable[BalancerSample],
    begun: Iterable[tuple[int, str, int]],
    expected: Iterable[int],
    users: int,
    seconds: int,
) -> list[Sample]:
    """Return one row for each of `seconds` and every later one with a response, counted by the balancer's log.

    `begun` are (second, status, requests) by the second in which requests began, `expected` are the statuses of a
    success. Users and latencies are the load generator's, if it has that second.
    """
    good, own = {str(status) for status in expected}, {row.t_s: row for row in samples}
    completed, failed, requests, requests_failed = (Counter[int]() for _ in range(4))
    for answer in ended:
        (completed if answer.status in good else failed)[answer.t_s] += answer.requests
    for t_s, status, count in begun:
        requests[t_s] += count
        requests_failed[t_s] += 0 if status in good else count
    found = []
    for t_s in range(max([seconds - 1, *completed, *failed]) + 1):
        row = own.get(t_s) or Sample(
            t_s=t_s,
            completed=0,
            failed=0,
            users=float(users),
            in_flight=None,
            mean_ms=None,
            think_s=None,
            thinks=None,
            busiest_cpu_s=None,
            lag_ms=None,
        )
        counts = {
            "completed": completed[t_s],
            "failed": failed[t_s],
            "requests": requests[t_s],
            "requests_failed": requests_failed[t_s],
        }
        found.append(replace(row, **counts, mean_ms=row.mean_ms if completed[t_s] else None))
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
    """Failed share (0–1) of the requests of these seconds (`Sample.by_start`); None without any."""
    requests = sum(s.by_start[0] for s in samples)
    return sum(s.by_start[1] for s in samples) / requests if requests else None


def over_p95(samples: Sequence[Sample]) -> float | None:
    """Share of requests (0–1) that failed or took longer than the objective p95; None where that is not counted."""
    requests = sum(s.by_start[0] for s in samples)
    if not requests or any(s.slow is None for s in samples):
        return None
    return sum(s.by_start[1] + (s.slow or 0) for s in samples) / requests


def log_change(samples: Sequence[Sample], mean: Callable[[Sequence[Sample]], float | None]) -> float | None:
    """Ln of a mean in the second half of these seconds over the first half; None if a half has none."""
    half = len(samples) // 2
    first, second = mean(samples[:half]), mean(samples[len(samples) - half :])
    return math.log(second / first) if first and second else None


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
