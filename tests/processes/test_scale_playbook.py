"""The user's own playbook, run by real Ansible: its variable, its failure, and its time limit."""

from pathlib import Path

import pytest

from harness.deploy import scale_playbook
from harness.deploy.ansible import Ansible
from harness.deploy.deployment import Placement
from harness.deploy.platform import PlatformDeployment
from harness.errors import DeployFailed
from harness.grid.cell import Cell
from tests.builders import grid

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = """
- name: Scale
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Check the quota
      ansible.builtin.fail: {msg: "quota exceeded: 2 of {{ servers }}"}
      when: servers > 2
    - name: Take some time
      ansible.builtin.pause: {seconds: "{{ 60 if servers == 2 else 1 }}"}
    - name: Write the number
      ansible.builtin.copy: {content: "{{ servers | to_json }}", dest: "{{ playbook_dir }}/servers.json", mode: "0600"}
"""


@pytest.fixture
def deployment(tmp_path: Path) -> PlatformDeployment:
    (tmp_path / "scale.yml").write_text(PLAYBOOK, encoding="utf-8")
    target = {"url": "https://shop.example", "scale": "scale.yml", "ready_timeout": "30s"}
    written, problems = scale_playbook.fill(ROOT, tmp_path, grid(target=target))
    assert not problems
    return PlatformDeployment(Ansible(ROOT, None, tmp_path / "private"), written)


def servers(count: int) -> Placement:
    return Placement(Cell((("servers", count), ("vusers", 1))), ())


def test_the_playbook_gets_the_number_and_fails_with_its_own_words(
    deployment: PlatformDeployment, tmp_path: Path
) -> None:
    deployment.switch(servers(1))
    assert (tmp_path / "servers.json").read_text(encoding="utf-8") == "1", "a number, not a text"
    (tmp_path / "servers.json").unlink()
    deployment.switch(servers(1))
    assert not (tmp_path / "servers.json").exists(), "the number has not changed"
    with pytest.raises(DeployFailed, match=r"scale.yml: localhost: .*quota exceeded: 2 of 3"):
        deployment.switch(servers(3))
    deployment.switch(servers(1))
    assert (tmp_path / "servers.json").exists(), "after a failure the platform is unknown"


def test_a_playbook_that_does_not_return_is_ended(deployment: PlatformDeployment) -> None:
    with pytest.raises(DeployFailed, match=r"scale.yml: not finished within 30 s"):
        deployment.switch(servers(2))
