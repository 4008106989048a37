"""The only place that turns numbers into text. A value that does not exist is an en dash."""

from __future__ import annotations

import math
import re

from harness import words
from harness.summarise.statistics.intervals import Interval

NOTHING = "–"
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def ratio(value: float | Interval | None) -> str:
    """A gain, as in 1.82×; with a third digit when its interval is that narrow."""
    if value is None:
        return NOTHING
    if isinstance(value, Interval):
        return f"{value.value:.{_ratio_digits(value)}f}×"
    return f"{value:.2f}×"


def ratio_interval(interval: Interval | None) -> str:
    """The 95 % interval of a gain, as in [1.74, 1.90]."""
    if interval is None or interval.low is None or interval.high is None:
        return NOTHING
    digits = _ratio_digits(interval)
    return f"[{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def ratio_with_interval(gain: Interval | None) -> str:
    """A gain, and its interval where it has one, as in 1.82× [1.74, 1.90]."""
    interval = ratio_interval(gain)
    return ratio(gain) + ("" if interval == NOTHING else f" {interval}")


def _ratio_digits(interval: Interval) -> int:
    narrow = interval.low is not None and interval.high is not None and interval.high - interval.low < 0.015
    return 3 if narrow else 2


def rate(value: float | None, spread: float | None = None) -> str:
    """Requests per second; no more digits than a half width of `spread` supports."""
    if value is None:
        return NOTHING
    digits = 1 if spread is not None and spread < 1 else 0
    return f"{value:,.{digits}f}".replace(",", " ")


def rate_interval(interval: Interval | None) -> str:
    """Requests per second with their interval."""
    if interval is None:
        return NOTHING
    if interval.low is None or interval.high is None:
        return rate(interval.value)
    half = (interval.high - interval.low) / 2
    return f"{rate(interval.value, half)} [{rate(interval.low, half)}, {rate(interval.high, half)}]"


def usd(value: float | None) -> str:
    """Dollars: cents, of less than ten of them two digits that are not 0, from a hundred dollars on whole ones."""
    if value is None:
        return NOTHING
    digits = 0 if value >= 100 else 2 if value >= 0.1 or not value else 1 - math.floor(math.log10(value))
    return f"{value:,.{digits}f}".replace(",", " ")


def percent(share: float | None, digits: int = 0) -> str:
    """A share as everywhere else; nothing for None."""
    return NOTHING if share is None else words.percent(share, digits)


def share_with_interval(share: float | None, ends: tuple[float, float] | None) -> str:
    """As in 91 % [87, 95]; with a digit where that is narrow, and alone where all of it rounds to the same percent."""
    if share is None or ends is None or len({f"{100 * value:.0f}" for value in (share, *ends)}) == 1:
        return percent(share)
    digits = 1 if ends[1] - ends[0] < 0.02 else 0
    return f"{percent(share, digits)} [{', '.join(f'{100 * end:.{digits}f}' for end in ends)}]"


def threshold(written: object) -> str:
    """A threshold as a grid writes it, with its unit: 5%, 10s, 1.5."""
    return re.sub(r"(?<=\d)(%|s)$", r" \1", str(written))


def times(value: float) -> str:
    """How many times one thing is another, with a digit behind the point where it is small."""
    return f"{value:,.{0 if value >= 100 else 1}f}".replace(",", "\u202f")


def milliseconds(value: float | None) -> str:
    """A time in milliseconds, three digits at most behind nothing."""
    if value is None:
        return NOTHING
    digits = 0 if value >= 100 else 1
    return f"{value:,.{digits}f}".replace(",", " ")


def moment(iso: str) -> str:
    """A time as it is stored, to the minute: 2026-01-02 03:04 UTC."""
    return f"{iso[:16].replace('T', ' ')} {'UTC' if iso.endswith('+00:00') else iso[19:]}"


def duration(seconds: float | None) -> str:
    """A span for people, as in 12 min 05 s."""
    if seconds is None:
        return NOTHING
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def count(number: int, thing: str) -> str:
    """A number with its noun, as in "1 server" or "3 servers"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def ordinal(number: int) -> str:
    """The word for a place, as in "second"."""
    return ORDINALS[number - 1] if 1 <= number <= len(ORDINALS) else f"{number}th"


def round_up(value: float, step: int) -> int:
    """The next multiple of `step`."""
    return math.ceil(value / step) * step


def joined(parts: list[str]) -> str:
    """As in "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
