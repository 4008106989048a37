"""The balancers that a grid can name: one entry for each module. Pure."""

from __future__ import annotations

from harness.balancers.balancer import Balancer
from harness.balancers.haproxy import HAPROXY
from harness.balancers.nginx import NGINX
from harness.balancers.none import NONE
from harness.words import short

BALANCERS: tuple[Balancer, ...] = (NGINX, HAPROXY, NONE)
BY_NAME = {balancer.name: balancer for balancer in BALANCERS}
DEFAULT = NGINX.name
NAMES = " or ".join(f"`{name}`" for name in BY_NAME)  # for texts
ROLES = tuple(dict.fromkeys(balancer.role for balancer in BALANCERS))


def known(name: object) -> str:
    """Return the name of a balancer; raises ValueError for an unknown one."""
    if not isinstance(name, str) or name not in BY_NAME:
        raise ValueError(f"got {short(name)}. Allowed: {' or '.join(repr(each) for each in BY_NAME)}")
    return name


def is_variable(name: str, ending: str) -> bool:
    """Whether a name is that of a balancer's role variable with this ending, as in `method`."""
    return any(name == balancer.variable(ending) for balancer in BALANCERS)
