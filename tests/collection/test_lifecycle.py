"""The other roles of the collection on a bare machine, outside this clone, by the examples of their READMEs.

Each role runs in check mode, converges, changes nothing in a second run, works, and is removed.
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
VARIABLES = [*(f"ansible_{name}" for name in CONNECTION), "private_ip"]
STATE = "getent passwd; getent group; ls /opt /etc/systemd/system /etc/apt/*.d; systemctl list-units -q"
WAR = "/root/standin.war"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A bare machine, and the folder with the installed collection."""

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
        """Run a role's example; return the number of changed tasks."""
        return changed(self.there.play(example(ROOT / "roles" / role), *arguments, **variables).stdout)

    def converges(self, role: str, check: bool = True, **variables: Any) -> None:
        if check:
            assert self.play(role, "--check", **variables) > 0
        assert self.play(role, **variables) > 0
        assert self.play(role, **variables) == 0, f"{role}: a second run changed something"
        assert self.play(role, "--check", **variables) == 0, f"{role}: a check would change something"

    def is_removed(self, role: str, **variables: Any) -> None:
        gone = {**variables, f"{role}_state": "absent"}
        assert changed(self.there.play(alone(role), **gone).stdout) > 0
        assert changed(self.there.play(alone(role), **gone).stdout) == 0, f"{role}: a second removal changed something"


def alone(role: str) -> str:
    """Return a play of one role, with become if its example has it."""
    become = "  become: true\n" if "  become: true\n" in example(ROOT / "roles" / role) else ""
    return f"- hosts: controller\n  gather_facts: false\n{become}  roles: [scale_out.study.{role}]\n"


@pytest.fixture
def machine(elsewhere: Elsewhere) -> Iterator[Machine]:
    """A machine with Debian 12, systemd, sshd, sudo and Python; the roles use become."""
    inventory = HERE / "machine"
    playbook("-i", str(inventory), "playbooks/rehearsal-up.yml")
    message = "{{ dict(__names | zip(__names | map('extract', vars))) | combine(__more) }}"
    more = {"name": "{{ rehearsal_machine_name }}", "base": "{{ base_image_name }}"}
    extra = {"__names": VARIABLES, "__more": more}
    arguments = ["roles", "-i", str(inventory), "-m", "ansible.builtin.debug", "-a", f"msg={message}"]
    arguments += ["-e", json.dumps(extra)]
    output = run(ROOT, "ansible", *arguments, "--playbook-dir", "playbooks").stdout
    variables = json.loads(output[output.index("{") :])["msg"]
    name, base = variables.pop("name"), variables.pop("base")
    elsewhere.inventory["machine"] = variables
    engine = connect()
    yield Machine(
        there=elsewhere,
        container=engine.containers.get(name),
        private_ip=variables["private_ip"],
        base_image=base,
        engine=engine,
    )
    engine.containers.get(name).remove(force=True, v=True)
    engine.close()


def test_every_role_is_idempotent_and_removes_everything(machine: Machine, tmp_path: Path) -> None:
    machine.on("apt-get -q update")  # check mode needs the package lists
    before = machine.on(STATE)

    machine.converges("docker_engine")
    assert "Server Version" in machine.on("docker info")
    packed: dict[str, Any] = {
        "image_distribution_folder": str(tmp_path / "packed"),
        "image_distribution_images": [machine.base_image],
    }
    machine.converges("image_distribution", **packed)
    assert str(machine.engine.images.get(machine.base_image).id) in machine.on("docker images --no-trunc -q")

    machine.converges("jdk")
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
    machine.converges("ngrinder_controller", check=False, **controller)
    machine.converges("ngrinder_agent", check=False, **agent)
    assert machine.on("systemctl is-active ngrinder-controller ngrinder-agent").split() == ["active", "active"]
    answers = {"reachability_targets": [{"name": "controller", "address": machine.private_ip, "port": 8080}]}
    assert machine.play("reachability", **answers) == 0

    machine.is_removed("ngrinder_agent", **agent)
    machine.is_removed("ngrinder_controller", **controller)
    assert not passwords.exists()
    machine.is_removed("jdk")
    machine.is_removed("image_distribution", **packed)
    assert not machine.on("docker images -q")
    machine.is_removed("docker_engine")
    assert "docker" not in machine.on("ls /usr/sbin /usr/bin")
    after = machine.on(STATE)
    related = {line for line in after.splitlines() if "ngrinder" in line or "jdk" in line or "docker.service" in line}
    assert not related - set(before.splitlines())
