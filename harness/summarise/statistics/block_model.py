"""The noise of a whole study: the block model, its residuals and the findings on them (rules E15 and E20). Pure.

ln X of a trial is modelled as cell + block + noise. A block's drift is the same for all of its cells, so it cancels in
every ratio within the block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.grid.thresholds import Thresholds
from harness.language import tr
from harness.records.findings import Finding, Kind, Severity
from harness.summarise.statistics.intervals import Array
from harness.words import percent

MAX_ITERATIONS, TOLERANCE = 10_000, 1e-12
LEAST_VARIATION = 1e-6  # sum of squares of position residuals, per trial: below, every cell kept its position
Table = Mapping[str, Mapping[int, float]]  # cell → block → mean TPS


@dataclass(frozen=True)
class BlockModel:
    """`residuals` by (cell, block) and `effects` by block, both of ln X; `spread` is the noise of one trial (SD)."""

    residuals: dict[tuple[str, int], float]
    effects: dict[int, float]
    spread: float
    freedom: int


def fit(table: Table) -> BlockModel | None:
    """Fit the model by least squares, also to incomplete blocks; None without degrees of freedom for the noise.

    Cells and blocks are fitted alternately until neither changes: in complete blocks after the first iteration.
    """
    names = sorted(cell for cell, by in table.items() if by)
    blocks = sorted({block for by in table.values() for block in by})
    count = sum(len(by) for by in table.values())
    freedom = count - len(names) - len(blocks) + 1
    if freedom < 1 or len(names) < 2 or len(blocks) < 2:
        return None
    y = np.array([[math.log(table[name][b]) if b in table[name] else math.nan for b in blocks] for name in names])
    residuals, effects = _fit_cells_and_blocks(y)
    effects = effects - effects.mean()
    return BlockModel(
        residuals={
            (name, block): float(residuals[row, column])
            for row, name in enumerate(names)
            for column, block in enumerate(blocks)
            if block in table[name]
        },
        effects={block: float(e) for block, e in zip(blocks, effects, strict=True)},
        spread=float(math.sqrt(np.nansum(residuals**2) / freedom)),
        freedom=freedom,
    )


def _fit_cells_and_blocks(y: Array) -> tuple[Array, Array]:
    """Residuals of `y` from effects of cells (rows) and blocks (columns), NaN for no trial; and the block effects."""
    effects = np.zeros(y.shape[1])
    for _ in range(MAX_ITERATIONS):
        before = effects
        cells = np.nanmean(y - effects, axis=1)
        effects = np.nanmean(y - cells[:, None], axis=0)
        if np.abs(effects - before).max() < TOLERANCE:
            break
    residuals: Array = y - cells[:, None] - effects
    return residuals, effects


def rest_variance(table: Table, smaller: str, larger: str) -> float | None:
    """Variance of a log ratio by the cells of `table`, without this pair's own contrast.

    For complete blocks of at least four cells, the pair among them, else None. The residual sum of
    squares of c cells in k blocks has (c − 1)(k − 1) degrees of freedom. The pair's difference has
    k − 1 of them and is removed, so the rest is independent of it under equal noise.
    """
    blocks = sorted(set.intersection(*(set(by) for by in table.values()))) if table else []
    complete = all(len(by) == len(blocks) for by in table.values())
    if len(table) < 4 or len(blocks) < 2 or not complete or smaller not in table or larger not in table:
        return None
    y = np.log([[by[block] for block in blocks] for by in table.values()])
    residuals = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
    names = list(table)
    contrast = residuals[names.index(larger)] - residuals[names.index(smaller)]
    squares = float((residuals**2).sum() - (contrast**2).sum() / 2)
    return 2 * squares / ((len(names) - 2) * (len(blocks) - 1))


def findings(model: BlockModel, positions: Mapping[tuple[str, int], int], limits: Thresholds) -> list[Finding]:
    """E20: a trend over the positions in a block, and blocks that differ from the others.

    `positions` maps (cell, block) to the trial's position in its block.
    """
    return [*_trend(model, positions, limits), *_outliers(model, limits)]


def _trend(model: BlockModel, positions: Mapping[tuple[str, int], int], limits: Thresholds) -> list[Finding]:
    """A trial's position in its block must have no effect: the order is random and blocks absorb drift."""
    found = _trend_of(model, positions) if model.residuals.keys() <= positions.keys() else None
    if found is None or not found[1] < limits.trend_p:
        return []
    slope, p = found
    return [
        Finding(
            rule="E20",
            severity=Severity.NOTE,
            cause=tr(
                "throughput changes by {expm1} with each position in a block: a trial depends on the trials before it",
                expm1=percent(math.expm1(slope), 1),
            ),
            next_step=tr(
                "look for effects that outlast a trial (connections, memory, credits), or wait longer between trials"
            ),
            figure=p,
            threshold=limits.trend_p,
            kind=Kind.TREND,
        )
    ]


