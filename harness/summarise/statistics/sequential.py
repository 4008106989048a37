"""Limits of a mean that hold when a study looks at its data again and again (`study.py gate`). Pure.

Group sequential error spending: Lan and DeMets, "Discrete Sequential Boundaries for Clinical Trials", Biometrika 70
(1983), with the power family error·t^ρ of Kim and DeMets, Biometrika 74 (1987), where t is the share of the planned
values. Boundaries follow from the recursion of Armitage, McPherson and Rowe, Journal of the Royal Statistical Society A
132 (1969). Student's t replaces the normal distribution at the same level: Jennison and Turnbull, "Group Sequential
Methods" (2000), sections 4.4 and 7.3. Successive t values depend less on each other than normal ones, which raises the
error in simulations. The levels therefore spend a part of the error only (`Design`). `benchmarks/gates.py` measures
what remains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from harness.summarise.statistics.intervals import Interval

ALARMS = 0.01  # largest probability that the upper limit is ever below the true ratio
MISSES = 0.03  # largest probability that the lower limit is ever above it
POWER = 0.9  # share of slow builds that a gate of enough blocks finds
LAST_LEVEL = 0.7  # nominal level of the last look of 12 to 100 blocks over the error of all looks, about
LEAST_DEVIATION = 1e-6
LEAST_IN_ORDER = 2  # blocks that begin with the candidate, and with the baseline
_NODES = 400  # of the numerical integration; neighbours are much closer than the standard deviation of a value
_DEVIATIONS = 8.0  # standard deviations below which no path is


@dataclass(frozen=True)
class Design:
    """The looks of a study: from the `first` value on after each one, with error·t^`power` spent by then.

    The levels are those of the share `spent` of the error; Student's t adds the rest.
    """

    first: int
    power: float
    spent: float


BLOCKS = Design(first=6, power=6, spent=0.9)  # of blocks whose order is drawn
PAIRS = Design(first=3, power=3, spent=0.8)  # of pairs of blocks with opposite orders


@lru_cache(maxsize=64)
def levels(most: int, error: float, design: Design = BLOCKS) -> tuple[float, ...]:
    """One-sided nominal level of each look of a design, of which the last is after `most` values.

    For normal means of known variance, the probability of a false signal at any of the looks is `error`.
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    found, places, masses, spent = [], np.array([0.0]), np.array([1.0]), 0.0
    step = float(design.first)  # values since the look before
    for count in range(design.first, most + 1):
        wanted = error * (count / most) ** design.power - spent
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
    """The ratio with its limits after these pairs of at most `most`; no limits below three pairs.

    In a share of at least 1 − `ALARMS` of studies the upper limit of no look is below the true ratio, in 1 − `MISSES`
    the lower limit of none is above it. The values are taken as independent and normal.
    """
    values, count = np.asarray(log_ratios, dtype=float), len(log_ratios)
    mean = float(values.mean())
    if count < PAIRS.first:
        return Interval(math.exp(mean))
    return _limits(mean, float(values.std(ddof=1)) / math.sqrt(count), count - 1, count, most, PAIRS)


def limits_of_blocks(log_ratios: Sequence[float], places: Sequence[int], most: int) -> Interval:
    """The same after these blocks of at most `most`; no limits below six blocks or two of them in either order.

    `places` has 1 for a block that begins with the candidate, −1 for the others.
    """
    mean, deviation = of_blocks(log_ratios, places)
    if deviation is None:
        return Interval(math.exp(mean))
    count = len(log_ratios)
    error = deviation / math.sqrt(count - sum(places) ** 2 / count)
    return _limits(mean, error, count - 2, count, most, BLOCKS)


def of_blocks(log_ratios: Sequence[float], places: Sequence[int]) -> tuple[float, float | None]:
    """The mean log ratio, and the standard deviation of a block from it, None below the blocks that limits need.

    A lasting difference between the first and the second trial of a block is estimated together with the mean, by least
    squares. It is no noise, and no part of the ratio.
    """
    values, place, count = np.asarray(log_ratios, dtype=float), np.asarray(places, dtype=float), len(log_ratios)
    if count < BLOCKS.first or min((place > 0).sum(), (place < 0).sum()) < LEAST_IN_ORDER:
        return float(values.mean()), None
    terms = np.column_stack([np.ones(count), place])
    found = np.linalg.lstsq(terms, values, rcond=None)[0]
    rest = values - terms @ found
    return float(found[0]), math.sqrt(float(rest @ rest) / (count - 2))


def _limits(mean: float, error: float, freedom: int, count: int, most: int, design: Design) -> Interval:
    """The limits of a look after `count` values, by the mean of their logarithms and its standard error."""
    from scipy import special

    below, above = (
        float(special.stdtrit(freedom, 1 - levels(most, design.spent * share, design)[count - design.first])) * error
        for share in (MISSES, ALARMS)
    )
    return Interval(math.exp(mean), math.exp(mean - below), math.exp(mean + above), freedom)


def blocks_needed(deviation: float, tolerance: float, most: int) -> int | None:
    """The blocks after which nine of ten gates find a build that is slower by `tolerance`; None above `most`.

    `deviation` is the standard deviation of a block's log ratio. The power follows from the noncentral t at the last
    look.
    """
    from scipy import special

    for count in range(BLOCKS.first, most + 1, 2):
        beyond = -math.log1p(-tolerance) * math.sqrt(count) / max(deviation, LEAST_DEVIATION)
        critical = special.stdtrit(count - 2, 1 - LAST_LEVEL * ALARMS)
        if special.nctdtr(count - 2, beyond, critical) <= 1 - POWER:
            return count
    return None


def of_pairs(by_block: Mapping[int, float]) -> list[float]:
    """The mean log ratio of each pair of neighbouring blocks, 1 and 2, 3 and 4 and so on; none of incomplete pairs.

    The two builds of a gate have both orders in a pair of blocks, and which order comes first is drawn. What the
    machine does at the same time therefore has a random sign in a pair, and nothing that lasts adds up over pairs.
    Single blocks have no such protection: a machine whose speed alternates in the rhythm of the blocks looked like a
    difference between identical builds in 6 % of simulated gates.
    """
    firsts = (block for block in sorted(by_block) if block % 2 and block + 1 in by_block)
    return [(by_block[block] + by_block[block + 1]) / 2 for block in firsts]
