"""The capacity of one topology in two studies: its ratio and the conclusion that it supports (rule E21). Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.grid.thresholds import Thresholds
from harness.language import tr
from harness.records.trial import Component
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.crossing import LEAST_BLOCKS, Bound
from harness.summarise.capacity.pairing import RATIO_ERROR
from harness.summarise.comparison import attribution, studies
from harness.summarise.comparison.attribution import Attribution, RatioBound
from harness.summarise.comparison.machine_change import MachineChange
from harness.summarise.comparison.studies import ComparedRatio
from harness.summarise.gains import mix
from harness.summarise.gains.obstacle import Obstacle, ObstacleKind
from harness.summarise.statistics import autocorrelation
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval
from harness.summarise.statistics.welch import Difference, difference

MANY = 1000  # degrees of freedom of a known error


@dataclass(frozen=True, kw_only=True)
class CapacityRatio(ComparedRatio):
    """The capacity of one topology in both studies."""

    before: Capacity
    after: Capacity


Pair = tuple[Capacity, Capacity]


def pairs_of(before: Sequence[Capacity], after: Sequence[Capacity]) -> list[Pair]:
    """The capacities of the topologies that both have, for the same kind of load."""
    known = {_key(one): one for one in after}
    return [(one, known[_key(one)]) for one in before if _key(one) in known]


def _key(one: Capacity) -> tuple[object, ...]:
    return (one.factor, one.servers, *sorted(one.others.items()))


def ratios(pairs: Sequence[Pair], machines: MachineChange, limits: Thresholds) -> list[CapacityRatio]:
    """Compare the capacity of every topology; all statements count for simultaneous intervals."""
    exact = [pair for pair in pairs if _exact(pair)]
    sides = [studies.in_order(one.by_block) for pair in exact for one in pair]
    correlation = autocorrelation.lag_one([np.log(side).tolist() for side in sides])
    count = sum(attributed(pair, mix_held=limits.mix_held).obstacle is None for pair in pairs)
    return [_ratio(pair, machines, limits, count, correlation) for pair in pairs]


def _exact(pair: Pair) -> bool:
    return all(one.bound == Bound.EXACT and len(one.by_block) >= LEAST_BLOCKS for one in pair)


def _ratio(pair: Pair, machines: MachineChange, limits: Thresholds, count: int, correlation: float) -> CapacityRatio:
    before, after = pair
    stated = attributed(pair, mix_held=limits.mix_held)
    few = min(one.blocks for one in pair) < limits.statement_repeats
    if stated.obstacle and not _exact(pair):
        found = ComparedRatio(ratio=None, conclusion=Conclusion.NOT_MEASURABLE, obstacle=stated.obstacle)
    elif _exact(pair):
        found = studies.of_difference(_difference(pair, correlation), stated, machines, limits, count, few=few)
    elif all(one.bound == Bound.EXACT for one in pair):
        value = (after.value or 1.0) / (before.value or 1.0)
        found = ComparedRatio(ratio=Interval(value), conclusion=Conclusion.TOO_FEW)
    else:
        found = one_sided(pair, stated, machines)
        found = replace(found, indicative=found.conclusion is not Conclusion.NOT_MEASURABLE and few)
    return CapacityRatio(before=before, after=after, **vars(found))


def _difference(pair: Pair, correlation: float) -> Difference:
    """Welch's difference of the logarithms of the blocks' pseudo-values.

    The error of the lines, a half width, is added as that of a known spread.
    """
    log = difference(*(studies.in_order(one.by_block) for one in pair), correlation=correlation)
    of_lines = ((RATIO_ERROR / 1.96) ** 2, MANY)
    return Difference(log.value, (*log.parts, of_lines), (*log.planned, of_lines))


def attributed(
    pair: Pair,
    names: tuple[str, str] | None = None,
    hiding: frozenset[Component] = attribution.NOT_SERVERS,
    *,
    mix_held: float,
) -> Attribution:
    """Whether the ratio is a statement, by the bottleneck of both capacities (rule E18).

    Arguments as `attribute`; without `names` the sides are two studies.
    """
    names = names or studies.names()
    if shift := mix.shift(pair[0].mix, pair[1].mix, mix_held):
        return Attribution(
            Obstacle(ObstacleKind.OTHER_WORK, shift.in_words(*(tr("in {name}", name=name) for name in names)))
        )
    components = tuple(one.limit.component if one.limit else Component.SERVER for one in pair)
    for one, component, name in zip(pair, components, names, strict=True):
        if one.bound == Bound.NONE:
            return Attribution(Obstacle(ObstacleKind.UNUSABLE, f"{name}: {one.reason}"))
        if component == Component.UNKNOWN:
            return Attribution(
                Obstacle(ObstacleKind.UNKNOWN_BOTTLENECK, tr("the bottleneck of {name} is unknown", name=name))
            )
        if component == Component.GENERATOR:
            return Attribution(
                Obstacle(ObstacleKind.GENERATOR, tr("the bottleneck of {name} was the generator", name=name))
            )
    return attribution.of_components((components[0], components[1]), hiding)


def one_sided(
    pair: Pair, stated: Attribution, machines: MachineChange, names: tuple[str, str] | None = None
) -> ComparedRatio:
    """The statement of a capacity that is only a bound: the ratio lies beyond the ends that are nearest to each other.

    It must hold with the measured capacities and with the change of the machines' own speed removed.
    """
    before, after = pair
    moved = machines.speed.ratio() if machines.speed is not None else None
    slowest, fastest = (min(1.0, moved.low or 1.0), max(1.0, moved.high or 1.0)) if moved else (1.0, 1.0)
    least = after.low / before.high if after.low and before.high else 0.0
    most = after.high / before.low if after.high and before.low else math.inf
    if least / fastest > 1 and stated.bound is not RatioBound.AT_MOST:
        return ComparedRatio(
            ratio=Interval(least, least),
            conclusion=Conclusion.HIGHER,
            bound=RatioBound.AT_LEAST,
            with_machines=machines.speed is None,
        )
    if most / slowest < 1 and stated.bound is not RatioBound.AT_LEAST:
        return ComparedRatio(
            ratio=Interval(most, None, most),
            conclusion=Conclusion.LOWER,
            bound=RatioBound.AT_MOST,
            with_machines=machines.speed is None,
        )
    side = next(which for which, one in enumerate(pair) if one.bound != Bound.EXACT)
    text = tr(
        "the capacity in {side} is only a bound: {reason}",
        side=(names or studies.names())[side],
        reason=pair[side].reason,
    )
    obstacle = Obstacle(ObstacleKind.HIDDEN, text)
    return ComparedRatio(ratio=None, conclusion=Conclusion.NOT_MEASURABLE, obstacle=obstacle)
