"""JSON by its standard (RFC 8259). Python's own reader also accepts NaN, Infinity and numbers beyond a float. Pure."""

from __future__ import annotations

import json
import math
from typing import Any

from harness.words import short

MOST_DIGITS = 309  # the largest float has as many


class NotANumber(ValueError):
    """A number that JSON does not have, or that no float can hold; `word` is its text."""

    def __init__(self, word: str, reason: str) -> None:
        super().__init__(reason)
        self.word = word


class DuplicateKey(ValueError):
    """A key that an object has twice."""


def loads(text: str, *, unique_keys: bool = False) -> Any:
    """Return the value of a JSON text; raises NotANumber, and ValueError or RecursionError as json.loads.

    With `unique_keys` an object that has a key twice raises DuplicateKey; otherwise its last value counts.
    """
    pairs = _unique if unique_keys else None
    return json.loads(text, parse_constant=_reject, parse_float=_finite, parse_int=_whole, object_pairs_hook=pairs)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise DuplicateKey(f"duplicate key {short(twice)}. Fix: keep one of them")
    return found


def _reject(word: str) -> float:
    raise NotANumber(word, f"{word} is not a number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise NotANumber(digits, f"{short(digits, bare=True)} is too large for a number")
    return number


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise NotANumber(digits, f"{short(digits, bare=True)} is too large for a number")
    return int(digits)
