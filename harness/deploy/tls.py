"""HTTPS at the balancer: which cells use it, and whether the load generator verifies the certificate. Pure."""

from __future__ import annotations

import re
from typing import Any

from harness.deploy.balancer_settings import BalancerSettings
from harness.grid import templates
from harness.grid.schema import Grid

TLS, CERTIFICATE, KEY = "tls", "tls_certificate", "tls_key"  # endings of the variables of each balancer's role


def is_on(settings: BalancerSettings) -> bool:
    """Whether the balancer serves HTTPS; a server without a balancer serves HTTP."""
    return settings.balancer.forwards and str(settings.own(TLS)).lower() in ("true", "yes", "on", "1")


def initial(grid: Grid) -> dict[str, Any]:
    """Variables until a cell sets others: TLS where the grid compares both, as it costs the load generator more.

    The ceiling (rule E7) and the time factor are measured with it, so they hold for every cell.
    """
    found: dict[str, bool] = {}
    for topology in grid.cells.topologies:
        settings = BalancerSettings(grid.balancer_of(topology.by_name), (topology.variables,))
        name = settings.balancer.variable(TLS)
        if name in topology.variables:
            found[name] = found.get(name, False) or is_on(settings)
    return found


def host_header(grid: Grid) -> str:
    """The Host header of the grid's requests; empty without one."""
    headers = [header for each in grid.requests for header in each.request.headers.items()]
    return next((text for header, text in headers if header.lower() == "host" and not templates.has_any(text)), "")


def host_name(grid: Grid) -> str:
    """The host name that clients expect in the certificate: that of the Host header; empty for the address."""
    return re.sub(r":\d+$", "", host_header(grid))


def is_verified(grid: Grid, settings: BalancerSettings) -> bool:
    """Whether the load generator verifies a certificate: by default each one except the balancer's self-signed one."""
    if grid.load.tls_verify is not None:
        return grid.load.tls_verify
    return not is_on(settings) or bool(settings.own(CERTIFICATE))
