"""The next load that a search probes: it doubles the load, then halves brackets. Pure.

A closed loop saturates a topology, so its knee is searched, and the largest load that meets the objectives. An open
load is served as offered until the servers fall behind, so it has no knee: only the objectives are searched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.grid.amount import Search
from harness.grid.load import RATE, VUSERS
from harness.grid.schema import Objectives
from harness.records.trial import TrialRecord
from harness.summarise.search import bracketing, knee
from harness.summarise.search.bracketing import Bracket

# Fewer probes well beyond the knee hardly estimate µ and its noise; more are taken where blocks are measured.
ENOUGH = 3
BEYOND = (1.4, 1.3, 1.5)  # knees
Probes = Mapping[int, TrialRecord]  # load → probe of one topology


def next_load(span: Search, objectives: Objectives, probes: Probes, factor: str = VUSERS) -> int | None:
    """The load to probe next; None when the topology's brackets are within `until`."""
    if factor == RATE:
        # A probe that does not count ends the search upwards, as larger loads would not count either.
        met: dict[float, bool] = {load: bool(_meets(objectives, record)) for load, record in probes.items()}
        found = bracketing.next_load(span.least, span.most, span.until, met, whole=True)
        return None if found is None else int(found)
    if not probes:
        return span.least
    growing = _next_double(span, probes)
    if growing is not None:
        return growing
    for bracket in (around_knee(probes), meeting(objectives, probes)):
        if bracket is not None and bracket.low is not None and bracket.high is not None:
            middle = int(bracket.low + bracket.high) // 2
            if bracket.high - bracket.low > max(1.0, span.until * bracket.high) and middle not in probes:
                return middle
    return _beyond_the_knee(span, probes)


def _beyond_the_knee(span: Search, probes: Probes) -> int | None:
    """More probes beyond the knee while they are too few to estimate µ, or while none has enough users for blocks."""
    found, invalid_from = knee.fit(rates(probes)), first_invalid(probes)
    if found is None or not found.bracketed:
        return None
    largest, least = max(rates(probes), default=0), math.ceil(knee.LEAST * found.users)
    if len(found.flat) < ENOUGH or (invalid_from is not None and largest < least):
        for load in (math.ceil(factor * found.users) for factor in BEYOND):
            if load not in probes and load <= span.most and (invalid_from is None or load < invalid_from):
                return load
    if invalid_from is None or largest >= least:
        return None
    wide = invalid_from - largest > max(1.0, span.until * invalid_from)
    return (largest + invalid_from) // 2 if wide else None


def _rate(record: TrialRecord) -> float:
    return float(record.tps_mean or 0.0) if record.usable else 0.0


def _next_double(span: Search, probes: Probes) -> int | None:
    """Double until the rate grows by less than `until`, a probe is invalid, or the span ends."""
    before = 0.0
    for load in bracketing.doubled(span.least, span.most):
        if load not in probes:
            return load
        rate = _rate(probes[load])
        if rate < before * (1 + span.until) or not rate:
            return None
        before = rate
    return None


def rates(probes: Probes) -> dict[int, float]:
    """Users → requests per second of the usable probes."""
    return {load: rate for load, record in probes.items() if (rate := _rate(record))}


def first_invalid(probes: Probes) -> int | None:
    """The smallest probed load above all usable probes; None where the largest probe is usable."""
    largest = max(rates(probes), default=0)
    return min((load for load in probes if load > largest), default=None)


def around_knee(probes: Probes) -> Bracket:
    """The probed loads next to the knee on both sides.

    If throughput grows up to the last usable probe, the knee is between that one and the first invalid one.
    """
    usable = rates(probes)
    found = knee.fit(usable)
    if found is None:
        return Bracket(None, None)
    if not found.level:
        return Bracket(max(usable), first_invalid(probes))
    low = max((load for load in usable if load < found.users), default=None) if found.rising else None
    return Bracket(low, min(load for load in usable if low is None or load > low))


def meeting(objectives: Objectives, probes: Probes) -> Bracket | None:
    """The largest load that meets the objectives and the smallest above it that does not; None without objectives."""
    if not objectives.for_a_load:
        return None
    judged = {load: _meets(objectives, record) for load, record in probes.items()}
    return bracketing.bracket({load: met for load, met in judged.items() if met is not None})


def first_uncounted(objectives: Objectives, probes: Probes) -> int | None:
    """The smallest probed load that shows neither that the objectives are met nor that they are missed."""
    return min((load for load, record in probes.items() if _meets(objectives, record) is None), default=None)


def _meets(objectives: Objectives, record: TrialRecord) -> bool | None:
    """Whether a probe meets the objectives; None for one that does not count: invalid, or with a late generator."""
    if record.collapsed:
        return False
    if not record.usable or record.generator_late:
        return None
    p95_ms = (record.latency_with_failures_ms or record.latency_ms).get("p95")  # failures included
    return not record.falls_behind and objectives.met(record.error_rate or 0.0, p95_ms)
