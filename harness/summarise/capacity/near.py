"""The trials near a crossing, which decide where it lies: by their loads and the shares over the objective. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from harness.summarise.capacity import by_objective
from harness.summarise.capacity.binomial_line import LEAST_SHARE, Trials
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.levels import Levels
from harness.summarise.statistics.intervals import Array

NEAR = 0.15  # of the crossing: the line is only valid here, so farther loads count only as the nearest of their side
RISE = 0.5  # probits on either side of the crossing, over which a line is valid where that is farther
SLOWEST = 0.5  # probits over ln(load): slower rises count as this
MAX_GAP = 1.5  # ratio of the loads next to the crossing: a line is fitted only to nearer ones
HALF_WEIGHT = 1.0  # probits from the objective at which a load has half the weight
MOST_SHARE = 0.99  # of a load: the degree of overload is no information about the crossing


def beyond_of(levels: Levels) -> dict[float, float]:
    """Load → probit of its share over minus that of the allowed share; half a request keeps it finite.

    If even half a request is more than allowed, a load without any still meets the objective.
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    found, allowed = {}, levels.allowed
    for level in levels.by_load:
        half = min(0.5, allowed * level.requests / 2)
        got = (level.over + half) / (level.requests + 2 * half)
        ends = (max(min(part, MOST_SHARE), LEAST_SHARE) for part in (got, allowed))
        found[level.load] = float(special.ndtri(next(ends)) - special.ndtri(next(ends)))
    return found


def middle_of(beyond: dict[float, float]) -> tuple[float, float, float]:
    """The load between the two that separate the levels best, at which their shares cross the allowed one; and both."""
    levels = sorted(beyond)
    means = np.array([beyond[level] for level in levels])
    separated = [float(means[at:].sum() - means[:at].sum()) for at in range(len(levels) + 1)]
    at = int(np.argmax(separated))
    below, above = levels[max(at - 1, 0)], levels[min(at, len(levels) - 1)]
    if below == above:
        return below, below, above
    way = float(np.clip(means[at - 1] / min(means[at - 1] - means[at], -1e-9), 0, 1))
    return below * (above / below) ** way, below, above


def near(loads: Sequence[float], beyond: dict[float, float], slope: float | None) -> Array:
    """The trials that count: those near the crossing, and always the next load on either side.

    Where the share changes little with the load, a line through its probits is valid farther away.
    """
    middle, below, above = middle_of(beyond)
    each, width = np.array(loads), math.log1p(NEAR)
    if slope is not None:
        width = min(max(width, RISE / max(slope, SLOWEST)), math.log(MAX_GAP))
    found: Array = (np.abs(np.log(each / middle)) <= width) | (each == below) | (each == above)
    return found


def around(counts: Sequence[Count], beyond: dict[float, float]) -> list[Count]:
    """The trials whose load is within `MAX_GAP` of the crossing, which show whether the share rises with it."""
    middle, below, above = middle_of(beyond)
    least, most = min(below, middle / MAX_GAP), max(above, middle * MAX_GAP)
    return [count for count in counts if least <= count.load <= most]


def near_enough(levels: Levels) -> bool:
    """Whether the loads next to the crossing are near enough to each other for a line, or it is outside all loads."""
    met, missed = levels.met, levels.missed
    if not met or not missed:
        return True
    inside = [level.load for level in levels.by_load if met[-1] <= level.load and level.most <= missed[0]]
    return not inside or any(b <= MAX_GAP * a for a, b in itertools.pairwise(inside))


def trials_of(counts: Sequence[Count], objective: str, beyond: dict[float, float]) -> Trials:
    """Trials with a weight by the distance of their load from the objective: their own would weight its noise."""
    distance = np.array([beyond[count.load] for count in counts])
    return Trials(
        block=np.array([count.block for count in counts]),
        log_load=np.log([count.offered or count.load for count in counts]),
        requests=np.array([count.requests for count in counts], dtype=float),
        over=np.array([by_objective.over(count, objective) for count in counts], dtype=float),
        weight=1 / (1 + (distance / HALF_WEIGHT) ** 2),
    )
