"""The bottleneck that sets a capacity: that of the trials just above it, which miss the objectives. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck, reasons
from harness.records.reasons import Reason, ReasonKind
from harness.records.trial import Bottleneck, Component, TrialRecord
from harness.summarise.capacity import by_objective, counts
from harness.summarise.capacity.crossing import Bound, Crossing
from harness.summarise.capacity.near import NEAR

ADDED = 0.1  # of R0: below it, the added time is too short to attribute


@dataclass(frozen=True)
class CapacityLimit:
    """The component that sets a capacity, and its reason as a clause."""

    component: Component
    reason: str


def of_trials(
    trials: Iterable[tuple[float, TrialRecord]], crossing: Crossing, allowed: Mapping[str, float], limits: Thresholds
) -> CapacityLimit | None:
    """The bottleneck of two thirds of the trials above the crossing; `trials` are (load, trial in a block).

    The nearest load above the crossing counts, and others within 15 %; of their trials those that miss an objective,
    if any does. A capacity that is only a lower bound may be set by the generator: then the trials above it are
    invalid. None where no load lies above, and where nothing shows which component delays the responses.
    """
    above = _above(trials, crossing)
    counted = [one for one in above if one[1].usable or one[1].collapsed]
    if counted and crossing.bound != Bound.AT_LEAST:
        near = [record for load, record in counted if load <= counted[0][0] * (1 + NEAR)]
        return _of([record for record in near if _misses(record, allowed)] or near, limits)
    missing = [record for _, record in above if not record.usable or _misses(record, allowed)]
    return _of(missing, limits) if missing else None


def _above(trials: Iterable[tuple[float, TrialRecord]], crossing: Crossing) -> list[tuple[float, TrialRecord]]:
    """The trials above the crossing by load; at least those of the largest load where a crossing is exact."""
    ordered = sorted(trials, key=lambda one: one[0])
    if crossing.bound == Bound.NONE or not ordered:
        return []
    if crossing.bound == Bound.BELOW:
        return ordered
    edge = crossing.value if crossing.value is not None else crossing.low or math.inf
    most = ordered[-1][0]
    exact = crossing.bound == Bound.EXACT
    return [(load, record) for load, record in ordered if load > edge or (exact and load == most)]


def _misses(record: TrialRecord, allowed: Mapping[str, float]) -> bool:
    count = counts.of_record(record, 0.0)
    return count is not None and by_objective.misses(count, allowed)


def _of(records: Sequence[TrialRecord], limits: Thresholds) -> CapacityLimit | None:
    """The bottleneck of two thirds of these trials, with its most frequent reason."""
    found = [each for record in records if (each := _of_trial(record, limits)) is not None]
    if 3 * len(found) < 2 * len(records):
        return None
    component, disagreement = bottleneck.of_cell([component for component, _, _ in found])
    if disagreement:
        return CapacityLimit(component, disagreement)
    alike = [(basis, judged) for each, basis, judged in found if each == component]
    basis = Counter(basis for basis, _ in alike).most_common(1)[0][0]
    same = [judged for each, judged in alike if each == basis]
    if basis.kind in (ReasonKind.REJECTING, ReasonKind.FAILING):
        return CapacityLimit(component, same[0].reason)  # it begins with the share of failed requests
    return CapacityLimit(component, reasons.sentence(basis, _means([judged.figures for judged in same])))


Found = tuple[Component, Reason, Bottleneck]


def _of_trial(record: TrialRecord, limits: Thresholds) -> Found | None:
    """The bottleneck of one trial.

    A trial can serve its whole load and still miss an objective for the response time: then the component that adds
    the time to an unloaded response sets the capacity. None where that is not known.
    """
    judged = record.bottleneck
    if judged is None:
        return None
    figures = judged.figures
    if not judged.component.is_load:
        return judged.component, judged.basis, judged
    response_s, upstream_s, unloaded_s = (figures.get(name) for name in ("response_s", "upstream_s", "unloaded_s"))
    if not response_s or upstream_s is None or not unloaded_s:
        return None
    added_s = response_s - unloaded_s
    of_servers = (upstream_s - unloaded_s) / added_s if added_s > ADDED * unloaded_s else upstream_s / response_s
    if of_servers >= limits.server_share:
        if (figures.get("dependency_cpu") or 0.0) >= limits.dependency_cpu:
            return Component.DEPENDENCY, Reason(kind=ReasonKind.DEPENDENCY_CPU), judged
        return Component.SERVER, Reason(kind=ReasonKind.CONCURRENCY), judged
    if (figures.get("balancer_cpu") or 0.0) >= limits.balancer_cpu:
        return Component.BALANCER, Reason(kind=ReasonKind.BALANCER_CPU), judged
    if (figures.get("retransmitted") or 0.0) > limits.retransmits:
        return Component.NETWORK, Reason(kind=ReasonKind.RETRANSMITS), judged
    return Component.UNKNOWN, Reason(kind=ReasonKind.SLOW_ELSEWHERE), judged


def _means(figures: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """The mean of each figure over the trials that have it."""
    found: dict[str, float | None] = {}
    for name in {name for each in figures for name in each}:
        values = [value for each in figures if (value := each.get(name)) is not None]
        found[name] = sum(values) / len(values) if values else None
    return found
