"""Figures as text; the only place that rounds. A missing value is an en dash. Pure."""

from __future__ import annotations

import math

from harness import words
from harness.summarise.statistics.intervals import Interval

NOTHING = "–"


def ratio(value: float | Interval | None) -> str:
    """A ratio: 1.82×; with a third decimal where its interval is narrow enough."""
    if value is None:
        return NOTHING
    if isinstance(value, Interval):
        return f"{value.value:.{_ratio_digits(value)}f}×"
    return f"{value:.2f}×"


def ratio_interval(interval: Interval | None) -> str:
    """The 95 % interval of a ratio: [1.74, 1.90]."""
    if interval is None or interval.low is None or interval.high is None:
        return NOTHING
    digits = _ratio_digits(interval)
    return f"[{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def ratio_with_interval(gain: Interval | None) -> str:
    """A ratio with its interval, where it has one: 1.82× [1.74, 1.90]."""
    interval = ratio_interval(gain)
    return ratio(gain) + ("" if interval == NOTHING else f" {interval}")


def _ratio_digits(interval: Interval) -> int:
    narrow = interval.low is not None and interval.high is not None and interval.high - interval.low < 0.015
    return 3 if narrow else 2


def rate(value: float | None, spread: float | None = None) -> str:
    """Requests per second, with no more digits than the half width `spread` supports."""
    if value is None:
        return NOTHING
    digits = 1 if spread is not None and spread < 1 else 0
    return f"{value:,.{digits}f}"


def rate_interval(interval: Interval | None) -> str:
    """Requests per second with their 95 % interval."""
    if interval is None:
        return NOTHING
    if interval.low is None or interval.high is None:
        return rate(interval.value)
    half = (interval.high - interval.low) / 2
    return f"{rate(interval.value, half)} [{rate(interval.low, half)}, {rate(interval.high, half)}]"


def usd(value: float | None) -> str:
    """US dollars: two decimals; two significant digits below 0.10; whole dollars from 100 on."""
    if value is None:
        return NOTHING
    digits = 0 if value >= 100 else 2 if value >= 0.1 or not value else 1 - math.floor(math.log10(value))
    return f"{value:,.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share (0–1) as a percentage."""
    return NOTHING if share is None else words.percent(share, digits)


def share_with_interval(share: float | None, ends: tuple[float, float] | None) -> str:
    """A share with its interval: 91 % [87, 95]; with a decimal where narrow, alone where all round to the same."""
    if share is None or ends is None or len({f"{100 * value:.0f}" for value in (share, *ends)}) == 1:
        return percent(share)
    digits = 1 if ends[1] - ends[0] < 0.02 else 0
    return f"{percent(share, digits)} [{', '.join(f'{100 * end:.{digits}f}' for end in ends)}]"


def times(value: float) -> str:
    """A multiple, with one decimal below 100."""
    return f"{value:,.{0 if value >= 100 else 1}f}"


def milliseconds(value: float | None) -> str:
    """A time in milliseconds, with one decimal below 100."""
    if value is None:
        return NOTHING
    digits = 0 if value >= 100 else 1
    return f"{value:,.{digits}f}"
