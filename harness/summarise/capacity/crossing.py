"""The load at which the share of requests over an objective becomes too large. Pure.

In heavy traffic ln of that share is nearly linear in the load: J. F. C. Kingman, "On Queues in Heavy Traffic", Journal
of the Royal Statistical Society B 24 (1962); beyond saturation nearly all requests are over. A line is fitted to the
probit of the share over ln(load), as responses to doses: D. J. Finney, "Probit Analysis" (1947). In simulated studies
the probit has the smallest error of logarithm, logit and probit: the other two are more linear for equal trials, but
windows with one or two long queues mislead them. A block's crossing is the load at which its line (`probit_fit.py`)
reaches the objective. The estimate is the mean of their logarithms, with a t interval over blocks to which the errors
of the slope (delta method) and of the line itself are added.

`python -m benchmarks.capacity` simulates the coverage, the loads that count and their distance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, auto

import numpy as np

from harness.summarise.capacity import counts, probit_fit
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.probit_fit import ProbitLine
from harness.summarise.statistics.intervals import Array, t_quantile

NEAR = 0.15  # of the crossing: the line is only valid here, so farther loads count only as the nearest of their side
MAX_GAP = 1.5  # ratio of the loads next to the crossing: a line is fitted only to nearer ones
HALF_WEIGHT = 2.0  # probits from the objective at which a load has half the weight
MAX_LOG = 300.0  # of a load: exp of more may overflow
LEAST_BLOCKS = 3  # for an interval
LEAST_SHARE = 1e-9  # instead of an allowed share of 0
MOST_SHARE = 0.99  # of a trial: the degree of overload is no information about the crossing


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
    ONE_LOAD = auto()
    NO_TRIAL = auto()
    NO_OBJECTIVE = auto()
    SERVER_FAILURE = auto()
    GENERATOR = auto()


@dataclass(frozen=True)
class BoundReason:
    """The reason with its clause for the report."""

    kind: BoundReasonKind
    text: str


MET = BoundReason(BoundReasonKind.MET, "met at all loads measured")
MISSED = BoundReason(BoundReasonKind.MISSED, "missed at all loads measured")
FAR = BoundReason(BoundReasonKind.LOADS_FAR_APART, "the loads on both sides are too far apart for an estimate")
NOT_RISING = BoundReason(BoundReasonKind.NOT_RISING, "the share over the objective does not grow with the load")
ONE_LOAD = BoundReason(BoundReasonKind.ONE_LOAD, "measured at one load")
NO_TRIAL = BoundReason(BoundReasonKind.NO_TRIAL, "no usable trial")
SERVER_FAILURE = BoundReason(BoundReasonKind.SERVER_FAILURE, "servers fail in the middle of each trial")
GENERATOR = BoundReason(BoundReasonKind.GENERATOR, "the load generator was too late in all trials")
NO_OBJECTIVE = BoundReason(BoundReasonKind.NO_OBJECTIVE, "the grid has no objective for a load")


def _few_blocks(count: int) -> BoundReason:
    text = f"{count} block{'s' if count > 1 else ''}: an interval needs {LEAST_BLOCKS}"
    return BoundReason(BoundReasonKind.FEW_BLOCKS, text)


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """The load at which the share over an objective reaches the allowed one; `value`, `low` and `high` are loads.

    `value` is None outside the loads measured: nothing is extrapolated. `by_block` has each block's crossing.
    `slope_error` is the standard error that the slope adds to ln(value). `requests` counts the requests used. `reason`
    explains a bound, or a missing interval.
    """

    objective: str
    bound: Bound
    value: float | None = None
    low: float | None = None
    high: float | None = None
    by_block: dict[int, float] = field(default_factory=dict)
    slope_error: float = 0.0
    requests: int = 0
    reason: BoundReason | None = None


def crossing(objective: str, share: float, counts: Sequence[Count]) -> Crossing:
    """Estimate the load at which the share over `objective` exceeds `share`, from trials at several loads."""
    counted = [count for count in counts if count.requests]
    if not counted:
        return Crossing(objective=objective, bound=Bound.NONE, reason=NO_TRIAL)
    beyond = np.array([_beyond(count, objective, share) for count in counted])
    used = _near([count.load for count in counted], beyond)
    used_requests = sum(count.requests for count, near in zip(counted, used, strict=True) if near)
    chosen = [count for count, near in zip(counted, used, strict=True) if near]
    if not _near_enough(counted, beyond):
        return replace(_by_levels(objective, counted, beyond), requests=used_requests)
    fitted = probit_fit.fit(chosen, beyond[used], _weights(chosen, beyond[used]))
    if fitted is None:
        return replace(_by_levels(objective, counted, beyond), requests=used_requests)
    return replace(_between(objective, fitted, counted, beyond), requests=used_requests)


def _beyond(count: Count, objective: str, share: float) -> float:
    """Probit of the share over minus that of the allowed share; half a request keeps it finite.

    If even half a request is more than allowed, a trial without any still meets the objective.
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    half = min(0.5, share * count.requests / 2)
    got = (counts.over(count, objective) + half) / (count.requests + 2 * half)
    ends = (max(min(part, MOST_SHARE), LEAST_SHARE) for part in (got, share))
    return float(special.ndtri(next(ends)) - special.ndtri(next(ends)))


