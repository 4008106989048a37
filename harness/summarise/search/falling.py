"""Whether throughput falls beyond its peak, by the probes of a search. Pure.

The model of the knee (`knee.py`) has a level line. Contention may make throughput fall instead (N. J. Gunther,
Guerrilla Capacity Planning (2007), chapter 6): then the level line lies below the peak, and no load serves its rate.
Where the largest load has a lower rate than the peak, both are probed three times, and compared by a t test.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.summarise.search.knee import Knee

LEAST_FALL = 0.05  # of the rate from the peak to the largest load, below which a curve counts as level
LEAST_PROBES = 3  # of both loads
STATEMENTS = 5  # the level is 99 %, as the peak is the largest of several rates
STILL_LIMITED = 0.9  # share of the users' maximum rate, from which on the peak may be load-limited
Rates = Mapping[int, Sequence[float]]  # users → requests per second of the usable probes


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


def suspects(rates: Rates) -> tuple[int, int] | None:
    """The load with the largest rate and the largest load, if the rate is lower there; None if it is not."""
    medians = {load: statistics.median(each) for load, each in rates.items() if each}
    if not medians:
        return None
    peak, last = max(medians, key=lambda load: medians[load]), max(medians)
    return (peak, last) if medians[last] <= (1 - LEAST_FALL) * medians[peak] else None


def of_rates(rates: Rates, found: Knee) -> FallingCurve | None:
    """The peak, if the rate at the largest load is significantly lower; None if it is not, or with too few probes.

    Student's t test of the logarithms, with the pooled variance of both loads.
    """
    loads = suspects(rates)
    if loads is None or not found.rising or any(len(rates[load]) < LEAST_PROBES for load in loads):
        return None
    logs = [[math.log(rate) for rate in rates[load]] for load in loads]
    peak, last = (statistics.fmean(each) for each in logs)
    freedom = sum(len(each) - 1 for each in logs)
    squares = sum(statistics.variance(each) * (len(each) - 1) for each in logs)
    error = math.sqrt(squares / freedom * sum(1 / len(each) for each in logs))
    from harness.summarise.statistics.intervals import t_quantile  # here, because a start should not load numpy

    if peak - last <= t_quantile(freedom, STATEMENTS) * error:
        return None
    most = found.rate / found.users * loads[0]
    return FallingCurve(
        users=loads[0],
        rate=math.exp(peak),
        last_users=loads[1],
        last_rate=math.exp(last),
        is_saturated=math.exp(peak) < STILL_LIMITED * most,
    )
