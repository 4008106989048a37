"""Filter `upstream_servers`: of hosts, what a balancer has to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def upstream_servers(names: list[str], hostvars: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name, private address and, where it has one of its own, port of each host.

    Whole hosts would do too, but Ansible resolves every variable of each before a role sees them.
    """
    servers = []
    for name in names:
        variables = hostvars[name]
        server = {"name": name, "address": variables.get("private_ip", "")}
        if "ml_server_port" in variables:
            server["port"] = variables["ml_server_port"]
        servers.append(server)
    return servers


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, object]:
        """Name the filters of this plugin."""
        return {"upstream_servers": upstream_servers}
