"""No balancer: the load generator sends its requests to the only server of a topology. Pure.

The container of nginx stays: it forwards health checks and counter requests, but no request of a load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.balancers.balancer import Balancer, Distribution, Named, SizedRequest, Where
from harness.language import Sentence, sentence

NO_LOG = "there is no balancer and so no log of one"
UNAVAILABLE = {
    "E5": f"{NO_LOG}: requests in flight are counted by the load generator only",
    "E7": "without a balancer no component responds in place of the server",
    "E9": f"{NO_LOG}; the server's log and the kernel's counters are read",
    "E12": f"{NO_LOG}; there is one server, which gets all requests",
    "E13": f"{NO_LOG}; the counts of generator and server are compared",
    "E14": f"{NO_LOG}; all requests have the address of the cell's only server",
}


class NoBalancer(Balancer):
    """One server, without a balancer in front of it."""

    def address_group(self, address: str) -> str:
        """Every address has the same server."""
        del address
        return ""

    def duration(self, seconds: float) -> str:
        """In the notation of nginx, which forwards health checks."""
        return f"{seconds:g}s"

    def settings(self, named: Named) -> dict[str, Any]:
        """No settings."""
        del named
        return {}

    def after_server_death(self, settings: Mapping[str, Any], servers: int) -> Sentence | None:
        """Nothing handles the requests of a dead server."""
        del settings, servers
        return sentence("there is no balancer, so every request fails")

    def limit(self, name: str, of_grid: Sequence[Mapping[str, Any]], host: Mapping[str, Any]) -> Any:
        """No limits."""
        del name, of_grid, host

    def request_problems(self, request: SizedRequest, limit: Named) -> Iterator[tuple[Where, str]]:
        """Only the server may reject a request."""
        del request, limit
        yield from ()

    def own_response(self, status: int, server: str, text: str, logged: str) -> str:
        """Every response is the server's."""
        del status, server, text, logged
        return ""

    def max_connections(self, configuration: str, cores: int) -> int | None:
        """No limit of its own."""
        del configuration, cores
        return None

    def version_in(self, output: str) -> str:
        """No version."""
        del output
        return ""


NONE = NoBalancer(
    name="none",
    shown="a direct connection",
    role="nginx_lb",
    methods={"round_robin": Distribution.EVEN},
    events={},
    value_rules=(),
    version=(),
    configuration=(),
    configuration_source="",
    failed_server_stays="",
    connections_variable="",
    connections_per_user=0,
    address_unit="",
    unavailable=UNAVAILABLE,
    partly=frozenset({"E5", "E9", "E13"}),
)
