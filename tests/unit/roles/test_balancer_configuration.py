"""The balancer's configuration: the templates of the role nginx_lb, and the program that applies them."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from harness.balancers import nginx

ROLE = Path(__file__).resolve().parents[3] / "roles" / "nginx_lb"
NGINX = """#!/bin/sh
# Records its arguments and accepts every configuration.
echo "$*" >>"$(dirname "$0")/calls"
"""


ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True)  # noqa: S701 - no HTML
ENVIRONMENT.filters["bool"] = lambda value: str(value).lower() == "true"
ENVIRONMENT.tests["search"] = lambda value, pattern: bool(re.search(pattern, value))


def values(**variables: Any) -> dict[str, Any]:
    """Return the role's defaults with these variables replaced."""
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    found = {**defaults, **variables}
    for _ in range(3):  # a default may refer to another one
        found = {n: ENVIRONMENT.from_string(v).render(found) if "{{" in str(v) else v for n, v in found.items()}
    return found


def rendered(file: str = "default.conf.j2", **variables: Any) -> str:
    """Render a configuration with the role's defaults and these variables."""
    servers = [{"name": "one", "address": "10.0.0.1"}, {"name": "two", "address": "10.0.0.2"}]
    text = (ROLE / "templates" / file).read_text(encoding="utf-8")
    private = {"__nginx_lb_logs": "/logs", "__nginx_lb_data": "/data", "ansible_managed": ""}
    private["__nginx_lb_tls_files"] = "/conf/tls/self-signed-ecdsa"
    found = values(**{"nginx_lb_servers": servers, **variables})
    return ENVIRONMENT.from_string(text).render(**{**found, "nginx_lb_all_servers": servers, **private})


def test_failover_uses_nginxs_defaults_unless_variables_are_set() -> None:
    configuration = rendered()
    for line in (
        "proxy_next_upstream error timeout;",
        "proxy_next_upstream_tries 0;",
        "proxy_next_upstream_timeout 0s;",
        "proxy_connect_timeout 60s;",
        "server 10.0.0.1:8080 max_fails=0 fail_timeout=10s; # one",
    ):
        assert line in configuration
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


def test_read_and_send_timeouts_default_to_the_response_timeout() -> None:
    configuration = rendered(nginx_lb_response_timeout="125s")
    assert "proxy_read_timeout 125s;" in configuration
    assert "proxy_send_timeout 125s;" in configuration
    assert "proxy_read_timeout 7s;" in rendered(nginx_lb_response_timeout="125s", nginx_lb_read_timeout="7s")


def test_tuned_settings_raise_nginxs_limits_and_stock_settings_keep_them() -> None:
    tuned, stock = (rendered("nginx.conf.j2", nginx_lb_settings=settings) for settings in ("tuned", "stock"))
    for configuration, lines in (
        (tuned, ("client_max_body_size 1g", "large_client_header_buffers 4 64k", "underscores_in_headers on")),
        (tuned, ("proxy_buffer_size 32k", "proxy_buffers 8 32k", "ignore_invalid_headers off")),
        (stock, ("client_max_body_size 1m", "large_client_header_buffers 4 8k", "underscores_in_headers off")),
        (stock, ("proxy_buffer_size 4k", "proxy_buffers 8 4k", "ignore_invalid_headers on")),
    ):
        assert [line for line in lines if f"    {line};" not in configuration] == []
    raised = rendered("nginx.conf.j2", nginx_lb_settings="stock", nginx_lb_proxy_buffer_size="16k")
    assert "proxy_buffers 8 16k;" in raised, "nginx rejects a buffer that is larger than all others together"


@pytest.mark.parametrize("settings", ["tuned", "stock"])
def test_the_plans_nginx_limits_equal_the_roles_defaults(settings: str) -> None:
    role = values(nginx_lb_settings=settings)
    assert {name: str(value) for name, value in nginx.DEFAULTS[settings].items()} == {
        name: str(role[name]) for name in nginx.DEFAULTS[settings]
    }


def test_health_checks_send_the_configured_host_header() -> None:
    assert "proxy_set_header Host" not in rendered("nginx.conf.j2")
    configuration = rendered("nginx.conf.j2", nginx_lb_health_host="shop.example", nginx_lb_health_timeout_s=12.0)
    assert "proxy_set_header Host shop.example;" in configuration
    assert "proxy_read_timeout 12000ms;" in configuration


def test_method_cookie_keeps_a_user_on_its_first_server() -> None:
    configuration = rendered(nginx_lb_method="cookie", nginx_lb_cookie="mine")
    for line in (
        "upstream ml_servers_2 {",
        "server 10.0.0.1:8080 max_fails=0 fail_timeout=10s backup;",  # the second server's backup
        "map $cookie_mine $user_servers {",
        '    "10.0.0.2:8080" ml_servers_2;',
        "proxy_pass http://$user_servers;",
        "add_header Set-Cookie $new_cookie always;",
    ):
        assert line in configuration
    for method in ("round_robin", "least_conn", "ip_hash"):
        plain = rendered(nginx_lb_method=method)
        assert "proxy_pass http://ml_servers;" in plain
        assert "ookie" not in plain
    assert "\n    ip_hash;\n" in rendered(nginx_lb_method="ip_hash")


