"""The next probe of a search: it doubles the load, then halves brackets by ratio. Pure.

A closed loop saturates a topology, so its knee is searched, and the largest load that meets the objectives. An open
load is served as offered until the servers fall behind, so it has no knee: only the objectives are searched.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from harness.grid.amount import Search
from harness.grid.load import RATE, VUSERS
from harness.grid.objectives import P95, Objectives
from harness.grid.units import readable
from harness.records.trial import TrialRecord
from harness.summarise.capacity import counts
from harness.summarise.capacity.counts import Evidence
from harness.summarise.search import bracketing, falling, knee
from harness.summarise.search.bracketing import Bracket, NextProbe, ProbeResult

# Fewer probes well beyond the knee hardly estimate µ and its noise; more are taken where blocks are measured.
ENOUGH = 3
BEYOND = (1.4, 1.3, 1.5)  # knees
STALLED = 1.15  # ratio of rates: a probe that is lower than its neighbours allow by more than that is repeated
Probes = Mapping[int, Sequence[TrialRecord]]  # load → probes of one topology, in their order


def next_probe(span: Search, objectives: Objectives, probes: Probes, factor: str = VUSERS) -> NextProbe | None:
    """The next probe; None when the topology's brackets are within `until`."""
    shown = results(objectives, probes)
    within = min(span.until, bracketing.COVERED)
    if factor == RATE:
        return bracketing.next_probe(span.least, span.most, within, shown, whole=True)
    growing = _next_double(span, probes)
    if growing is not None:
        return growing
    around = around_knee(probes)
    if around.low is not None and around.high is not None:
        middle = _middle(int(around.low), int(around.high), span.until, probes)
        if middle is not None:
            return NextProbe(middle, 1)
    if objectives.for_a_load:
        met = bracketing.narrowed(within, shown, whole=True)
        if met is not None:
            return met
    return _beyond_the_knee(span, probes) or _of_falling(probes)


def _of_falling(probes: Probes) -> NextProbe | None:
    """Another probe at the peak or at the largest load, where throughput seems to fall between them."""
    for load in falling.suspects(usable_rates(probes)) or ():
        if bracketing.can_repeat(probes, load):
            return NextProbe(load, len(probes[load]) + 1)
    return None


def _middle(low: int, high: int, until: float, probes: Probes) -> int | None:
    """The load in the middle of a bracket by ratio; None if the bracket is within `until` of its high end."""
    if high - low <= max(1.0, until * high):
        return None
    middle = int(readable(math.sqrt(low * high), whole=True))
    return middle if low < middle < high and middle not in probes else None


def _beyond_the_knee(span: Search, probes: Probes) -> NextProbe | None:
    """More probes beyond the knee while they are too few to estimate µ, or while none has enough users for blocks."""
    found, invalid_from = knee.fit(rates(probes)), first_invalid(probes)
    if found is None or not found.bracketed:
        return None
    largest, least = max(rates(probes), default=0), math.ceil(knee.LEAST * found.users)
    if len(found.flat) < ENOUGH or (invalid_from is not None and largest < least):
        for load in (math.ceil(factor * found.users) for factor in BEYOND):
            if load not in probes and load <= span.most and (invalid_from is None or load < invalid_from):
                return NextProbe(load, 1)
    if invalid_from is None or largest >= least:
        return None
    middle = _middle(largest, invalid_from, span.until, probes)
    return None if middle is None else NextProbe(middle, 1)


def _rate(record: TrialRecord) -> float:
    return float(record.tps_mean or 0.0) if record.usable else 0.0


def _next_double(span: Search, probes: Probes) -> NextProbe | None:
    """Double until the rate grows by less than `until`, probes are invalid, or the span ends.

    One probe that does not grow ends nothing: the load is probed again, and a third time if the two disagree. Stalled
    probes below the last load are repeated, too.
    """
    before = 0.0
    for load in bracketing.doubled(span.least, span.most):
        shown = probes.get(load, ())
        if not shown:
            return NextProbe(load, 1)
        grown = sum(_rate(record) > 0 and _rate(record) >= before * (1 + span.until) for record in shown)
        if 2 * grown <= len(shown):
            certain = len(shown) > 1 and 2 * grown < len(shown)
            if not certain and bracketing.can_repeat(probes, load):
                return NextProbe(load, len(shown) + 1)
            break
        before = max(before, rates({load: shown}).get(load, 0.0))
    return _repeat_of_stalled(probes)


