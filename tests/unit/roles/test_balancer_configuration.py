"""What nginx is given, and when it is told: the role's templates and the program that brings them into use."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from harness.deploy import nginx_limits

ROLE = Path(__file__).resolve().parents[3] / "roles" / "nginx_lb"
NGINX = """#!/bin/sh
# Notes what it is asked for; every configuration is a good one.
echo "$*" >>"$(dirname "$0")/asked"
"""


ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True)  # noqa: S701 - no HTML
ENVIRONMENT.filters["bool"] = lambda value: str(value).lower() == "true"
ENVIRONMENT.tests["search"] = lambda value, pattern: bool(re.search(pattern, value))


def values(**variables: Any) -> dict[str, Any]:
    """The role's variables by name: its defaults, but for these."""
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    found = {**defaults, **variables}
    for _ in range(3):  # a default may follow another
        found = {n: ENVIRONMENT.from_string(v).render(found) if "{{" in str(v) else v for n, v in found.items()}
    return found


def rendered(file: str = "default.conf.j2", **variables: Any) -> str:
    """A configuration with the role's defaults, but for these variables."""
    servers = [{"name": "one", "address": "10.0.0.1"}, {"name": "two", "address": "10.0.0.2"}]
    text = (ROLE / "templates" / file).read_text(encoding="utf-8")
    private = {"__nginx_lb_logs": "/logs", "__nginx_lb_data": "/data", "ansible_managed": ""}
    found = values(**{"nginx_lb_servers": servers, **variables})
    return ENVIRONMENT.from_string(text).render(**{**found, "nginx_lb_all_servers": servers, **private})


def test_what_is_done_about_a_server_that_fails_is_as_nginx_has_it_unless_it_is_set() -> None:
    said = rendered()
    for line in (
        "proxy_next_upstream error timeout;",
        "proxy_next_upstream_tries 0;",
        "proxy_next_upstream_timeout 0s;",
        "proxy_connect_timeout 60s;",
        "server 10.0.0.1:8080 max_fails=0 fail_timeout=10s; # one",
    ):
        assert line in said
    own = rendered(
        nginx_lb_next_upstream="error timeout non_idempotent",
        nginx_lb_next_upstream_tries=2,
        nginx_lb_next_upstream_timeout="3s",
        nginx_lb_connect_timeout="1s",
        nginx_lb_max_fails=1,
        nginx_lb_fail_timeout="30s",
    )
    for line in (
        "proxy_next_upstream error timeout non_idempotent;",
        "proxy_next_upstream_tries 2;",
        "proxy_next_upstream_timeout 3s;",
        "proxy_connect_timeout 1s;",
        "server 10.0.0.2:8080 max_fails=1 fail_timeout=30s; # two",
    ):
        assert line in own


def test_nginx_waits_for_a_response_as_long_as_is_asked_for_unless_one_of_its_times_is_set() -> None:
    said = rendered(nginx_lb_response_timeout="125s")
    assert "proxy_read_timeout 125s;" in said
    assert "proxy_send_timeout 125s;" in said
    assert "proxy_read_timeout 7s;" in rendered(nginx_lb_response_timeout="125s", nginx_lb_read_timeout="7s")


def test_what_nginx_answers_by_itself_is_rare_when_tuned_and_as_it_comes_when_stock() -> None:
    tuned, stock = (rendered("nginx.conf.j2", nginx_lb_settings=settings) for settings in ("tuned", "stock"))
    for said, lines in (
        (tuned, ("client_max_body_size 1g", "large_client_header_buffers 4 64k", "underscores_in_headers on")),
        (tuned, ("proxy_buffer_size 32k", "proxy_buffers 8 32k", "ignore_invalid_headers off")),
        (stock, ("client_max_body_size 1m", "large_client_header_buffers 4 8k", "underscores_in_headers off")),
        (stock, ("proxy_buffer_size 4k", "proxy_buffers 8 4k", "ignore_invalid_headers on")),
    ):
        assert [line for line in lines if f"    {line};" not in said] == []
    raised = rendered("nginx.conf.j2", nginx_lb_settings="stock", nginx_lb_proxy_buffer_size="16k")
    assert "proxy_buffers 8 16k;" in raised, "nginx refuses a buffer that is larger than the others together"


