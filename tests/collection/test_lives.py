"""The other roles of the collection on a bare machine, outside this clone: their READMEs' examples.

Each is tried (--check), converges, changes nothing the second time, does its work, and goes.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from harness.deploy.container_engine import connect
from tests.collection.conftest import HERE, Elsewhere, run
from tests.integration.conftest import ROOT, changed, playbook
from tests.role_readmes import example

pytestmark = [pytest.mark.long]
CONNECTION = ("host", "user", "ssh_private_key_file", "ssh_common_args", "python_interpreter")
ASKED = [*(f"ansible_{name}" for name in CONNECTION), "private_ip"]
SEEN = "getent passwd; getent group; ls /opt /etc/systemd/system /etc/apt/*.d; systemctl list-units -q"
WAR = "/root/standin.war"


@dataclass(frozen=True)
class Machine:
    """A bare machine, and where the collection is installed."""

    there: Elsewhere
    container: Container
    private_ip: str
    base_image: str
    engine: docker.DockerClient

    def on(self, command: str, check: bool = True) -> str:
        code, output = self.container.exec_run(["sh", "-c", command])
        assert isinstance(output, bytes)
        assert code == 0 or not check, output.decode()
        return output.decode()

    def play(self, role: str, *arguments: str, **variables: Any) -> int:
        """Play a role's example; how much it changed."""
        return changed(self.there.play(example(ROOT / "roles" / role), *arguments, **variables).stdout)

    def lives(self, role: str, tried: bool = True, **variables: Any) -> None:
        if tried:
            assert self.play(role, "--check", **variables) > 0
        assert self.play(role, **variables) > 0
        assert self.play(role, **variables) == 0, f"{role}: a second run changed something"
        assert self.play(role, "--check", **variables) == 0, f"{role}: a check would change something"

    def goes(self, role: str, **variables: Any) -> None:
        gone = {**variables, f"{role}_state": "absent"}
        assert changed(self.there.play(alone(role), **gone).stdout) > 0
        assert changed(self.there.play(alone(role), **gone).stdout) == 0, f"{role}: what is gone went again"


def alone(role: str) -> str:
    """A play of one role, as root where its example is."""
    become = "  become: true\n" if "  become: true\n" in example(ROOT / "roles" / role) else ""
    return f"- hosts: controller\n  gather_facts: false\n{become}  roles: [scale_out.study.{role}]\n"


@pytest.fixture
def machine(elsewhere: Elsewhere) -> Iterator[Machine]:
    """Debian 12, systemd, sshd, sudo and Python; the roles become root by themselves."""
    inventory = HERE / "machine"
    playbook("-i", str(inventory), "playbooks/rehearsal-up.yml")
    message = "{{ dict(__asked | zip(__asked | map('extract', vars))) | combine(__more) }}"
    more = {"name": "{{ rehearsal_machine_name }}", "base": "{{ base_image_name }}"}
    told = {"__asked": ASKED, "__more": more}
    asked = ["roles", "-i", str(inventory), "-m", "ansible.builtin.debug", "-a", f"msg={message}"]
    asked += ["-e", json.dumps(told)]
    said = run(ROOT, "ansible", *asked, "--playbook-dir", "playbooks").stdout
    variables = json.loads(said[said.index("{") :])["msg"]
    name, base = variables.pop("name"), variables.pop("base")
    elsewhere.inventory["machine"] = variables
    engine = connect()
    yield Machine(elsewhere, engine.containers.get(name), variables["private_ip"], base, engine)
    engine.containers.get(name).remove(force=True, v=True)
    engine.close()


def test_every_role_lives_and_leaves_nothing(machine: Machine, tmp_path: Path) -> None:
    machine.on("apt-get -q update")  # a check finds no package that the machine has not heard of
    before = machine.on(SEEN)

    machine.lives("docker_engine")
    assert "Server Version" in machine.on("docker info")
    packed: dict[str, Any] = {
        "image_distribution_folder": str(tmp_path / "packed"),
        "image_distribution_images": [machine.base_image],
    }
    machine.lives("image_distribution", **packed)
    assert str(machine.engine.images.get(machine.base_image).id) in machine.on("docker images --no-trunc -q")

    machine.lives("jdk")
    assert 'version "11.' in machine.on("/opt/jdk-11/bin/java -version 2>&1")

    where = f"{machine.container.name}:/root/standin"
    subprocess.run(["docker", "cp", str(ROOT / "tests" / "ngrinder_standin"), where], check=True, capture_output=True)
    machine.on(f"/root/standin/build.sh /opt/jdk-11 {WAR}")
    war = tmp_path / "ngrinder-controller.war"
    subprocess.run(["docker", "cp", f"{machine.container.name}:{WAR}", str(war)], check=True, capture_output=True)
    passwords = tmp_path / "secrets"
    controller = {
        "ngrinder_controller_war_file": str(war),
        "ngrinder_controller_address": machine.private_ip,
        "ngrinder_controller_password_folder": str(passwords),
    }
    agent = {
        "ngrinder_agent_controller_url": f"http://{machine.private_ip}:8080",
        "ngrinder_agent_controller_host": machine.private_ip,
        "ngrinder_agent_password_file": str(passwords / "admin"),
    }
    machine.lives("ngrinder_controller", tried=False, **controller)
    machine.lives("ngrinder_agent", tried=False, **agent)
    assert machine.on("systemctl is-active ngrinder-controller ngrinder-agent").split() == ["active", "active"]
    answers = {"reachability_targets": [{"name": "controller", "address": machine.private_ip, "port": 8080}]}
    assert machine.play("reachability", **answers) == 0

    machine.goes("ngrinder_agent", **agent)
    machine.goes("ngrinder_controller", **controller)
    assert not passwords.exists()
    machine.goes("jdk")
    machine.goes("image_distribution", **packed)
    assert not machine.on("docker images -q")
    machine.goes("docker_engine")
    assert "docker" not in machine.on("ls /usr/sbin /usr/bin")
    after = machine.on(SEEN)
    left = {line for line in after.splitlines() if "ngrinder" in line or "jdk" in line or "docker.service" in line}
    assert not left - set(before.splitlines())
