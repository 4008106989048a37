"""What a ratio between two cells may say, by what limited each of them (rules E17 and E18). Pure.

Levels of a factor and studies of two days are asked the same questions here.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary
from harness.summarise.statistics.intervals import Interval

LOAD_ALONE = frozenset({Component.LOAD})
# What keeps servers from showing what they can do. For what is not about servers, such a limit is part of what it does.
BESIDE_SERVERS = frozenset({*LOAD_ALONE, Component.BALANCER, Component.NETWORK})
NO_MORE = {Component.LOAD: "the load was served completely either way"}
NOT_MEASURABLE = "not measurable at this load"


@dataclass(frozen=True)
class Attribution:
    """`why` is what keeps a ratio from being a statement; empty where it is one.

    `bound` is "at least" where the second side's servers could have done more, "at most" where the first side's could:
    the ratio of what both can do lies beyond; `held` is what kept that side.
    """

    why: str = ""
    bound: str = ""
    held: Component | None = None


def attribute(
    sides: tuple[CellSummary, CellSummary], names: tuple[str, str], holding: frozenset[Component] = LOAD_ALONE
) -> Attribution:
    """Whether the ratio of the second to the first says something; `names` are the sides', as a clause begins.

    `holding` are the limits that hide what a side could do.
    """
    for cell, name in zip(sides, names, strict=True):
        if cell.rejections:
            return Attribution(f"{name}: {cell.rejections}")
        if not cell.usable:
            return Attribution(f"{name}: {cell.outcome.replace('_', ' ')} ({cell.cause})")
    for cell, name in zip(sides, names, strict=True):
        if cell.bottleneck == Component.UNKNOWN:
            return Attribution(f"what limited {name} is not known")
        if cell.bottleneck == Component.GENERATOR:
            return Attribution(f"what limited {name} was the generator")
    first, second = (cell.bottleneck for cell in sides)
    if first in holding and second in holding:
        if first == second and first in NO_MORE:
            return Attribution(NO_MORE[first])
        told = f"both was the {first}" if first == second else f"them was the {first} and the {second}"
        return Attribution(f"what limited {told}, not the servers")
    if first in holding or second in holding:
        return Attribution("", "at most" if first in holding else "at least", first if first in holding else second)
    return Attribution()


def holds(held: Component) -> str:
    """What kept a side from showing more, as a clause."""
    told = {Component.LOAD: "the load was served completely"}
    return told.get(held, f"the {held} was the limit")


def direction(ratio: Interval, bound: str) -> str:
    """What an interval allows to say: faster, slower, or nothing; of a bound only what lies on its side (rule E17)."""
    if ratio.low is None or ratio.high is None:
        return ""
    if ratio.low > 1 and bound != "at most":
        return "faster"
    return "slower" if ratio.high < 1 and bound != "at least" else ""
