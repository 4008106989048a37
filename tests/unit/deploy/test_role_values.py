"""Values of role variables: invalid ones for Ansible or the roles are rejected before a deployment."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.deploy.inventory import sizes
from harness.deploy.role_values import ROLES, RoleValues
from harness.deploy.value_rules import wrong_host

ROOT = Path(__file__).resolve().parents[3]
VALUES = RoleValues.read(ROOT)
DEFAULTS = [
    (name, value)
    for role in ROLES
    for name, value in yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text("utf-8")).items()
]


def test_every_default_of_a_role_is_valid() -> None:
    assert [(name, wrong) for name, value in DEFAULTS if (wrong := VALUES.wrong(name, value, templates=True))] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ml_server_workers", "4"), ("ml_server_workers", 4.0), ("ml_server_cpus", "0.5"), ("ml_server_cpus", 0),
        ("ml_server_read_only", "yes"), ("ml_server_read_only", "false"), ("ml_server_cpuset", 1),
        ("ml_server_cpuset", "0-1,3"), ("ml_server_command", "serve,now"), ("ml_server_command", ["serve", 1]),
        ("ml_server_memory", "512m"), ("ml_server_memory", 1073741824),
        ("ml_server_env", {"A": "{{ b }}", "C": 1, "D": True}), ("ml_server_image", "localhost:5000/a/b:1.0"),
        ("ml_server_image", "a@sha256:" + "0" * 64), ("ml_server_image", "registry.example/Team".lower()),
        ("nginx_lb_read_timeout", "1m 30s"), ("nginx_lb_read_timeout", 60), ("nginx_lb_next_upstream", "off"),
        ("nginx_lb_restart_policy", "no"), ("nginx_lb_max_fails", 0), ("lab_server_capacity", "140/s"),
        ("lab_time_scaling", "auto"), ("lab_time_scaling", 2.5), ("ml_server_rate", ""), ("ml_server_port", "8080"),
    ],
)  # fmt: skip
def test_a_value_that_ansible_and_the_role_accept_is_valid(name: str, value: Any) -> None:
    assert VALUES.wrong(name, value) == []


def test_a_template_is_valid_in_an_inventory_and_plain_text_in_a_grid() -> None:
    assert VALUES.wrong("ml_server_workers", "{{ cores }}", templates=True) == []
    ((place, words),) = VALUES.wrong("ml_server_workers", "{{ cores }}")
    assert place == ()
    assert "a whole number" in words


@pytest.mark.parametrize(
    ("name", "value", "place", "words"),
    [
        ("ml_server_workers", "many", (), "a whole number"),
        ("ml_server_workers", 1.5, (), "a whole number"),
        ("ml_server_workers", True, (), "a whole number"),
        ("ml_server_workers", 0, (), "from 1"),
        ("ml_server_workers", None, (), "Fix: write a value"),
        ("ml_server_cpus", -1, (), "from 0"),
        ("ml_server_port", 65536, (), "from 1 to 65535"),
        ("ml_server_read_only", "maybe", (), "true or false"),
        ("ml_server_app", ["a"], (), "text"),
        ("ml_server_app", "a\nb", (), "one line of text"),
        ("ml_server_command", ["serve", {"a": 1}], (1,), "text"),
        ("ml_server_labels", [1], (), "a mapping"),
        ("ml_server_networks", ["host"], (0,), "a mapping"),
        ("ml_server_env", {"A=B": 1}, (), "not a valid name of an environment variable"),
        ("ml_server_env", {"A": None}, (), "A: got None"),
        ("ml_server_image", "My App", (), "an image's name"),
        ("ml_server_image", "Registry.example/Team/App", (), "an image's name"),
        ("ml_server_image", "app:", (), "an image's name"),
        ("ml_server_image", 1.4, (), "an image's name"),
        ("ml_server_memory", "2 GB of it", (), "a size"),
        ("ml_server_cpuset", "0-", (), "CPUs"),
        ("ml_server_container", "a b", (), "letters, digits"),
        ("ml_server_health", "/a b", (), "%20"),
        ("nginx_lb_method", "fastest", (), "round_robin, least_conn"),
        ("nginx_lb_read_timeout", "60 seconds", (), "a time in nginx's notation"),
        ("nginx_lb_read_timeout", "60s; evil", (), "a time in nginx's notation"),
        ("nginx_lb_next_upstream", "error sometimes", (), "Allowed: words of error"),
        ("ml_server_rate", "140", (), "a rate per second"),
        ("lab_time_scaling", 0.5, (), "from 1 to 100"),
    ],
)
def test_an_invalid_value_is_rejected_with_its_place(name: str, value: Any, place: tuple[Any, ...], words: str) -> None:
    ((where, message),) = VALUES.wrong(name, value)
    assert where == place
    assert words in message


def test_words_for_booleans_become_booleans() -> None:
    assert VALUES.as_typed("ml_server_read_only", "no") is False  # as text it would be true in a template
    assert VALUES.as_typed("nginx_lb_restart_policy", "no") == "no"
    assert VALUES.as_typed("ml_server_workers", "1_000") == 1000


@pytest.mark.parametrize("name", ["web server 1", "", "-a", "web/1", "서버", "a" * 300, "x;y"])
def test_a_host_needs_a_name_that_nginx_and_file_systems_accept(name: str) -> None:
    assert "Allowed: letters, digits, dot, dash and underscore" in wrong_host(name)


def test_usual_names_of_hosts_are_valid() -> None:
    assert not any(map(wrong_host, ["server-1", "ip-10-0-1-11.eu-central-1.compute.internal", "10.0.1.11", "web_1"]))


@pytest.mark.parametrize(
    ("kind", "text", "line"),
    [
        ("yaml", "all:\n  hosts:\n    x[1:99999999]:\n", 3),
        ("yaml", "all:\n  hosts: x[1:99999999]\n", 2),
        ("yaml", "all:\n  children:\n    a:\n      hosts: {'x[1:999][1:999]': }\n", 4),
        ("yaml", '{"all": {"hosts": {"x[00:99999999:2]": {}}}}', 1),
        ("ini", "[all]\nx[1:99999999] ansible_host=203.0.113.1\n", 2),
        ("ini", "[all]\nx[a:z][a:z][a:z]\n", 2),
    ],
)
def test_a_range_of_too_many_hosts_is_rejected_before_it_is_expanded(kind: str, text: str, line: int) -> None:
    (problem,) = sizes.problems(Path("hosts"), text, kind)
    assert problem.startswith(f"hosts:{line}: x[")
    assert problem.endswith("hosts. Allowed: at most 10,000.")


def test_usual_ranges_are_valid() -> None:
    text = "[all]\nserver-[01:20].example\nrack-[a:f]-[1:40]\n[all:vars]\nx={{ names[1:99999999] }}\n"
    assert sizes.problems(Path("hosts"), text, "ini") == []
    assert sizes.host_count("server-[01:20]") == 20
    assert sizes.host_count("x[1:10:3]") == 4
    assert sizes.host_count("[2001:db8::1]") == 1
