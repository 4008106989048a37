"""Parse quantities with units, as in a grid file."""

from __future__ import annotations

import re
from decimal import Decimal

from harness.words import short

SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "min": Decimal(60), "h": Decimal(3600)}

LONGEST = 15  # characters of a number; a float has no more digits
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"


class BadQuantity(ValueError):
    """A quantity that cannot be parsed; `allowed` describes valid ones."""

    def __init__(self, got: object, allowed: str) -> None:
        super().__init__(f"got {short(got)}. Allowed: {allowed}")
        self.allowed = allowed


def _parse(text: object, pattern: str, allowed: str) -> re.Match[str]:
    found = re.fullmatch(pattern, str(text).strip()) if isinstance(text, str | int | float) else None
    if isinstance(text, bool) or found is None or len(found[1]) > LONGEST:
        raise BadQuantity(text, allowed)
    return found


def duration_s(text: object) -> float:
    """Return the seconds of "500ms", "30s", "5m" or "2h"; raises BadQuantity, also for a number without a unit."""
    found = _parse(text, _NUMBER + r"\s*(ms|s|min|m|h)", "a number with ms, s, m or h, as in 30s")
    return float(Decimal(found[1]) * SECONDS[found[2]])


def share(text: object) -> float:
    """Return the share (0–1) of "1%", "0.5 %" or "±5%"; raises BadQuantity."""
    found = _parse(text, r"±?\s*" + _NUMBER + r"\s*%", "a percentage, as in 5%")
    value = float(Decimal(found[1]) / 100)
    if value > 1:
        raise BadQuantity(text, "at most 100%")
    return value


def money_usd(text: object) -> float:
    """Return the dollars of "5 USD"; raises BadQuantity."""
    return float(Decimal(_parse(text, _NUMBER + r"\s*USD", "an amount with USD, as in 5 USD")[1]))


def per_second(text: object) -> float:
    """Return the requests per second of "280/s"; raises BadQuantity."""
    return float(Decimal(_parse(text, _NUMBER + r"\s*/\s*s", "a rate per second, as in 280/s")[1]))


def rate_per_s(text: object) -> int | float:
    """Return the requests per second of "100/s" or "6000/min", an int if whole; raises BadQuantity.

    The result has ten digits, as many as a stored grid.
    """
    found = _parse(text, _NUMBER + r"\s*/\s*(s|min|m|h)", "a rate with its unit, as in 100/s or 6000/min")
    exact = Decimal(found[1]) / SECONDS[found[2]]
    return int(exact) if exact == int(exact) else float(f"{exact:.10g}")


def readable(load: float, *, whole: bool) -> float:
    """Round a load that a study chooses: a whole number of users, or a rate with three digits."""
    return max(1, round(load)) if whole else float(f"{load:.3g}")
