"""One cell in two studies: its ratio, and the word that it has earned (rule E21). Pure.

A later study's throughput differs by what was changed and by the day. By how much the machines' own speed changed can
be known (`days`), but not how far a service follows it: one that waits for a disk or is held to a rate does not, one
that computes does wholly. So a word has to be true of both ends, the ratio as it is and with the machines' change taken
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison import attribution
from harness.summarise.comparison.attribution import Attribution
from harness.summarise.comparison.machine_speed import Days
from harness.summarise.statistics.intervals import Interval
from harness.summarise.statistics.welch import Difference, difference
from harness.words import percent

NAMES = ("the first study", "the later study")


@dataclass(frozen=True)
class Ratio:
    """One cell in a later study against the first one; `ratio` is None where one of them has no usable trial.

    `jointly` holds together with those of all other cells that say something; `steady` is the same with the change
    of the machines' own speed taken out, None where nothing tells it. `visible` is the change that 80 % of comparisons
    like this one would find, as a share. `why` keeps it from being a statement, `bound` as in `sides`.
    """

    cell: Levels
    before: CellSummary
    after: CellSummary
    ratio: Interval | None
    word: str
    why: str = ""
    bound: str = ""
    jointly: Interval | None = None
    steady: Interval | None = None
    visible: float | None = None


def ratios(pairs: Sequence[tuple[CellSummary, CellSummary]], days: Days, limits: Thresholds) -> list[Ratio]:
    """Every cell that both studies have; as many statements hold together as cells can make one."""
    found = [_attributed(pair) for pair in pairs]
    logs = [_difference(pair, limits.interval_repeats) for pair in pairs]
    count = sum(not said.why and log is not None for said, log in zip(found, logs, strict=True))
    return [_ratio(pair, said, log, days, limits, count) for pair, said, log in zip(pairs, found, logs, strict=True)]


def _attributed(pair: tuple[CellSummary, CellSummary]) -> Attribution:
    return attribution.attribute(pair, NAMES, attribution.BESIDE_SERVERS)


def _difference(pair: tuple[CellSummary, CellSummary], needs: int) -> Difference | None:
    rates = [list(cell.by_block.values()) for cell in pair]
    return None if min(map(len, rates)) < max(needs, 2) else difference(*rates)


def _ratio(
    pair: tuple[CellSummary, CellSummary],
    said: Attribution,
    log: Difference | None,
    days: Days,
    limits: Thresholds,
    count: int,
) -> Ratio:
    before, after = pair
    if log is None:
        value = after.tps.value / before.tps.value if before.tps and after.tps else None
        word = (
            "not measured in both" if value is None else attribution.NOT_MEASURABLE if said.why else "too few repeats"
        )
        return Ratio(before.cell, before, after, None if value is None else Interval(value), word, said.why, said.bound)
    ratio = log.ratio()
    if said.why:
        return Ratio(before.cell, before, after, ratio, attribution.NOT_MEASURABLE, said.why)
    ends = [log] if days.speed is None else [log, log.minus(days.speed)]
    joint = [end.ratio(count) for end in ends]
    visible = max(end.visible(count) for end in ends)
    word = _word(joint, said.bound, days, visible, limits)
    if min(before.usable, after.usable) < limits.statement_repeats and not word.startswith("not "):
        word = f"indicative: {word}"
    why = "" if word != attribution.NOT_MEASURABLE else _held(said)
    steady = joint[1] if len(joint) > 1 else None
    return Ratio(before.cell, before, after, ratio, word, why, said.bound, joint[0], steady, visible)


def _held(said: Attribution) -> str:
    """Why a bound says nothing."""
    return f"in {NAMES[said.bound == 'at least']} {attribution.holds(said.held or Component.LOAD)}"


def _word(joint: Sequence[Interval], bound: str, days: Days, visible: float, limits: Thresholds) -> str:
    """What holds at all ends; where they differ because the machines changed, that."""
    lows, highs = [end.low or 0.0 for end in joint], [end.high or 0.0 for end in joint]
    if word := _of(Interval(joint[0].value, min(lows), max(highs)), bound, limits):
        told = f"{word}, {bound}" if bound else word
        return told if days.speed is not None else f"{told} (build and machines together)"
    if days.speed is not None and moved(days.speed.ratio()) and any(_of(end, bound, limits) for end in joint):
        return f"not told apart from the machines’ own speed, which changed by {change(days.speed.ratio())}"
    if bound:
        return attribution.NOT_MEASURABLE
    return f"not told apart (a change below {percent(visible, 1)} could not be seen)"


def _of(ratio: Interval, bound: str, limits: Thresholds) -> str:
    """The word of one interval; "same" is equivalence, which a bound cannot show."""
    margin = limits.same_within
    inside = ratio.low is not None and ratio.high is not None and 1 - margin <= ratio.low and ratio.high <= 1 + margin
    return attribution.direction(ratio, bound) or (f"same within ±{percent(margin)}" if inside and not bound else "")


def moved(speed: Interval) -> bool:
    """Whether the machines' speed is told apart from unchanged."""
    return speed.low is not None and speed.high is not None and not speed.low <= 1 <= speed.high


def change(ratio: Interval) -> str:
    """A ratio as a change, as in +3.1 % [+1.0 %, +5.2 %]."""
    ends = [ratio.value] if ratio.low is None or ratio.high is None else [ratio.value, ratio.low, ratio.high]
    value, *rest = [f"{'+' if round(end - 1, 3) > 0 else ''}{percent(end - 1, 1)}" for end in ends]
    return f"{value} [{', '.join(rest)}]" if rest else value
