"""A topology's capacity under objectives, the largest load that meets them all, and its gain over others. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.grid.objectives import in_words as in_words_of
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.language import tr
from harness.records.trial import Component
from harness.summarise.capacity import crossing, pairing
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.crossing import Bound, BoundReasonKind, Crossing
from harness.summarise.capacity.limit import CapacityLimit
from harness.summarise.gains import mix
from harness.summarise.gains.gain import GainKind
from harness.summarise.gains.obstacle import GainObstacle, ObstacleKind
from harness.summarise.statistics import conclusion
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval
from harness.words import load_name
from harness.words import servers as in_words


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """One topology's largest load that meets all objectives, in requests per second or users by `factor`.

    `reference` is the capacity of paced servers by formula, None where none is known. `n_minus_1` is the capacity of
    the topology with one server fewer, None where that was not measured. `limit` is the bottleneck just above it, None
    where that is not known. `hosts` are the servers that took part, over all blocks. `removes_failed`: whether the
    balancer removes a failed server, None where that is not known. `undecided` are the objectives of which
    nothing is known, each with its reason: the capacity is that of the others. `mix` has name → requests of its trials
    (rule E25).
    """

    others: Levels
    servers: int
    factor: str
    crossing: Crossing
    blocks: int
    reference: float | None = None
    n_minus_1: Capacity | None = None
    undecided: tuple[Crossing, ...] = ()
    limit: CapacityLimit | None = None
    hosts: tuple[str, ...] = ()
    removes_failed: bool | None = None
    mix: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its topology, in words."""
        return ", ".join(filter(None, (in_words(self.servers), load_name(self.others))))

    def wider_than(self, target: float) -> bool:
        """Whether it is an estimate whose half width, as a share, is above the target; False for a bound."""
        if self.bound != Bound.EXACT or self.value is None:
            return False
        half = None if self.low is None or self.high is None else (self.high - self.low) / 2 / self.value
        return half is None or half > target

    @property
    def value(self) -> float | None:
        return self.crossing.value

    @property
    def low(self) -> float | None:
        return self.crossing.low

    @property
    def high(self) -> float | None:
        return self.crossing.high

    @property
    def bound(self) -> Bound:
        return self.crossing.bound

    @property
    def by_block(self) -> dict[int, float]:
        return self.crossing.by_block

    @property
    def requests(self) -> int:
        return self.crossing.requests

    @property
    def first_missed(self) -> str:
        """The objective that is missed first; empty where none is missed at the loads measured."""
        return self.crossing.objective if self.bound in (Bound.EXACT, Bound.BELOW) else ""

    @property
    def reason(self) -> str:
        """Why it is a bound, or has no interval, and of which objectives nothing is known; empty if none of them."""
        own = [tr(self.crossing.reason.text)] if self.crossing.reason else []
        return "; ".join(
            [
                *own,
                *(
                    tr("{in_words_of} unknown: {why}", in_words_of=in_words_of(each.objective), why=_why(each))
                    for each in self.undecided
                ),
            ]
        )

    @property
    def reason_kind(self) -> BoundReasonKind | None:
        return self.crossing.reason.kind if self.crossing.reason else None


def _why(unknown: Crossing) -> str:
    return unknown.reason.text if unknown.reason else ""


def of_topology(
    others: Levels,
    servers: int,
    factor: str,
    counts: Sequence[Count],
    allowed: Mapping[str, float],
    line_error: float = crossing.LINE_ERROR,
) -> Capacity:
    """The capacity by its trials in blocks; `allowed` is objective → the share of requests that may be over."""
    crossings = [crossing.crossing(name, share, counts, line_error) for name, share in allowed.items()]
    smallest = first(crossings)
    return Capacity(
        others=others,
        servers=servers,
        factor=factor,
        crossing=smallest,
        blocks=len({count.block for count in counts}),
        undecided=tuple(each for each in crossings if each is not smallest and each.bound == Bound.NONE),
    )


