"""The ratio of two capacities that were measured in the same blocks (rule E15). Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.summarise.capacity import binomial_line
from harness.summarise.capacity.crossing import LEAST_BLOCKS, Crossing
from harness.summarise.statistics.intervals import Interval

RATIO_ERROR = 0.01  # half width for the lines, whose errors mostly cancel


def ratio(first: Crossing, second: Crossing, common: Sequence[int], least_blocks: int) -> Interval:
    """Second / first over these blocks, with the error of both lines.

    exp of the mean log ratio of their pseudo-values, with its 95 % t interval over blocks, as of a jackknife that
    leaves a block out of both; none below `least_blocks` or three blocks. It is wider by the uncertainty of the better
    known slope: the rest of both cancels, as blocks and loads are common.
    """
    logs = np.log([second.by_block[block] / first.by_block[block] for block in common])
    mean, k = float(logs.mean()), len(common)
    if k < max(least_blocks, LEAST_BLOCKS):
        return Interval(math.exp(mean))
    between = min(first.uncertainty, second.uncertainty) ** 2 * float(logs.var(ddof=1)) / k
    half = binomial_line.half_width(between, k, RATIO_ERROR)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), k - 1)
