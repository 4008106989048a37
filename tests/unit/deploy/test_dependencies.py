"""Databases, caches and APIs that the servers share: in the inventory, the identity of a study, and between trials."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import docker.errors
import pytest

from harness.deploy import dependency_reset, deployment, lab_resources
from harness.deploy.connections import Connections
from harness.deploy.inventory import checks, resolve
from harness.deploy.inventory.hosts import Host, Inventory
from harness.deploy.role_values import RoleValues
from harness.errors import TrialFailed
from harness.study import identity
from tests.builders import grid
from tests.study_stubs import inventory

ROOT = Path(__file__).resolve().parents[3]
VALUES = RoleValues.read(ROOT)
DATABASE = {
    "study_container_engine": "local",
    "study_container": "db",
    "private_ip": "10.0.0.30",
    "dependency_image": "postgres:17",
    "dependency_port": 5432,
}


def with_dependency(**variables: Any) -> Inventory:
    """Return an inventory of two servers and a database with these variables."""
    found = inventory(2)
    names = tuple({**DATABASE, **variables})
    db = Host.parse("db", "dependencies", {**DATABASE, **variables}, ("dependencies",), names)
    return replace(found, hosts=(*found.hosts, db))


def problems(**variables: Any) -> list[str]:
    """Return the problems of the database alone."""
    made = with_dependency(**variables)
    known = resolve.known_variables(ROOT)
    return [found.message for found in checks.of(made, known, VALUES) if found.host == "db"]


def test_an_inventory_may_have_dependencies() -> None:
    assert inventory(2).dependencies == []
    assert [host.name for host in with_dependency().dependencies] == ["db"]
    assert problems() == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"dependency_image": ""}, "dependency_image: not set"),
        ({"dependency_image": "Not an image"}, "dependency_image: got"),
        ({"dependency_port": 0}, "dependency_port: not a port (got 0)"),
        ({"dependency_kind": "oracle"}, "dependency_kind: got 'oracle'. Allowed: , postgresql, mysql, mariadb, redis"),
        ({"dependency_health_path": "healthz"}, "dependency_health_path"),
        ({"dependency_env": {"A": [1]}}, "dependency_env: A: got [1]"),
        (
            {"dependency_kind": "redis", "dependency_view_user": "watch-er"},
            "dependency_view_user: got 'watch-er'. Allowed: letters",
        ),
        ({"dependency_kind": "redis", "dependency_view_credential": "A B"}, "dependency_view_credential: got"),
        (
            {"dependency_reset": ["mysql", "--password=masked:0123abcd:0123456789abcdef"]},
            "dependency_reset: contains a secret. Allowed: a command that reads it in the container.",
        ),
        ({"dependency_view_user": "watcher"}, "dependency_view_user: only valid with dependency_kind. Fix: set"),
        (
            {"dependency_kind": "redis", "dependency_view_credential": "PASSWORD"},
            "dependency_view_credential: only valid with dependency_view_user. Fix: set dependency_view_user.",
        ),
        ({"dependency_kind": "redis", "dependency_view_credential": "hunter2x"}, "dependency_view_credential: got"),
        ({"dependency_kind": "redis", "dependency_view_arguments": ["-a", "hunter2x"]}, "contains a password"),
        ({"dependency_kind": "mariadb", "dependency_view_arguments": ["-phunter2x"]}, "contains a password"),
        (
            {"dependency_kind": "mysql", "dependency_view_arguments": ["--password=masked:0123abcd:0123456789abcdef"]},
            "dependency_view_arguments: contains a password, which the study would record.",
        ),
        ({"dependency_healt_path": "/"}, "Fix: write dependency_health_path"),
        ({"study_container_engine": "none"}, "study_container_engine: unknown (got 'none')"),
        ({"private_ip": "203.0.113.9"}, "private_ip: a public address"),
    ],
)
def test_a_wrong_variable_is_named(variables: dict[str, Any], message: str) -> None:
    assert message in " ".join(problems(**variables))


@pytest.mark.parametrize("arguments", [["-p", "6380"], ["-p6380"], ["-P", "3307"], ["-S", "/run/db.sock"], ["--tls"]])
def test_options_of_a_view_select_its_connection(arguments: list[str]) -> None:
    view = {"dependency_kind": "redis", "dependency_view_user": "watcher", "dependency_view_arguments": arguments}
    assert problems(**view) == []


def test_an_existing_dependency_needs_no_image_and_may_be_out_of_reach() -> None:
    existing = {"dependency_managed": False, "dependency_image": ""}
    assert problems(**existing) == []
    away = {**existing, "study_container_engine": "none", "study_container": "", "private_ip": "db.example"}
    assert problems(**away) == []
    assert [host.name for host in with_dependency(**existing).observed][-1] == "db"
    assert [host.name for host in with_dependency(**away).observed][-1] == "generator"
    unit = {**existing, "study_container_engine": "ssh", "study_container": "", "dependency_unit": "postgresql"}
    assert [host.name for host in with_dependency(**unit).observed][-1] == "db"


def test_a_dependency_is_part_of_the_configuration_and_changes_no_other_study() -> None:
    without, wanted = inventory(2), grid()
    assert "db" not in identity.effective(wanted, without).hosts
    found = identity.effective(wanted, with_dependency(dependency_env={"POSTGRES_PASSWORD": "very-secret"}))
    assert found.hosts["db"]["dependency_image"] == "postgres:17"
    assert "very-secret" not in str(found)
    assert {name: host for name, host in found.hosts.items() if name != "db"} == identity.effective(
        wanted, without
    ).hosts


def test_servers_without_a_pace_share_the_cores_with_dependencies() -> None:
    alone = lab_resources.shares(grid(), inventory(2), 4)
    shared = lab_resources.shares(grid(), with_dependency(), 4)
    assert "dependency_cpus" not in alone
    assert shared["dependency_cpus"] == pytest.approx(0.72, abs=0.001)
    assert 2 * shared["ml_server_cpus"] + shared["dependency_cpus"] == pytest.approx(2 * alone["ml_server_cpus"], 0.01)


def test_a_changed_variable_of_a_dependency_is_applied_to_it() -> None:
    assert "dependency" in deployment.tags_for(["dependency_cpus"])


class Engine:
    """A container engine in which a command exits with `code`; it records the commands."""

    def __init__(self, code: int, error: bool = False) -> None:
        self.api = self
        self.code = code
        self.error = error
        self.commands: list[tuple[str, list[str]]] = []

    def docker(self, _: Host) -> "Engine":
        return self

    def exec_create(self, container: str, command: list[str]) -> dict[str, str]:
        if self.error:
            raise docker.errors.NotFound("no such container")
        self.commands.append((container, command))
        return {"Id": "1"}

    def exec_start(self, _: str, stream: bool) -> list[bytes]:
        assert stream
        return [b"relation missing\n"]

    def exec_inspect(self, _: str) -> dict[str, int]:
        return {"ExitCode": self.code}


def reset(engine: Engine, site: Inventory, *variables: dict[str, Any]) -> None:
    dependency_reset.run(cast(Connections, engine), site, *variables)


def test_a_dependency_is_reset_with_the_command_of_cell_grid_or_inventory() -> None:
    engine, site = Engine(0), with_dependency(dependency_reset=["truncate"])
    reset(engine, with_dependency(), {}, {})
    assert engine.commands == []
    reset(engine, site, {}, {})
    reset(engine, site, {}, {"dependency_reset": ["of-the-grid"]})
    reset(engine, site, {"dependency_reset": ["of-the-cell"]}, {"dependency_reset": ["of-the-grid"]})
    assert engine.commands == [("db", ["truncate"]), ("db", ["of-the-grid"]), ("db", ["of-the-cell"])]


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (Engine(3), "db: dependency_reset failed with exit code 3: relation missing"),
        (Engine(0, error=True), "db: dependency_reset cannot be run"),
    ],
)
def test_a_trial_cannot_be_run_without_its_reset(engine: Engine, message: str) -> None:
    with pytest.raises(TrialFailed, match=message):
        reset(engine, with_dependency(dependency_reset=["truncate"]))


def test_a_reset_that_waits_for_a_lock_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another session may hold the lock for as long as it likes."""
    released = threading.Event()

    class Locked(Engine):
        def exec_start(self, _: str, stream: bool) -> list[bytes]:
            assert stream
            assert released.wait(60)
            return []

    monkeypatch.setattr(dependency_reset, "WITHIN_S", 0.05)
    with pytest.raises(TrialFailed, match=r"db: dependency_reset did not end within 0\.05 s: truncate\. Fix: end"):
        reset(Locked(0), with_dependency(dependency_reset=["truncate"]))
    released.set()
