"""How the balancer selects a server for a request, and how it handles a failing server. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.balancers import registry
from harness.balancers.balancer import Balancer, Distribution
from harness.language import Sentence, sentence


@dataclass(frozen=True, kw_only=True)
class Balancing:
    """Settings of the balancer in force; the module of each balancer fills them. None or empty: not in the record."""

    balancer: str = registry.DEFAULT
    method: str = "round_robin"
    max_fails: int | None = None
    fail_timeout: str = "10s"
    next_upstream: str = ""
    next_upstream_tries: int | None = None
    next_upstream_timeout: str = ""
    connect_timeout: str = ""

    @property
    def kind(self) -> Balancer:
        """The balancer."""
        return registry.BY_NAME[self.balancer]

    @property
    def distribution(self) -> Distribution:
        """How its method selects servers."""
        return self.kind.methods.get(self.method, Distribution.BY_LOAD)

    @property
    def even(self) -> bool:
        """Whether each server gets the same share of the requests, at any speed (round robin)."""
        return self.distribution is Distribution.EVEN

    @property
    def sticky(self) -> bool:
        """Whether a user stays at one server, and waits for it even if others are idle."""
        return self.distribution in (Distribution.BY_USER, Distribution.BY_ADDRESS)

    @property
    def by_address(self) -> bool:
        """Whether all requests of one address go to one server."""
        return self.distribution is Distribution.BY_ADDRESS

    @property
    def by_load(self) -> bool:
        """Whether less busy servers get more requests, so that a busy one delays no user."""
        return self.distribution is Distribution.BY_LOAD

    def after_server_death(self, servers: int) -> Sentence | None:
        """Describe the handling of requests for a dead server, one of `servers`; None if unknown."""
        return self.kind.after_server_death(asdict(self), servers)


def of(balancer: Balancer, *variables: Mapping[str, Any]) -> Balancing:
    """Return the settings in force. Of several mappings (variable → value) the first that has a variable wins."""

    def named(name: str) -> Any:
        return next((by[name] for by in variables if name in by), None)

    return Balancing(balancer=balancer.name, **balancer.settings(named))


SESSION_STATUSES = (401, 403)


def sessions_hint(servers: int, balancer: Balancer) -> Sentence:
    """Return a hint for several servers that deny users with a session at another server."""
    sticky = next((name for name, each in balancer.methods.items() if each is Distribution.BY_USER), "")
    if not sticky:
        return sentence(
            "if a single server accepts this request, it keeps sessions in its memory that the others of {servers} do "
            "not have. Fix: keep sessions outside the servers or in a signed token",
            servers=servers,
        )
    return sentence(
        "if a single server accepts this request, it keeps sessions in its memory that the others of {servers} do not "
        "have. Fix: keep sessions outside the servers or in a signed token, or set {variable}: {method}, which keeps a "
        "user at the server of its first request",
        servers=servers,
        variable=balancer.variable("method"),
        method=sticky,
    )
