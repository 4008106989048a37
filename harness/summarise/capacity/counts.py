"""Counts of requests over an objective, and the evidence of a single trial. Pure.

"p95 ≤ P" means "at most 5 % take longer than P", so a percentile objective is a share as an error rate is. Among n
independent requests of which a share p is over, the number over is binomial. A trial is evidence that the objective is
met if this number or fewer would occur in at most 1 − c of cases for a share just above the allowed one. It is evidence
that the objective is missed if this number or more would occur for a share just allowed. MLPerf Inference's early
stopping uses the same counts (mlcommons/inference, loadgen/early_stopping.cc: the same binomial, as an incomplete beta
function). Requests that wait in one queue depend on each other, so a single trial is weaker evidence than its count
suggests: c is high, and every printed interval is based on blocks instead.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from harness.records import failure_kind
from harness.records.failure_kind import FailureCategory
from harness.records.trial import TrialRecord

CONFIDENCE = 0.99
_SILENT = (FailureCategory.TIMEOUT, FailureCategory.ABORTED)
ALIKE = 1.03  # ratio of loads that count as equal


class Evidence(StrEnum):
    """The evidence of one trial about an objective."""

    MEETS = "meets"
    MISSES = "misses"
    TOO_FEW = "too few requests"


@dataclass(frozen=True, kw_only=True)
class Count:
    """The requests in one trial's window: `late` ones failed or took longer than the objective p95.

    `unanswered` estimates the failed ones without a response, by their part of the load's failures.

    `by_name` has (requests, late ones) of each request's name with an objective of its own.

    `block` is the trial's repeat, 0 for a probe of a search. `offered` is the load offered in the window, which by
    chance differs from `load` for Poisson arrivals; None for users, whose number is exact. `latency_drift` is ln of the
    mean response time in the window's second half over its first; None if unknown. A trial whose requests were not
    counted, but which missed every objective, has a single late request (`comparable`). `servers` are the servers that
    took part, empty if unknown.
    """

    block: int
    load: float
    requests: int
    late: int
    failed: int
    unanswered: int = 0
    offered: float | None = None
    latency_drift: float | None = None
    servers: tuple[str, ...] = ()
    by_name: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def of_record(record: TrialRecord, load: float, offered: float | None = None) -> Count | None:
    """The counts of a trial under this load; None for an invalid trial, a late generator, or without counts.

    A collapsed trial has missed every objective, and so has one that falls behind its load: a queue grows, whatever the
    response times were within the window. Without them a load would seem better the more of its trials collapse.
    """
    if record.generator_late and not record.collapsed:
        return None
    found = record.objective_counts
    servers = tuple(sorted(record.context.expected_servers)) if record.context else ()
    if record.collapsed or (record.usable and record.falls_behind):
        missed = found.requests if found and found.requests else 1
        return Count(
            block=record.repeat,
            load=load,
            requests=missed,
            late=missed,
            failed=missed,
            offered=offered,
            servers=servers,
            by_name={name: (each.requests, each.requests) for name, each in record.requests.items() if each.requests},
        )
    if not record.usable or found is None:
        return None
    return Count(
        block=record.repeat,
        load=load,
        requests=found.requests,
        late=found.late,
        failed=found.failed,
        unanswered=round(found.failed * _unanswered(record)),
        offered=offered,
        latency_drift=record.figures.latency_drift if record.figures else None,
        servers=servers,
        by_name={name: (each.requests, each.late) for name, each in record.requests.items() if each.late is not None},
    )


def _unanswered(record: TrialRecord) -> float:
    """The part of a load's failures that never got a response; 0 if their kinds are unknown."""
    kinds = failure_kind.parse_counts(record.counters.generator.errors) if record.counters else {}
    silent = sum(count for kind, count in kinds.items() if kind.category in _SILENT)
    return silent / sum(kinds.values()) if silent else 0.0


def comparable(counts: Sequence[Count]) -> list[Count]:
    """The same counts, in which a trial with a single request has as many as the median of the others."""
    several = [count.requests for count in counts if count.requests > 1]
    if not several:
        return list(counts)
    usual = int(statistics.median(several))
    return [
        replace(each, requests=usual, late=usual * each.late, failed=usual * each.failed)
        if each.requests == 1
        else each
        for each in counts
    ]


def grouped(counts: Sequence[Count]) -> list[Count]:
    """The same counts with equal loads where they are nearly equal: the least of loads within 3 % of it.

    The loads of blocks may move a little, and only equal trials show how much trials differ. The load offered stays.
    """
    label: dict[float, float] = {}
    for load in sorted({count.load for count in counts}):
        least = next(reversed(label.values()), load)
        label[load] = least if load <= least * ALIKE else load
    return [replace(each, load=label[each.load], offered=each.offered or each.load) for each in counts]


def evidence(requests: int, beyond: int, share: float, confidence: float = CONFIDENCE) -> Evidence:
    """The evidence of `beyond` of `requests` over an objective that allows at most `share`."""
    from scipy import special  # here, because loading it takes a second that a start should not

    if requests and special.bdtr(beyond, requests, share) <= 1 - confidence:
        return Evidence.MEETS
    if beyond and special.bdtrc(beyond - 1, requests, share) <= 1 - confidence:
        return Evidence.MISSES
    return Evidence.TOO_FEW


def requests_needed(beyond: int, share: float, confidence: float = CONFIDENCE) -> int | None:
    """The fewest requests of which `beyond` over are evidence that the objective is met; None where none are."""
    if share <= 0:
        return None
    low, high = beyond, beyond + 1
    while evidence(high, beyond, share, confidence) != Evidence.MEETS:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        met = evidence(middle, beyond, share, confidence) == Evidence.MEETS
        low, high = (low, middle) if met else (middle, high)
    return high