def _trend_of(model: BlockModel, positions: Mapping[tuple[str, int], int]) -> tuple[float, float] | None:
    """Slope of ln X over the position in a block, and the p-value of no slope (Student's t); None where it is unknown.

    The slope of one regression on cells, blocks and position. By the theorem of Frisch, Waugh and Lovell it is the
    slope of the residuals over the positions' own residuals from cells and blocks. It takes one degree of freedom.
    """
    from scipy import special

    names = sorted({name for name, _ in model.residuals})
    blocks = sorted(model.effects)
    keys = [[(name, block) for block in blocks] for name in names]
    measured = [[key in model.residuals for key in row] for row in keys]
    position = np.array(
        [[float(positions[key]) if key in model.residuals else math.nan for key in row] for row in keys]
    )
    x = _fit_cells_and_blocks(position)[0][measured]
    e = np.array([[model.residuals.get(key, math.nan) for key in row] for row in keys])[measured]
    freedom, spread_x = model.freedom - 1, float((x**2).sum())
    if freedom < 1 or spread_x < LEAST_VARIATION * len(x):
        return None
    slope = float((x * e).sum()) / spread_x
    squares = float(((e - slope * x) ** 2).sum())
    if not model.spread:
        return None
    t = abs(slope) * math.sqrt(spread_x * freedom / max(squares, 1e-300))
    return slope, 2 * float(special.stdtr(freedom, -t))


def _outliers(model: BlockModel, limits: Thresholds) -> list[Finding]:
    """Blocks that differ from the others in speed or in noise (Bonferroni over blocks)."""
    found = []
    for block in sorted(model.effects):
        reasons = [*_speed_outlier(model, block, limits), *_noise_outlier(model, block, limits)]
        if reasons:
            p, differs = min(reasons)
            found.append(
                Finding(
                    rule="E20",
                    severity=Severity.NOTE,
                    cause=tr("block {block} {differs} the others; it is not excluded", block=block, differs=differs),
                    next_step=tr(
                        "look for other load on these machines at that time, and repeat the study when they are idle"
                    ),
                    figure=p,
                    threshold=limits.outlier_p,
                    kind=Kind.OUTLIER,
                )
            )
    return found


def _speed_outlier(model: BlockModel, block: int, limits: Thresholds) -> list[tuple[float, str]]:
    """Whether the block as a whole was slower or faster: its p-value and the difference as a predicate."""
    from scipy import special  # not scipy.stats, which takes a second more to load

    count = len(model.effects)
    others = np.array([effect for other, effect in model.effects.items() if other != block])
    if count < 4 or not others.std(ddof=1) > 0:
        return []
    off = model.effects[block] - float(others.mean())
    t = off / (others.std(ddof=1) * math.sqrt(1 + 1 / len(others)))
    p = 2 * float(special.stdtr(len(others) - 1, -abs(t))) * count
    if not (p < limits.outlier_p and abs(off) > limits.outlier_least):
        return []
    return [
        (
            p,
            tr(
                "ran {expm1} slower than" if off < 0 else "ran {expm1} faster than",
                expm1=percent(abs(math.expm1(off)), 1),
            ),
        )
    ]


def _noise_outlier(model: BlockModel, block: int, limits: Thresholds) -> list[tuple[float, str]]:
    """Whether the block was noisier (F test): its p-value and the difference as a predicate."""
    from scipy import special

    mine = np.array([residual for (_, other), residual in model.residuals.items() if other == block])
    rest = np.array([residual for (_, other), residual in model.residuals.items() if other != block])
    share = model.freedom / len(model.residuals)  # residuals have fewer degrees of freedom than there are
    if len(mine) < 2 or len(rest) * share < 2 or not (rest**2).mean() > 0:
        return []
    ratio = (mine**2).mean() / (rest**2).mean()
    p = float(special.fdtrc(max(1.0, len(mine) * share), len(rest) * share, ratio)) * len(model.effects)
    if not (p < limits.outlier_p and math.sqrt((mine**2).mean() / share) > limits.outlier_least):
        return []
    return [(p, tr("was {sqrt:.1f} times as noisy as", sqrt=math.sqrt(ratio)))]
