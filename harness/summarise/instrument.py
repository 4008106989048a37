"""The instrument's own check: a study whose truth is known (grids/calibration.yaml). Rules in docs/evidence.md. Pure.

Each server's capacity is exact by construction, so the true gain of every step is its ideal.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.schema import Grid
from harness.records.trial import Outcome
from harness.summarise.cell import CellSummary
from harness.summarise.gains import Gain, GainKind
from harness.words import percent

LARGEST_ERROR = 0.015
WIDEST = 0.03


def judge(gains: Sequence[Gain]) -> tuple[bool, str]:
    """PASS when every gain is within 1.5 % of its ideal and its interval within 3 %, in words."""
    if not gains:
        return False, "no gain was measured"
    told, passed = [], True
    for gain in gains:
        ideal, ratio = gain.step_ideal, gain.ratio
        if gain.kind != GainKind.GAIN or ratio is None or ratio.low is None or ratio.high is None:
            told.append(
                f"{gain.from_servers} → {gain.to_servers}: no gain with an interval ({gain.reason or gain.word})"
            )
            passed = False
            continue
        error = ratio.value / ideal - 1
        within = ratio.low >= ideal * (1 - WIDEST) and ratio.high <= ideal * (1 + WIDEST)
        passed = passed and abs(error) <= LARGEST_ERROR and within
        told.append(f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] for {ideal:g} (error {percent(error, 2)})")
    return passed, "found " + ", ".join(told)


def told(grid: Grid, cells: Sequence[CellSummary], gains: Sequence[Gain]) -> str:
    """What a study that is such a check found, and PASS or FAIL; empty for another one, or while a cell is missing."""
    if not grid.instrument_check or any(cell.outcome == Outcome.MISSING for cell in cells):
        return ""
    passed, said = judge(gains)
    return with_verdict(said, passed)


def with_verdict(said: str, passed: bool) -> str:
    """What a check found, and PASS or FAIL, as console and report write it."""
    return f"{said}: {'PASS' if passed else 'FAIL'}"
