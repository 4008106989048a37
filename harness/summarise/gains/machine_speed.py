"""The machines' own speed: what a request cost in CPU time, over the trials of equal cells (rule E22). Pure.

Trials are compared with those of their own cell alone: what a request costs depends on the throughput, and
that is the cell's. It is a finding and corrects nothing, as the cost is measured in the same trial as its
throughput.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.grid.thresholds import Thresholds
from harness.records.findings import Finding, Severity
from harness.records.trial import Component, TrialRecord
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain

FEWEST, LEAST = 4, 1e-6  # trials, and what must differ between them, for a correlation to be told


@dataclass(frozen=True)
class Speed:
    """`costs` is by trial: what its requests cost against its cell's mean, 1.1 where the machine was 10 % slower.

    `follows` is the correlation of throughput with it, both as logarithms within cells limited by servers: −1
    where the machine's speed is all that changed throughput; None where that cannot be told.
    """

    costs: dict[str, float]
    follows: float | None

    @property
    def fastest(self) -> str:
        return min(self.costs, key=lambda where: self.costs[where])

    @property
    def slowest(self) -> str:
        return max(self.costs, key=lambda where: self.costs[where])

    @property
    def span(self) -> float:
        """How many times the fastest trial's cost the slowest one's is."""
        return self.costs[self.slowest] / self.costs[self.fastest]


def of_trials(records: Mapping[str, TrialRecord]) -> Speed | None:
    """The index of every usable trial, by "<cell>/r<k>"; None where no two of a cell tell their costs.

    Of generator, balancer and servers each trial's cost is divided by the geometric mean over its cell's
    trials; the index is the median of the three, or of those that all trials of the cell tell: a machine that is slow
    is so for all of them, and what one alone had to do is no matter of the machine.
    """
    cells: dict[str, dict[str, TrialRecord]] = {}
    for where, record in records.items():
        if record.usable and record.repeat and record.figures and record.figures.cpu_ms_per_request:
            cells.setdefault(where.split("/")[0], {})[where] = record
    costs: dict[str, float] = {}
    pairs: list[tuple[float, float]] = []
    for trials in cells.values():
        told = [
            {role: cost for role, cost in record.figures.cpu_ms_per_request.items() if cost}
            for record in trials.values()
            if record.figures
        ]
        roles = [role for role in told[0] if all(role in of for of in told)]
        if len(told) < 2 or not roles:
            continue
        logs = np.log([[of[role] for role in roles] for of in told])
        index = np.median(logs - logs.mean(axis=0), axis=1)
        costs |= {where: math.exp(value) for where, value in zip(trials, index, strict=True)}
        if all(record.component == Component.SERVER for record in trials.values()):
            rates = np.log([record.tps_mean or math.nan for record in trials.values()])
            pairs += zip(index.tolist(), (rates - rates.mean()).tolist(), strict=True)
    return Speed(costs, _correlation(pairs)) if costs else None


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    x, y = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    if len(pairs) < FEWEST or min(x.std(), y.std()) < LEAST:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def widest(gains: Sequence[Gain], cells: Sequence[CellSummary]) -> float | None:
    """Half the width of the widest interval of gains that say something, as a share; without these of cells."""
    told = [gain.ratio for gain in gains if gain.speaks] or [cell.tps for cell in cells]
    halves = [interval.half_width for interval in told if interval is not None]
    return max((half for half in halves if half is not None), default=None)


def mattered(speed: Speed | None, half: float | None, limits: Thresholds) -> bool:
    """Whether the machine changed its speed by so much that intervals as wide as `half` need that as their reason."""
    if speed is None or half is None or speed.span <= limits.speed_span:
        return False
    return half > limits.linear_width


def watch(speed: Speed | None, half: float | None, limits: Thresholds) -> list[Finding]:
    """E22: what made intervals wide; nothing where they are narrow all the same."""
    if speed is None or not mattered(speed, half, limits):
        return []
    told = "" if speed.follows is None else f" (throughput followed with r = {speed.follows:.2f})".replace("-", "−")
    return [
        Finding(
            "E22",
            Severity.NOTE,
            f"the machines’ own speed changed and made the intervals wide: a request cost {speed.span:.2f} times as "
            f"much CPU time in the slowest trial as in the fastest of equal cells{told}",
            "measure on machines that nobody shares",
            speed.span,
            limits.speed_span,
        )
    ]
