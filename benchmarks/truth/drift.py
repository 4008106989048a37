"""False differences between two studies of identical builds under noise that drifts, as a table in Markdown.

    python -m benchmarks.truth.drift [COMPARISONS]

A simulated study is a series of blocks: an AR(1) process with the given lag-1 correlation, or a random walk. Each
study of a pair has its own. All its cells have the noise in common, or each has its own. The code that compares real
studies computes the intervals.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.summarise.statistics import autocorrelation
from harness.summarise.statistics.welch import Difference, difference

Array = np.ndarray[Any, np.dtype[np.float64]]
NOISE = 0.02  # relative, of a block; of each step of a random walk
WALK = 1.0
CORRELATIONS = (0.0, 0.3, 0.6, 0.9, WALK)
BLOCKS = (5, 6, 8, 12)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Shares of comparisons with a false difference, and the median width of their intervals.

    `welch` is without correlation, `wide` with the estimated one. `wider` is the ratio of the median widths.
    """

    welch: float
    wide: float
    wider: float


def noise(random: np.random.Generator, blocks: int, correlation: float) -> Array:
    """Ln of the blocks' throughput, shape (blocks,); a correlation of 1 is a random walk from 0."""
    shocks = random.normal(0, NOISE, blocks)
    if correlation == WALK:
        walked: Array = np.cumsum(shocks)
        return walked
    found: Array = shocks.copy()
    for block in range(1, blocks):
        found[block] = correlation * found[block - 1] + (1 - correlation**2) ** 0.5 * shocks[block]
    return found


def false_differences(
    comparisons: int, blocks: int, correlation: float, *, cells: int = 1, shared: bool = True, seed: int = 1
) -> Rates:
    """Compare identical builds; a difference is false if the 95 % interval of the first cell's ratio excludes 1."""
    counts: list[int] = [0, 0]
    widths: tuple[list[float], list[float]] = ([], [])
    for comparison in range(comparisons):
        random = np.random.default_rng([seed, blocks, comparison])
        studies = []
        for _ in range(2):
            one = noise(random, blocks, correlation)
            studies.append([one if shared else noise(random, blocks, correlation) for _ in range(cells)])
        estimated = autocorrelation.lag_one([cell.tolist() for study in studies for cell in study])
        rates = [np.exp(study[0]).tolist() for study in studies]
        for which, found in enumerate((difference(*rates), difference(*rates, correlation=estimated))):
            counts[which] += _excludes_one(found)
            widths[which].append(_width(found))
    welch, wide = (count / comparisons for count in counts)
    return Rates(welch=welch, wide=wide, wider=float(np.median(widths[1]) / np.median(widths[0])))


def _excludes_one(found: Difference) -> bool:
    ratio = found.ratio()
    return not (ratio.low or 0.0) <= 1 <= (ratio.high or np.inf)


def _width(found: Difference) -> float:
    ratio = found.ratio()
    return float(np.log((ratio.high or 1.0) / (ratio.low or 1.0)))


def main(comparisons: int) -> None:
    """Print a row for each number of blocks and each kind of noise."""
    sys.stdout.write("| cells | blocks | correlation | Welch | with correlation | wider |\n|---|---|---|---|---|---|\n")
    for cells, shared in ((1, True), (6, False)):
        for blocks in BLOCKS:
            for correlation in CORRELATIONS:
                found = false_differences(comparisons, blocks, correlation, cells=cells, shared=shared)
                name = "random walk" if correlation == WALK else f"{correlation:g}"
                sys.stdout.write(
                    f"| {cells} | {blocks} | {name} | {found.welch:.1%} | {found.wide:.1%} | {found.wider:.2f} |\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
