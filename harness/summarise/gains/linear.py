"""Linear speedup with servers of several types: the sum of the single servers that the study measured. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.grid import server_types
from harness.grid.thresholds import Thresholds
from harness.judge.prediction import EQUAL_SHARES, UNEQUAL_SHARES
from harness.language import tr
from harness.records.findings import Finding, Severity
from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary
from harness.summarise.cells.slow_server import in_cells
from harness.summarise.statistics import intervals
from harness.summarise.statistics.intervals import Interval
from harness.words import servers

Singles = Mapping[str, CellSummary]  # type → its cell of one server, at one load


@dataclass(frozen=True)
class LinearSpeedup:
    """The speedup of a step with linear scaling, and the measured ratio relative to it."""

    ideal: float
    efficiency: Interval


def of_step(smaller: CellSummary, larger: CellSummary, singles: Singles, limits: Thresholds) -> LinearSpeedup | str:
    """Return the linear speedup of a step, or the reason why it is not known.

    A topology with n_t servers of type t delivers at most S = Σ n_t·T_t, where T_t is the throughput of one server of
    type t. In block j, ln E_j = ln(T_b / S_b) − ln(T_a / S_a) compares the step from a to b with this sum. All trials
    are of the same block, so that its drift cancels. E is exp of the mean of ln E_j, with the 95 % interval of a paired
    t on the logs (rule E15). It contains the errors of the singles, as their sum is computed in each block: the delta
    method's linearisation (Oehlert, "A Note on the Delta Method", The American Statistician 46 (1992)) is not needed.
    `python -m benchmarks.server_types` simulates its coverage.
    """
    for name in {**server_types.counts(smaller.topology), **server_types.counts(larger.topology)}:
        one = singles.get(name)
        if one is None or not one.usable:
            return tr("no linear speedup: the study has no valid trial of {servers}", servers=servers(f"1 {name}"))
        if one.bottleneck != Component.SERVER:
            return tr(
                "no linear speedup: the bottleneck of {servers} was the {bottleneck}",
                servers=servers(f"1 {name}"),
                bottleneck=one.bottleneck,
            )
    blocks = sorted(_blocks(smaller, singles) & _blocks(larger, singles))
    if not blocks:
        return tr("no linear speedup: no block has a valid trial of every single server")
    sums = [[_sum(cell, singles, block) for block in blocks] for cell in (smaller, larger)]
    relative = [
        [cell.by_block[block] / total for block, total in zip(blocks, each, strict=True)]
        for cell, each in zip((smaller, larger), sums, strict=True)
    ]
    efficiency = intervals.paired_ratio(relative[0], relative[1], least_pairs=limits.interval_repeats)
    ideal = math.exp(float(intervals.log_ratios(sums[0], sums[1]).mean()))
    return LinearSpeedup(ideal, efficiency)


def _blocks(cell: CellSummary, singles: Singles) -> set[int]:
    own = [singles[name].by_block.keys() for name in server_types.counts(cell.topology)]
    return set(cell.by_block).intersection(*own)


def _sum(cell: CellSummary, singles: Singles, block: int) -> float:
    numbers = server_types.counts(cell.topology)
    return math.fsum(number * singles[name].by_block[block] for name, number in numbers.items())


def singles_of(cells: Sequence[CellSummary]) -> dict[str, CellSummary]:
    """Return type → its cell of one server, among cells of one load."""
    by_level = {cell.topology: cell for cell in cells}
    names = {name for level in by_level for name in server_types.counts(level)}
    return {name: cell for name in sorted(names) if (cell := by_level.get(server_types.text({name: 1}))) is not None}


def equal_shares(cell: CellSummary) -> str:
    """Return that equal shares limit a topology of several types, as a clause; empty for any other one."""
    is_mixed = len(server_types.counts(cell.topology)) > 1
    return f"{tr(EQUAL_SHARES)}; {tr(UNEQUAL_SHARES)}" if is_mixed and cell.even_shares else ""


def findings(cells: Sequence[CellSummary]) -> list[Finding]:
    """E12: topologies of several types that equal shares limit, as one finding."""
    limited = [cell for cell in cells if equal_shares(cell) and cell.bottleneck == Component.SERVER]
    if not limited:
        return []
    cause = tr("{clause} ({where})", clause=tr(EQUAL_SHARES), where=in_cells(limited[0].name, len(limited)))
    return [Finding(rule="E12", severity=Severity.NOTE, cause=cause, next_step=tr(UNEQUAL_SHARES))]
