"""HTTPS at the balancer: which cells use it, and whether the load generator verifies the certificate. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.grid import templates
from harness.grid.schema import Grid

TLS, CERTIFICATE, KEY = "nginx_lb_tls", "nginx_lb_tls_certificate", "nginx_lb_tls_key"
Variables = Mapping[str, Any]


def in_force(name: str, *places: Variables) -> Any:
    """The value of a variable in the first place that has it; None if none has."""
    return next((variables[name] for variables in places if name in variables), None)


def is_on(*places: Variables) -> bool:
    """Whether the balancer serves HTTPS, by the first of these places that sets it."""
    return str(in_force(TLS, *places)).lower() in ("true", "yes", "on", "1")


def initial(grid: Grid) -> dict[str, Any]:
    """Variables until a cell sets others: TLS where the grid compares both, as it costs the load generator more.

    The ceiling (rule E7) and the time factor are measured with it, so they hold for every cell.
    """
    levels = [topology.variables for topology in grid.cells.topologies if TLS in topology.variables]
    return {TLS: any(is_on(variables) for variables in levels)} if levels else {}


def host_header(grid: Grid) -> str:
    """The Host header of the grid's requests; empty without one."""
    headers = [header for each in grid.requests for header in each.request.headers.items()]
    return next((text for header, text in headers if header.lower() == "host" and not templates.has_any(text)), "")


def host_name(grid: Grid) -> str:
    """The host name that clients expect in the certificate: that of the Host header; empty for the address."""
    return re.sub(r":\d+$", "", host_header(grid))


def is_verified(grid: Grid, *places: Variables) -> bool:
    """Whether the load generator verifies a certificate: by default each one except nginx's self-signed one."""
    if grid.load.tls_verify is not None:
        return grid.load.tls_verify
    return not is_on(*places) or bool(in_force(CERTIFICATE, *places))
