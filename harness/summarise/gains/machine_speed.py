"""Speed of the machines during a study: the CPU time of a request, over the trials of equal cells (rule E22). Pure.

A trial is compared with trials of its own cell only: the cost of a request depends on the throughput, and that is the
cell's. It is a finding and corrects nothing, as the cost is measured in the same trial as its throughput.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.grid.thresholds import Thresholds
from harness.language import tr
from harness.records.findings import Finding, Severity
from harness.records.trial import TrialRecord
from harness.records.trial_path import TrialPath
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain

LEAST_TRIALS, LEAST_SPREAD = 4, 1e-6  # trials, and their standard deviation, for a correlation


@dataclass(frozen=True)
class MachineSpeed:
    """`costs` is by trial: the cost of its requests relative to its cell's mean, 1.1 where the machine was 10 % slower.

    `follows` is the correlation of throughput with the cost, both as logarithms within cells with a server bottleneck:
    −1 where only the machine's speed changed throughput; None where it is unknown.
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
        """Cost of the slowest trial divided by that of the fastest."""
        return self.costs[self.slowest] / self.costs[self.fastest]


def of_trials(records: Mapping[str, TrialRecord]) -> MachineSpeed | None:
    """The relative cost of every usable trial, by "<cell>/r<k>"; None without two trials of a cell with known costs.

    For generator, balancer and servers each trial's cost is divided by the geometric mean over its cell's trials. The
    result is the median over those of the three that all trials of the cell know: a slow machine slows all of them,
    and the work of a single one is no property of the machine.
    """
    cells: dict[str, dict[str, TrialRecord]] = {}
    for where, record in records.items():
        if record.usable and record.repeat and record.figures and record.figures.cpu_ms_per_request:
            cells.setdefault(TrialPath.parse(where).cell, {})[where] = record
    costs: dict[str, float] = {}
    pairs: list[tuple[float, float]] = []
    for trials in cells.values():
        known = [
            {role: cost for role, cost in record.figures.cpu_ms_per_request.items() if cost}
            for record in trials.values()
            if record.figures
        ]
        roles = [role for role in known[0] if all(role in of for of in known)]
        if len(known) < 2 or not roles:
            continue
        logs = np.log([[of[role] for role in roles] for of in known])
        index = np.median(logs - logs.mean(axis=0), axis=1)
        costs |= {where: math.exp(value) for where, value in zip(trials, index, strict=True)}
        if all(record.component.is_topology for record in trials.values()):
            rates = np.log([record.tps_mean or math.nan for record in trials.values()])
            pairs += zip(index.tolist(), (rates - rates.mean()).tolist(), strict=True)
    return MachineSpeed(costs, _correlation(pairs)) if costs else None


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    x, y = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    if len(pairs) < LEAST_TRIALS or min(x.std(), y.std()) < LEAST_SPREAD:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def widest(gains: Sequence[Gain], cells: Sequence[CellSummary]) -> float | None:
    """The largest half width of the intervals of gains, as a share; without a statement, of the cells' throughput."""
    ratios = [gain.ratio for gain in gains if gain.is_statement] or [cell.tps for cell in cells]
    halves = [interval.half_width for interval in ratios if interval is not None]
    return max((half for half in halves if half is not None), default=None)


def mattered(speed: MachineSpeed | None, half: float | None, limits: Thresholds) -> bool:
    """Whether the machines' change of speed explains intervals with the half width `half`."""
    if speed is None or half is None or speed.span <= limits.speed_span:
        return False
    return half > limits.linear_width


def findings(speed: MachineSpeed | None, half: float | None, limits: Thresholds) -> list[Finding]:
    """E22: wide intervals that the machines' change of speed explains."""
    if speed is None or not mattered(speed, half, limits):
        return []
    return [
        Finding(
            rule="E22",
            severity=Severity.NOTE,
            cause=_cause(speed),
            next_step=tr("measure on dedicated machines"),
            figure=speed.span,
            threshold=limits.speed_span,
        )
    ]


def _cause(speed: MachineSpeed) -> str:
    if speed.follows is None:
        return tr(
            "the machines’ own speed changed and made the intervals wide: a request cost {span:.2f} times as much CPU "
            "time in the slowest trial as in the fastest of equal cells",
            span=speed.span,
        )
    return tr(
        "the machines’ own speed changed and made the intervals wide: a request cost {span:.2f} times as much CPU time "
        "in the slowest trial as in the fastest of equal cells (correlation with throughput {follows})",
        span=speed.span,
        follows=f"{speed.follows:.2f}".replace("-", "−"),
    )
