"""A machine with a container engine keeps it: Docker's own packages, and Podman's socket."""

import contextlib
import re
from collections.abc import Iterator

import docker.errors
import pytest

from tests.integration.conftest import ROOT, changed
from tests.rehearsal.conftest import HERE, Fleet, play

pytestmark = [pytest.mark.concurrent, pytest.mark.long]

MACHINES = ("docker-ce", "podman")
INVENTORY = HERE / "existing_engines"
# Simulates Docker's own packages: the same programs under other package names, which conflict with the distribution's.
REPACK = r"""
set -eu
pack() {
  mkdir -p "$1/DEBIAN"
  dpkg -L $4 | while read -r file; do
    if [ -f "$file" ] && [ ! -L "$file" ]; then echo "$file"; fi
  done | tar --create --absolute-names --files-from=- | tar --extract --directory="$1"
  {
    echo "Package: $2"
    echo "Version: 5:99"
    echo "Architecture: all"
    echo "Maintainer: nobody <nobody@example.org>"
    echo "Conflicts: $3"
    echo "Replaces: $3"
    echo "Description: the same programs under another name"
  } >"$1/DEBIAN/control"
  dpkg-deb -Znone --root-owner-group --build "$1" "$1.deb" >/dev/null
}
apt-get update -qq
apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null
cd /root
pack docker-ce docker-ce docker.io docker.io
pack containerd.io containerd.io 'containerd, runc' 'containerd runc'
systemctl stop docker docker.socket containerd
dpkg --purge --force-all docker.io containerd runc >/dev/null 2>&1
getent group docker >/dev/null || groupadd --system docker
dpkg --install docker-ce.deb containerd.io.deb >/dev/null
systemctl daemon-reload
systemctl reset-failed
systemctl enable --now containerd docker.socket docker
docker version
"""
PODMAN = """
set -eu
apt-get update -qq
apt-get install -y -qq --no-install-recommends podman podman-docker >/dev/null
cat >/etc/containers/storage.conf <<'END'
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
END
systemctl enable --now podman.socket
"""
PACKAGES = "dpkg-query --show --showformat '${Package} ${Version}\\n' | sort"


@pytest.fixture(scope="module")
def prepared(deployed_fleet: Fleet) -> Iterator[Fleet]:
    """Machines with an existing engine, in addition to the fleet."""
    play("playbooks/rehearsal-up.yml", "--limit", f"localhost,{','.join(MACHINES)}", inventory=INVENTORY)
    try:
        deployed_fleet.on("docker-ce", REPACK)
        deployed_fleet.on("podman", PODMAN)
        yield deployed_fleet
    finally:
        for name in MACHINES:
            with contextlib.suppress(docker.errors.NotFound):
                deployed_fleet.engine.containers.get(f"{deployed_fleet.prefix}-{name}").remove(force=True, v=True)


def added(before: str, after: str) -> set[str]:
    assert set(before.splitlines()) <= set(after.splitlines()), "a package was removed or became another"
    return {line.split()[0] for line in set(after.splitlines()) - set(before.splitlines())}


def flat(output: str) -> str:
    return re.sub(r"\s+", " ", output)


def engine(*arguments: str, check: bool = True) -> str:
    root = ["-e", f"study_root={ROOT}"]
    return play(HERE / "container_engine.yml", *root, *arguments, inventory=INVENTORY, check=check).stdout


def test_a_running_engine_is_kept(prepared: Fleet) -> None:
    """The role installs only packages that Ansible's modules need."""
    before = {name: prepared.on(name, PACKAGES) for name in MACHINES}
    assert "docker-ce 5:99" in before["docker-ce"]
    assert "docker.io" not in before["docker-ce"] + before["podman"]
    since = prepared.on("docker-ce", "systemctl show --property=ActiveEnterTimestampMonotonic docker")
    prepared.on("podman", "systemctl stop podman.socket podman.service")
    stopped = engine("--limit", "podman", check=False)
    assert "the command docker is Podman's, and no engine answers at /var/run/docker.sock" in flat(stopped)
    prepared.on("podman", "systemctl start podman.socket")
    without_access = engine("--limit", "podman", check=False)
    assert "/var/run/docker.sock belongs to root alone, so admin cannot use the engine" in flat(without_access)
    engine("--limit", "docker-ce")
    engine("--limit", "podman", "-e", '{"docker_engine_users": []}')
    for name in MACHINES:
        new = added(before[name], prepared.on(name, PACKAGES))
        assert "python3-requests" in new
        assert all(package.startswith("python3-") or package == "ca-certificates" for package in new), new
    assert prepared.on("docker-ce", "systemctl show --property=ActiveEnterTimestampMonotonic docker") == since
    assert "admin" in prepared.on("docker-ce", "getent group docker")
    assert changed(engine("-e", '{"docker_engine_users": []}')) == 0
    assert changed(engine("--limit", "docker-ce", "--check")) == 0


def test_a_stopped_engine_is_started(prepared: Fleet) -> None:
    before = prepared.on("docker-ce", PACKAGES)
    prepared.on("docker-ce", "systemctl stop docker docker.socket")
    assert changed(engine("--limit", "docker-ce")) >= 1
    assert prepared.on("docker-ce", "systemctl is-active docker").strip() == "active"
    assert prepared.on("docker-ce", PACKAGES) == before or added(before, prepared.on("docker-ce", PACKAGES))
    assert "docker.io" not in prepared.on("docker-ce", PACKAGES)


def test_an_engine_without_its_client_is_reported(prepared: Fleet) -> None:
    with prepared.broken("docker-ce", "mv /usr/bin/docker /root/docker", "mv /root/docker /usr/bin/docker"):
        output = flat(engine("--limit", "docker-ce", check=False))
    assert "docker-ce: an engine answers at /var/run/docker.sock, but the command docker is missing" in output


def test_an_engine_that_the_role_did_not_install_is_not_removed(prepared: Fleet) -> None:
    before = {name: prepared.on(name, PACKAGES) for name in MACHINES}
    assert changed(engine("-e", '{"docker_engine_state": "absent"}')) == 0
    assert {name: prepared.on(name, PACKAGES) for name in MACHINES} == before
    assert prepared.on("docker-ce", "getent group docker && docker version --format '{{.Server.Version}}'")
