"""The instrument's own check: a study whose truth is known (grids/calibration.yaml). Rules in docs/evidence.md. Pure.

Each server's capacity is exact by construction, so the true gain of every step is its ideal. At rates with objectives
what each topology carries is known by formula instead, and gains of throughput, which only show what was offered, are
not judged.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.load import RATE
from harness.records.trial import Outcome
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.crossing import Bound
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.summary import Summary
from harness.words import percent

LARGEST_ERROR = 0.015
WIDEST = 0.03
LARGEST_ERROR_OF_CAPACITY = 0.03  # also of its interval's ends, where that does not hold the truth


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


def judge_capacities(capacities: Sequence[Capacity], references: Sequence[float | None]) -> tuple[bool, str]:
    """PASS when each is within 3 % of its reference and its interval holds that or lies within 3 % of it, in words."""
    said, passed = [], bool(capacities)
    for one, truth in zip(capacities, references, strict=True):
        if one.bound != Bound.EXACT or one.value is None or one.low is None or one.high is None or truth is None:
            why = one.why or ("not known by formula" if truth is None else one.bound)
            said.append(f"{one.name}: no capacity with an interval to hold against a formula ({why})")
            passed = False
            continue
        error = one.value / truth - 1
        near = truth * (1 - LARGEST_ERROR_OF_CAPACITY) <= one.low and one.high <= truth * (
            1 + LARGEST_ERROR_OF_CAPACITY
        )
        passed = passed and abs(error) <= LARGEST_ERROR_OF_CAPACITY and (near or one.low <= truth <= one.high)
        said.append(f"{one.value:.1f}/s [{one.low:.1f}, {one.high:.1f}] for {truth:.1f} (error {percent(error, 1)})")
    return passed, "found " + ", ".join(said) if said else "no capacity was measured"


def of_study(summary: Summary) -> tuple[bool, str]:
    """By its capacities where these are rates, else by its gains."""
    if any(one.factor == RATE for one in summary.capacities):
        return judge_capacities(summary.capacities, summary.references)
    return judge(summary.gains)


def told(summary: Summary) -> str:
    """What a study that is such a check found, and PASS or FAIL; empty for another one, or while a cell is missing."""
    if not summary.grid.calibration or any(cell.outcome == Outcome.MISSING for cell in summary.cells):
        return ""
    passed, said = of_study(summary)
    return with_verdict(said, passed)


def with_verdict(said: str, passed: bool) -> str:
    """What a check found, and PASS or FAIL, as console and report write it."""
    return f"{said}: {'PASS' if passed else 'FAIL'}"