def first(crossings: Sequence[Crossing]) -> Crossing:
    """The crossing at the smallest load."""
    none = Crossing(objective="", bound=Bound.NONE, reason=crossing.NO_OBJECTIVE)
    for bound in (Bound.BELOW, Bound.EXACT):
        those = [each for each in crossings if each.bound == bound]
        if those:
            return min(those, key=lambda each: each.value or each.high or math.inf)
    unknown = [each for each in crossings if each.bound == Bound.NONE]
    return unknown[0] if unknown else min(crossings, key=lambda each: each.low or 0.0, default=none)


def with_n_minus_1(capacities: Sequence[Capacity]) -> list[Capacity]:
    """The same capacities, each with that of the topology with one server fewer."""
    known = {(tuple(each.others.items()), each.servers): each for each in capacities}
    return [replace(each, n_minus_1=known.get((tuple(each.others.items()), each.servers - 1))) for each in capacities]


@dataclass(frozen=True, kw_only=True)
class CapacityGain:
    """The capacity of a larger topology relative to a smaller one; `ratio` is None where there is none.

    The ratio of a lower bound is its low end alone. `conclusion` is what rule E17 allows. SUPER_LINEAR does not make
    the baseline suspect here: with more slots for a load, requests wait less by chance. `limit` is the bottleneck of a
    side that is not its servers (rule E18): the ratio is that of the topologies, and shows nothing about servers alone.
    """

    others: Levels
    from_servers: int
    to_servers: int
    ratio: Interval | None
    k: int
    kind: GainKind
    conclusion: Conclusion
    indicative: bool = False
    reason: str = ""
    limit: GainObstacle | None = None

    @property
    def conclusion_text(self) -> str:
        """The conclusion as tables write it, as in "indicative: super-linear"."""
        return conclusion.in_words(self.conclusion, indicative=self.indicative)

    @property
    def step(self) -> str:
        """Both topologies: "1 → 2"."""
        return f"{self.from_servers} → {self.to_servers}"

    @property
    def step_ideal(self) -> float:
        return self.to_servers / self.from_servers

    @property
    def efficiency(self) -> float | None:
        """Ratio / step ideal; of a lower bound a lower bound."""
        return self.ratio.value / self.step_ideal if self.ratio else None


def all_gains(capacities: Sequence[Capacity], limits: Thresholds) -> list[CapacityGain]:
    """Every step between neighbouring topologies that differ only in their servers."""
    return [between(a, b, limits) for group in _by_others(capacities) for a, b in itertools.pairwise(group)]


def whole_ranges(capacities: Sequence[Capacity], limits: Thresholds) -> list[CapacityGain]:
    """From the smallest to the largest of more than two topologies that differ only in their servers."""
    return [between(group[0], group[-1], limits) for group in _by_others(capacities) if len(group) > 2]


def _by_others(capacities: Sequence[Capacity]) -> list[list[Capacity]]:
    groups: dict[tuple[tuple[str, object], ...], list[Capacity]] = {}
    for each in capacities:
        groups.setdefault(tuple(each.others.items()), []).append(each)
    return [sorted(group, key=lambda each: each.servers) for group in groups.values()]


def between(smaller: Capacity, larger: Capacity, limits: Thresholds) -> CapacityGain:
    """The gain of one step: paired over blocks (rule E15), with the errors of both slopes (rule E18)."""
    if shift := mix.shift(smaller.mix, larger.mix, limits.mix_held):
        names = (tr("with {in_words}", in_words=in_words(each.servers)) for each in (smaller, larger))
        return _none(smaller, larger, shift.in_words(*names))
    found, limit = _between(smaller, larger, limits), _limit(smaller, larger)
    if limit is None:
        return found
    reason = "; ".join(filter(None, (found.reason, limit.text)))
    found = replace(found, limit=limit, reason=reason)
    if limit.kind is not ObstacleKind.GENERATOR or found.kind is not GainKind.GAIN:
        return found
    least = found.ratio.low if found.ratio else None
    if smaller.servers in limit.servers or least is None:
        return replace(found, kind=GainKind.NOT_MEASURABLE, conclusion=Conclusion.NOT_MEASURABLE, ratio=None)
    bound = Conclusion.AT_LEAST if least > 1 else Conclusion.INDISTINCT
    return replace(found, kind=GainKind.LOWER_BOUND, conclusion=bound, ratio=Interval(least, least))


