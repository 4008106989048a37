"""How the balancer chooses a server for a request, and what it does about one that fails. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EVEN = "round_robin"


@dataclass(frozen=True)
class Balancing:
    """The variables of role nginx_lb that say so; `max_fails` is None where a record does not tell it."""

    method: str = EVEN
    max_fails: int | None = None
    fail_timeout: str = "10s"

    @property
    def even(self) -> bool:
        """Whether servers take turns, so that each gets the same share, however fast it is."""
        return self.method == EVEN

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
    names = ("nginx_lb_method", "nginx_lb_max_fails", "nginx_lb_fail_timeout")
    method, fails, timeout = (next((by[name] for by in said if name in by), None) for name in names)
    return Balancing(
        method=EVEN if method is None else str(method),
        max_fails=int(str(fails)) if str(fails).isdecimal() else None,
        fail_timeout="10s" if timeout is None else str(timeout),
    )
