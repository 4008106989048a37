"""The load at which the share of requests over an objective becomes too large. Pure.

In heavy traffic ln of that share is nearly linear in the load: J. F. C. Kingman, "On Queues in Heavy Traffic", Journal
of the Royal Statistical Society B 24 (1962); beyond saturation nearly all requests are over. A line is fitted to the
pooled counts near the crossing (`binomial_line.py`), so it answers for the share of all requests, with an interval over
blocks to which the error of the line itself is added. Where no line rises, single loads give a bound (`levels.py`).
Windows that are not steady give a reason instead (`steadiness.py`).

`python -m benchmarks.capacity` simulates the coverage, the loads that count and their distance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, auto

import numpy as np

from harness.language import messages, tr
from harness.summarise.capacity import binomial_line, by_objective, near, rise, steadiness
from harness.summarise.capacity import counts as counting
from harness.summarise.capacity import levels as by_load
from harness.summarise.capacity.binomial_line import LEAST_SHARE, LEAST_SLOPE, Line
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.levels import Levels
from harness.summarise.capacity.rise import Rise
from harness.words import percent

LINE_ERROR = 0.015  # of a crossing: half width for the curve that the line approximates, by simulations
MAX_LOG = 300.0  # of a load: exp of more may overflow
LEAST_BLOCKS = 3  # for an interval
LEAST_OVER = 5  # requests over in all windows: a line through fewer is decided by chance
MANY_OVER = 30  # requests over: their number is no reason not to decide
MOST_LONGER = 20.0  # times the length: longer windows are no advice
LEAST_EPISODE = 2.0  # requests over: with more in an episode, loads differ by chance
MOSTLY = 0.5  # of the requests over, and of the allowed share: more failures are the cause
LEAST_EPISODES = 10  # independent ones in the windows near a crossing


class Bound(StrEnum):
    """Where a capacity lies, relative to the loads measured."""

    EXACT = "exact"
    AT_LEAST = "at least"  # above the largest load that meets the objectives: `low`
    BELOW = "below"  # below the smallest load: `high`
    NONE = "none"


class BoundReasonKind(Enum):
    """Reason why a capacity is only a bound, has no interval, or is unknown."""

    MET = auto()
    MISSED = auto()
    LOADS_FAR_APART = auto()
    FEW_BLOCKS = auto()
    SHORT_WINDOW = auto()
    NOT_RISING = auto()
    FLAT = auto()
    BLOCKS_DIFFER = auto()
    UNDECIDED = auto()
    UNEQUAL_SERVERS = auto()
    NOT_STEADY = auto()
    FEW_EPISODES = auto()
    FEW_REQUESTS = auto()
    FAILURES = auto()
    ONE_LOAD = auto()
    NO_TRIAL = auto()
    NO_OBJECTIVE = auto()
    SERVER_FAILURE = auto()
    GENERATOR = auto()


@dataclass(frozen=True)
class BoundReason:
    """The reason with its clause for the report, which may be a message."""

    kind: BoundReasonKind
    text: str


MET = BoundReason(BoundReasonKind.MET, messages("met at all loads measured"))
MISSED = BoundReason(BoundReasonKind.MISSED, messages("missed at all loads measured"))
FAR = BoundReason(
    BoundReasonKind.LOADS_FAR_APART, messages("the loads on both sides are too far apart for an estimate")
)
NOT_RISING = BoundReason(
    BoundReasonKind.NOT_RISING, messages("the share over the objective does not grow with the load")
)
ONE_LOAD = BoundReason(BoundReasonKind.ONE_LOAD, messages("measured at one load"))
BLOCKS_DIFFER = BoundReason(
    BoundReasonKind.BLOCKS_DIFFER, messages("blocks differ too much for an estimate: measure more of them")
)
UNDECIDED_ABOVE, UNDECIDED_BELOW = (
    BoundReason(BoundReasonKind.UNDECIDED, text)
    for text in messages(
        (
            "the loads above neither meet nor miss the objective for certain",
            "the loads below neither meet nor miss the objective for certain",
        )
    )
)
NO_TRIAL = BoundReason(BoundReasonKind.NO_TRIAL, messages("no usable trial"))
SERVER_FAILURE = BoundReason(BoundReasonKind.SERVER_FAILURE, messages("servers fail in the middle of each trial"))
GENERATOR = BoundReason(BoundReasonKind.GENERATOR, messages("the load generator was too late in all trials"))
NO_OBJECTIVE = BoundReason(BoundReasonKind.NO_OBJECTIVE, messages("the grid has no objective for a load"))


def _few_blocks(count: int) -> BoundReason:
    text = tr(
        "{count} blocks: an interval needs {LEAST_BLOCKS}"
        if count > 1
        else "{count} block: an interval needs {LEAST_BLOCKS}",
        count=count,
        LEAST_BLOCKS=LEAST_BLOCKS,
    )
    return BoundReason(BoundReasonKind.FEW_BLOCKS, text)


def _few_requests(requests: int, needed: int) -> BoundReason:
    text = tr("too few requests: {requests:,} of {needed:,} needed", requests=requests, needed=needed)
    return BoundReason(BoundReasonKind.FEW_REQUESTS, text)


def _not_steady(change: float) -> BoundReason:
    text = tr(
        "response times still fall by {change} within the window: begin it after the warm-up",
        change=percent(1 - change),
    )
    return BoundReason(BoundReasonKind.NOT_STEADY, text)


def _few_episodes(longer: float) -> BoundReason:
    text = tr(
        "requests over the objective come in few episodes: windows need {ceil} times the length",
        ceil=max(2, math.ceil(longer)),
    )
    return BoundReason(BoundReasonKind.FEW_EPISODES, text)


def _failures(objective: str, share: float, counts: Sequence[Count]) -> BoundReason | None:
    """The reason where failures alone come near the objective, whatever the response times; None otherwise.

    A trial whose requests all failed shows an overload, and not failures that occur at any load.
    """
    working = [count for count in counts if count.failed < count.requests]
    requests, failed, unanswered, over = (
        sum(each)
        for each in (
            [count.requests for count in working],
            [count.failed for count in working],
            [count.unanswered for count in working],
            [by_objective.over(count, objective) for count in working],
        )
    )
    if objective == "error_rate" or failed < max(LEAST_OVER, MOSTLY * over, MOSTLY * share * requests):
        return None
    what = tr("never got a response") if unanswered >= MOSTLY * failed else tr("failed")
    text = tr(
        "{failed:,} of {requests:,} requests {what} ({failed_2}",
        failed=failed,
        requests=requests,
        what=what,
        failed_2=percent(failed / requests, 1),
    )
    return BoundReason(
        BoundReasonKind.FAILURES, tr("{text}; the objective allows {share})", text=text, share=percent(share, 1))
    )


def _with_failures(found: Crossing, failures: BoundReason, share: float, counts: Sequence[Count]) -> Crossing:
    """A result without an interval, explained by its failures; without an estimate if they exceed the objective."""
    if found.bound == Bound.AT_LEAST or (found.low is not None and found.high is not None):
        return found
    working = [count for count in counts if count.failed < count.requests]
    exceeds = sum(count.failed for count in working) > share * sum(count.requests for count in working)
    if found.bound == Bound.EXACT and exceeds:
        return Crossing(objective=found.objective, bound=Bound.NONE, reason=failures)
    return replace(found, reason=failures)


def _flat(rising: Rise, chosen: Sequence[Count], objective: str) -> BoundReason:
    """The share over at the outermost loads near the crossing, and what shows a rise if anything does."""
    ends = [edge(count.load for count in chosen) for edge in (min, max)]
    least, most = (_pooled([count for count in chosen if count.load == end], objective) for end in ends)
    shares = tr(
        "{least} at {ends:.3g}, {most} at {ends_2:.3g}",
        least=percent(least, 1),
        ends=ends[0],
        most=percent(most, 1),
        ends_2=ends[1],
    )
    longer = rising.longer(LEAST_SLOPE)
    fix = (
        tr("windows need {ceil} times the length", ceil=max(2, math.ceil(longer)))
        if longer and longer <= MOST_LONGER
        else ""
    )
    text = tr("the share over the objective hardly depends on the load ({shares})", shares=shares)
    return BoundReason(BoundReasonKind.FLAT, f"{text}: {fix}" if fix else text)


def _pooled(counts: Sequence[Count], objective: str) -> float:
    return sum(by_objective.over(count, objective) for count in counts) / sum(count.requests for count in counts)


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """The load at which the share over an objective reaches the allowed one; `value`, `low` and `high` are loads.

    `value` is None outside the loads measured: nothing is extrapolated. `by_block` has the pseudo-value of each block
    (`binomial_line.py`), whose logarithms have the mean and the variance of ln(value). `requests` counts the requests
    used. `reason` explains a bound, or a missing interval. Two more place loads, and are known without an estimate too:
    `slope`, of the trials near the crossing, minus its standard error, in probits over ln(load); and `line_at`, the
    crossing of a line through them. `uncertainty` is the factor by which the interval over blocks is wider because the
    slope is not certain (`rise.py`).
    """

    objective: str
    bound: Bound
    value: float | None = None
    low: float | None = None
    high: float | None = None
    by_block: dict[int, float] = field(default_factory=dict)
    requests: int = 0
    reason: BoundReason | None = None
    slope: float | None = None
    line_at: float | None = None
    uncertainty: float = 1.0


def crossing(objective: str, share: float, counts: Sequence[Count], line_error: float = LINE_ERROR) -> Crossing:
    """Estimate the load at which the share over `objective` exceeds `share`, from trials at several loads."""
    about = (by_objective.of_objective(count, objective) for count in counts)
    counted = counting.comparable([count for count in about if count.requests])
    if not counted:
        return Crossing(objective=objective, bound=Bound.NONE, reason=NO_TRIAL)
    falling = steadiness.still_falling(counted)
    if falling is not None:
        return Crossing(objective=objective, bound=Bound.NONE, reason=_not_steady(falling))
    levels = by_load.levels(counted, objective, share)
    counted = counting.grouped(counted)
    beyond = near.beyond_of(levels)
    around = near.around(counted, beyond)
    rising = rise.of(near.trials_of(around, objective, beyond), share or LEAST_SHARE)
    used = near.near([count.load for count in counted], beyond, rising.careful if rising else None)
    chosen = [count for count, is_near in zip(counted, used, strict=True) if is_near]
    trials, found, line = near.trials_of(chosen, objective, beyond), None, None
    if near.near_enough(levels) and sum(by_objective.over(count, objective) for count in chosen) >= LEAST_OVER:
        line = binomial_line.fit(trials, share or LEAST_SHARE)
    is_shown = rising is None or len({count.block for count in chosen}) < LEAST_BLOCKS or rising.low >= LEAST_SLOPE
    if line is not None and is_shown:
        found = _between(objective, line, counted, levels, line_error, rising.uncertainty if rising else 1.0)
    if found is None:
        flat = None if rising is None or is_shown or rising.slope <= 0 else _flat(rising, around, objective)
        over = sum(by_objective.over(count, objective) for count in chosen)
        alone = is_shown or _episode(counted, objective) < LEAST_EPISODE
        found = _by_levels(objective, counted, levels if alone else levels.far, flat, over)
    if failures := _failures(objective, share, counted):
        found = _with_failures(found, failures, share, counted)
    return replace(
        found,
        requests=sum(count.requests for count in chosen),
        slope=_careful(line, rising),
        line_at=_load(line.crossing) if line else None,
    )


def _careful(line: Line | None, rising: Rise | None) -> float | None:
    """The slope near the crossing minus its standard error: one that is steep by chance must not place the loads."""
    if rising is None:
        return None if line is None else line.slope
    return (line.slope if line else rising.slope) - (rising.error if rising.freedom else 0.0)


def _load(logarithm: float) -> float:
    return math.exp(max(-MAX_LOG, min(MAX_LOG, logarithm)))


def _between(
    objective: str, line: Line, counts: Sequence[Count], levels: Levels, line_error: float, wider: float
) -> Crossing | None:
    """The estimate if it lies within the loads measured, else a bound from its interval; None if one block decides.

    The interval over blocks is `wider` by this factor.
    """
    least, most = (edge(count.offered or count.load for count in counts) for edge in (min, max))
    k, value = line.blocks, _load(line.crossing)
    low = high = None
    if k >= LEAST_BLOCKS:
        if line.between is None:
            return None
        between = wider**2 * line.between
        down = binomial_line.half_width(binomial_line.lower_side(k) ** 2 * between, k, line_error)
        up = binomial_line.half_width(between, k, line_error)
        low, high = _load(line.crossing - down), _load(line.crossing + up)
    found = Crossing(
        objective=objective,
        bound=Bound.EXACT,
        value=value,
        low=low,
        high=high,
        by_block={name: _load(each) for name, each in line.by_block.items()},
        reason=_few_blocks(k) if k < LEAST_BLOCKS else None,
        uncertainty=wider,
    )
    if least <= value <= most:
        return found
    # A nearly flat line, as for very few requests over, is weaker evidence than the single loads.
    if value > most:
        lowest = max(min(low or most, most), *levels.met[-1:], 0.0)
        return replace(found, bound=Bound.AT_LEAST, value=None, low=lowest, high=None, reason=MET)
    highest = min(max(high or least, least), *levels.missed[:1], math.inf)
    return replace(found, bound=Bound.BELOW, value=None, low=None, high=highest, reason=MISSED)


def _by_levels(
    objective: str, counts: Sequence[Count], levels: Levels, flat: BoundReason | None, over: int
) -> Crossing:
    """Bounds from the single loads, where no line rises; `flat` is the reason why none is shown to rise.

    `over` requests near the crossing are over: if they are many, more requests alone decide nothing on a flat curve.
    """
    met, missed = levels.met, levels.missed
    if met and missed and met[-1] < missed[0]:
        if missed[0] <= near.MAX_GAP * met[-1] and len({count.block for count in counts}) >= LEAST_BLOCKS:
            # No line through near loads: blocks differ more than single loads show, so none of them is a bound.
            return Crossing(objective=objective, bound=Bound.NONE, reason=flat or BLOCKS_DIFFER)
        return Crossing(objective=objective, bound=Bound.AT_LEAST, low=met[-1], high=missed[0], reason=FAR)
    least, most = levels.by_load[0], levels.by_load[-1]
    if met and not missed:
        reason = MET if met[-1] == most.load else UNDECIDED_ABOVE
        return Crossing(objective=objective, bound=Bound.AT_LEAST, low=met[-1], reason=reason)
    if missed and not met:
        reason = MISSED if missed[0] == least.most else UNDECIDED_BELOW
        return Crossing(objective=objective, bound=Bound.BELOW, high=missed[0], reason=reason)
    few, longer = levels.too_few, _longer(counts, objective)
    if flat is not None and over >= MANY_OVER:
        reason = flat
    elif few is not None:
        reason = _few_requests(*few)
    elif longer is not None:
        reason = _few_episodes(longer)
    elif flat is not None:
        reason = flat
    else:
        reason = NOT_RISING if len(levels.by_load) > 1 else ONE_LOAD
    return Crossing(objective=objective, bound=Bound.NONE, reason=reason)


def _longer(counts: Sequence[Count], objective: str) -> float | None:
    """How many times longer windows must be for enough independent episodes; None where they are long enough."""
    over = sum(by_objective.over(count, objective) for count in counts)
    episodes = over / max(_episode(counts, objective), 1.0)
    return LEAST_EPISODES / episodes if 0 < episodes < LEAST_EPISODES else None


def _episode(counts: Sequence[Count], objective: str) -> float:
    """The mean number of requests over in an episode, such as a pause or a long queue; 0 where that is not known.

    It is the factor φ by which their number differs between equal trials more than by chance.
    """
    loads = np.array([count.load for count in counts])
    over = np.array([by_objective.over(count, objective) for count in counts], dtype=float)
    expected = np.array([over[loads == load].mean() for load in loads])
    freedom = len(counts) - len(set(loads.tolist()))
    if freedom < 2 or not over.sum():
        return 0.0
    known = expected > 0
    return float(((over - expected)[known] ** 2 / expected[known]).sum()) / freedom
