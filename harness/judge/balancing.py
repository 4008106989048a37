"""How the balancer chooses a server for a request, and what it does about one that fails. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EVEN = "round_robin"
STICKY = ("cookie", "ip_hash")


@dataclass(frozen=True)
class Balancing:
    """The variables of role nginx_lb that say so; None and empty are what a record does not tell."""

    method: str = EVEN
    max_fails: int | None = None
    fail_timeout: str = "10s"
    next_upstream: str = ""
    next_upstream_tries: int | None = None
    next_upstream_timeout: str = ""
    connect_timeout: str = ""

    @property
    def even(self) -> bool:
        """Whether servers take turns, so that each gets the same share, however fast it is."""
        return self.method == EVEN

    @property
    def sticky(self) -> bool:
        """Whether users stay at a server, so that one that is busy holds up its users though others are free."""
        return self.method in STICKY

    @property
    def by_address(self) -> bool:
        """Whether all that one address sends goes to one server."""
        return self.method == "ip_hash"

    @property
    def by_load(self) -> bool:
        """Whether a server that is free gets more, so that one that is busy holds nobody up."""
        return not self.even and not self.sticky

    def after_a_death(self, servers: int) -> str:
        """What became of the requests for a dead server, one of `servers`; empty where that is not known."""
        if self.max_fails is None:
            return ""
        if self.max_fails == 0:
            return "nginx_lb_max_fails is 0: the balancer went on sending it requests"
        told = f"nginx_lb_max_fails is {self.max_fails}"
        if servers == 1:
            return f"{told}, but nginx never takes out the only server of a group"
        return (
            f"{told}: after so many failures within {self.fail_timeout} the balancer leaves a server out for as long, "
            "then tries it again"
        )


def of(*said: Mapping[str, Any]) -> Balancing:
    """What is in force, of variables by name: the first that says so counts."""

    def named(name: str) -> Any:
        return next((by[f"nginx_lb_{name}"] for by in said if f"nginx_lb_{name}" in by), None)

    return Balancing(
        method=str(named("method") or EVEN),
        max_fails=_whole(named("max_fails")),
        fail_timeout=str(named("fail_timeout") or "10s"),
        next_upstream=str(named("next_upstream") or ""),
        next_upstream_tries=_whole(named("next_upstream_tries")),
        next_upstream_timeout=_said(named("next_upstream_timeout")),
        connect_timeout=_said(named("connect_timeout")),
    )


def _whole(value: object) -> int | None:
    return int(str(value)) if str(value).isdecimal() else None


def _said(value: object) -> str:
    return "" if value is None else str(value)
