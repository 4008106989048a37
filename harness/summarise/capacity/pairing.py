"""The ratio of two capacities that were measured in the same blocks (rule E15). Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.summarise.capacity import probit_fit
from harness.summarise.capacity.crossing import LEAST_BLOCKS, Crossing
from harness.summarise.statistics.intervals import Interval


def ratio(first: Crossing, second: Crossing, common: Sequence[int], least_blocks: int) -> Interval:
    """Second / first over these blocks, with the errors of both slopes.

    exp of the mean log ratio, with its 95 % t interval over blocks; none below `least_blocks` or three blocks.
    """
    logs = np.log([second.by_block[block] / first.by_block[block] for block in common])
    mean, k = float(logs.mean()), len(common)
    if k < max(least_blocks, LEAST_BLOCKS):
        return Interval(math.exp(mean))
    slopes = sum(side.slope_error**2 for side in (first, second))
    half = probit_fit.half_width(float(logs.var(ddof=1)) / k, k, slopes)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), k - 1)
