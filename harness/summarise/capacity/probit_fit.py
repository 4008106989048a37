"""One line through the trials of several blocks: a slope that they share and an intercept of each. Pure.

Blocks share a queue's nature, but each has its own speed. The load of a trial is what its window was offered: by chance
that differs from what was asked for, by more than servers do from trial to trial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.summarise.capacity.counts import Count
from harness.summarise.statistics.intervals import Array, t_quantile

BEND = 0.01  # of a crossing: half an interval for the curve that the line stands for, as far as simulations show it


@dataclass(frozen=True)
class Line:
    """Its slope (probit over ln load), each block's ln crossing, and ln crossing with its variance's two parts."""

    crossings: dict[int, float]
    mean: float
    between: float  # variance of the mean over blocks
    slope: float
    slope_variance: float  # what the slope's error adds


def fit(counts: Sequence[Count], beyond: Array, weights: Array) -> Line | None:
    """Least squares with a shared slope; None where it does not rise, or where all loads are the same."""
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
    left = float((weights * (dy - slope * dx) ** 2).sum()) / weights.mean() / freedom if freedom > 0 else 0.0
    noise = left * float((weights**2 * dx**2).sum()) / squares**2
    each = mean_x - mean_y / slope
    k = len(names)
    lever = float(mean_y.mean()) / slope**2
    return Line(
        crossings={int(name): float(value) for name, value in zip(names, each, strict=True)},
        mean=float(each.mean()),
        between=float(each.var(ddof=1)) / k if k > 1 else 0.0,
        slope=slope,
        slope_variance=lever**2 * noise,
    )


def half_width(between: float, blocks: int, slopes: float) -> float:
    """Half of the 95 % interval of a mean over blocks to whose variance that by slopes is added.

    With the blocks' own degrees of freedom: a slope has more, but it is told least where noise is largest, and with
    Welch's degrees of freedom intervals held the truth a little too seldom there. What no number of blocks makes
    smaller, that a line stands for a curve, is added as a half width: JCGM 100 (GUM, 2008), 5.1.2.
    """
    return math.hypot(t_quantile(blocks - 1) * math.sqrt(between + slopes), BEND)
