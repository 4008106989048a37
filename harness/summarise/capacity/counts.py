"""Shares of requests as objectives ask for them: what a trial counted, and what that many requests can tell. Pure.

"p95 ≤ P" is "at most 5 % take longer than P", so a percentile is a share as an error rate is. With n independent
requests of which a share p goes over, the number over is binomial. A load surely meets an objective when so few over
would be seen in at most 1 − c of cases were the share just too large, and surely misses it when so many would be were
it just met: the counts of MLPerf Inference's early stopping (mlcommons/inference, loadgen/early_stopping.cc: its odds
are the same binomial, there as an incomplete beta function). Requests that wait in one queue depend on each other, so
a single trial tells less than its count: c is high, and what is printed with an interval rests on blocks instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from harness.grid.schema import P95, Objectives
from harness.records.trial import TrialRecord

CONFIDENCE = 0.99


class Told(StrEnum):
    """What one trial tells of an objective."""

    MEETS = "meets"
    MISSES = "misses"
    TOO_FEW = "too few requests to tell"


@dataclass(frozen=True)
class Count:
    """What one trial's window counted under one load: `late` took longer than the objective allows or failed.

    `block` is the trial's repeat, 0 for a probe of a search. `offered` is the load that the window really had, which
    differs from `load` by chance where arrivals are Poisson; None of users, who are as many as asked for.
    """

    block: int
    load: float
    requests: int
    late: int
    failed: int
    offered: float | None = None


def of_record(record: TrialRecord, load: float, offered: float | None = None) -> Count | None:
    """What a trial under this load counted; None where it does not count, or was recorded before that was kept.

    A trial that the servers did not live through, or whose load was stopped as hardly anything was answered, has missed
    every objective: left out, it would make a load look the better the more of its trials collapse.
    """
    if record.collapsed:
        return Count(record.repeat, load, 1, 1, 1)
    if not record.usable or record.objective_counts is None:
        return None
    return Count(
        record.repeat,
        load,
        record.objective_counts.requests,
        record.objective_counts.late,
        record.objective_counts.failed,
        offered,
    )


def wanted(objectives: Objectives) -> dict[str, float]:
    """Objective → the share that may be over, of those that hold for a load."""
    found = {} if objectives.p95 is None else {"p95": P95}
    return found if objectives.error_rate is None else {**found, "error_rate": objectives.error_rate}


def over(count: Count, objective: str) -> int:
    """How many requests were over by this objective."""
    return count.late if objective == "p95" else count.failed


def told(requests: int, beyond: int, share: float, confidence: float = CONFIDENCE) -> Told:
    """What `requests` of which `beyond` were over tell of the objective that at most `share` are."""
    from scipy import special  # here, because loading it takes a second that a start should not

    if requests and special.bdtr(beyond, requests, share) <= 1 - confidence:
        return Told.MEETS
    if beyond and special.bdtrc(beyond - 1, requests, share) <= 1 - confidence:
        return Told.MISSES
    return Told.TOO_FEW


def needed(beyond: int, share: float, confidence: float = CONFIDENCE) -> int | None:
    """The fewest requests of which `beyond` may be over for the objective to be surely met; None where none do."""
    if share <= 0:
        return None
    low, high = beyond, beyond + 1
    while told(high, beyond, share, confidence) != Told.MEETS:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if told(middle, beyond, share, confidence) == Told.MEETS else (middle, high)
    return high


def sentence(probe: TrialRecord | None, wanted: Mapping[str, float]) -> str:
    """What a single trial's requests can tell of each objective, and how many it takes where they are too few."""
    count = of_record(probe, 0.0) if probe else None
    if count is None or probe is None or probe.collapsed:
        return ""
    clauses = []
    for name, share in wanted.items():
        beyond = over(count, name)
        result = told(count.requests, beyond, share)
        few = needed(beyond, share) if result == Told.TOO_FEW and beyond <= share * count.requests else None
        more = "" if few is None else f", {few} with no more over would do"
        clauses.append(f"{beyond} of {count.requests} requests {'late' if name == 'p95' else 'failed'}: {result}{more}")
    return "; ".join(clauses)
