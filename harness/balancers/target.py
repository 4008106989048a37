"""Somebody else's platform: balancer and servers that the study neither deploys nor observes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.balancers.balancer import Distribution
from harness.balancers.none import NoBalancer
from harness.language import Sentence

NOT_READ = "the platform's counters are not read"
# Rules of trials, then rules of the whole study (E15, E18, E22), which the report names.
UNAVAILABLE = {
    "E3": f"{NOT_READ}: only the load generators have CPU readings",
    "E5": f"{NOT_READ}: requests in flight are counted by the load generator only",
    "E7": "no component of the platform responds in place of the servers",
    "E8": f"{NOT_READ}: the death of a server shows as failed requests only",
    "E9": f"{NOT_READ}: there is no log of the balancer or of a server",
    "E11": f"{NOT_READ}: foreign CPU and processors are known of the load generators only",
    "E12": f"{NOT_READ}: shares of the servers and the cost of a request are unknown",
    "E13": f"{NOT_READ}: only the load generator counts requests",
    "E14": (
        "responses name no server. Before the load, the generator's client verified that the URL answers every request "
        "as the grid expects"
    ),
    "E15": "the platform selects its servers, so they do not rotate across blocks",
    "E18": "the bottleneck inside the platform is unknown, so a gain is one of the whole platform",
    "E22": f"{NOT_READ}: CPU time per request is known of the load generators only",
    "E23": f"{NOT_READ}: slots of paced servers are unknown",
    "E24": "the study cannot stop a server of the platform",
}


class AnyPlatform(NoBalancer):
    """A platform behind one URL, with any balancer."""

    def after_server_death(self, settings: Mapping[str, Any], servers: int) -> Sentence | None:
        """Unknown."""
        del settings, servers
        return None


TARGET = AnyPlatform(
    name="target",
    shown="your platform",
    role="target",
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
    partly=frozenset({"E3", "E5", "E8", "E11"}),
)
