"""How the balancer selects a server for a request, and how it handles a failing server. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EVEN = "round_robin"
STICKY = ("cookie", "ip_hash")


@dataclass(frozen=True, kw_only=True)
class Balancing:
    """Variables of role nginx_lb that control this. None or empty: not in the record."""

    method: str = EVEN
    max_fails: int | None = None
    fail_timeout: str = "10s"
    next_upstream: str = ""
    next_upstream_tries: int | None = None
    next_upstream_timeout: str = ""
    connect_timeout: str = ""

    @property
    def even(self) -> bool:
        """Whether each server gets the same share of the requests, at any speed (round robin)."""
        return self.method == EVEN

    @property
    def sticky(self) -> bool:
        """Whether a user stays at one server, and waits for it even if others are idle."""
        return self.method in STICKY

    @property
    def by_address(self) -> bool:
        """Whether all requests of one address go to one server."""
        return self.method == "ip_hash"

    @property
    def by_load(self) -> bool:
        """Whether less busy servers get more requests, so that a busy one delays no user."""
        return not self.even and not self.sticky

    def after_server_death(self, servers: int) -> str:
        """Describe the handling of requests for a dead server, one of `servers`; empty if unknown."""
        if self.max_fails is None:
            return ""
        if self.max_fails == 0:
            return "nginx_lb_max_fails is 0: the balancer keeps sending requests to it"
        count = "1 failure" if self.max_fails == 1 else f"{self.max_fails} failures"
        setting = f"nginx_lb_max_fails is {self.max_fails}"
        if servers == 1:
            return f"{setting}, but nginx never removes the only server of a group"
        return (
            f"{setting}: after {count} within {self.fail_timeout} the balancer removes a server for "
            f"{self.fail_timeout}, then tries it again"
        )


def of(*variables: Mapping[str, Any]) -> Balancing:
    """Return the settings in force. Of several mappings (variable → value) the first that has a variable wins."""

    def named(name: str) -> Any:
        return next((by[f"nginx_lb_{name}"] for by in variables if f"nginx_lb_{name}" in by), None)

    return Balancing(
        method=str(named("method") or EVEN),
        max_fails=_whole(named("max_fails")),
        fail_timeout=str(named("fail_timeout") or "10s"),
        next_upstream=str(named("next_upstream") or ""),
        next_upstream_tries=_whole(named("next_upstream_tries")),
        next_upstream_timeout=_text(named("next_upstream_timeout")),
        connect_timeout=_text(named("connect_timeout")),
    )


def _whole(value: object) -> int | None:
    return int(str(value)) if str(value).isdecimal() else None


def _text(value: object) -> str:
    return "" if value is None else str(value)


SESSION_STATUSES = (401, 403)


def sessions_hint(servers: int) -> str:
    """Return a hint for several servers that deny users with a session at another server."""
    return (
        f"if a single server accepts this request, it keeps sessions in its memory that the others of {servers} do not "
        "have. Fix: keep sessions outside the servers or in a signed token, or set nginx_lb_method: cookie, which "
        "keeps a user at the server of its first request"
    )
