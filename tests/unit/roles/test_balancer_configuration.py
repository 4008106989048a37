"""What nginx is given, and when it is told: the role's templates and the program that brings them into use."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles" / "nginx_lb"
NGINX = """#!/bin/sh
# Notes what it is asked for; every configuration is a good one.
echo "$*" >>"$(dirname "$0")/asked"
"""


def rendered(**variables: Any) -> str:
    """default.conf with the role's defaults, but for these variables; defaults that are templates are left out."""
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    plain = {name: value for name, value in defaults.items() if "{{" not in str(value)}
    servers = [{"name": "one", "address": "10.0.0.1"}, {"name": "two", "address": "10.0.0.2"}]
    tuned = {"nginx_lb_upstream_keepalive": 1024, "nginx_lb_backlog": 4096, "nginx_lb_servers": servers}
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True)  # noqa: S701 - no HTML
    text = (ROLE / "templates" / "default.conf.j2").read_text(encoding="utf-8")
    private = {"__nginx_lb_logs": "/logs", "__nginx_lb_data": "/data", "ansible_managed": ""}
    return template.from_string(text).render(**{**plain, **tuned, **private, **variables})


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
