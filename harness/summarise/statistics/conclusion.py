"""The conclusion that the interval of a ratio supports (rule E17). Pure."""

from __future__ import annotations

from enum import StrEnum

from harness.grid.thresholds import Thresholds
from harness.language import tr
from harness.summarise.statistics.intervals import Interval


class Conclusion(StrEnum):
    """What the interval of a ratio supports: of throughput, capacity or response time."""

    NONE = "no gain"
    NOT_MEASURED = "not measured"
    NOT_MEASURABLE = "not measurable at this load"
    TOO_FEW = "too few repeats"
    INDISTINCT = "not distinguishable from 1"
    EQUIVALENT = "equivalent"  # the whole interval lies within a margin around 1
    LOWER = "lower"
    HIGHER = "higher"  # above 1, but too wide to compare with the ideal
    AT_LEAST = "at least"  # only the lower end of the interval is a statement
    SUB_LINEAR = "sub-linear"
    LINEAR = "linear"
    SUPER_LINEAR = "super-linear"


def of_scaling(
    ratio: Interval,
    ideal: float | None,
    limits: Thresholds,
    *,
    lower_bound: bool = False,
    efficiency: Interval | None = None,
) -> Conclusion:
    """Compare the interval of a gain with 1 and with its ideal; None for an unknown ideal.

    An ideal that was measured has an error of its own, so `efficiency`, the gain relative to it, is compared with 1.
    With `lower_bound` the ratio of what both topologies can do may be larger, so it is not compared with the ideal.
    """
    if ratio.low is None or ratio.high is None:
        return Conclusion.TOO_FEW
    if ratio.high < 1:
        return Conclusion.LOWER
    if ratio.low <= 1:
        return Conclusion.INDISTINCT
    if lower_bound:
        return Conclusion.AT_LEAST
    if ideal is None:
        return Conclusion.HIGHER
    if efficiency is not None:
        return _against(efficiency, 1.0, limits)
    return _against(ratio, ideal, limits)


def _against(ratio: Interval, ideal: float, limits: Thresholds) -> Conclusion:
    if ratio.low is None or ratio.high is None:
        return Conclusion.HIGHER
    if ratio.high < ideal * (1 - limits.ideal_least):
        return Conclusion.SUB_LINEAR
    if ratio.low > ideal * (1 + limits.ideal_least):
        return Conclusion.SUPER_LINEAR
    narrow = (ratio.high - ratio.low) / 2 <= limits.linear_width * ratio.value
    return Conclusion.LINEAR if narrow else Conclusion.HIGHER


def of_change(ratio: Interval) -> Conclusion:
    """Compare the interval of a ratio with 1: LOWER, HIGHER, INDISTINCT, or TOO_FEW without an interval."""
    if ratio.low is None or ratio.high is None:
        return Conclusion.TOO_FEW
    if ratio.high < 1:
        return Conclusion.LOWER
    return Conclusion.HIGHER if ratio.low > 1 else Conclusion.INDISTINCT


def within(ratio: Interval | None, margin: float) -> bool:
    """Whether the whole interval lies within 1 ± `margin`."""
    low, high = (ratio.low, ratio.high) if ratio else (None, None)
    return low is not None and high is not None and 1 - margin <= low and high <= 1 + margin


def in_words(conclusion: Conclusion, *, indicative: bool) -> str:
    """The conclusion as tables write it: "indicative: sub-linear" where too few blocks support it."""
    return tr("indicative: {conclusion}", conclusion=conclusion) if indicative else tr(conclusion)
