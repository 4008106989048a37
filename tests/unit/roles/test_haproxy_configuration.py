"""HAProxy's configuration: the template of the role haproxy_lb, and the limits that a plan predicts."""

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from harness.balancers import haproxy
from harness.balancers.balancer import OF_EVERY_ROLE
from harness.balancers.haproxy import HAPROXY
from harness.balancers.registry import BALANCERS

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "haproxy_lb"
ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True)  # noqa: S701 - no HTML
ENVIRONMENT.filters["bool"] = lambda value: str(value).lower() == "true"
SERVERS = [{"name": "one", "address": "10.0.0.1"}, {"name": "two", "address": "10.0.0.2", "port": 9000}]


def rendered(**variables: Any) -> str:
    """Render the configuration with the role's defaults and these variables."""
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    private = {"__haproxy_lb_tls_files": "/conf/tls/self-signed-ecdsa", "__haproxy_lb_data": "/data"}
    servers = {"haproxy_lb_servers": SERVERS, "haproxy_lb_all_servers": SERVERS}
    text = (ROLE / "templates" / "haproxy.cfg.j2").read_text(encoding="utf-8")
    return ENVIRONMENT.from_string(text).render(
        **{**defaults, **servers, **private, "ansible_managed": "", **variables}
    )


def backend(**variables: Any) -> list[str]:
    """The lines of the backend that serves traffic."""
    return [
        line.strip() for line in rendered(**variables).split("\nbackend servers\n")[1].split("\n\n")[0].splitlines()
    ]


def test_each_thread_has_a_listener_and_a_log_of_its_own() -> None:
    """HAProxy drops a line if two threads write to one descriptor at the same time."""
    text = rendered(haproxy_lb_threads=3)
    assert re.findall(r"bind :80 thread (\d)", text) == ["1", "2", "3"]
    assert re.findall(r"log fd@(\d+) ", text) == ["10", "11", "12"]
    assert text.count("default_backend servers") == 3


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("round_robin", "balance roundrobin"),
        ("least_conn", "balance leastconn"),
        ("random_two", "balance random(2)"),
        ("source", "balance source"),
        ("cookie", "cookie study_server insert indirect nocache httponly"),
    ],
)
def test_every_method_of_the_role_is_one_of_haproxy(method: str, line: str) -> None:
    specification = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    assert set(specification["argument_specs"]["main"]["options"]["haproxy_lb_method"]["choices"]) == set(
        HAPROXY.methods
    )
    assert line in backend(haproxy_lb_method=method)


def test_servers_are_checked_only_with_max_fails() -> None:
    assert "server two 10.0.0.2:9000 pool-max-conn 1024" in backend()
    checked = backend(haproxy_lb_max_fails=2, haproxy_lb_check_interval="500ms")
    assert "option httpchk GET /readyz" in checked
    assert "server one 10.0.0.1:8080 pool-max-conn 1024 check inter 500ms fall 2 rise 1" in checked


def test_retries_and_connections_to_servers_follow_variables() -> None:
    assert {"retries 3", "retry-on conn-failure", "option redispatch 1", "http-reuse always"} <= set(backend())
    closing = backend(haproxy_lb_upstream_keepalive=0, haproxy_lb_redispatch=0)
    assert {"option http-server-close", "no option redispatch"} <= set(closing)


def test_tls_replaces_http_at_the_same_port_and_not_at_the_control_port() -> None:
    secured = rendered(haproxy_lb_tls=True, haproxy_lb_tls_resumption=False)
    assert secured.count("ssl crt /conf/tls/self-signed-ecdsa.pem ssl-min-ver TLSv1.2") == 2
    assert "no-tls-tickets" in secured
    assert "    bind :8081\n" in secured
    assert " ssl " not in rendered()


def test_the_plans_limits_equal_the_roles_defaults() -> None:
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert {name: defaults[name] for name in haproxy.DEFAULTS} == haproxy.DEFAULTS


@pytest.mark.parametrize("balancer", BALANCERS, ids=lambda each: each.name)
def test_every_balancers_role_has_the_variables_that_the_study_sets(balancer: Any) -> None:
    defaults = yaml.safe_load((ROOT / "roles" / balancer.role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert {balancer.variable(name) for name in OF_EVERY_ROLE} <= set(defaults)
