"""Brackets around the largest load that meets the objectives, and the next load to probe. Pure.

The load doubles until the objectives are missed, then the bracket is halved. Rates are halved by ratio, as `until` is a
share of the load; users are halved by difference (`probing`), as their brackets also serve the knee.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.words import readable


@dataclass(frozen=True)
class Bracket:
    """Bounds of the searched load: above `low`, at most `high`; None if it lies beyond the range of the search."""

    low: float | None
    high: float | None


def bracket(met: Mapping[float, bool]) -> Bracket:
    """The largest load that met the objectives below all that missed them, and the smallest that missed them."""
    high = min((load for load, good in met.items() if not good), default=None)
    low = max((load for load, good in met.items() if good and (high is None or load < high)), default=None)
    return Bracket(low, high)


def doubled(least: int, most: int) -> list[int]:
    """The loads of the doubling, from `least` to `most`."""
    loads = [least]
    while loads[-1] < most:
        loads.append(min(2 * loads[-1], most))
    return loads


def next_load(least: float, most: float, until: float, met: Mapping[float, bool], *, whole: bool) -> float | None:
    """The load to probe next, from `least` to `most`; None when the bracket is within `until` of its high end.

    `met` maps each probed load to whether it met the objectives; `whole` rounds to whole numbers.
    """
    found = bracket(met)
    low, high = found.low, found.high
    if high is None:
        grown = least if low is None else min(2 * low, most)
        return None if grown in met else grown
    if low is None or high - low <= (max(1.0, until * high) if whole else until * high):
        return None
    middle = readable(math.sqrt(low * high), whole=whole)
    return middle if low < middle < high and middle not in met else None
