"""Whether the throughput ratio of two cells is a statement, by the bottleneck of each (rules E17 and E18). Pure.

Used for levels of a factor and for two studies.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.language import tr
from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains import mix, obstacle
from harness.summarise.gains.obstacle import Obstacle, ObstacleKind
from harness.summarise.statistics import conclusion
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval

LOAD_ALONE = frozenset({Component.LOAD})
# The bottlenecks that hide the capacity of servers. For a factor of another component they are part of its effect.
NOT_SERVERS = frozenset({*LOAD_ALONE, Component.BALANCER, Component.NETWORK, Component.DEPENDENCY})


class RatioBound(StrEnum):
    """The side on which the ratio of both capacities lies, where only one of them was measured."""

    AT_LEAST = "at least"  # the second side could have done more
    AT_MOST = "at most"  # the first side could have done more


@dataclass(frozen=True)
class Attribution:
    """`obstacle` is what keeps a ratio from being a statement.

    With `bound` the ratio of both capacities lies beyond the measured one, as `hidden_by` limited one side.
    """

    obstacle: Obstacle | None = None
    bound: RatioBound | None = None
    hidden_by: Component | None = None


def attribute(
    sides: tuple[CellSummary, CellSummary],
    names: tuple[str, str],
    hiding: frozenset[Component] = LOAD_ALONE,
    *,
    mix_held: float,
) -> Attribution:
    """Whether the ratio of the second to the first is a statement; `names` name the sides in obstacles.

    `hiding` are the bottlenecks that hide the capacity of a side, `mix_held` is the threshold of rule E25.
    """
    if shift := mix.shift(sides[0].mix, sides[1].mix, mix_held):
        return Attribution(
            Obstacle(ObstacleKind.OTHER_WORK, shift.in_words(*(tr("in {name}", name=name) for name in names)))
        )
    for find in (_not_comparable, _not_known):
        for cell, name in zip(sides, names, strict=True):
            if found := find(cell, name):
                return Attribution(found)
    return of_components((sides[0].bottleneck, sides[1].bottleneck), hiding)


def of_components(components: tuple[Component, Component], hiding: frozenset[Component]) -> Attribution:
    """The same by the bottlenecks of both sides, where neither is the generator or unknown."""
    first, second = components
    if first in hiding and second in hiding:
        return Attribution(_both_hidden(first, second))
    if first in hiding:
        return Attribution(None, RatioBound.AT_MOST, first)
    if second in hiding:
        return Attribution(None, RatioBound.AT_LEAST, second)
    return Attribution()


def _not_comparable(cell: CellSummary, name: str) -> Obstacle | None:
    if cell.rejections:
        return Obstacle(ObstacleKind.REJECTIONS, f"{name}: {cell.rejections}")
    return obstacle.unusable(cell, name)


def _not_known(cell: CellSummary, name: str) -> Obstacle | None:
    if cell.bottleneck == Component.UNKNOWN:
        return Obstacle(ObstacleKind.UNKNOWN_BOTTLENECK, tr("the bottleneck of {name} is unknown", name=name))
    return obstacle.generator(cell, name)


def _both_hidden(first: Component, second: Component) -> Obstacle:
    if first == second == Component.LOAD:
        return Obstacle(ObstacleKind.LOAD_LIMITED, tr("both serve the load completely"))
    one = (
        tr("the {first}", first=first)
        if first == second
        else tr("the {first} and the {second}", first=first, second=second)
    )
    verb = tr("was the bottleneck") if first == second else tr("were the bottlenecks")
    return Obstacle(ObstacleKind.OTHER_BOTTLENECK, tr("{one} {verb}, not the servers", one=one, verb=verb))


def hidden_in_words(bottleneck: Component) -> str:
    """How a bottleneck hides the capacity of a side, as a clause."""
    return (
        tr("no higher load was offered")
        if bottleneck.is_load
        else tr("the {bottleneck} was the bottleneck", bottleneck=bottleneck)
    )


def direction(ratio: Interval, bound: RatioBound | None) -> Conclusion:
    """LOWER, HIGHER, INDISTINCT or TOO_FEW (rule E17); with a bound only the direction on its side."""
    found = conclusion.of_change(ratio)
    if found is Conclusion.HIGHER and bound is RatioBound.AT_MOST:
        return Conclusion.INDISTINCT
    if found is Conclusion.LOWER and bound is RatioBound.AT_LEAST:
        return Conclusion.INDISTINCT
    return found