def _repeat_of_stalled(probes: Probes) -> NextProbe | None:
    """Another probe of a load whose rate is too low between its neighbours; None without one.

    In a closed loop neither users alone nor a saturated service explain such a dip: the rate of a larger load is higher
    in proportion to its users, or both a smaller and a larger load have a higher rate.
    """
    found = sorted(rates(probes).items())
    for at, (load, rate) in enumerate(found):
        above = found[at + 1 :]
        steeper = any(more / users > STALLED * rate / load for users, more in above)
        below = max((less for _, less in found[:at]), default=0.0)
        dips = min(below, max((more for _, more in above), default=0.0)) > STALLED * rate
        tried = len(probes[load])
        if (steeper or dips) and tried < 2 and bracketing.can_repeat(probes, load):
            return NextProbe(load, tried + 1)
    return None


def rates(probes: Probes) -> dict[int, float]:
    """Users → requests per second: the median of the usable probes at loads where more than half are usable."""
    return {load: statistics.median(each) for load, each in usable_rates(probes).items() if each}


def usable_rates(probes: Probes) -> dict[int, list[float]]:
    """Users → requests per second of all usable probes; none at loads where at most half of them are usable."""
    found = {load: [rate for record in shown if (rate := _rate(record))] for load, shown in probes.items()}
    return {load: each if 2 * len(each) > len(probes[load]) else [] for load, each in found.items()}


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
    counted = {
        load: [result for result in shown if result.counts] for load, shown in results(objectives, probes).items()
    }
    return bracketing.bracket({load: shown for load, shown in counted.items() if shown})


def first_uncounted(objectives: Objectives, probes: Probes) -> int | None:
    """The smallest probed load that shows neither that the objectives are met nor that they are missed."""
    shown = results(objectives, probes)
    uncounted = (load for load, each in shown.items() if not any(result.counts for result in each))
    return min((int(load) for load in uncounted), default=None)


def results(objectives: Objectives, probes: Probes) -> dict[float, list[ProbeResult]]:
    """Load → the results of its probes under the objectives."""
    return {load: [_result(objectives, record) for record in shown] for load, shown in probes.items()}


def _result(objectives: Objectives, record: TrialRecord) -> ProbeResult:
    if record.collapsed or (record.usable and record.falls_behind):
        return ProbeResult.BEHIND
    if not record.usable or record.generator_late:
        return ProbeResult.UNCOUNTED
    p95_ms = (record.latency_with_failures_ms or record.latency_ms).get("p95")  # failures included
    met = objectives.p95_met(p95_ms) and not _has_late_name(objectives, record) and not _fails(objectives, record)
    return ProbeResult.MET if met else ProbeResult.MISSED


def _has_late_name(objectives: Objectives, record: TrialRecord) -> bool:
    """Whether the requests of one name miss their objective.

    A name of a small weight has few requests in a probe. Fewer than a p95 needs miss it only where chance does not
    explain it; else they would miss it always.
    """
    for name, stats in record.requests.items():
        limit_s, p95_ms = objectives.p95_of(name), stats.latency_with_failures_ms.get("p95")
        if limit_s is None:
            continue
        if p95_ms is None and counts.evidence(stats.requests, stats.late or 0, P95) is Evidence.MISSES:
            return True
        if p95_ms is not None and p95_ms > limit_s * 1000:
            return True
    return False


def _fails(objectives: Objectives, record: TrialRecord) -> bool:
    """Whether a probe has more failures than the objective allows, and than chance explains where they are counted."""
    share, counted = objectives.error_rate, record.objective_counts
    if share is None or counted is None:
        return not objectives.error_rate_met(record.error_rate or 0.0)
    return counts.evidence(counted.requests, counted.failed, share) is Evidence.MISSES
