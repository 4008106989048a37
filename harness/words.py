"""Numbers in findings and reasons, written one way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def percent(share: float, digits: int = 0) -> str:
    """A share (0–1) as in 91 %; small ones that are not 0 are told as below 1 %, or keep the digits asked for."""
    if digits == 0 and 0 < abs(share) < 0.01:
        return "< 1 %" if share > 0 else "> −1 %"
    shown = f"{share * 100:.{digits}f}"
    if float(shown) == 0:
        shown = shown.removeprefix("-")
    return f"{shown} %".replace("-", "−")


def servers(count: int) -> str:
    """As in "1 server" or "3 servers"."""
    return "1 server" if count == 1 else f"{count} servers"


def load_name(others: Mapping[str, Any]) -> str:
    """A load, as in "2000 users", "100/s offered" or "2000 users, nginx_lb_upstream_keepalive 64"."""
    named = {"vusers": "1 user" if others.get("vusers") == 1 else "{} users", "rate": "{:.10g}/s offered", "load": "{}"}
    parts = [named.get(name, name + " {}").format(level) for name, level in others.items()]
    return ", ".join(parts)