def _near(loads: Sequence[float], beyond: Array) -> Array:
    """The trials that count: those near the crossing, and always the next load on either side.

    The crossing is assumed between the two loads that separate the levels' means best.
    """
    levels = sorted(set(loads))
    each = np.array(loads)
    means = np.array([beyond[each == level].mean() for level in levels])
    separated = [float(means[at:].sum() - means[:at].sum()) for at in range(len(levels) + 1)]
    at = int(np.argmax(separated))
    below, above = levels[max(at - 1, 0)], levels[min(at, len(levels) - 1)]
    if below < above:
        way = float(np.clip(means[at - 1] / min(means[at - 1] - means[at], -1e-9), 0, 1))
        middle = below * (above / below) ** way
    else:
        middle = below
    found: Array = (np.abs(np.log(each / middle)) <= math.log1p(NEAR)) | (each == below) | (each == above)
    return found


def _near_enough(counts: Sequence[Count], beyond: Array) -> bool:
    """Whether the loads next to the crossing are near enough to each other for a line, or it is outside all loads."""
    met, missed = _significant(counts, beyond)
    inside = [count.load for count in counts if met and missed and met[-1] <= count.load <= missed[0]]
    levels = sorted(set(inside))
    return not levels or any(b <= MAX_GAP * a for a, b in itertools.pairwise(levels))


def _weights(counts: Sequence[Count], beyond: Array) -> Array:
    """Weights by the distance of a load's mean from the objective; a trial's own figure would weight its noise."""
    loads = np.array([count.load for count in counts])
    means = {load: float(beyond[loads == load].mean()) for load in set(loads.tolist())}
    found: Array = 1 / (1 + (np.array([means[load] for load in loads.tolist()]) / HALF_WEIGHT) ** 2)
    return found


def _load(logarithm: float) -> float:
    return math.exp(max(-MAX_LOG, min(MAX_LOG, logarithm)))


def _between(objective: str, fitted: ProbitLine, counts: Sequence[Count], beyond: Array) -> Crossing:
    """The estimate if it lies within the loads measured, else a bound from its interval."""
    least, most = (edge(count.offered or count.load for count in counts) for edge in (min, max))
    k = len(fitted.crossings)
    value = _load(fitted.mean)
    low = high = None
    if k >= LEAST_BLOCKS:
        half = probit_fit.half_width(fitted.between, k, fitted.slope_variance)
        low, high = (_load(fitted.mean + way * half) for way in (-1, 1))
    found = Crossing(
        objective=objective,
        bound=Bound.EXACT,
        value=value,
        low=low,
        high=high,
        by_block={name: _load(each) for name, each in fitted.crossings.items()},
        slope_error=math.sqrt(fitted.slope_variance),
        reason=_few_blocks(k) if k < LEAST_BLOCKS else None,
    )
    if least <= value <= most:
        return found
    # A nearly flat line, as for very few requests over, is weaker evidence than the single loads.
    met, missed = _significant(counts, beyond)
    if value > most:
        lowest = max(min(low or most, most), *met[-1:], 0.0)
        return replace(found, bound=Bound.AT_LEAST, value=None, low=lowest, high=None, reason=MET)
    highest = min(max(high or least, least), *missed[:1], math.inf)
    return replace(found, bound=Bound.BELOW, value=None, low=None, high=highest, reason=MISSED)


def _by_levels(objective: str, counts: Sequence[Count], beyond: Array) -> Crossing:
    """Bounds from the single loads, where no line rises."""
    met, missed = _significant(counts, beyond)
    if met and missed and met[-1] < missed[0]:
        return Crossing(objective=objective, bound=Bound.AT_LEAST, low=met[-1], high=missed[0], reason=FAR)
    if met and not missed:
        return Crossing(objective=objective, bound=Bound.AT_LEAST, low=met[-1], reason=MET)
    if missed and not met:
        return Crossing(objective=objective, bound=Bound.BELOW, high=missed[0], reason=MISSED)
    several = len({count.load for count in counts}) > 1
    return Crossing(objective=objective, bound=Bound.NONE, reason=NOT_RISING if several else ONE_LOAD)


def _significant(counts: Sequence[Count], beyond: Array) -> tuple[list[float], list[float]]:
    """The loads that meet the objective and those that miss it: their whole t interval lies on one side.

    A load with fewer than three trials counts only where no load has three; then its mean decides.
    """
    loads = np.array([count.load for count in counts])
    levels = {load: beyond[loads == load] for load in sorted(set(loads.tolist()))}
    least = min(LEAST_BLOCKS, max(map(len, levels.values())))
    met, missed = [], []
    for load, mine in levels.items():
        k = len(mine)
        if k < least:
            continue
        half = t_quantile(k - 1) * float(mine.std(ddof=1)) / math.sqrt(k) if k >= LEAST_BLOCKS else 0.0
        met += [load] if mine.mean() + half <= 0 else []
        missed += [load] if mine.mean() - half > 0 else []
    return met, missed
