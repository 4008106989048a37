"""The result of a calibration: a study of servers with exactly known capacity. Pure.

Rules in docs/explanation/statistics.md.

`grids/calibration.yaml` is one. All servers have the same capacity, so the true gain of every step is its ideal. At
rates with objectives the capacity of each topology is known by formula instead; gains of throughput are not judged
there, as they only show the offered load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.load import RATE
from harness.grid.schema import Grid
from harness.language import tr
from harness.records.trial import Outcome
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.crossing import Bound
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain, GainKind
from harness.words import percent

LARGEST_ERROR = 0.015
LARGEST_INTERVAL_ERROR = 0.03  # of the ends of a gain's interval
LARGEST_CAPACITY_ERROR = 0.03  # also of the ends of its interval, unless that contains the truth


@dataclass(frozen=True)
class CalibrationCheck:
    """Whether all figures agree with the truth; `complete` is False while a cell is missing."""

    passed: bool
    text: str
    complete: bool = True

    @property
    def text_with_result(self) -> str:
        """What was measured, and PASS or FAIL, as console and report print it."""
        return tr("{text}: PASS" if self.passed else "{text}: FAIL", text=self.text)


def of_study(
    grid: Grid, cells: Sequence[CellSummary], gains: Sequence[Gain], capacities: Sequence[Capacity]
) -> CalibrationCheck | None:
    """The result by the capacities where these are rates, else by the gains; None for a grid that is no calibration."""
    if not grid.calibration:
        return None
    by_capacities = any(one.factor == RATE for one in capacities)
    passed, text = of_capacities(capacities) if by_capacities else of_gains(gains)
    return CalibrationCheck(passed, text, all(cell.outcome != Outcome.MISSING for cell in cells))


def of_gains(gains: Sequence[Gain]) -> tuple[bool, str]:
    """Whether every gain is within 1.5 % of its ideal and its interval within 3 %, and the figures in words."""
    if not gains:
        return False, tr("no gain was measured")
    found, passed = [], True
    for gain in gains:
        ideal, ratio = (1.0, gain.linear.efficiency) if gain.linear else (gain.step_ideal, gain.ratio)
        if gain.kind is not GainKind.GAIN or ideal is None or ratio is None or ratio.low is None or ratio.high is None:
            why = gain.reason or gain.conclusion_text
            found.append(tr("{step}: no gain with an interval ({why})", step=gain.step, why=why))
            passed = False
            continue
        error = ratio.value / ideal - 1
        within = ratio.low >= ideal * (1 - LARGEST_INTERVAL_ERROR) and ratio.high <= ideal * (
            1 + LARGEST_INTERVAL_ERROR
        )
        passed = passed and abs(error) <= LARGEST_ERROR and within
        of = tr("efficiency of {step} ", step=gain.step) if gain.linear else ""
        found.append(
            tr(
                "{of}{value:.3f} [{low:.3f}, {high:.3f}] for {ideal:g} (error {error})",
                of=of,
                value=ratio.value,
                low=ratio.low,
                high=ratio.high,
                ideal=ideal,
                error=percent(error, 2),
            )
        )
    return passed, tr("measured {figures}", figures=", ".join(found))


def of_capacities(capacities: Sequence[Capacity]) -> tuple[bool, str]:
    """Whether each is within 3 % of its reference and its interval contains that or is within 3 % of it."""
    found, passed = [], bool(capacities)
    for one in capacities:
        truth = one.reference
        if one.bound != Bound.EXACT or one.value is None or one.low is None or one.high is None or truth is None:
            why = one.reason or (tr("not known by formula") if truth is None else one.bound)
            found.append(tr("{name}: no capacity with an interval and a reference ({why})", name=one.name, why=why))
            passed = False
            continue
        error = one.value / truth - 1
        least, most = truth * (1 - LARGEST_CAPACITY_ERROR), truth * (1 + LARGEST_CAPACITY_ERROR)
        near = least <= one.low and one.high <= most
        passed = passed and abs(error) <= LARGEST_CAPACITY_ERROR and (near or one.low <= truth <= one.high)
        found.append(
            tr(
                "{value:,.1f}/s [{low:,.1f}, {high:,.1f}] for {truth:,.1f} (error {error})",
                value=one.value,
                low=one.low,
                high=one.high,
                truth=truth,
                error=percent(error, 1),
            )
        )
    return passed, tr("measured {figures}", figures=", ".join(found)) if found else tr("no capacity was measured")
