"""Coverage of the intervals for simulated noise, as tables in Markdown.

    python -m benchmarks.truth.intervals [STUDIES]

A simulated trial is a series of seconds: an AR(1) process with lag-1 correlation 0.8 around the cell's
true rate times the trial's own deviation (the noise between runs), times a drift that a block shares.
Its figure is the mean of the steady window, as in a study; intervals come from the code that studies use.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.summarise.statistics import block_model, intervals

Array = np.ndarray[Any, np.dtype[np.float64]]
SECONDS = 17
WITHIN, CORRELATION = 0.03, 0.8
DRIFT = 0.08
GAIN = 1.46
# Relative noise of a study's cells; a study's cells are 1, 2, 3 servers at two loads.
EQUAL = (1.0,) * 6
PATTERNS: dict[str, Sequence[float]] = {
    "equal": EQUAL,
    "grows as √m": (1.0, 1.41, 1.73) * 2,
    "shrinks as 1/√m": (1.73, 1.22, 1.0) * 2,
    "one cell 2×": (2.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "one load 2×": (2.0, 2.0, 2.0, 1.0, 1.0, 1.0),
    "one load ½×": (0.5, 0.5, 0.5, 1.0, 1.0, 1.0),
    "one topology 2×": (1.0, 1.0, 2.0, 1.0, 1.0, 2.0),
    "four cells, one 2×": (2.0, 1.0, 1.0, 1.0),
    "one cell 3×": (3.0, 1.0, 1.0, 1.0, 1.0, 1.0),
}


@dataclass(frozen=True)
class Covered:
    """The share of studies whose interval contains the truth, and the width of intervals relative to the paired t."""

    share: float
    width: float = 1.0


def logs(random: np.random.Generator, studies: int, noise: Sequence[float], k: int) -> Array:
    """Ln X of simulated studies, shape (studies, cells, k), all true rates equal."""
    cells = len(noise)
    shocks = random.normal(0, WITHIN * math.sqrt(1 - CORRELATION**2), (studies, cells, k, SECONDS))
    shocks[..., 0] = random.normal(0, WITHIN, shocks.shape[:-1])
    for second in range(1, SECONDS):
        shocks[..., second] += CORRELATION * shocks[..., second - 1]
    between = random.normal(0, 1, (studies, cells, k)) * np.asarray(noise)[:, None]
    drift = np.linspace(0, DRIFT, k) * random.choice([-1, 1], (studies, 1, 1))
    mean: Array = np.log1p(shocks.mean(axis=-1)) + between + drift
    return mean


def paired(y: Array, truth: float) -> Covered:
    """Coverage of the paired t (rule E15) for one pair of each study: cells 0 and 1."""
    covered = 0
    for study in y:
        found = intervals.paired_ratio(np.exp(study[0]).tolist(), np.exp(study[1] + math.log(truth)).tolist(), 3)
        covered += (found.low or 0) <= truth <= (found.high or math.inf)
    return Covered(covered / len(y))


def moderated(y: Array, pair: tuple[int, int]) -> Covered:
    """Coverage of the moderated interval for one pair, and its mean width against the paired t's."""
    covered, widths, alone_widths = 0, 0.0, 0.0
    for study in y:
        x = np.exp(study)
        table = {str(c): dict(enumerate(x[c].tolist())) for c in range(len(x))}
        rest = block_model.rest_variance(table, str(pair[0]), str(pair[1]))
        assert rest is not None  # noqa: S101 - simulated blocks are complete
        found = intervals.moderated_ratio(x[pair[0]].tolist(), x[pair[1]].tolist(), rest)
        alone = intervals.paired_ratio(x[pair[0]].tolist(), x[pair[1]].tolist(), 3)
        covered += (found.low or 0) <= 1 <= (found.high or math.inf)
        widths, alone_widths = widths + _log_width(found), alone_widths + _log_width(alone)
    return Covered(covered / len(y), widths / alone_widths)


def _log_width(found: intervals.Interval) -> float:
    return math.log((found.high or 1) / (found.low or 1))


def pairs_of(noise: Sequence[float]) -> list[tuple[int, int]]:
    """Neighbouring topologies at one load."""
    return [(c, c + 1) for start in range(0, len(noise) - 1, 3) for c in range(start, min(start + 2, len(noise) - 1))]


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """Result of stopping: coverage of each gain and of all, mean blocks, load saved against `fixed` blocks.

    `all_at_once` is the coverage of all their intervals at once, `simultaneous` that of all simultaneous ones.
    """

    each: float
    all_at_once: float
    simultaneous: float
    blocks: float
    fixed: int
    saved: float