@pytest.mark.parametrize("settings", ["tuned", "stock"])
def test_the_plan_knows_the_roles_own_limits(settings: str) -> None:
    role = values(nginx_lb_settings=settings)
    assert {name: str(value) for name, value in nginx_limits.DEFAULTS[settings].items()} == {
        name: str(role[name]) for name in nginx_limits.DEFAULTS[settings]
    }


def test_health_checks_name_the_host_that_the_applications_allow() -> None:
    assert "proxy_set_header Host" not in rendered("nginx.conf.j2")
    said = rendered("nginx.conf.j2", nginx_lb_health_host="shop.example", nginx_lb_health_timeout_s=12.0)
    assert "proxy_set_header Host shop.example;" in said
    assert "proxy_read_timeout 12000ms;" in said


def test_a_user_stays_at_the_server_that_had_its_first_request() -> None:
    said = rendered(nginx_lb_method="cookie", nginx_lb_cookie="mine")
    for line in (
        "upstream ml_servers_2 {",
        "server 10.0.0.1:8080 max_fails=0 fail_timeout=10s backup;",  # of the second, where that one fails
        "map $cookie_mine $user_servers {",
        '    "10.0.0.2:8080" ml_servers_2;',
        "proxy_pass http://$user_servers;",
        "add_header Set-Cookie $new_cookie always;",
    ):
        assert line in said
    for method in ("round_robin", "least_conn", "ip_hash"):
        plain = rendered(nginx_lb_method=method)
        assert "proxy_pass http://ml_servers;" in plain
        assert "ookie" not in plain
    assert "\n    ip_hash;\n" in rendered(nginx_lb_method="ip_hash")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where nginx works, beside a program of that name."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nginx").write_text(NGINX, encoding="utf-8")
    (tmp_path / "bin" / "nginx").chmod(0o755)
    return tmp_path / "balancer"


def applied(folder: Path, *flags: str, content: str = "one") -> tuple[str, int]:
    """What the program says to a configuration, and how often nginx was reloaded so far."""
    texts = [base64.b64encode(text.encode()).decode() for text in ("main", content)]
    done = subprocess.run(
        ["sh", ROLE / "files" / "apply-configuration", folder, "apply", *flags, *texts],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{folder.parent / 'bin'}:{os.environ['PATH']}"},
    )
    asked = folder.parent / "bin" / "asked"
    return done.stdout.strip(), asked.read_text().count("-s reload") if asked.exists() else 0


def test_what_was_put_in_place_and_perhaps_never_loaded_is_loaded_by_the_next_run(folder: Path) -> None:
    """A run that is killed right after its files are in place."""
    assert applied(folder) == ("changed", 1)
    moves = folder.parent / "bin" / "mv"
    moves.write_text('#!/bin/sh\nPATH=${PATH#*:} mv "$@"\nkill -9 "$PPID"\n', encoding="utf-8")
    moves.chmod(0o755)
    with pytest.raises(subprocess.CalledProcessError):
        applied(folder, content="two")
    moves.unlink()
    assert applied(folder, content="two") == ("changed", 2)
    assert applied(folder, content="two") == ("unchanged", 2)


def test_nginx_is_reloaded_where_its_configuration_changed_or_where_that_is_asked_for(folder: Path) -> None:
    assert applied(folder, "--check") == ("changed", 0)
    assert applied(folder) == ("changed", 1)
    assert applied(folder) == ("unchanged", 1)
    assert applied(folder, "--reload") == ("changed", 2), "it forgets whom it left out"
    assert applied(folder, "--check", "--reload") == ("changed", 2)
    assert applied(folder) == ("unchanged", 2)
    assert applied(folder, content="two") == ("changed", 3)
