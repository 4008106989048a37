"""Limits of a mean that hold when a study looks at its data again and again (`study.py gate`). Pure.

Group sequential error spending: Lan and DeMets, "Discrete Sequential Boundaries for Clinical Trials", Biometrika 70
(1983), with the power family error·t³ of Kim and DeMets, Biometrika 74 (1987), where t is the share of the planned
values. Boundaries follow from the recursion of Armitage, McPherson and Rowe, Journal of the Royal Statistical Society A
132 (1969). Student's t with n − 1 degrees of freedom replaces the normal distribution at the same level: Jennison and
Turnbull, "Group Sequential Methods" (2000), sections 4.4 and 7.3. Successive t values depend less on each other than
normal ones, which raises the error by 8 to 23 % in simulations of 5 to 40 looks. The levels are therefore those of 0.8
of the error. `benchmarks/gates.py` measures what remains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from harness.summarise.statistics.intervals import Interval

FIRST = 3  # fewest values with limits
ALARMS = 0.01  # largest probability that the upper limit is ever below the true ratio
MISSES = 0.03  # largest probability that the lower limit is ever above it
_POWER = 3  # of the spending function
_SPENT = 0.8  # of the error by the levels; Student's t adds the rest
_NODES = 400  # of the numerical integration; neighbours are much closer than the standard deviation of a value
_DEVIATIONS = 8.0  # standard deviations below which no path is


@lru_cache(maxsize=64)
def levels(most: int, error: float) -> tuple[float, ...]:
    """One-sided nominal level of each look: after 3 values, 4 and so on up to `most`.

    For normal means of known variance, the probability of a false signal at any of the looks is `error`.
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    found, places, masses, spent = [], np.array([0.0]), np.array([1.0]), 0.0
    step = float(FIRST)  # values since the look before
    for count in range(FIRST, most + 1):
        wanted = error * (count / most) ** _POWER - spent
        spent += wanted
        low, high = 0.0, 40.0 * math.sqrt(count)
        for _ in range(80):
            middle = (low + high) / 2
            crossing = float(masses @ special.ndtr((places - middle) / math.sqrt(step)))
            low, high = (middle, high) if crossing > wanted else (low, middle)
        bottom = -_DEVIATIONS * math.sqrt(count)
        new = bottom + (high - bottom) * (nodes + 1) / 2
        density = np.exp(-((new[:, None] - places) ** 2) / (2 * step)) @ masses / math.sqrt(2 * math.pi * step)
        places, masses = new, density * weights * (high - bottom) / 2
        found.append(float(special.ndtr(-high / math.sqrt(count))))
        step = 1.0
    return tuple(found)


def limits(log_ratios: Sequence[float], most: int) -> Interval:
    """The ratio with its limits after these values of at most `most`; no limits below three values.

    In a share of at least 1 − `ALARMS` of studies the upper limit of no look is below the true ratio, in 1 − `MISSES`
    the lower limit of none is above it. The values are taken as independent and normal.
    """
    values, count = np.asarray(log_ratios, dtype=float), len(log_ratios)
    mean = float(values.mean())
    if count < FIRST:
        return Interval(math.exp(mean))
    from scipy import special

    deviation = float(values.std(ddof=1)) / math.sqrt(count)
    below, above = (
        float(special.stdtrit(count - 1, 1 - levels(most, _SPENT * share)[count - FIRST])) * deviation
        for share in (MISSES, ALARMS)
    )
    return Interval(math.exp(mean), math.exp(mean - below), math.exp(mean + above), count - 1)


def of_pairs(by_block: Mapping[int, float]) -> list[float]:
    """The mean log ratio of each pair of neighbouring blocks, 1 and 2, 3 and 4 and so on; none of incomplete pairs.

    The two builds of a gate have both orders in a pair of blocks, and which order comes first is drawn. What the
    machine does at the same time therefore has a random sign in a pair, and nothing that lasts adds up over pairs.
    Single blocks have no such protection: a machine whose speed alternates in the rhythm of the blocks looked like a
    difference between identical builds in 6 % of simulated gates.
    """
    firsts = (block for block in sorted(by_block) if block % 2 and block + 1 in by_block)
    return [(by_block[block] + by_block[block + 1]) / 2 for block in firsts]
