"""The rehearsal fleet: machines on this machine, deployed with the same playbooks as rented ones."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from harness.deploy.connections import Connections
from harness.deploy.container_engine import connect
from harness.deploy.inventory.hosts import Host, Inventory
from harness.deploy.inventory.resolve import describe
from tests.integration.conftest import GRIDS, HOSTS, PLAYBOOK, ROOT, study

INVENTORY = ROOT / "inventory" / "rehearsal"
HERE = Path(__file__).parent
STANDIN = ROOT / "tests" / "ngrinder_standin"
JDK = "/opt/jdk-11"


def play(
    playbook: str | Path, *arguments: str, inventory: Path = INVENTORY, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a playbook on the fleet as a user would."""
    command = [PLAYBOOK, "-i", str(inventory), str(playbook), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0 or not check, done.stdout[-5000:] + done.stderr[-2000:]
    return done


@dataclass(frozen=True)
class Fleet:
    """The machines' inventory, and this machine's container engine, which runs them."""

    inventory: Inventory
    engine: docker.DockerClient

    def host(self, name: str) -> Host:
        return next(host for host in self.inventory.hosts if host.name == name)

    def on(self, name: str, command: str, check: bool = True) -> str:
        """Run a shell command as root on a machine, without SSH and the firewall."""
        machine = self.engine.containers.get(f"{self.prefix}-{name}")
        code, output = machine.exec_run(["sh", "-c", command])
        assert isinstance(output, bytes)
        assert code == 0 or not check, output.decode()
        return output.decode()

    @contextlib.contextmanager
    def broken(self, name: str, damage: str, repair: str) -> Iterator[None]:
        """Damage a machine with a shell command, and repair it in any case."""
        self.on(name, damage)
        try:
            yield
        finally:
            self.on(name, repair)

    @property
    def prefix(self) -> str:
        """The prefix of the names of this clone's machines."""
        private_key = Path(str(self.host("balancer").variables["ansible_ssh_private_key_file"]))
        return f"scale-out-rehearsal-{hashlib.sha1(str(private_key.parent).encode()).hexdigest()[:8]}"  # noqa: S324 - a name


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Bare machines with systemd, sshd, sudo and Python only.

    `make test` starts them first; with HOSTS=keep, use or stay the tests use existing ones.
    """
    if not HOSTS:
        play("playbooks/rehearsal-down.yml")
        play("playbooks/rehearsal-up.yml")
    engine = connect()
    yield Fleet(describe(ROOT, INVENTORY, "inventory/rehearsal"), engine)
    engine.close()
    if HOSTS not in ("keep", "stay"):
        play("playbooks/rehearsal-down.yml")


@pytest.fixture(scope="session")
def deployed_fleet(fleet: Fleet) -> Fleet:
    """The fleet after site.yml ran on bare machines."""
    if HOSTS not in ("use", "stay"):
        assert "docker" not in fleet.on("server-1", "ls /usr/sbin /usr/bin")
        play("site.yml")
    return fleet


@pytest.fixture(scope="session")
def war(deployed_fleet: Fleet) -> Path:
    """The controller's WAR: the real one in NGRINDER_WAR, or the stand-in, which is built on a machine.

    `.cache/` keeps the stand-in under the digest of its sources.
    """
    if named := os.environ.get("NGRINDER_WAR"):
        return Path(named)
    sources = b"".join(file.read_bytes() for file in sorted(STANDIN.iterdir()))
    target = ROOT / ".cache" / f"ngrinder-standin-{hashlib.sha256(sources).hexdigest()[:12]}.war"
    if target.exists():
        return target
    command = [str(Path(PLAYBOOK).with_name("ansible")), "-i", str(INVENTORY), "generator", "-m", "include_role"]
    subprocess.run([*command, "-a", "name=jdk", "--playbook-dir", "."], cwd=ROOT, check=True, capture_output=True)
    machine = f"{deployed_fleet.prefix}-generator"
    deployed_fleet.on("generator", "rm -rf /root/standin")  # of a failed attempt: cp would copy into it
    subprocess.run(["docker", "cp", str(STANDIN), f"{machine}:/root/standin"], check=True, capture_output=True)
    deployed_fleet.on("generator", f"/root/standin/build.sh {JDK} /root/standin.war && rm -r /root/standin")
    target.parent.mkdir(exist_ok=True)
    unfinished = target.with_suffix(".part")
    subprocess.run(["docker", "cp", f"{machine}:/root/standin.war", str(unfinished)], check=True, capture_output=True)
    return unfinished.rename(target)


def gateway(fleet: Fleet) -> str:
    """Return this machine's address in the fleet's private network."""
    return str(fleet.host("balancer").private_ip).rsplit(".", 1)[0] + ".1"


def small_grid(path: Path, without: Sequence[str] = (), **more: Any) -> Path:
    """Write a grid that needs no probe of this machine's speed, `without` some of its keys."""
    base = yaml.safe_load((GRIDS / "smoke.yaml").read_text())
    base["inventory"] = str(INVENTORY)
    base["vars"] = {"lab_time_scaling": 1, **more.pop("vars", {})}
    base["load"]["duration"] = "9s"
    base["evidence"] = {"ceiling": False, "lag_invalid": "25%"}  # this machine may be busy
    path.write_text(yaml.safe_dump({name: value for name, value in {**base, **more}.items() if name not in without}))
    return path


def inventory_with(folder: Path, changes: dict[str, dict[str, Any]], everybody: dict[str, Any] | None = None) -> Path:
    """Copy the fleet's inventory with changed variables of some hosts, or of all hosts (`everybody`)."""
    hosts = yaml.safe_load((INVENTORY / "hosts.yml").read_text())
    for group in hosts["all"]["children"].values():
        for name, variables in group["hosts"].items():
            variables.update(everybody or {})
            variables.update(changes.get(name, {}))
    folder.mkdir()
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (folder / "group_vars").symlink_to(INVENTORY / "group_vars")
    return folder


def startup_error(tmp_path: Path, inventory: Path = INVENTORY, code: int = 4, **more: Any) -> str:
    """Start a study that cannot start; return its error message."""
    grid = small_grid(tmp_path / "rejected.yaml", name="rejected", **more)
    done = study("--grid", grid, "--inventory", inventory, "--results", tmp_path / "results")
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "nothing was measured" in done.stdout or done.stderr.startswith("error:")
    return done.stderr


@pytest.fixture
def connections(deployed_fleet: Fleet) -> Iterator[Connections]:
    with Connections(deployed_fleet.inventory) as connections:
        connections.reconnect()
        yield connections


def deployment_changed(directory: Path) -> int:
    """Return the number of changed tasks of a study's last deployment, by its log."""
    logged = re.findall(r"site\.yml: .* s, changed (\{.*\})", (directory / "log" / "study.log").read_text())
    return sum(json.loads(logged[-1].replace("'", '"')).values())


def loads(path: Path) -> Any:
    return json.loads(path.read_text())
