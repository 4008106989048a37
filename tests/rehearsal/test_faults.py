"""Each failure on a machine is one message with host, cause and fix."""

import subprocess
import time
from pathlib import Path

import pytest

from harness.deploy.connections import Connections
from tests.rehearsal.conftest import Fleet, inventory_with, startup_error

NO_MULTIPLEXING = "-o ControlPath=none"  # otherwise an existing connection would hide the failure

pytestmark = pytest.mark.concurrent


def own_arguments(known_hosts: str = "{{ rehearsal_folder }}/known_hosts") -> dict[str, str]:
    return {
        "ansible_ssh_common_args": f"{NO_MULTIPLEXING} -o UserKnownHostsFile={known_hosts} -o StrictHostKeyChecking=yes"
    }


def known_hosts_with_another_key(fleet: Fleet, name: str, folder: Path) -> Path:
    """Copy the known host keys, with another host's key for one host."""
    kept = Path(str(fleet.host(name).variables["ansible_ssh_private_key_file"])).parent / "known_hosts"
    lines = kept.read_text().splitlines()
    address = str(fleet.host(name).variables["ansible_host"])
    other = next(line for line in lines if not line.startswith(address)).split(" ", 1)[1]
    known = folder / "known_hosts"
    known.write_text("\n".join(f"{address} {other}" if line.startswith(address) else line for line in lines) + "\n")
    return known


def another_key(folder: Path) -> dict[str, str]:
    """Return variables with a key that the host rejects."""
    key = folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    arguments = own_arguments()
    arguments["ansible_ssh_common_args"] += " -o IdentitiesOnly=yes"
    return {"ansible_ssh_private_key_file": str(key), **arguments}


def test_all_unusable_hosts_are_reported_at_once_with_a_fix(deployed_fleet: Fleet, tmp_path: Path) -> None:
    """Four hosts with four faults in one run; each fault also has its own long test."""
    changes = {
        "server-1": {"ansible_host": "{{ rehearsal_public }}.99"},
        "server-2": another_key(tmp_path),
        "server-3": own_arguments(str(known_hosts_with_another_key(deployed_fleet, "server-3", tmp_path))),
        "generator": own_arguments(),
    }
    with deployed_fleet.broken(
        "generator", "mv /etc/sudoers.d/admin /root/admin", "mv /root/admin /etc/sudoers.d/admin"
    ):
        message = startup_error(tmp_path, inventory_with(tmp_path / "four", changes))
    assert "server-1: it cannot be reached through SSH" in message
    assert "server-2: it rejects the key or the user" in message
    assert "server-3: its host key differs from the known one, so no data was sent" in message
    assert "ssh-keygen -R" in message
    assert "generator: its user cannot use sudo without a password" in message
    assert "balancer" not in message


@pytest.mark.long
def test_an_unreachable_host_is_reported_at_once(deployed_fleet: Fleet, tmp_path: Path) -> None:
    assert deployed_fleet
    inventory = inventory_with(tmp_path / "gone", {"server-2": {"ansible_host": "{{ rehearsal_public }}.99"}})
    began = time.monotonic()
    message = startup_error(tmp_path, inventory)
    assert time.monotonic() - began < 60  # Ansible's timeout is 10 s; other tests slow its start down
    assert "server-2: it cannot be reached through SSH" in message
    assert "check that it runs, its ansible_host" in message
    assert "server-1" not in message


@pytest.mark.long
def test_a_rejected_key_is_reported(deployed_fleet: Fleet, tmp_path: Path) -> None:
    assert deployed_fleet
    changes = {"server-2": another_key(tmp_path)}
    message = startup_error(tmp_path, inventory_with(tmp_path / "key", changes))
    assert "server-2: it rejects the key or the user" in message
    assert "ansible_ssh_private_key_file" in message


@pytest.mark.long
def test_a_host_key_that_changed_is_never_accepted(deployed_fleet: Fleet, tmp_path: Path) -> None:
    known = known_hosts_with_another_key(deployed_fleet, "server-2", tmp_path)
    before = deployed_fleet.on("server-2", "journalctl -u ssh | grep -c Accepted || true")
    message = startup_error(tmp_path, inventory_with(tmp_path / "changed", {"server-2": own_arguments(str(known))}))
    assert "server-2: its host key differs from the known one, so no data was sent" in message
    assert "ssh-keygen -R" in message
    assert deployed_fleet.on("server-2", "journalctl -u ssh | grep -c Accepted || true") == before


