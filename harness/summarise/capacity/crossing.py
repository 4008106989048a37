"""The load at which the share of requests over an objective becomes too large. Pure.

Near it heavy traffic makes ln of that share nearly linear in the load: J. F. C. Kingman, "On Queues in Heavy Traffic",
Journal of the Royal Statistical Society B 24 (1962); beyond saturation nearly all are over. A line is fitted to the
probit of the share over ln(load), as doses are to responses: D. J. Finney, "Probit Analysis" (1947). Of logarithm,
logit and probit it errs least in simulated studies: the first two bend less where trials are alike, but are misled by
windows in which the queue was long only once or twice. A block's crossing is where its line (`line.py`) reaches the
objective; the estimate is the mean of their logarithms, with a t interval over blocks to which the errors of the slope
(delta method) and of the line itself are added.

What that covers, which loads count and how wide they should lie is simulated: `python -m benchmarks.capacity`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from harness.summarise.capacity import counts, probit_fit
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.probit_fit import Line
from harness.summarise.statistics.intervals import Array, t_quantile

NEAR = 0.15  # of the crossing: beyond, the line bends, so farther loads count only where none else is on their side
APART = 1.5  # one load of the other, next to the crossing: where they are farther apart, no line goes between them
REACH = 2.0  # probits from the objective at which a load weighs half
WIDEST = 300.0  # half of an interval of logarithms that exp can hold
FEWEST = 3  # blocks for an interval
LEAST_SHARE = 1e-9  # what stands for an objective of none
MOST_SHARE = 0.99  # of a trial: how overloaded it was says nothing of the crossing

MET, MISSED = "met at all loads measured", "missed at all loads measured"
FAR = "the loads on both sides are too far apart for more than a bound"


class Bound(StrEnum):
    """What the loads that were measured allow to say of a capacity."""

    EXACT = "exact"
    AT_LEAST = "at least"  # it lies beyond the largest load: `low` is what can be said
    BELOW = "below"  # it lies before the smallest load: `high` is what can be said
    NONE = "none"


@dataclass(frozen=True)
class Crossing:
    """Where a share of requests reaches what an objective allows; `value`, `low`, `high` and `by_block` are loads.

    `value` is None unless it lies among the loads measured: nothing is extrapolated. `slope_error` is what the slope
    adds to the standard error of ln(value). `requests` is what it rests on.
    """

    objective: str
    bound: Bound
    value: float | None = None
    low: float | None = None
    high: float | None = None
    by_block: dict[int, float] = field(default_factory=dict)
    slope_error: float = 0.0
    requests: int = 0
    why: str = ""


def crossing(objective: str, share: float, counts: Sequence[Count]) -> Crossing:
    """Where the share that is over by `objective` grows beyond `share`, by trials at some loads in some blocks."""
    counted = [count for count in counts if count.requests]
    if not counted:
        return Crossing(objective, Bound.NONE, why="no trial counts")
    beyond = np.array([_beyond(count, objective, share) for count in counted])
    used = _near([count.load for count in counted], beyond)
    rests = sum(count.requests for count, near in zip(counted, used, strict=True) if near)
    chosen = [count for count, near in zip(counted, used, strict=True) if near]
    if not _close(counted, beyond):
        return replace(_by_levels(objective, counted, beyond), requests=rests)
    fitted = probit_fit.fit(chosen, beyond[used], _weights(chosen, beyond[used]))
    if fitted is None:
        return replace(_by_levels(objective, counted, beyond), requests=rests)
    return replace(_between(objective, fitted, counted, beyond), requests=rests)


def _beyond(count: Count, objective: str, share: float) -> float:
    """The probit of the share that was over less that of the objective; half a request keeps it finite.

    Where even half a request is more than may be over, none at all still counts as met.
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    half = min(0.5, share * count.requests / 2)
    got = (counts.over(count, objective) + half) / (count.requests + 2 * half)
    ends = (max(min(part, MOST_SHARE), LEAST_SHARE) for part in (got, share))
    return float(special.ndtri(next(ends)) - special.ndtri(next(ends)))