def test_https_replaces_http_on_the_same_port() -> None:
    plain = rendered()
    assert "    listen 80 backlog=" in plain
    assert "ssl" not in plain
    assert "X-Forwarded-Proto" not in plain
    secured = rendered(nginx_lb_tls=True, nginx_lb_tls_protocols="TLSv1.3", nginx_lb_tls_resumption=False)
    for line in (
        "    listen 80 ssl backlog=4096;",
        "ssl_certificate /conf/tls/self-signed-ecdsa.crt;",
        "ssl_certificate_key /conf/tls/self-signed-ecdsa.key;",
        "ssl_protocols TLSv1.3;",
        "ssl_session_cache off;",
        "ssl_session_tickets off;",
        "proxy_set_header X-Forwarded-Proto https;",
    ):
        assert line in secured
    assert "ssl_session_cache shared:tls:10m;" in rendered(nginx_lb_tls=True)
    control = rendered("nginx.conf.j2", nginx_lb_tls=True)
    assert "listen 8081;" in control, "the study reads counters without TLS"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The balancer's folder, next to a fake nginx program."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nginx").write_text(NGINX, encoding="utf-8")
    (tmp_path / "bin" / "nginx").chmod(0o755)
    return tmp_path / "balancer"


def applied(folder: Path, *flags: str, content: str = "one") -> tuple[str, int]:
    """Apply a configuration; return the program's output and the number of reloads so far."""
    texts = [base64.b64encode(text.encode()).decode() for text in ("main", content)]
    done = subprocess.run(
        ["sh", ROLE / "files" / "apply-configuration", folder, "apply", *flags, *texts],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{folder.parent / 'bin'}:{os.environ['PATH']}"},
    )
    calls = folder.parent / "bin" / "calls"
    return done.stdout.strip(), calls.read_text().count("-s reload") if calls.exists() else 0


def test_a_configuration_installed_by_a_killed_run_is_loaded_by_the_next_run(folder: Path) -> None:
    assert applied(folder) == ("changed", 1)
    moves = folder.parent / "bin" / "mv"
    moves.write_text('#!/bin/sh\nPATH=${PATH#*:} mv "$@"\nkill -9 "$PPID"\n', encoding="utf-8")
    moves.chmod(0o755)
    with pytest.raises(subprocess.CalledProcessError):
        applied(folder, content="two")
    moves.unlink()
    assert applied(folder, content="two") == ("changed", 2)
    assert applied(folder, content="two") == ("unchanged", 2)


def test_nginx_is_reloaded_for_a_changed_configuration_or_on_request(folder: Path) -> None:
    assert applied(folder, "--check") == ("changed", 0)
    assert applied(folder) == ("changed", 1)
    assert applied(folder) == ("unchanged", 1)
    assert applied(folder, "--reload") == ("changed", 2), "nginx must retry servers that it avoided"
    assert applied(folder, "--check", "--reload") == ("changed", 2)
    assert applied(folder) == ("unchanged", 2)
    assert applied(folder, content="two") == ("changed", 3)


def secured(folder: Path, algorithm: str = "ecdsa") -> str:
    """The part of a configuration that names a self-signed certificate in this folder."""
    return f"    ssl_certificate {folder}/tls/self-signed-{algorithm}.crt;\n"


@pytest.mark.parametrize(("algorithm", "kind"), [("ecdsa", "id-ecPublicKey"), ("rsa", "rsaEncryption")])
def test_a_self_signed_certificate_is_made_once_and_its_key_is_private(algorithm: str, kind: str, folder: Path) -> None:
    assert applied(folder, "--check", content=secured(folder, algorithm)) == ("changed", 0)
    assert not (folder / "tls").exists(), "check mode changes nothing"
    assert applied(folder, content=secured(folder, algorithm)) == ("changed", 1)
    key = folder / "tls" / f"self-signed-{algorithm}.key"
    assert key.stat().st_mode & 0o777 == 0o600
    first = key.read_bytes()
    shown = subprocess.run(
        ["openssl", "x509", "-in", key.with_suffix(".crt"), "-noout", "-text"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert kind in shown.stdout
    applied(folder, content="no TLS")
    assert applied(folder, content=secured(folder, algorithm)) == ("changed", 3)
    assert key.read_bytes() == first, "clients of a deployment see one certificate"


def test_an_image_without_openssl_cannot_sign_a_certificate(folder: Path) -> None:
    programs = folder.parent / "bin"
    for name in ("sh", "sed", "base64", "mkdir", "mv", "rm", "cmp", "sleep", "cat", "dirname"):
        (programs / name).symlink_to(shutil.which(name) or name)
    texts = [base64.b64encode(text.encode()).decode() for text in ("main", secured(folder))]
    done = subprocess.run(
        [programs / "sh", ROLE / "files" / "apply-configuration", folder, "apply", *texts],
        capture_output=True, text=True, check=False, env={"PATH": str(programs)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "the image has no openssl" in done.stderr
    assert "Fix: set nginx_lb_tls_certificate and nginx_lb_tls_key" in done.stderr


def test_your_certificate_arrives_by_the_input_and_its_key_is_private(folder: Path) -> None:
    files = folder / "tls" / "abc"
    parts = [base64.b64encode(text).decode() for text in (b"certificate\n", b"key\n")]
    subprocess.run(
        ["sh", ROLE / "files" / "apply-configuration", folder, "certify", files],
        input="\n".join(parts), text=True, check=True,
    )  # fmt: skip
    assert files.with_suffix(".crt").read_bytes() == b"certificate\n"
    assert files.with_suffix(".key").read_bytes() == b"key\n"
    assert files.with_suffix(".key").stat().st_mode & 0o777 == 0o600
