"""Without a balancer a switch gives the load generator another target."""

from pathlib import Path
from typing import Any

from harness.deploy.ansible import Ansible
from harness.deploy.deployment import TARGET, Deployment, Placement, tags_for
from harness.grid.cell import Cell
from tests.builders import grid


def wanted(level: str, **keys: Any) -> dict[str, Any]:
    """The variables of a cell with one server."""
    switched: list[dict[str, Any]] = []

    class Started:
        def __init__(self, _ansible: Ansible, _name: str, variables: dict[str, Any], *_: object) -> None:
            switched.append(variables)

    factors = {"servers": [1], "vusers": [10], **keys}
    deployment = Deployment(Ansible(Path(), None), grid(factors=factors), Started)  # type: ignore[arg-type]
    levels = {"balancer": level} if "balancer" in keys else {}
    deployment.begin(Placement(Cell((("servers", 1), ("vusers", 10), *levels.items())), ("server-2",)))
    return switched[0]


def test_the_target_is_the_only_server_or_the_balancer() -> None:
    both = {"balancer": ["nginx", "none"]}
    assert wanted("none", **both)[TARGET] == "server-2"
    assert wanted("nginx", **both)[TARGET] == ""
    assert TARGET not in wanted("nginx"), "other studies start no load generator again"
    assert tags_for({TARGET}) == ["locust"]
