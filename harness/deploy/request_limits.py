"""Predict how the balancer treats the requests of a grid. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.balancers.balancer import Balancer, SizedRequest, Where
from harness.deploy.request_sizes import Sizes
from harness.grid import templates, traffic_checks
from harness.grid.schema import Grid
from harness.grid.traffic_checks import Sent


def problems(grid: Grid, host: Mapping[str, Any]) -> list[tuple[Where, str]]:
    """(path in the grid, message) for each part of the request that the balancer would reject or drop in some cell.

    `host` are the variables of the balancer's host.
    """
    every = traffic_checks.sent(grid)
    sizes = Sizes(dataset=grid.dataset, secrets=grid.traffic_secrets)
    # Computed once, as a grid may have many topologies and many rows.
    measured = [_sized(each, sizes) for each in every]
    found: dict[tuple[Where, str], None] = dict.fromkeys(problem for each in every for problem in _host(each))
    topologies = {(grid.balancer_of(each.by_name).name, repr(each.variables)): each for each in grid.cells.topologies}
    for topology in topologies.values():
        balancer = grid.balancer_of(topology.by_name)
        of_grid = (topology.variables, grid.vars)

        def limit(name: str, mine: Balancer = balancer, of_grid: tuple[Mapping[str, Any], ...] = of_grid) -> Any:
            return mine.limit(name, of_grid, host)

        for request in measured:
            found |= dict.fromkeys(balancer.request_problems(request, limit))
    return list(found)


def _sized(sent: Sent, sizes: Sizes) -> SizedRequest:
    request = sent.request
    return SizedRequest(
        at=sent.at,
        body_kind=request.body_kind,
        body=sizes.body(request),
        lines=sizes.lines(request),
        headers=tuple(request.headers),
    )


def _host(sent: Sent) -> Iterator[tuple[Where, str]]:
    """The Host header, which the balancer's configuration contains for health checks."""
    for name, text in sent.request.headers.items():
        if name.lower() == "host" and not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", templates.sample(text)):
            where: Where = (*sent.at, "headers", name)
            yield (
                where,
                f"{'.'.join(map(str, where))}: not a host name (got {text!r}). "
                "Allowed: a host name with or without a port, as in shop.example:8080.",
            )
