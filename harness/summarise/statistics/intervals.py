"""Estimates with their 95 % confidence intervals over trials (rules E15 and E16). Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval; `low` and `high` are None without one.

    `freedom` has the degrees of freedom of a t interval on logarithms.
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


@lru_cache(maxsize=4096)
def t_quantile(freedom: float, statements: float = 1) -> float:
    """Two-sided quantile of Student's t for `statements` simultaneous 95 % intervals; `freedom` may be fractional.

    Each single interval then has the level 1 − 0.05 / statements: Bonferroni's inequality, which is valid for any
    dependence (gains that share a topology depend on each other). Dunn, "Multiple Comparisons Among Means", Journal of
    the American Statistical Association 56 (1961).
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    return float(special.stdtrit(freedom, 1 - 0.025 / statements))


def mean_interval(values: Sequence[float], statements: float = 1) -> Interval:
    """Mean with its 95 % t interval over trials, as one of simultaneous `statements`; none below three values."""
    mean = float(np.mean(values))
    if len(values) < 3:
        return Interval(mean)
    half = t_quantile(len(values) - 1, statements) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def log_ratios(first: Sequence[float], second: Sequence[float]) -> Array:
    """ln(second / first) of every pair, shape (k,); both in the order of the blocks."""
    if not len(first) or len(first) != len(second):
        raise ValueError(f"a ratio needs pairs (got {len(first)} and {len(second)} values)")
    ratios: Array = np.log(np.asarray(second, dtype=float)) - np.log(np.asarray(first, dtype=float))
    return ratios


def paired_ratio(first: Sequence[float], second: Sequence[float], least_pairs: int) -> Interval:
    """Ratio second / first over pairs of the same block (rule E15).

    exp of the mean log ratio, with the 95 % interval of a paired t on the logs, as
    `scipy.stats.ttest_rel(...).confidence_interval()` returns it. Repeats are the unit; seconds are autocorrelated.
    Both sequences have shape (k,), in the order of the blocks. Below `least_pairs` pairs there is no interval.
    """
    ratios = log_ratios(first, second)
    value = float(np.exp(ratios.mean()))
    if len(ratios) < max(least_pairs, 2):
        return Interval(value)
    return _exponential(float(ratios.mean()), float(ratios.var(ddof=1)), len(ratios), len(ratios) - 1)


# Degrees of freedom that the noise of the other cells adds to a pair's own k − 1 (rule E15). It is small, so that cells
# of unequal noise do no harm; benchmarks/truth/intervals.py measures the coverage.
BORROWED = 1.5


def moderated_ratio(first: Sequence[float], second: Sequence[float], rest: float) -> Interval:
    """The same ratio for few blocks: its noise is estimated from the study's other cells too (rule E15).

    `rest` is the variance of a log ratio by the other cells (`block_model.rest_variance`):
    s² = ((k − 1)·s²_pair + 1.5·rest) / (k + 0.5), t with k + 0.5 degrees of freedom. The form is that
    of a moderated t: Smyth, "Linear Models and Empirical Bayes Methods", Statistical Applications in
    Genetics and Molecular Biology 3 (2004), with the prior's weight fixed.
    """
    ratios = log_ratios(first, second)
    k = len(ratios)
    freedom = k - 1 + BORROWED
    variance = ((k - 1) * float(ratios.var(ddof=1)) + BORROWED * rest) / freedom
    return _exponential(float(ratios.mean()), variance, k, freedom)


POWER = 0.8  # share of studies, or of comparisons, that find the minimum detectable effect


def minimum_detectable_effect(error: float, freedom: float, statements: int = 1) -> float:
    """The smallest change, as a share, that a t test finds with 80 % power; `error` is the standard error of its log.

    The shift at which a noncentral t exceeds the two-sided quantile of `statements` simultaneous intervals: Cohen,
    "Statistical Power Analysis for the Behavioral Sciences" (1988), chapter 2.
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    shift = float(special.nctdtrinc(freedom, 1 - POWER, t_quantile(freedom, statements)))
    return math.expm1(shift * error)


def minimum_detectable_gain(ratio: Interval) -> float | None:
    """The smallest gain, as a share, that studies like this one find with 80 % power (rule E20).

    For the same spread of the log ratios and as many blocks; None without an interval.
    """
    if ratio.low is None or ratio.high is None or ratio.freedom is None:
        return None
    error = math.log(ratio.high / ratio.low) / 2 / t_quantile(ratio.freedom)  # s / √k
    return minimum_detectable_effect(error, ratio.freedom)


def _exponential(mean: float, variance: float, k: int, freedom: float) -> Interval:
    """The exponential of a mean of k logarithms, with its t interval."""
    half = t_quantile(freedom) * math.sqrt(variance / k)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), freedom)


def simultaneous(ratio: Interval, statements: int) -> Interval:
    """The ratio with its simultaneous 95 % interval, as one of `statements` (Bonferroni)."""
    if ratio.low is None or ratio.high is None or ratio.freedom is None:
        return ratio
    wider = t_quantile(ratio.freedom, statements) / t_quantile(ratio.freedom)
    low, high = (ratio.value * (end / ratio.value) ** wider for end in (ratio.low, ratio.high))
    return replace(ratio, low=low, high=high)
