"""Quantities with their units, as people write them in a grid."""

from __future__ import annotations

import re
from decimal import Decimal

from harness.words import short

SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "min": Decimal(60), "h": Decimal(3600)}

LONGEST = 15  # letters of a number; more digits than a float keeps
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"


class BadQuantity(ValueError):
    """A quantity that cannot be read; `allowed` is how to write one."""

    def __init__(self, got: object, allowed: str) -> None:
        super().__init__(f"got {short(got)}; {allowed}")
        self.allowed = allowed


def _parse(text: object, pattern: str, allowed: str) -> re.Match[str]:
    found = re.fullmatch(pattern, str(text).strip()) if isinstance(text, str | int | float) else None
    if isinstance(text, bool) or found is None or len(found[1]) > LONGEST:
        raise BadQuantity(text, f"write {allowed}")
    return found


def duration_s(text: object) -> float:
    """Seconds of "500ms", "30s", "5m", "2h"; a bare number has no unit and raises BadQuantity."""
    found = _parse(text, _NUMBER + r"\s*(ms|s|min|m|h)", "a number with ms, s, m or h, as in 30s")
    return float(Decimal(found[1]) * SECONDS[found[2]])


def share(text: object) -> float:
    """A share between 0 and 1 of "1%", "0.5 %" or "±5%"; raises BadQuantity."""
    found = _parse(text, r"±?\s*" + _NUMBER + r"\s*%", "a percentage, as in 5%")
    value = float(Decimal(found[1]) / 100)
    if value > 1:
        raise BadQuantity(text, "at most 100%")
    return value


def money_usd(text: object) -> float:
    """Dollars of "5 USD"; raises BadQuantity."""
    return float(Decimal(_parse(text, _NUMBER + r"\s*USD", "an amount with USD, as in 5 USD")[1]))


def per_second(text: object) -> float:
    """Requests per second of "280/s"; raises BadQuantity."""
    return float(Decimal(_parse(text, _NUMBER + r"\s*/\s*s", "a rate per second, as in 280/s")[1]))


def rate_per_s(text: object) -> int | float:
    """Requests per second of "100/s" or "6000/min", whole where they are; raises BadQuantity.

    Ten digits are kept, as many as are written again.
    """
    found = _parse(text, _NUMBER + r"\s*/\s*(s|min|m|h)", "a rate with its unit, as in 100/s or 6000/min")
    exact = Decimal(found[1]) / SECONDS[found[2]]
    return int(exact) if exact == int(exact) else float(f"{exact:.10g}")
