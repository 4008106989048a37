"""Which load a search for an objective's crossing probes next: it doubles, then halves the bracket. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.words import readable


def ends(met: Mapping[float, bool]) -> tuple[float | None, float | None]:
    """The largest load that was met below all that were missed, and the smallest missed; None for none."""
    high = min((load for load, good in met.items() if not good), default=None)
    low = max((load for load, good in met.items() if good and (high is None or load < high)), default=None)
    return low, high


def next_load(least: float, most: float, until: float, met: Mapping[float, bool], *, whole: bool) -> float | None:
    """The load to probe next, from `least` to `most`; None when the bracket is as narrow as `until` of its high end.

    `met` tells of each probed load whether it met the objectives; `whole` is whether loads are whole numbers. Halving
    is by ratio, as what is looked for is told by shares of itself.
    """
    low, high = ends(met)
    if high is None:
        grown = least if low is None else min(2 * low, most)
        return None if grown in met else grown
    if low is None or high - low <= (max(1.0, until * high) if whole else until * high):
        return None
    middle = readable(math.sqrt(low * high), whole=whole)
    return middle if low < middle < high and middle not in met else None
