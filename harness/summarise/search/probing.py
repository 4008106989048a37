"""Which load a search probes next: it doubles the load, then halves brackets. Pure.

A closed loop's users saturate a topology, so its knee is looked for, and what meets the objectives beside it. An open
load is answered as it comes until the servers fall behind, and that has no knee: only objectives are looked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.grid.amount import Search
from harness.grid.load import RATE, VUSERS
from harness.grid.schema import Objectives
from harness.records.trial import TrialRecord
from harness.summarise.search import bracketing
from harness.summarise.search import knee as knees

# Fewer probes well beyond the knee say next to nothing of µ and its noise; more are taken where blocks are measured.
ENOUGH = 3
BEYOND = (1.4, 1.3, 1.5)  # knees


@dataclass(frozen=True)
class Bracket:
    """The limit lies above `low` and is at most `high`; None where the search's span did not hold it."""

    low: int | None
    high: int | None


def next_load(
    span: Search, objectives: Objectives, seen: Mapping[int, TrialRecord], factor: str = VUSERS
) -> int | None:
    """The load to probe next; None when the topology's brackets are as narrow as asked."""
    if factor == RATE:
        met: dict[float, bool] = {load: _meets(objectives, record) for load, record in seen.items()}
        found = bracketing.next_load(span.least, span.most, span.until, met, whole=True)
        return None if found is None else int(found)
    if not seen:
        return span.least
    growing = _next_double(span, seen)
    if growing is not None:
        return growing
    for bracket in (around_knee(seen), meeting(objectives, seen)):
        if bracket is not None and bracket.low is not None and bracket.high is not None:
            middle = (bracket.low + bracket.high) // 2
            if bracket.high - bracket.low > max(1.0, span.until * bracket.high) and middle not in seen:
                return middle
    return _beyond_the_knee(span, seen)


def _beyond_the_knee(span: Search, seen: Mapping[int, TrialRecord]) -> int | None:
    """A level has to be told from its noise, and blocks have to be measured on it: how much of it there is."""
    found, broken, largest = knees.fit(counting(seen)), broke(seen), max(counting(seen), default=0)
    if found is None or not found.seen:
        return None
    least = math.ceil(knees.LEAST * found.users)
    if len(found.flat) < ENOUGH or (broken is not None and largest < least):
        for load in (math.ceil(factor * found.users) for factor in BEYOND):
            if load not in seen and load <= span.most and (broken is None or load < broken):
                return load
    if broken is not None and largest < least and broken - largest > max(1.0, span.until * broken):
        return (largest + broken) // 2
    return None


def _rate(record: TrialRecord) -> float:
    return float(record.tps_mean or 0.0) if record.usable else 0.0


def _next_double(span: Search, seen: Mapping[int, TrialRecord]) -> int | None:
    """Double until the rate grows by less than `until`, a probe does not count, or the span ends."""
    loads = [span.least]
    while loads[-1] < span.most:
        loads.append(min(2 * loads[-1], span.most))
    before = 0.0
    for load in loads:
        if load not in seen:
            return load
        rate = _rate(seen[load])
        if rate < before * (1 + span.until) or not rate:
            return None
        before = rate
    return None


def counting(seen: Mapping[int, TrialRecord]) -> dict[int, float]:
    """Users → rate of the probes that count."""
    return {load: rate for load, record in seen.items() if (rate := _rate(record))}


def broke(seen: Mapping[int, TrialRecord]) -> int | None:
    """The smallest load beyond all that count whose probe does not; None where the largest counts."""
    largest = max(counting(seen), default=0)
    return min((load for load in seen if load > largest), default=None)


def around_knee(seen: Mapping[int, TrialRecord]) -> Bracket:
    """The probed loads next to the knee on both sides.

    Where throughput grows up to the last probe that counts, the limit is between that one and the one that broke.
    """
    rates = counting(seen)
    found = knees.fit(rates)
    if found is None:
        return Bracket(None, None)
    if not found.level:
        return Bracket(max(rates), broke(seen))
    low = max((load for load in rates if load < found.users), default=None) if found.rising else None
    return Bracket(low, min(load for load in rates if low is None or load > low))


def meeting(objectives: Objectives, seen: Mapping[int, TrialRecord]) -> Bracket | None:
    """The largest load that meets the objectives and the smallest beyond it that does not; None without any."""
    if objectives.error_rate is None and objectives.p95 is None:
        return None
    met: Callable[[TrialRecord], bool] = lambda record: _meets(objectives, record)  # noqa: E731 - a name for reading
    fails = [load for load, record in seen.items() if not met(record)]
    high = min(fails, default=None)
    low = max((load for load, record in seen.items() if met(record) and (high is None or load < high)), default=None)
    return Bracket(low, high)


def _meets(objectives: Objectives, record: TrialRecord) -> bool:
    p95 = (record.latency_with_failures_ms or record.latency_ms).get("p95")  # failures among them
    return (
        record.usable
        and (objectives.error_rate is None or (record.error_rate or 0.0) <= objectives.error_rate)
        and (objectives.p95 is None or (p95 is not None and p95 <= objectives.p95 * 1000))
    )
