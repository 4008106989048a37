"""Autocorrelation of the blocks of a study, and what it does to the interval of a mean. Pure.

Noise that drifts from block to block makes the blocks of a study alike. Their spread is then smaller than the distance
of the means of two studies, and Welch's interval is too narrow. For an AR(1) process with lag-1 correlation φ and k
blocks, the mean has the variance σ²V/k with V = 1 + 2 Σ (1 − j/k) φ^j, and the sample variance s² has the expectation
σ² (k − V)/(k − 1): Box, Jenkins and Reinsel, "Time Series Analysis" (1994), chapter 2.

`python -m benchmarks.truth.drift` simulates the share of false differences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BIAS = 4  # lag-1 estimates of few blocks are about φ − (1 + 4φ)/k: Marriott and Pope, Biometrika 41 (1954)
LEAST = 1.5  # of the divisor k − 4, for very few blocks
PRIOR = 0.5  # a correlation that is plausible before any block is measured: five blocks often show none of 0.6
PRIOR_BLOCKS = 2  # as many blocks as it counts for
CAUTION = 0.7  # of the estimate's standard error 1/√(blocks of a pair), added to it: chosen by the simulation
LIKELY = 0.8  # standard errors of an estimate, by simulation of the minimum detectable effect
MOST = 0.95
LEAST_VALUES = 3


def lag_one(series: Sequence[Sequence[float]]) -> float:
    """Lag-1 correlation of the residuals of several series in the order of their blocks; from 0 to 0.95.

    It is the mean over the series with at least three values, without the bias of few blocks. It is averaged with a
    plausible correlation that counts for two blocks, and a part of its error is added. The series of one study may be
    copies of each other, so the error is that of two series. 0 without such series.
    """
    found, lengths = [], []
    for values in (each for each in series if len(each) >= LEAST_VALUES):
        deviations, length = np.asarray(values, dtype=float) - np.mean(values), len(values)
        squares = float((deviations**2).sum())
        if squares > 0:
            raw = float((deviations[1:] * deviations[:-1]).sum()) / squares
            found.append((raw * length + 1) / max(length - BIAS, LEAST))
            lengths.append(length)
    if not found:
        return 0.0
    blocks = float(np.mean(lengths))
    return float(np.clip(_with_prior(float(np.mean(found)), blocks) + CAUTION / np.sqrt(2 * blocks), 0.0, MOST))


def _with_prior(estimate: float, blocks: float) -> float:
    return (blocks * estimate + PRIOR_BLOCKS * PRIOR) / (blocks + PRIOR_BLOCKS)


def likely(blocks: int) -> float:
    """A correlation that another comparison may estimate by chance from this number of blocks; for planning."""
    return min(_with_prior(0.0, blocks) + LIKELY / float(np.sqrt(2 * blocks)), MOST)


def of_mean(variance: float, count: int, correlation: float) -> tuple[float, float]:
    """Variance of the mean of `count` values and its degrees of freedom, by their sample variance and correlation.

    Without correlation these are s²/k and k − 1. At least one degree of freedom is left.
    """
    lags = np.arange(1, count)
    spread = 1 + 2 * float(((1 - lags / count) * correlation**lags).sum())
    return variance / count * spread * (count - 1) / (count - spread), max((count - 1) / spread, 1.0)
