"""The search of studies that began before probes had numbers: one probe at each load decides. Pure.

Such a study keeps its search, so that it can be resumed, checked and reported as it was measured. A single cold or
stalled probe ends the doubling there, and users are halved by difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.grid.amount import Search
from harness.grid.load import RATE, VUSERS
from harness.grid.objectives import Objectives
from harness.grid.units import readable
from harness.summarise.search import bracketing, knee, probing
from harness.summarise.search.bracketing import Bracket, NextProbe, ProbeResult
from harness.summarise.search.probing import BEYOND, ENOUGH, Probes


def next_probe(span: Search, objectives: Objectives, probes: Probes, factor: str = VUSERS) -> NextProbe | None:
    """The load to probe next; None when the topology's brackets are within `until`."""
    load = _of_rate(span, objectives, probes) if factor == RATE else _of_users(span, objectives, probes)
    return None if load is None else NextProbe(load, 1)


def meeting(objectives: Objectives, probes: Probes) -> Bracket | None:
    """The smallest load that missed the objectives, and the largest below it that met them; None without objectives."""
    if not objectives.for_a_load:
        return None
    results = probing.results(objectives, probes)
    return _bracket({load: met for load, met in _met(objectives, probes).items() if results[load][0].counts})


def _met(objectives: Objectives, probes: Probes) -> dict[float, bool]:
    return {load: shown[0] == ProbeResult.MET for load, shown in probing.results(objectives, probes).items()}


def _bracket(met: Mapping[float, bool]) -> Bracket:
    high = min((load for load, good in met.items() if not good), default=None)
    return Bracket(
        max((load for load, good in met.items() if good and (high is None or load < high)), default=None), high
    )


def _of_rate(span: Search, objectives: Objectives, probes: Probes) -> int | None:
    met = _met(objectives, probes)
    found = _bracket(met)
    low, high = found.low, found.high
    if high is None:
        grown = span.least if low is None else min(2 * int(low), span.most)
        return None if grown in met else grown
    if low is None or high - low <= max(1.0, span.until * high):
        return None
    middle = int(readable(math.sqrt(low * high), whole=True))
    return middle if low < middle < high and middle not in met else None


def _of_users(span: Search, objectives: Objectives, probes: Probes) -> int | None:
    if not probes:
        return span.least
    growing = _next_double(span, probes)
    if growing is not None:
        return growing
    for bracket in (probing.around_knee(probes), meeting(objectives, probes)):
        if bracket is not None and bracket.low is not None and bracket.high is not None:
            middle = int(bracket.low + bracket.high) // 2
            if bracket.high - bracket.low > max(1.0, span.until * bracket.high) and middle not in probes:
                return middle
    return _beyond_the_knee(span, probes)


def _next_double(span: Search, probes: Probes) -> int | None:
    """Double until the rate grows by less than `until`, a probe is invalid, or the span ends."""
    before, rates = 0.0, probing.rates(probes)
    for load in bracketing.doubled(span.least, span.most):
        if load not in probes:
            return load
        rate = rates.get(load, 0.0)
        if rate < before * (1 + span.until) or not rate:
            return None
        before = rate
    return None


def _beyond_the_knee(span: Search, probes: Probes) -> int | None:
    found, invalid_from = knee.fit(probing.rates(probes)), probing.first_invalid(probes)
    if found is None or not found.bracketed:
        return None
    largest, least = max(probing.rates(probes), default=0), math.ceil(knee.LEAST * found.users)
    if len(found.flat) < ENOUGH or (invalid_from is not None and largest < least):
        for load in (math.ceil(factor * found.users) for factor in BEYOND):
            if load not in probes and load <= span.most and (invalid_from is None or load < invalid_from):
                return load
    if invalid_from is None or largest >= least:
        return None
    wide = invalid_from - largest > max(1.0, span.until * invalid_from)
    return (largest + invalid_from) // 2 if wide else None
