"""Noise of a whole study: the block model's residuals and what they show (rules E15 and E20). Pure.

ln X of a trial is modelled as cell + block + noise: a block's drift moves all of its cells alike and
cancels in every ratio that is taken within it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.grid.thresholds import Thresholds
from harness.records.findings import Finding, Severity
from harness.summarise.statistics.intervals import Array
from harness.words import percent

MOST_TURNS, CLOSE = 10_000, 1e-12
MOVED = 1e-6  # squares of places beside cells and blocks, per trial: below, every cell kept its place
Table = Mapping[str, Mapping[int, float]]  # cell → block → mean TPS


@dataclass(frozen=True)
class BlockModel:
    """`residuals` by (cell, block), `effects` by block, both of ln X; `spread` is the noise of one trial."""

    residuals: dict[tuple[str, int], float]
    effects: dict[int, float]
    spread: float
    freedom: int


def fit(table: Table) -> BlockModel | None:
    """Least squares over whatever trials there are; None when they leave no freedom for noise.

    Cells and blocks are fitted in turn until neither changes: in complete blocks after the first turn.
    """
    names = sorted(cell for cell, by in table.items() if by)
    blocks = sorted({block for by in table.values() for block in by})
    count = sum(len(by) for by in table.values())
    freedom = count - len(names) - len(blocks) + 1
    if freedom < 1 or len(names) < 2 or len(blocks) < 2:
        return None
    y = np.array([[math.log(table[name][b]) if b in table[name] else math.nan for b in blocks] for name in names])
    left, effects = _beside_cells_and_blocks(y)
    effects = effects - effects.mean()
    return BlockModel(
        residuals={
            (name, block): float(left[row, column])
            for row, name in enumerate(names)
            for column, block in enumerate(blocks)
            if block in table[name]
        },
        effects={block: float(e) for block, e in zip(blocks, effects, strict=True)},
        spread=float(math.sqrt(np.nansum(left**2) / freedom)),
        freedom=freedom,
    )


def _beside_cells_and_blocks(y: Array) -> tuple[Array, Array]:
    """What cells (rows) and blocks (columns) leave of `y` by least squares, NaN for no trial; the blocks' effects."""
    effects = np.zeros(y.shape[1])
    for _ in range(MOST_TURNS):
        before = effects
        cells = np.nanmean(y - effects, axis=1)
        effects = np.nanmean(y - cells[:, None], axis=0)
        if np.abs(effects - before).max() < CLOSE:
            break
    left: Array = y - cells[:, None] - effects
    return left, effects


def rest_variance(table: Table, smaller: str, larger: str) -> float | None:
    """Variance of a log ratio as the cells of `table` tell it, without this pair's own contrast.

    For complete blocks of at least four cells, the pair among them, else None. The residual sum of
    squares of c cells in k blocks has (c − 1)(k − 1) degrees of freedom; the pair's difference holds
    k − 1 of them and is taken out, so what is left is independent of it under equal noise.
    """
    blocks = sorted(set.intersection(*(set(by) for by in table.values()))) if table else []
    whole = all(len(by) == len(blocks) for by in table.values())
    if len(table) < 4 or len(blocks) < 2 or not whole or smaller not in table or larger not in table:
        return None
    y = np.log([[by[block] for block in blocks] for by in table.values()])
    left = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
    names = list(table)
    contrast = left[names.index(larger)] - left[names.index(smaller)]
    squares = float((left**2).sum() - (contrast**2).sum() / 2)
    return 2 * squares / ((len(names) - 2) * (len(blocks) - 1))


def watch(model: BlockModel, positions: Mapping[tuple[str, int], int], limits: Thresholds) -> list[Finding]:
    """E20: what the noise of a study shows: a trend in its order, a block unlike the others."""
    return [*_trend(model, positions, limits), *_outliers(model, limits)]


