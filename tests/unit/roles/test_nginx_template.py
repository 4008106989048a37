"""A template of the user's own for nginx: what the study includes, and what it rejects, by the rendered text."""

from __future__ import annotations

import base64
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[3] / "roles" / "nginx_lb" / "files" / "prepare_template.py"
SERVERS = "10.0.0.1:8080,10.0.0.2:8080"
SOURCE = """upstream app {
    least_conn;
{% for server in nginx_lb_servers %}
    server {{ server.address }}:8080;
{% endfor %}
}
server {
    listen 80;
    location / { proxy_pass http://app; }
}
"""
RENDERED = SOURCE.replace(
    "{% for server in nginx_lb_servers %}\n    server {{ server.address }}:8080;\n{% endfor %}\n",
    "    server 10.0.0.1:8080;\n    server 10.0.0.2:8080;\n",
)
INCLUDES, OF_LOCATION = " include study-server.conf;", " include study-location.conf;"


def run(tmp_path: Path, mode: str, rendered: str, other: str, source: str = SOURCE) -> dict[str, Any]:
    """Run the program as the role does."""
    file = tmp_path / "app.conf.j2"
    file.write_text(source, encoding="utf-8")
    encoded = [base64.b64encode(one.encode()).decode() for one in (rendered, other)]
    done = subprocess.run(
        [sys.executable, str(FILE), mode, str(file), *encoded], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def problems(rendered: str) -> list[str]:
    """Return the messages about a rendered template, without its file."""
    spec = importlib.util.spec_from_file_location("prepare_template", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["prepare_template"] = module
    spec.loader.exec_module(module)
    found = module.directives(rendered)
    return [f"{line}: {words}" for line, words in module.problems(found, SERVERS.split(","))]


def test_each_server_block_gets_the_studys_include_on_its_own_line(tmp_path: Path) -> None:
    found = run(tmp_path, "prepare", RENDERED, SERVERS)
    assert found["problems"] == []
    assert found["text"] == RENDERED.replace("server {", f"server {{{INCLUDES}")
    assert found["text"].count("\n") == RENDERED.count("\n"), "lines keep their numbers"


@pytest.mark.parametrize("own", ["add_header Cache-Control no-store;", "access_log /dev/null;"])
def test_a_location_with_its_own_headers_or_log_keeps_those_of_the_study(tmp_path: Path, own: str) -> None:
    text = RENDERED.replace("location / {", f"location / {{ {own}")
    found = run(tmp_path, "prepare", text, SERVERS)
    assert f"location / {{{OF_LOCATION} {own}" in found["text"]


@pytest.mark.parametrize(
    "quoted",
    ['add_header X "server { ; }";', "# server { listen 99; }", "set $a '}';", "return 200 ${request_id};"],
)
def test_quotes_and_comments_are_no_blocks(tmp_path: Path, quoted: str) -> None:
    text = RENDERED.replace("    listen 80;", f"    listen 80;\n    {quoted}\n")
    found = run(tmp_path, "prepare", text, SERVERS)
    assert (found["problems"], found["text"].count(INCLUDES)) == ([], 1)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("    server 10.0.0.2:8080;\n", "", "3: the upstream has no server 10.0.0.2:8080 of the cell"),
        ("10.0.0.2:8080", "10.0.0.9:8080", "4: server 10.0.0.9:8080 is not in the cell (its servers: 10.0.0.1:8080, "),
        ("10.0.0.2:8080", "10.0.0.2", "4: server 10.0.0.2:80 is not in the cell"),
        ("http://app", "http://10.0.0.7:8080", "8: server 10.0.0.7:8080 is not in the cell"),
        ("listen 80;", "listen 8080;", "7: no server listens on port 80 (got 8080)"),
        ("listen 80;", "listen 80; listen [::]:8081;", "7: listen 8081: the study's control port"),
        ("listen 80;", "listen 80; access_log off;", "7: access_log off: it also switches off"),
        ("listen 80;", "listen 80; include study-server.conf;", "7: study-server.conf: the study includes it"),
        ("upstream app", "http { upstream app", "1: http: a whole nginx.conf is not supported"),
        ("upstream app", "user www-data;\nupstream app", "1: user: a whole nginx.conf is not supported"),
    ],
)
def test_what_breaks_a_measurement_is_found_with_its_line(before: str, after: str, message: str) -> None:
    found = problems(RENDERED.replace(before, after))
    assert any(each.startswith(message) for each in found), found


@pytest.mark.parametrize("listen", ["listen 80 default_server;", "listen 0.0.0.0:80;", "listen [::]:80 backlog=9;", ""])
def test_each_notation_of_port_80_is_accepted(listen: str) -> None:
    assert problems(RENDERED.replace("listen 80;", listen)) == []


def test_a_message_has_the_line_of_the_template_also_behind_a_loop(tmp_path: Path) -> None:
    text, source = (each.replace("listen 80;", "listen 81;") for each in (RENDERED, SOURCE))
    found = run(tmp_path, "prepare", text, SERVERS, source)
    assert found["problems"][0].startswith("app.conf.j2:8: no server listens on port 80 (got 81)")


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (
            '2026/12/01 09:07:38 [emerg] 73#73: unknown directive "leas_conn" in /etc/balancer/next/default.conf:2\n'
            "nginx: configuration file /etc/balancer/next/nginx.conf test failed",
            'app.conf.j2:2: nginx: [emerg] unknown directive "leas_conn"',
        ),
        (
            'nginx: [emerg] invalid parameter "x" in /etc/balancer/next/default.conf:3',
            'app.conf.j2:4: nginx: [emerg] invalid parameter "x"',  # the line of the loop
        ),
        ("nginx: [emerg] no events section in /etc/balancer/next/nginx.conf:1", None),
    ],
)
def test_nginxs_own_message_names_the_template(tmp_path: Path, printed: str, expected: str | None) -> None:
    assert run(tmp_path, "place", RENDERED, printed)["message"] == (expected or printed)
