"""One cell in two studies: the ratio of its throughput and the conclusion that it supports (rule E21). Pure.

The throughput of a later study differs by the change under test and by the machines. The change of the machines' own
speed may be known (`machine_change`), but not how far a service follows it: a service that computes follows it fully,
one that waits for a disk or is paced does not. So a conclusion must be valid for both extremes: for the ratio as
measured, and for the ratio corrected by the machines' change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.language import messages, tr
from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison import attribution
from harness.summarise.comparison.attribution import Attribution, RatioBound
from harness.summarise.comparison.machine_change import MachineChange
from harness.summarise.gains.obstacle import Obstacle, ObstacleKind
from harness.summarise.statistics import autocorrelation, conclusion
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval
from harness.summarise.statistics.welch import Difference, difference
from harness.words import percent

NAMES = messages(("the first study", "the later study"))


@dataclass(frozen=True, kw_only=True)
class ComparedRatio:
    """A later study relative to the first one; `ratio` is None where a side has nothing to compare.

    `simultaneous` is simultaneous with the intervals of all other statements; `corrected` is the same with the change
    of the machines' own speed removed, None where that is unknown. `minimum_detectable_change` is a share. `obstacle`
    is what keeps the ratio from being a statement, `bound` as in `attribution`. `equivalent_within` is the margin of
    EQUIVALENT. `machines` is the change of the machines' speed where that may explain an INDISTINCT ratio;
    `with_machines`: their change is unknown, so the conclusion is one about build and machines together.
    """

    ratio: Interval | None
    conclusion: Conclusion
    indicative: bool = False
    obstacle: Obstacle | None = None
    bound: RatioBound | None = None
    simultaneous: Interval | None = None
    corrected: Interval | None = None
    minimum_detectable_change: float | None = None
    equivalent_within: float = 0.0
    machines: Interval | None = None
    with_machines: bool = False

    @property
    def conclusion_text(self) -> str:
        """The conclusion in words, as in "indicative: lower, at most"."""
        text = conclusion.in_words(self.conclusion, indicative=self.indicative)
        if self.conclusion is Conclusion.EQUIVALENT:
            text = tr("{conclusion} within ±{margin}", conclusion=text, margin=percent(self.equivalent_within))
        if self.conclusion is Conclusion.INDISTINCT and self.machines is not None:
            return tr(
                "not distinguishable from the machines’ own speed, which changed by {change}",
                change=change(self.machines),
            )
        if self.conclusion is Conclusion.INDISTINCT and self.minimum_detectable_change is not None:
            return tr(
                "{conclusion} (minimum detectable change {change})",
                conclusion=text,
                change=percent(self.minimum_detectable_change, 1),
            )
        if self.bound is not None and self.conclusion in (Conclusion.LOWER, Conclusion.HIGHER):
            text = tr("{conclusion}, {bound}", conclusion=text, bound=self.bound)
        return tr("{conclusion} (build and machines together)", conclusion=text) if self.with_machines else text


@dataclass(frozen=True, kw_only=True)
class StudyRatio(ComparedRatio):
    """The throughput of one cell in both studies."""

    cell: Levels
    before: CellSummary
    after: CellSummary


def ratios(
    pairs: Sequence[tuple[CellSummary, CellSummary]], machines: MachineChange, limits: Thresholds
) -> list[StudyRatio]:
    """Compare every cell of both studies; all cells that support a statement count for simultaneous intervals."""
    found = [_attributed(pair, limits) for pair in pairs]
    rates = [(in_order(before.by_block), in_order(after.by_block)) for before, after in pairs]
    correlation = autocorrelation.lag_one([np.log(side).tolist() for pair in rates for side in pair])
    logs = [_difference(pair, limits.interval_repeats, correlation) for pair in rates]
    count = sum(side.obstacle is None and log is not None for side, log in zip(found, logs, strict=True))
    return [
        _ratio(pair, side, log, machines, limits, count) for pair, side, log in zip(pairs, found, logs, strict=True)
    ]


def names() -> tuple[str, str]:
    """Return the names of both studies in sentences."""
    return tr(NAMES[0]), tr(NAMES[1])


def _attributed(pair: tuple[CellSummary, CellSummary], limits: Thresholds) -> Attribution:
    return attribution.attribute(pair, names(), attribution.NOT_SERVERS, mix_held=limits.mix_held)


def in_order(by_block: Mapping[int, float]) -> list[float]:
    """The values of blocks in the order of the blocks."""
    return [by_block[block] for block in sorted(by_block)]


def _difference(
    rates: tuple[Sequence[float], Sequence[float]], least_trials: int, correlation: float
) -> Difference | None:
    return None if min(map(len, rates)) < max(least_trials, 2) else difference(*rates, correlation=correlation)


def _ratio(
    pair: tuple[CellSummary, CellSummary],
    attributed: Attribution,
    log: Difference | None,
    machines: MachineChange,
    limits: Thresholds,
    count: int,
) -> StudyRatio:
    before, after = pair
    found = _without_interval(before, after, attributed)
    if log is not None:
        few = min(before.usable, after.usable) < limits.statement_repeats
        found = of_difference(log, attributed, machines, limits, count, few=few)
    return StudyRatio(cell=before.cell, before=before, after=after, **vars(found))


def of_difference(
    log: Difference,
    attributed: Attribution,
    machines: MachineChange,
    limits: Thresholds,
    count: int,
    *,
    few: bool,
) -> ComparedRatio:
    """The ratio of two means as one of `count` simultaneous statements; `few` makes a conclusion indicative."""
    ratio, obstacle = log.ratio(), attributed.obstacle
    if obstacle:
        return ComparedRatio(ratio=ratio, conclusion=Conclusion.NOT_MEASURABLE, obstacle=obstacle)
    extremes = [log] if machines.speed is None else [log, log.minus(machines.speed)]
    joint = [extreme.ratio(count) for extreme in extremes]
    found = _conclusion(joint, attributed.bound, limits)
    moved = machines.speed.ratio() if machines.speed is not None else None
    explained = found is Conclusion.INDISTINCT and moved is not None and changed(moved)
    explained = explained and any(_of(end, attributed.bound, limits) is not Conclusion.INDISTINCT for end in joint)
    if found is Conclusion.INDISTINCT and attributed.bound and not explained:
        found, obstacle = Conclusion.NOT_MEASURABLE, _hidden(attributed)
    stated = found not in (Conclusion.INDISTINCT, Conclusion.NOT_MEASURABLE)
    return ComparedRatio(
        ratio=ratio,
        conclusion=found,
        indicative=stated and few,
        obstacle=obstacle,
        bound=attributed.bound,
        simultaneous=joint[0],
        corrected=joint[1] if len(joint) > 1 else None,
        minimum_detectable_change=max(extreme.minimum_detectable_effect(count) for extreme in extremes),
        equivalent_within=limits.same_within,
        machines=moved if explained else None,
        with_machines=stated and machines.speed is None,
    )


def _without_interval(before: CellSummary, after: CellSummary, attributed: Attribution) -> ComparedRatio:
    value = after.tps.value / before.tps.value if before.tps and after.tps else None
    found = Conclusion.NOT_MEASURABLE if attributed.obstacle else Conclusion.TOO_FEW
    return ComparedRatio(
        ratio=None if value is None else Interval(value),
        conclusion=Conclusion.NOT_MEASURED if value is None else found,
        obstacle=attributed.obstacle,
        bound=attributed.bound,
    )


def _hidden(attributed: Attribution) -> Obstacle:
    """Why a bound supports no conclusion."""
    side = names()[attributed.bound is RatioBound.AT_LEAST]
    hidden = attribution.hidden_in_words(attributed.hidden_by or Component.LOAD)
    text = tr("in {side} {hidden}", side=side, hidden=hidden)
    return Obstacle(ObstacleKind.HIDDEN, text)


def _conclusion(joint: Sequence[Interval], bound: RatioBound | None, limits: Thresholds) -> Conclusion:
    """The conclusion that is valid for all extremes."""
    lows, highs = [end.low or 0.0 for end in joint], [end.high or 0.0 for end in joint]
    return _of(Interval(joint[0].value, min(lows), max(highs)), bound, limits)


def _of(ratio: Interval, bound: RatioBound | None, limits: Thresholds) -> Conclusion:
    """The conclusion of one interval; a bound cannot show equivalence."""
    found = attribution.direction(ratio, bound)
    if found in (Conclusion.LOWER, Conclusion.HIGHER):
        return found
    equivalent = bound is None and conclusion.within(ratio, limits.same_within)
    return Conclusion.EQUIVALENT if equivalent else Conclusion.INDISTINCT


def changed(speed: Interval) -> bool:
    """Whether the interval of the machines' speed excludes no change."""
    return speed.low is not None and speed.high is not None and not speed.low <= 1 <= speed.high


def change(ratio: Interval) -> str:
    """A ratio as a change, as in +3.1 % [+1.0 %, +5.2 %]."""
    ends = [ratio.value] if ratio.low is None or ratio.high is None else [ratio.value, ratio.low, ratio.high]
    value, *rest = [f"{'+' if round(end - 1, 3) > 0 else ''}{percent(end - 1, 1)}" for end in ends]
    return f"{value} [{', '.join(rest)}]" if rest else value