def _near(loads: Sequence[float], beyond: Array) -> Array:
    """Which trials count: those near the crossing, and the next load on either side of it in any case.

    The crossing is looked for between the two loads that part the levels' means best.
    """
    levels = sorted(set(loads))
    each = np.array(loads)
    means = np.array([beyond[each == level].mean() for level in levels])
    parted = [float(means[at:].sum() - means[:at].sum()) for at in range(len(levels) + 1)]
    at = int(np.argmax(parted))
    below, above = levels[max(at - 1, 0)], levels[min(at, len(levels) - 1)]
    if below < above:
        way = float(np.clip(means[at - 1] / min(means[at - 1] - means[at], -1e-9), 0, 1))
        middle = below * (above / below) ** way
    else:
        middle = below
    found: Array = (np.abs(np.log(each / middle)) <= math.log1p(NEAR)) | (each == below) | (each == above)
    return found


def _close(counts: Sequence[Count], beyond: Array) -> bool:
    """Whether the loads next to the crossing are near enough to each other for a line, or it is outside of all."""
    met, missed = _surely(counts, beyond)
    inside = [count.load for count in counts if met and missed and met[-1] <= count.load <= missed[0]]
    levels = sorted(set(inside))
    return not levels or any(b <= APART * a for a, b in itertools.pairwise(levels))


def _weights(counts: Sequence[Count], beyond: Array) -> Array:
    """By how far a load's mean is from the objective, never by a trial's own figure, which would favour its noise."""
    loads = np.array([count.load for count in counts])
    means = {load: float(beyond[loads == load].mean()) for load in set(loads.tolist())}
    found: Array = 1 / (1 + (np.array([means[load] for load in loads.tolist()]) / REACH) ** 2)
    return found


def _load(logarithm: float) -> float:
    return math.exp(max(-WIDEST, min(WIDEST, logarithm)))


def _between(objective: str, fitted: Line, counts: Sequence[Count], beyond: Array) -> Crossing:
    """The estimate where it lies among the loads measured, else what its interval allows to say."""
    least, most = (edge(count.offered or count.load for count in counts) for edge in (min, max))
    k = len(fitted.crossings)
    value = _load(fitted.mean)
    low = high = None
    why = f"{k} block{'s' if k > 1 else ''}: {FEWEST} make an interval" if k < FEWEST else ""
    if k >= FEWEST:
        half = probit_fit.half_width(fitted.between, k, fitted.slope_variance)
        low, high = (_load(fitted.mean + way * half) for way in (-1, 1))
    found = Crossing(
        objective,
        Bound.EXACT,
        value,
        low,
        high,
        {name: _load(each) for name, each in fitted.crossings.items()},
        math.sqrt(fitted.slope_variance),
        why=why,
    )
    if least <= value <= most:
        return found
    # A line that is nearly flat, as where nearly none is over, tells less than the loads do each by itself.
    met, missed = _surely(counts, beyond)
    if value > most:
        lowest = max(min(low or most, most), *met[-1:], 0.0)
        return replace(found, bound=Bound.AT_LEAST, value=None, low=lowest, high=None, why=MET)
    highest = min(max(high or least, least), *missed[:1], math.inf)
    return replace(found, bound=Bound.BELOW, value=None, low=None, high=highest, why=MISSED)


def _by_levels(objective: str, counts: Sequence[Count], beyond: Array) -> Crossing:
    """What single loads tell where no line rises."""
    met, missed = _surely(counts, beyond)
    if met and missed and met[-1] < missed[0]:
        return Crossing(objective, Bound.AT_LEAST, low=met[-1], high=missed[0], why=FAR)
    if met and not missed:
        return Crossing(objective, Bound.AT_LEAST, low=met[-1], why=MET)
    if missed and not met:
        return Crossing(objective, Bound.BELOW, high=missed[0], why=MISSED)
    several = len({count.load for count in counts}) > 1
    why = "what is over does not grow with the load" if several else "measured at one load"
    return Crossing(objective, Bound.NONE, why=why)


def _surely(counts: Sequence[Count], beyond: Array) -> tuple[list[float], list[float]]:
    """The loads whose trials' t interval lies wholly on one side of the objective: those that meet it, those that miss.

    A load with fewer than three trials says nothing beside those that have as many; where none has, its mean does.
    """
    loads = np.array([count.load for count in counts])
    levels = {load: beyond[loads == load] for load in sorted(set(loads.tolist()))}
    least = min(FEWEST, max(map(len, levels.values())))
    met, missed = [], []
    for load, mine in levels.items():
        k = len(mine)
        if k < least:
            continue
        half = t_quantile(k - 1) * float(mine.std(ddof=1)) / math.sqrt(k) if k >= FEWEST else 0.0
        met += [load] if mine.mean() + half <= 0 else []
        missed += [load] if mine.mean() - half > 0 else []
    return met, missed
