"""Numbers in findings and reasons, written one way."""

from __future__ import annotations


def percent(share: float, digits: int = 0) -> str:
    """A share (0–1) as in 91 %."""
    return f"{share * 100:.{digits}f} %".replace("-", "−")


def servers(count: int) -> str:
    """As in "1 server" or "3 servers"."""
    return "1 server" if count == 1 else f"{count} servers"
