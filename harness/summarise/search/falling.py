"""Whether throughput falls beyond its peak, by the probes of a search. Pure.

The model of the knee (`knee.py`) has a level line. Contention may make throughput fall instead (N. J. Gunther,
Guerrilla Capacity Planning (2007), chapter 6): then the level line lies below the peak, and no load serves its rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.summarise.search.knee import Knee

LEAST_FALL = 0.03  # of the rate over the probed loads, below which a curve counts as level
LEAST_LOADS = 4  # beyond the knee, for an interval of the slope
STILL_LIMITED = 0.9  # share of the users' maximum rate, from which on the peak may be limited by its load


@dataclass(frozen=True, kw_only=True)
class FallingCurve:
    """The probed load with the largest rate, and the largest load; rates in requests per second.

    `is_saturated` is whether the peak lies clearly below the users' maximum rate, so that gains can be measured there.
    """

    users: int
    rate: float
    last_users: int
    last_rate: float
    is_saturated: bool


def of_rates(rates: Mapping[int, float], found: Knee) -> FallingCurve | None:
    """The peak if ln(rate) falls with ln(users) beyond the knee; None if the 95 % interval of its slope contains 0.

    A t interval of the slope by least squares over the loads beyond the knee, each with its median rate.
    """
    beyond = sorted(
        (math.log(load), math.log(rate)) for load, rate in rates.items() if load >= found.users * (1 - 1e-9)
    )
    if not found.rising or len(beyond) < LEAST_LOADS:
        return None
    n = len(beyond)
    mean_x, mean_y = (math.fsum(each[axis] for each in beyond) / n for axis in (0, 1))
    s_xx = math.fsum((x - mean_x) ** 2 for x, _ in beyond)
    slope = math.fsum((x - mean_x) * (y - mean_y) for x, y in beyond) / s_xx
    squares = math.fsum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in beyond)
    if slope * (beyond[-1][0] - beyond[0][0]) > math.log1p(-LEAST_FALL):
        return None
    from harness.summarise.statistics.intervals import t_quantile  # here, because a start should not load numpy

    if slope + t_quantile(n - 2) * math.sqrt(squares / (n - 2) / s_xx) >= 0:
        return None
    users = max(rates, key=lambda load: rates[load])
    most_per_user = found.rate / found.users
    return FallingCurve(
        users=users,
        rate=rates[users],
        last_users=max(rates),
        last_rate=rates[max(rates)],
        is_saturated=rates[users] < STILL_LIMITED * most_per_user * users,
    )