@pytest.mark.long
def test_a_user_without_sudo_is_reported(deployed_fleet: Fleet, tmp_path: Path) -> None:
    with deployed_fleet.broken(
        "server-2", "mv /etc/sudoers.d/admin /root/admin", "mv /root/admin /etc/sudoers.d/admin"
    ):
        message = startup_error(tmp_path)
    assert "server-2: its user cannot use sudo without a password" in message
    assert "NOPASSWD" in message


@pytest.mark.long
def test_a_full_disk_is_reported(deployed_fleet: Fleet, tmp_path: Path) -> None:
    with deployed_fleet.broken(
        "server-2", "mkdir -p /mnt/small && mount -t tmpfs -o size=40m tmpfs /mnt/small", "umount /mnt/small"
    ):
        inventory = inventory_with(tmp_path / "small", {"server-2": {"host_check_folder": "/mnt/small"}})
        message = startup_error(tmp_path, inventory)
    assert "server-2: /mnt/small has too little free disk space (got 40 MB). Allowed: at least 2000 MB" in message


@pytest.mark.long
def test_a_wrong_clock_is_reported(deployed_fleet: Fleet, tmp_path: Path) -> None:
    """The machines share this machine's clock, so a fake `date` prints another time."""
    lie = "#!/bin/sh\nexec /bin/date -d '5 seconds' \"$@\"\n"
    with deployed_fleet.broken(
        "server-2",
        f"cat >/usr/local/bin/date <<'END'\n{lie}END\nchmod 755 /usr/local/bin/date",
        "rm /usr/local/bin/date",
    ):
        message = startup_error(tmp_path)
    assert "server-2: its clock differs from the controller's clock" in message
    assert "timedatectl set-ntp true" in message


def test_two_hosts_with_one_address_are_reported(deployed_fleet: Fleet, tmp_path: Path) -> None:
    address = deployed_fleet.host("server-1").variables["private_ip"]
    inventory = inventory_with(tmp_path / "twins", {"server-2": {"private_ip": address}})
    message = startup_error(tmp_path, inventory, code=2)
    assert f"server-2: private_ip: {address} is also the address of server-1" in message


@pytest.mark.long
def test_a_private_address_that_the_host_lacks_is_reported(deployed_fleet: Fleet, tmp_path: Path) -> None:
    assert deployed_fleet
    message = startup_error(tmp_path, inventory_with(tmp_path / "else", {"server-2": {"private_ip": "10.255.255.7"}}))
    assert "server-2: private_ip is not an address of this host (got 10.255.255.7)" in message


@pytest.mark.long
def test_an_engine_that_does_not_start_is_reported(deployed_fleet: Fleet, tmp_path: Path) -> None:
    with deployed_fleet.broken(
        "server-2",
        "systemctl stop docker docker.socket; mkdir -p /etc/docker; echo '{x' >/etc/docker/daemon.json",
        "rm /etc/docker/daemon.json; systemctl reset-failed docker; systemctl start docker",
    ):
        message = startup_error(tmp_path)
    assert "The Docker engine does not start on server-2" in message
    assert "unable to configure the Docker daemon" in message


@pytest.mark.long
def test_a_port_in_use_is_reported(deployed_fleet: Fleet, tmp_path: Path) -> None:
    serve = "systemd-run --unit=squatter python3 -m http.server 80"
    with Connections(deployed_fleet.inventory) as connections:
        connections.reconnect()
        connections.docker(deployed_fleet.host("balancer")).containers.get("nginx-lb").stop()
    with deployed_fleet.broken("balancer", f"{serve}; sleep 1", "systemctl stop squatter"):
        message = startup_error(tmp_path)
    deployed_fleet.on("balancer", "docker start nginx-lb")
    assert "balancer: another program uses a port that the study needs" in message
    assert "ss -ltnp" in message
