"""Counts, ordinals, lists, times of day and durations as text. Pure."""

from __future__ import annotations

import re

from harness.grid import server_types
from harness.grid.server_types import ServersLevel
from harness.grid.types import Levels
from harness.language import ENGLISH, current, messages, tr
from harness.words import servers

ORDINALS = messages(
    ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
)
CARDINALS = messages(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 server" or "3 servers"."""
    return tr(f"{{number}} {noun}" if number == 1 else f"{{number}} {noun}s", number=number)


def topology(levels: Levels) -> str:
    """The servers of a cell: "3 servers", or "2 small + 1 large servers"."""
    return servers(server_types.level_of(levels))


def cardinal(number: ServersLevel) -> str:
    """A number as a word: "two"; digits above ten. A topology of several types stays as it is."""
    if isinstance(number, str):
        return number
    return tr(CARDINALS[number - 1]) if 1 <= number <= len(CARDINALS) else str(number)


def ordinal(number: int) -> str:
    """An ordinal as a word: "second"; digits above ten."""
    return tr(ORDINALS[number - 1]) if 1 <= number <= len(ORDINALS) else tr("{number}th", number=number)


def joined(parts: list[str]) -> str:
    """A list in words: "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return tr("{listed} and {last}", listed=", ".join(parts[:-1]), last=parts[-1])


def moment(iso: str) -> str:
    """A recorded time of day to the minute: 2026-01-02 03:04 UTC."""
    return f"{iso[:16].replace('T', ' ')} {'UTC' if iso.endswith('+00:00') else iso[19:]}"


def duration(seconds: float) -> str:
    """A duration: 12 min 05 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return tr("{hours} h {minutes:02d} min", hours=hours, minutes=minutes)
    return tr("{minutes} min {rest:02d} s", minutes=minutes, rest=rest) if minutes else f"{rest} s"


def threshold(written: object) -> str:
    """A threshold as a grid has it, with its unit: 5 %, 10 s, 1.5."""
    return re.sub(r"(?<=\d)(%|s)$", r" \1", str(written))


def capitalised(sentence: str) -> str:
    """A sentence with a capital first letter; names stay: of hosts, of variables, and any of a Korean sentence."""
    first = sentence.split(" ", 1)[0].rstrip(".,:;")
    is_name = any(c.isdigit() or c in "_." for c in first)
    return sentence if is_name or current() is not ENGLISH else sentence[:1].upper() + sentence[1:]


def indicative(number: int, noun: str, needed: int) -> str:
    """The remark behind a statement of too few repeats: " (indicative: 3 repeats only)"; empty with enough of them."""
    return tr(" (indicative: {count} only)", count=count(number, noun)) if number < needed else ""
