"""The variables of other balancers change no study, so studies that are older than a balancer resume."""

from typing import Any

from harness.deploy.inventory.hosts import Host, Inventory
from harness.study import identity
from tests.builders import grid


def inventory(**variables: Any) -> Inventory:
    hosts = [
        Host.parse("balancer", "load_balancers", {"nginx_lb_method": "round_robin", **variables}),
        Host.parse("server-1", "ml_servers", {"private_ip": "10.0.0.1"}),
        Host.parse("generator", "load_generators", {}),
    ]
    return Inventory("hosts.yml", tuple(hosts))


def identified(hosts: Inventory, **more: Any) -> str:
    given = grid(factors={"servers": [1], "vusers": [10], **more.pop("factors", {})}, **more)
    return identity.identify(given, identity.effective(given, hosts))


def test_only_the_variables_of_the_studys_balancers_identify_it() -> None:
    old, new = inventory(), inventory(haproxy_lb_method="round_robin", haproxy_lb_threads=2)
    assert identified(old) == identified(new) == identified(new, balancer="nginx")
    other = inventory(haproxy_lb_method="round_robin", haproxy_lb_threads=4)
    assert identified(new, balancer="haproxy") != identified(other, balancer="haproxy")
    assert identified(new, balancer="haproxy") != identified(new)
    both = {"balancer": ["nginx", "haproxy"]}
    assert identified(new, factors=both) != identified(other, factors=both)


def test_a_stored_grid_names_its_balancer_only_if_it_is_not_nginx() -> None:
    assert "balancer" not in grid().model_dump(mode="json")
    assert grid(balancer="haproxy").model_dump(mode="json")["balancer"] == "haproxy"