def _limit(smaller: Capacity, larger: Capacity) -> GainObstacle | None:
    """The bottleneck of the sides whose capacity is not set by their servers, that of the smaller one first."""
    others = [(one, one.limit) for one in (smaller, larger) if one.limit and not one.limit.component.is_topology]
    if not others:
        return None
    alike = [(one, limit) for one, limit in others if limit.component == others[0][1].component]
    component, names = alike[0][1].component, " and ".join(in_words(one.servers) for one, _ in alike)
    kind = {Component.UNKNOWN: ObstacleKind.UNKNOWN_BOTTLENECK, Component.GENERATOR: ObstacleKind.GENERATOR}
    state = tr("is unknown") if component == Component.UNKNOWN else tr("was the {component}", component=component)
    text = tr("the bottleneck of {names} {state}: {reason}", names=names, state=state, reason=alike[-1][1].reason)
    return GainObstacle(
        kind.get(component, ObstacleKind.OTHER_BOTTLENECK), text, tuple(one.servers for one, _ in alike), component
    )


def _between(smaller: Capacity, larger: Capacity, limits: Thresholds) -> CapacityGain:
    common = sorted(smaller.by_block.keys() & larger.by_block.keys())
    for each in (smaller, larger):
        if each.bound == Bound.NONE:
            return _none(smaller, larger, f"{in_words(each.servers)}: {each.reason}")
    if smaller.bound == Bound.EXACT == larger.bound:
        if not common:
            return _none(smaller, larger, tr("no block has trials of both"))
        return _exact(smaller, larger, common, limits)
    if smaller.high is None or larger.low is None:
        side = smaller if smaller.high is None else larger
        reason = f"{in_words(side.servers)}: {side.reason}"
        return _gain(smaller, larger, GainKind.NOT_MEASURABLE, Conclusion.NOT_MEASURABLE, reason=reason)
    side = larger if larger.bound == Bound.AT_LEAST else smaller
    least = larger.low / smaller.high
    return _gain(
        smaller,
        larger,
        GainKind.LOWER_BOUND,
        Conclusion.AT_LEAST if least > 1 else Conclusion.INDISTINCT,
        ratio=Interval(least, least),
        k=len(common),
        reason=f"{in_words(side.servers)}: {side.reason}",
    )


def _gain(
    smaller: Capacity,
    larger: Capacity,
    kind: GainKind,
    found: Conclusion,
    *,
    ratio: Interval | None = None,
    k: int = 0,
    indicative: bool = False,
    reason: str = "",
) -> CapacityGain:
    return CapacityGain(
        others=smaller.others,
        from_servers=smaller.servers,
        to_servers=larger.servers,
        ratio=ratio,
        k=k,
        kind=kind,
        conclusion=found,
        indicative=indicative,
        reason=reason,
    )


def _none(smaller: Capacity, larger: Capacity, reason: str) -> CapacityGain:
    return _gain(smaller, larger, GainKind.NONE, Conclusion.NONE, reason=reason)


def _exact(smaller: Capacity, larger: Capacity, common: Sequence[int], limits: Thresholds) -> CapacityGain:
    ratio = pairing.ratio(smaller.crossing, larger.crossing, common, limits.interval_repeats)
    found = conclusion.of_scaling(ratio, larger.servers / smaller.servers, limits)
    indicative = ratio.low is not None and len(common) < limits.statement_repeats
    return _gain(smaller, larger, GainKind.GAIN, found, ratio=ratio, k=len(common), indicative=indicative)