def sequential(y: Array, until: float, least: int, idle: int) -> Stopped:
    """Stop each study when all its gains are within ±`until`; y has the shape (studies, cells, most blocks).

    The cells of y are topologies at one or two loads, three each. Servers are the bottleneck of all, so all gains are
    watched. Another `idle` cells, predicted idle, are measured in the least blocks only. `fixed` is the smallest number
    of whole blocks with which 90 % of studies get all gains that narrow.
    """
    studies, cells, most = y.shape
    pairs = [(start + c, start + c + 1) for start in range(0, cells, 3) for c in (0, 1)]
    d = np.stack([y[:, b] - y[:, a] for a, b in pairs], axis=1)
    halves, means, wider = {}, {}, {}
    for k in range(least, most + 1):
        halves[k] = intervals.t_quantile(k - 1) * d[..., :k].std(axis=-1, ddof=1) / math.sqrt(k)
        means[k] = d[..., :k].mean(axis=-1)
        wider[k] = intervals.t_quantile(k - 1, len(pairs)) / intervals.t_quantile(k - 1)
    narrow = {k: np.all(np.sinh(halves[k]) <= until, axis=1) for k in halves}
    stop = np.full(studies, most)
    for k in range(most, least - 1, -1):
        stop[narrow[k]] = k
    covered, joint = np.zeros((2, studies, len(pairs)), dtype=bool)
    for k in halves:
        covered[stop == k] = (np.abs(means[k]) <= halves[k])[stop == k]
        joint[stop == k] = (np.abs(means[k]) <= halves[k] * wider[k])[stop == k]
    fixed = next((k for k in halves if narrow[k].mean() >= 0.9), most)
    mean = float(stop.mean())
    load = least * (cells + idle) + (mean - least) * cells
    return Stopped(
        each=float(covered.mean(axis=0).min()),
        all_at_once=float(covered.all(axis=1).mean()),
        simultaneous=float(joint.all(axis=1).mean()),
        blocks=mean,
        fixed=fixed,
        saved=1 - load / (fixed * (cells + idle)),
    )


def main() -> None:
    """Simulate and print."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    random = np.random.default_rng(2024)
    out = sys.stdout.write
    out(f"## Coverage of the 95 % interval of a gain, {studies} simulated studies\n\n")
    out("| noise between runs | k = 3 | k = 5 | k = 10 |\n|---|---|---|---|\n")
    for noise in (0.03, 0.05, 0.10):
        cells = [paired(logs(random, studies, (noise, noise), k), GAIN).share for k in (3, 5, 10)]
        out(f"| {noise:.0%} | " + " | ".join(f"{share:.1%}" for share in cells) + " |\n")
    out("\n## Moderated interval at k = 3 and 4: coverage of the worst pair, mean width against paired t\n\n")
    out("| pattern | k = 3 | width | k = 4 | width |\n|---|---|---|---|---|\n")
    for name, pattern in PATTERNS.items():
        row = []
        for k in (3, 4):
            y = logs(random, studies, [0.04 * p for p in pattern], k)
            found = [moderated(y, pair) for pair in pairs_of(pattern)]
            row += [f"{min(f.share for f in found):.1%}", f"{np.mean([f.width for f in found]):.2f}"]
        out(f"| {name} | {' | '.join(row)} |\n")
    out("\n## Stopping at ±5 %, from 5 blocks on\n\n")
    out("Load saved is against the fixed number of blocks that gives ±5 % in 90 % of studies.\n\n")
    out("| cells, watched gains | noise | each gain | all at once | simultaneous | mean blocks | fixed | saved |\n")
    out("|---|---|---|---|---|---|---|---|\n")
    for name, watched, idle in (("3, 2", 3, 0), ("6, 2 (default study)", 3, 3), ("6, 4", 6, 0)):
        for noise in (0.03, 0.04):
            f = sequential(logs(random, studies, [noise] * watched, 40), 0.05, 5, idle)
            shares = (f"{f.each:.1%}", f"{f.all_at_once:.1%}", f"{f.simultaneous:.1%}")
            columns = (*shares, f"{f.blocks:.1f}", str(f.fixed), f"{f.saved:.0%}")
            out(f"| {name} | {noise:.0%} | {' | '.join(columns)} |\n")


if __name__ == "__main__":
    main()
