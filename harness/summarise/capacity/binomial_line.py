"""A line through the pooled counts of several trials: the load at which an allowed share of all requests is over. Pure.

The objective is about the share of all requests, so counts are pooled: the probit of the share is a line over ln(load),
fitted by maximum likelihood to the number of requests over in each trial, as responses to doses: D. J. Finney, "Probit
Analysis" (1947). The mean of the trials' own probits would answer for a typical trial instead, and hide rare episodes
such as a pause of one second, which make most of the requests over.

Requests of one window depend on each other, so the error does not follow from the likelihood. It follows from leaving
out one block at a time: the jackknife of J. W. Tukey, as in B. Efron, "The Jackknife, the Bootstrap and Other
Resampling Plans" (1982), chapter 3, with the block as the unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.summarise.statistics.intervals import Array, t_quantile

LEAST_SLOPE = 0.5  # probits over ln(load): a flatter line has no crossing worth a statement
MOST_STEPS, LEAST_STEP = 200, 1e-6
TOLERANCE = 1e-8  # of the log likelihood, per trial
LEAST_SHARE = 1e-9  # instead of an allowed share of 0
LEAST_RANGE = 1e-6  # of ln(load): below, all loads are equal
FARTHEST = 6.0  # probits: beyond, shares are 0 or 1 for every number of requests
LOWER_SIDE = 2.0  # of the lower side of an interval, over the degrees of freedom
HALF_REQUEST = 0.5  # added to both counts of a trial, so that a line through none and all stays finite


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Trials as arrays of shape (n,): block, ln(load), requests, requests over, and weight."""

    block: Array
    log_load: Array
    requests: Array
    over: Array
    weight: Array


@dataclass(frozen=True, kw_only=True)
class Line:
    """`crossing` is ln of the load, and `slope` in probits over that.

    `by_block` has the pseudo-value of the crossing for each block, empty with a single block.
    `between` is the variance of the crossing by the jackknife, 0 with a single block. It is None, without
    pseudo-values, where the line rises because of one block alone.
    """

    crossing: float
    slope: float
    by_block: dict[int, float]
    between: float | None
    blocks: int


def fit(trials: Trials, share: float) -> Line | None:
    """The load at which `share` of the requests is over; None where the line does not rise."""
    from scipy import special  # here, because loading it takes a second that a start should not

    aim = float(special.ndtri(share))
    found = _line(trials, np.ones(len(trials.block), dtype=bool), aim, share)
    if found is None:
        return None
    (whole, slope), names = found, sorted(set(trials.block.tolist()))
    k, pseudo = len(names), dict[int, float]()
    for name in names if k > 1 else ():
        without = _line(trials, trials.block != name, aim, share)
        if without is None:
            return Line(crossing=whole, slope=slope, by_block={}, between=None, blocks=k)
        pseudo[int(name)] = k * whole - (k - 1) * without[0]
    between = float(np.var(list(pseudo.values()), ddof=1)) / k if pseudo else 0.0
    return Line(crossing=whole, slope=slope, by_block=pseudo, between=between, blocks=k)


def shares(trials: Trials, share: float) -> tuple[Array, Array]:
    """The share over of each trial and its number of requests, with half a request added so that it is never 0 or 1."""
    half = np.minimum(HALF_REQUEST, share * trials.requests / 2)
    total = trials.requests + 2 * half
    return (trials.over + half) / total, total


def _line(trials: Trials, chosen: Array, aim: float, share: float) -> tuple[float, float] | None:
    """Ln of the load at which the line through the chosen trials reaches `aim`, and its slope; None if it is too flat.

    Iteratively reweighted least squares: McCullagh and Nelder, "Generalized Linear Models" (1989), section 2.5.
    Steps that go too far are halved.
    """
    from scipy import special

    x, weight = trials.log_load[chosen], trials.weight[chosen]
    if np.ptp(x) < LEAST_RANGE:
        return None
    all_shares, totals = shares(trials, share)
    got, total = all_shares[chosen], totals[chosen]
    slope, level = (float(each) for each in np.polyfit(x, special.ndtri(got), 1, w=np.sqrt(weight)))
    likelihood = _likelihood(level + slope * x, got, weight * total)
    for _ in range(MOST_STEPS):
        eta = np.clip(level + slope * x, -FARTHEST, FARTHEST)
        mean, density = special.ndtr(eta), np.exp(-(eta**2) / 2) / math.sqrt(2 * math.pi)
        w = weight * total * density**2 / (mean * (1 - mean))
        z = eta + (got - mean) / density
        middle, height = np.average(x, weights=w), np.average(z, weights=w)
        steeper = float((w * (x - middle) * (z - height)).sum() / (w * (x - middle) ** 2).sum())
        step, higher = 1.0, float(height - steeper * middle)
        while True:  # the likelihood is concave, so a part of the step always raises it
            tried = slope + step * (steeper - slope), level + step * (higher - level)
            found = _likelihood(tried[1] + tried[0] * x, got, weight * total)
            if found >= likelihood or step < LEAST_STEP:
                break
            step /= 2
        raised, likelihood, (slope, level) = found - likelihood, found, tried
        if raised < TOLERANCE * len(x):
            break
    return None if slope < LEAST_SLOPE else ((aim - level) / slope, slope)


def _likelihood(eta: Array, got: Array, total: Array) -> float:
    """Log likelihood of the shares `got` of `total` requests."""
    from scipy import special

    eta = np.clip(eta, -FARTHEST, FARTHEST)
    return float((total * (got * special.log_ndtr(eta) + (1 - got) * special.log_ndtr(-eta))).sum())


def lower_side(blocks: int) -> float:
    """The factor by which the lower side of a crossing's interval is longer than the upper one.

    Slow trials have most of the requests over the objective. Where few blocks contain none by chance, the crossing is
    too high and its variance too small. The interval for the mean of a lognormal variable is longer on one side for the
    same reason: C. E. Land, "Confidence Intervals for Linear Functions of the Normal Mean and Variance", Annals of
    Mathematical Statistics 42 (1971). The size of the factor is by simulation (`benchmarks.capacity`).
    """
    return 1 + LOWER_SIDE / (blocks - 1)


def half_width(between: float, blocks: int, line_error: float) -> float:
    """Half width of the 95 % interval of a crossing's logarithm, with the line's own error added.

    No number of blocks reduces the latter: JCGM 100 (GUM, 2008), 5.1.2.
    """
    return math.hypot(t_quantile(blocks - 1) * math.sqrt(between), line_error)
