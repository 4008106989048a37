"""Machines behind a bastion: Ansible's and the study's connections go through one of the machines."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.deploy.connections import Connections
from harness.deploy.inventory import files
from harness.deploy.inventory.hosts import Inventory, Url
from harness.deploy.inventory.resolve import describe
from harness.records.directory import StudyDirectory
from tests.integration.conftest import study
from tests.rehearsal.conftest import INVENTORY, Fleet, small_grid

BASTION = "balancer"


def behind_a_bastion(folder: Path, fleet: Fleet, way: str) -> Path:
    """Copy the fleet's inventory so that one machine is the bastion of the others, at their private addresses.

    `way` is "jump" (ProxyJump, with the bastion's settings in an ssh configuration file, and Ansible's other variable
    for the key) or "command" (ProxyCommand, with all settings in ssh's arguments).
    """
    gate = fleet.host(BASTION).variables
    key, address = gate["ansible_ssh_private_key_file"], gate["ansible_host"]
    known = f"{Path(str(key)).parent}/known_hosts"
    hosts = yaml.safe_load((INVENTORY / "hosts.yml").read_text())
    for group in hosts["all"]["children"].values():
        for name, variables in group["hosts"].items():
            if name != BASTION:
                variables["ansible_host"] = "{{ private_ip }}"
                # The machine's name in the file of known host keys.
                variables["ansible_ssh_extra_args"] = f"-o HostKeyAlias={fleet.host(name).variables['ansible_host']}"
    (folder / "group_vars").mkdir(parents=True)
    for file in (INVENTORY / "group_vars").glob("*.yml"):
        (folder / "group_vars" / file.name).symlink_to(file)
    everybody = yaml.safe_load((INVENTORY / "group_vars" / "all.yml").read_text())
    checks = f"-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes"
    if way == "jump":
        everybody["ansible_private_key_file"] = everybody.pop("ansible_ssh_private_key_file")
        (folder / "ssh.cfg").write_text(
            f"Host gate\n  HostName {address}\n  User admin\n  IdentityFile {key}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {known}\n  StrictHostKeyChecking yes\n"
        )
        through = f"-F {folder}/ssh.cfg -o ProxyJump=gate"
    else:
        through = f"-o 'ProxyCommand=ssh -i {key} {checks} -o BatchMode=yes -W [%h]:%p admin@{address}'"
    everybody["ansible_ssh_common_args"] = f"{checks} {{{{ '' if inventory_hostname == '{BASTION}' else __through }}}}"
    everybody["__through"] = through
    everybody["rehearsal_folder"] = str(Path(str(key)).parent)
    (folder / "group_vars" / "all.yml").unlink()
    (folder / "group_vars" / "all.yml").write_text(yaml.safe_dump(everybody, width=1000))
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    assert files.unreadable(folder) == []
    return folder


def described(folder: Path) -> Inventory:
    from tests.integration.conftest import ROOT

    return describe(ROOT, folder, "behind a bastion")


@pytest.mark.concurrent
@pytest.mark.parametrize("way", ["jump", pytest.param("command", marks=pytest.mark.long)])
def test_the_studys_connections_use_the_bastion(deployed_fleet: Fleet, tmp_path: Path, way: str) -> None:
    there = described(behind_a_bastion(tmp_path / "inventory", deployed_fleet, way))
    gate = next(host for host in there.hosts if host.name == BASTION)
    with Connections(there) as connections:
        connections.reconnect()
        for host in there.hosts:
            assert connections.docker(host).ping()
            seen_from = connections.run(host, ["sh", "-c", "echo $SSH_CONNECTION"]).split()[0]
            assert (seen_from == gate.private_ip) == (host.name != BASTION)
        assert connections.http(gate, Url.CONTROL).get("/alive").status_code == 200


@pytest.mark.long
def test_a_whole_study_through_a_bastion(deployed_fleet: Fleet, tmp_path: Path) -> None:
    inventory = behind_a_bastion(tmp_path / "inventory", deployed_fleet, "jump")
    grid = small_grid(
        tmp_path / "grid.yaml",
        name="bastion",
        inventory=str(inventory),
        factors={"servers": [1, 2], "vusers": [60]},
        repeats=1,
    )
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (folder,) = (tmp_path / "results").iterdir()
    trials = StudyDirectory(folder).trials()
    assert len(trials) == 2
    assert {record.outcome for record in trials.values()} <= {"ok", "warning"}
    assert (folder / "report.pdf").stat().st_size > 10_000
