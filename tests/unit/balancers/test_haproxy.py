"""HAProxy's treatment of a request is predicted, and its own responses are distinguished from those of a server."""

from pathlib import Path
from typing import Any

import pytest

from harness.balancers.haproxy import HAPROXY
from harness.deploy import deployment, request_limits
from harness.deploy.role_values import RoleValues
from harness.judge import balancing
from tests.builders import grid

PAGE = "<html><body><h1>{}</h1>\nNo server is available to handle this request.\n</body></html>\n"


def problems(**more: Any) -> list[str]:
    return [text for _, text in request_limits.problems(grid(balancer="haproxy", **more), {})]


def test_a_header_must_fit_into_a_buffer_and_a_body_need_not() -> None:
    large = {"path": "/", "json": "x" * (2 << 20), "headers": {"X_A": "1", "X.B": "1", "Cookie": "c" * 20_000}}
    assert problems(request=large) == []
    (text,) = problems(request=large, vars={"haproxy_lb_buffer_bytes": 16384})
    assert text.startswith("request.headers.Cookie: 20,")
    assert text.endswith("haproxy_lb_buffer_bytes: 21504")
    assert problems(request=large, vars={"haproxy_lb_buffer_bytes": 21504}) == []


@pytest.mark.parametrize(
    ("status", "server", "text", "reason"),
    [
        (503, "", PAGE.format("503 Service Unavailable"), "no server accepted a connection"),
        (504, "", PAGE.format("504 Gateway Time-out"), "haproxy_lb_response_timeout"),
        (400, "", PAGE.format("400 Bad request"), "haproxy_lb_buffer_bytes"),
        (502, "", PAGE.format("502 Bad Gateway"), "rejected the server's response"),
        (503, "10.0.0.1:8080", "busy", ""),
        (503, "", '{"detail": "busy"}', ""),
    ],
)
def test_a_response_of_haproxy_itself_is_explained(status: int, server: str, text: str, reason: str) -> None:
    found = HAPROXY.own_response(status, server, text, "")
    assert reason in found
    assert bool(found) == bool(reason)


def test_times_are_whole_numbers_in_haproxys_notation() -> None:
    assert (HAPROXY.duration(65.0), HAPROXY.duration(65.5)) == ("65s", "65500ms")


def test_version_and_limit_of_connections_are_read() -> None:
    assert HAPROXY.version_in("HAProxy version 2.6.12-1+deb12u4 2026/10/17") == "haproxy/2.6.12"
    assert HAPROXY.max_connections("global\n    maxconn 8192\n    nbthread 2\n", cores=2) == 8192
    assert HAPROXY.max_connections("global\n", cores=2) is None


def test_its_settings_are_recorded_under_its_name() -> None:
    found = balancing.of(HAPROXY, {"haproxy_lb_method": "source", "haproxy_lb_max_fails": 2})
    assert (found.balancer, found.method, found.max_fails) == ("haproxy", "source", 2)
    assert found.by_address
    assert "after 2 failed health checks, 1s apart" in str(found.after_server_death(3))
    assert "then answers 503" in str(found.after_server_death(1))
    assert balancing.of(HAPROXY, {}).after_server_death(2) is None


def test_a_switch_to_another_balancer_applies_its_whole_role() -> None:
    assert deployment.tags_for({deployment.ROLE, "study_servers"}, "haproxy_lb") == [
        "haproxy_lb",
        "haproxy_lb_configure",
    ]
    assert deployment.tags_for({"ml_server_rate"}, "haproxy_lb") == ["haproxy_lb_verify", "ml_server"]
    assert deployment.tags_for({"nginx_lb_method"}, "haproxy_lb") == []


@pytest.mark.parametrize(
    ("name", "value", "is_valid"),
    [
        ("haproxy_lb_connect_timeout", "1500ms", True),
        ("haproxy_lb_connect_timeout", "1.5s", False),
        ("haproxy_lb_threads", 33, False),
        ("haproxy_lb_threads", 32, True),
        ("haproxy_lb_buffer_bytes", 16383, False),
        ("haproxy_lb_buffer_bytes", 16384, True),
        ("haproxy_lb_buffer_bytes", 65536, True),
        ("haproxy_lb_retry_on", "conn-failure 503", True),
    ],
)
def test_values_are_those_that_haproxy_accepts(name: str, value: object, is_valid: bool) -> None:
    values = RoleValues.read(Path(__file__).resolve().parents[3])
    assert (values.wrong(name, value) == []) is is_valid
