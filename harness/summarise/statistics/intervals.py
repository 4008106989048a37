"""Estimates with their 95 % intervals over trials (rules E15 and E16). Pure; methods cite their source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval; without `low` and `high` there is none.

    `freedom` is the degrees of freedom of the t that gave it, where one did.
    """

    value: float
    low: float | None = None
    high: float | None = None
    freedom: float | None = None

    @property
    def half_width(self) -> float | None:
        """Half the width as a share of the estimate; None without an interval."""
        if self.low is None or self.high is None or not self.value:
            return None
        return (self.high - self.low) / 2 / abs(self.value)


def t_quantile(freedom: float, statements: int = 1) -> float:
    """Two-sided quantile of Student's t that keeps `statements` intervals 95 % together; `freedom` need not be whole.

    Each is then 1 − 0.05 / statements by itself: Bonferroni's inequality, which holds however they
    depend on each other (gains that share a topology do). Dunn, "Multiple Comparisons Among Means",
    Journal of the American Statistical Association 56 (1961).
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    return float(special.stdtrit(freedom, 1 - 0.025 / statements))


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean with its 95 % t interval over trials; no interval below three values."""
    mean = float(np.mean(values))
    if len(values) < 3:
        return Interval(mean)
    half = t_quantile(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def log_ratios(smaller: Sequence[float], larger: Sequence[float]) -> Array:
    """ln(larger / smaller) of every pair, shape (k,); both in the order of the blocks."""
    if not len(smaller) or len(smaller) != len(larger):
        raise ValueError(f"a gain needs pairs; got {len(smaller)} and {len(larger)} values")
    ratios: Array = np.log(np.asarray(larger, dtype=float)) - np.log(np.asarray(smaller, dtype=float))
    return ratios


def gain(smaller: Sequence[float], larger: Sequence[float], needs: int) -> Interval:
    """Ratio of throughputs over pairs of the same block (rule E15).

    exp of the mean log ratio, with the 95 % interval of a paired t on the logs, which is what
    `scipy.stats.ttest_rel(...).confidence_interval()` gives: repeats are the unit, never seconds,
    which are autocorrelated. Both sequences have shape (k,), in the order of the blocks; below
    `needs` pairs there is no interval.
    """
    ratios = log_ratios(smaller, larger)
    value = float(np.exp(ratios.mean()))
    if len(ratios) < max(needs, 2):
        return Interval(value)
    return _around(float(ratios.mean()), float(ratios.var(ddof=1)), len(ratios), len(ratios) - 1)


# Degrees of freedom that the other cells' noise counts for beside a pair's own k − 1 (rule E15). It is
# kept small so that cells of unequal noise do no harm; benchmarks/truth/intervals.py measures what it covers.
BORROWED = 1.5


def moderated_gain(smaller: Sequence[float], larger: Sequence[float], rest: float) -> Interval:
    """The same ratio; its noise is learnt from the study's other cells too (rule E15, for few blocks).

    `rest` is the variance of a log ratio as the other cells tell it (`blocks.rest_variance`):
    s² = ((k − 1)·s²_pair + 1.5·rest) / (k + 0.5), t with k + 0.5 degrees of freedom. The form is that
    of a moderated t: Smyth, "Linear Models and Empirical Bayes Methods", Statistical Applications in
    Genetics and Molecular Biology 3 (2004), with the prior's weight fixed.
    """
    ratios = log_ratios(smaller, larger)
    k = len(ratios)
    freedom = k - 1 + BORROWED
    variance = ((k - 1) * float(ratios.var(ddof=1)) + BORROWED * rest) / freedom
    return _around(float(ratios.mean()), variance, k, freedom)


POWER = 0.8  # share of studies, or of comparisons, that would find the change that is told


def mostly_found(error: float, freedom: float, statements: int = 1) -> float:
    """The change, as a share, that a t test tells from none in 80 % of the cases with this standard error of its log.

    The shift at which a noncentral t passes the two-sided quantile that `statements` hold together with: Cohen,
    "Statistical Power Analysis for the Behavioral Sciences" (1988), chapter 2.
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    shift = float(special.nctdtrinc(freedom, 1 - POWER, t_quantile(freedom, statements)))
    return math.expm1(shift * error)


def found_mostly(ratio: Interval) -> float | None:
    """The smallest gain, as a share, that 80 % of studies like this one would tell from none (rule E20).

    Studies whose log ratios spread as this pair's do, with as many blocks; None without an interval.
    """
    if ratio.low is None or ratio.high is None or ratio.freedom is None:
        return None
    error = math.log(ratio.high / ratio.low) / 2 / t_quantile(ratio.freedom)  # s / √k
    return mostly_found(error, ratio.freedom)


def _around(mean: float, variance: float, k: int, freedom: float) -> Interval:
    half = t_quantile(freedom) * math.sqrt(variance / k)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), freedom)


def jointly(ratio: Interval, statements: int) -> Interval:
    """A gain's interval made as wide as it takes for `statements` such intervals to hold together in 95 %."""
    if ratio.low is None or ratio.high is None or ratio.freedom is None:
        return ratio
    wider = t_quantile(ratio.freedom, statements) / t_quantile(ratio.freedom)
    low, high = (ratio.value * (end / ratio.value) ** wider for end in (ratio.low, ratio.high))
    return replace(ratio, low=low, high=high)