def _trend(model: BlockModel, positions: Mapping[tuple[str, int], int], limits: Thresholds) -> list[Finding]:
    """A trial's place in its block must not matter: the order is random and blocks take up drift."""
    found = _trend_of(model, positions) if model.residuals.keys() <= positions.keys() else None
    if found is None or not found[1] < limits.trend_p:
        return []
    slope, p = found
    return [
        Finding(
            "E20",
            Severity.NOTE,
            f"throughput changes by {percent(math.expm1(slope), 1)} with each place in a block: "
            "what ran before a trial matters",
            "look for what a trial leaves behind (connections, memory, credits), or wait longer between trials",
            p,
            limits.trend_p,
        )
    ]


def _trend_of(model: BlockModel, positions: Mapping[tuple[str, int], int]) -> tuple[float, float] | None:
    """Slope of ln X on the place in a block, and the p-value of none, by Student's t; None where it cannot be told.

    Of one regression on cells, blocks and place together. By the theorem of Frisch, Waugh and Lovell its slope is that
    of the residuals beside cells and blocks on the places' own residuals beside them; a degree of freedom goes to it.
    """
    from scipy import special

    names = sorted({name for name, _ in model.residuals})
    blocks = sorted(model.effects)
    keys = [[(name, block) for block in blocks] for name in names]
    measured = [[key in model.residuals for key in row] for row in keys]
    place = np.array([[float(positions[key]) if key in model.residuals else math.nan for key in row] for row in keys])
    x = _beside_cells_and_blocks(place)[0][measured]
    e = np.array([[model.residuals.get(key, math.nan) for key in row] for row in keys])[measured]
    freedom, spread_x = model.freedom - 1, float((x**2).sum())
    if freedom < 1 or spread_x < MOVED * len(x):
        return None
    slope = float((x * e).sum()) / spread_x
    squares = float(((e - slope * x) ** 2).sum())
    if not model.spread:
        return None
    t = abs(slope) * math.sqrt(spread_x * freedom / max(squares, 1e-300))
    return slope, 2 * float(special.stdtr(freedom, -t))


def _outliers(model: BlockModel, limits: Thresholds) -> list[Finding]:
    """A block far from the others as a whole, or one in which cells went their own ways (Bonferroni over blocks)."""
    from scipy import special  # not scipy.stats, which takes a second more to load

    blocks = sorted(model.effects)
    count = len(blocks)
    told = []
    for block in blocks:
        reasons = []
        others = np.array([e for b, e in model.effects.items() if b != block])
        if count >= 4 and others.std(ddof=1) > 0:
            off = model.effects[block] - float(others.mean())
            away = off / (others.std(ddof=1) * math.sqrt(1 + 1 / len(others)))
            p = 2 * float(special.stdtr(len(others) - 1, -abs(away))) * count
            if p < limits.outlier_p and abs(off) > limits.outlier_least:
                reasons.append((p, f"ran {percent(abs(math.expm1(off)), 1)} {'slower' if off < 0 else 'faster'} than"))
        mine = np.array([e for (_, b), e in model.residuals.items() if b == block])
        rest = np.array([e for (_, b), e in model.residuals.items() if b != block])
        share = model.freedom / len(model.residuals)  # residuals have fewer degrees of freedom than there are
        if len(mine) >= 2 and len(rest) * share >= 2 and (rest**2).mean() > 0:
            ratio = (mine**2).mean() / (rest**2).mean()
            p = float(special.fdtrc(max(1.0, len(mine) * share), len(rest) * share, ratio)) * count
            if p < limits.outlier_p and math.sqrt((mine**2).mean() / share) > limits.outlier_least:
                reasons.append((p, f"was {math.sqrt(ratio):.1f} times as noisy as"))
        if reasons:
            p, what = min(reasons)
            told.append(
                Finding(
                    "E20",
                    Severity.NOTE,
                    f"block {block} {what} the others; it is kept, as every block is",
                    "look at what else ran on these machines then, and repeat the study when they are quiet",
                    p,
                    limits.outlier_p,
                )
            )
    return told
