"""The balancers that a grid can name: one entry for each module. Pure."""

from __future__ import annotations

from harness.balancers.balancer import Balancer
from harness.balancers.haproxy import HAPROXY
from harness.balancers.nginx import NGINX
from harness.balancers.none import NONE
from harness.balancers.target import TARGET
from harness.words import short

BALANCERS: tuple[Balancer, ...] = (NGINX, HAPROXY, NONE)
BY_NAME = {balancer.name: balancer for balancer in (*BALANCERS, TARGET)}
DEFAULT = NGINX.name
NAMES = " or ".join(f"`{balancer.name}`" for balancer in BALANCERS)  # for texts
ROLES = tuple(dict.fromkeys(balancer.role for balancer in BALANCERS))


def known(name: object) -> str:
    """Return the name of a balancer; raises ValueError for an unknown one."""
    names = [balancer.name for balancer in BALANCERS]
    if not isinstance(name, str) or name not in names:
        raise ValueError(f"got {short(name)}. Allowed: {' or '.join(map(repr, names))}")
    return name


def is_variable(name: str, ending: str) -> bool:
    """Whether a name is that of a balancer's role variable with this ending, as in `method`."""
    return any(name == balancer.variable(ending) for balancer in BALANCERS)
