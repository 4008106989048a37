"""A dynamic inventory runs once, and its output becomes a static inventory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.deploy.inventory import files, resolve, snapshot, snapshot_process
from harness.deploy.inventory.hosts import changed_addresses
from harness.errors import BadInput
from harness.grid.schema import Grid
from harness.records.directory import StudyDirectory
from harness.records.study import Configuration
from harness.study.config import StudyConfig
from harness.study.events import Message
from harness.study.runner import Study

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """#!/usr/bin/env python3
import json, pathlib
calls = pathlib.Path(__file__).with_name("calls.log")
calls.open("a").write("called\\n")
hosts = json.loads(pathlib.Path(__file__).with_name("hosts.cfg").read_text())
groups = {group: {"hosts": [h for h in hosts if hosts[h]["group"] == group]} for group in (
    "load_balancers", "ml_servers", "load_generators")}
print(json.dumps({**groups, "_meta": {"hostvars": hosts}}))
"""

GRID = Grid.model_validate(
    {
        "name": "x",
        "factors": {"servers": [1], "vusers": [100]},
        "load": {"think_time": "1s", "ramp_up": "2s", "duration": "12s"},
        "request": {"path": "/predict"},
    }
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An inventory folder with a program, a file and group variables."""
    folder = tmp_path / "source"
    (folder / "group_vars").mkdir(parents=True)
    (folder / "group_vars" / "all.yml").write_text(
        "study_container_engine: ssh\nstudy_target_url: 'http://{{ private_ip }}'\n"
        "study_url: http://127.0.0.1:80\nstudy_control_url: http://127.0.0.1:81\nstudy_load_generator_url: http://127.0.0.1:82\n"
        "ansible_host: '{{ private_ip }}'\nansible_user: admin\nstudy_container: x\n"
    )
    (folder / "list.py").write_text(SCRIPT)
    (folder / "list.py").chmod(0o755)
    (folder / "more.yml").write_text(
        'all:\n  hosts:\n    balancer:\n      study_greeting: "I am {{ inventory_hostname }}"\n'
    )
    answer(folder, "10.0.1.11")
    return folder


def answer(folder: Path, server: str) -> None:
    hosts = {
        "balancer": {"group": "load_balancers", "private_ip": "10.0.1.10"},
        "server-1": {"group": "ml_servers", "private_ip": server},
        "generator": {"group": "load_generators", "private_ip": "10.0.1.20"},
    }
    (folder / "hosts.cfg").write_text(json.dumps(hosts))


def times(folder: Path) -> int:
    return (folder / "calls.log").read_text().count("called")


def resolved(folder: Path) -> dict[str, dict[str, object]]:
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(folder), "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=400)
    found: dict[str, dict[str, object]] = json.loads(done.stdout)["_meta"]["hostvars"]
    return found


def test_the_snapshot_is_used_without_another_run(source: Path, tmp_path: Path) -> None:
    assert files.programs(source)
    folder = snapshot.take(ROOT, source)
    assert not files.programs(folder)
    found = resolve.describe(ROOT, folder, "inventory/x")
    hosts = {host.name: (host.group, host.variables["private_ip"]) for host in found.hosts}
    assert hosts["server-1"] == ("ml_servers", "10.0.1.11")
    assert set(hosts) == {"server-1", "balancer", "generator"}
    assert found.generator.variables["study_target_url"] == "http://10.0.1.20"
    assert found.balancer.variables["study_greeting"] == "I am balancer"
    kept = snapshot.keep(folder, source, tmp_path / "study" / "inventory")
    assert resolved(kept)["server-1"]["private_ip"] == "10.0.1.11"
    assert resolved(kept)["server-1"]["ansible_user"] == "admin"
    assert times(source) == 1


