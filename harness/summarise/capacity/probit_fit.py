"""A line fitted to the trials of several blocks: one slope, and an intercept for each block. Pure.

The queue is the same in all blocks, but each block has its own speed. The load of a trial is the load offered in its
window: by chance it differs from the requested load, by more than servers vary from trial to trial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.summarise.capacity.counts import Count
from harness.summarise.statistics.intervals import Array, t_quantile

NONLINEARITY = 0.01  # of a crossing: half width for the curve that the line approximates, by simulations


@dataclass(frozen=True, kw_only=True)
class ProbitLine:
    """Slope (probit over ln load), ln crossing of each block, and their mean with the two parts of its variance."""

    crossings: dict[int, float]
    mean: float
    between: float  # variance of the mean over blocks
    slope: float
    slope_variance: float  # added by the error of the slope


def fit(counts: Sequence[Count], beyond: Array, weights: Array) -> ProbitLine | None:
    """Least squares with one slope; None where it does not rise, or where all loads are equal."""
    blocks = np.array([count.block for count in counts])
    x = np.log([count.offered or count.load for count in counts])
    names = sorted(set(blocks.tolist()))
    row = np.searchsorted(names, blocks)
    of_block: Callable[[Array], Array] = lambda values: np.bincount(row, weights * values) / np.bincount(row, weights)  # noqa: E731 - a name for reading
    mean_x, mean_y = of_block(x), of_block(beyond)
    dx, dy = x - mean_x[row], beyond - mean_y[row]
    squares = float((weights * dx**2).sum())
    if squares < 1e-9:
        return None
    slope = float((weights * dx * dy).sum()) / squares
    if slope <= 0:
        return None
    freedom = len(counts) - len(names) - 1
    residual = float((weights * (dy - slope * dx) ** 2).sum()) / weights.mean() / freedom if freedom > 0 else 0.0
    noise = residual * float((weights**2 * dx**2).sum()) / squares**2
    each = mean_x - mean_y / slope
    k = len(names)
    lever = float(mean_y.mean()) / slope**2
    return ProbitLine(
        crossings={int(name): float(value) for name, value in zip(names, each, strict=True)},
        mean=float(each.mean()),
        between=float(each.var(ddof=1)) / k if k > 1 else 0.0,
        slope=slope,
        slope_variance=lever**2 * noise,
    )


def half_width(between: float, blocks: int, slopes: float) -> float:
    """Half width of the 95 % interval of a mean over blocks, with the variance of slopes added.

    It uses the blocks' own degrees of freedom: a slope has more, but it is least precise where the noise is largest,
    and with Welch's degrees of freedom the coverage was slightly too low there. The nonlinearity, which no number of
    blocks reduces, is added as a half width: JCGM 100 (GUM, 2008), 5.1.2.
    """
    return math.hypot(t_quantile(blocks - 1) * math.sqrt(between + slopes), NONLINEARITY)