def test_values_from_a_program_are_not_templates(tmp_path: Path) -> None:
    """A tag of a rented machine may contain anything; only the author's files may contain templates."""
    from ansible.template import trust_as_template

    values = snapshot_process.plain(
        {"mine": trust_as_template("{{ 1 + 1 }}"), "theirs": ["{{ lookup('pipe', 'id') }}"]}
    )
    snapshot._write(tmp_path / "hosts.yml", {"all": {"hosts": {"server-1": values}}})
    command = [str(Path(sys.executable).with_name("ansible")), "server-1", "-i", str(tmp_path / "hosts.yml")]
    show = ["-m", "ansible.builtin.debug", "-a", "msg={{ [mine, theirs] }}", "-o"]
    done = subprocess.run([*command, *show], cwd=ROOT, capture_output=True, text=True, check=True, timeout=400)
    assert json.loads(done.stdout.split("=>", 1)[1])["msg"] == [2, ["{{ lookup('pipe', 'id') }}"]]


@pytest.mark.long
def test_changed_group_variables_apply_at_once(source: Path) -> None:
    assert resolve.describe(ROOT, snapshot.take(ROOT, source), "x").balancer.variables["ansible_user"] == "admin"
    variables = source / "group_vars" / "all.yml"
    variables.write_text(variables.read_text().replace("ansible_user: admin", "ansible_user: other"))
    assert resolve.describe(ROOT, snapshot.take(ROOT, source), "x").balancer.variables["ansible_user"] == "other"


@pytest.mark.long
def test_changed_addresses_are_reported(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study" / "inventory"
    snapshot.keep(snapshot.take(ROOT, source), source, folder)
    assert changed_addresses(resolve.describe(ROOT, folder, "x"), folder) == []
    assert changed_addresses(resolve.describe(ROOT, folder, "x"), folder) == []
    answer(source, "10.0.1.99")
    snapshot.keep(snapshot.take(ROOT, source), source, folder)
    now = resolve.describe(ROOT, folder, "x")
    assert changed_addresses(now, folder) == ["server-1: 10.0.1.11 / 10.0.1.11 → 10.0.1.99 / 10.0.1.99"]
    assert changed_addresses(now, folder) == []


def test_a_study_uses_the_snapshot_and_reports_changed_addresses(source: Path, tmp_path: Path) -> None:
    messages: list[object] = []
    for server, moved in (
        ("10.0.1.11", []),
        ("10.0.1.99", ["server-1: 10.0.1.11 / 10.0.1.11 → 10.0.1.99 / 10.0.1.99"]),
    ):
        answer(source, server)
        folder = snapshot.take(ROOT, source)
        hosts = resolve.describe(ROOT, folder, "x")
        directory = StudyDirectory(tmp_path / "study")
        begun = StudyConfig(
            grid=GRID,
            inventory=hosts,
            inventory_path=source,
            configuration=Configuration(grid={}),
            directory=directory,
            time_factor=1.0,
            inventory_snapshot=folder,
        )
        study = Study(ROOT, begun, messages.append, lambda: False)
        assert study._keep_inventory_snapshot() == moved
        assert study._ansible.inventory == directory.path / "inventory"
        assert resolved(directory.path / "inventory")["server-1"]["private_ip"] == server
    (warning,) = messages
    assert isinstance(warning, Message)
    assert warning.warning
    assert "server-1: 10.0.1.11" in warning.text


def test_a_failing_program_is_reported(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    (source / "list.py").write_text("#!/bin/sh\necho no credentials >&2\nexit 1\n")
    with pytest.raises(
        BadInput, match=r"list.py:1: the program does not print an inventory: .*no credentials"
    ) as error:
        resolve.find(ROOT, source, "x", notify=printed.append)
    assert printed == [f"executing {source / 'list.py'}, a program of the inventory"], "printed before it runs"
    assert len(str(error.value)) < 600
    monkeypatch.delenv("AWS_REGION", raising=False)
    with pytest.raises(BadInput, match=r"aws_ec2.yml:\d+: .*set AWS_REGION to the region of the fleet"):
        snapshot.take(ROOT, ROOT / "inventory" / "ec2_dynamic")


def test_the_snapshot_is_plain_yaml(source: Path) -> None:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]
    written = yaml.load((snapshot.take(ROOT, source) / "hosts.yml").read_text(), Loader=Loader)  # noqa: S506 - a safe one
    assert set(written["all"]["children"]) == {"load_balancers", "ml_servers", "load_generators"}
