"""The roles for Docker, JDK 11 and nGrinder on other releases of Debian."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import docker.errors
import pytest

from tests.integration.conftest import ROOT, changed
from tests.rehearsal.conftest import HERE, Fleet, play

RELEASES = {"debian-11": "bullseye", "debian-13": "trixie"}


@pytest.fixture(scope="module")
def others(deployed_fleet: Fleet) -> Iterator[Fleet]:
    """Bare machines with other releases, in addition to the fleet."""
    for name, suite in RELEASES.items():
        more = {
            "base_image_suite": suite,
            "base_image_name": f"scale-out/base:{suite}",
            "base_image_registry_source": f"debian:{suite}-slim",
        }
        extra = [part for key, value in more.items() for part in ("-e", f"{key}={value}")]
        play("playbooks/rehearsal-up.yml", *extra, "--limit", f"localhost,{name}", inventory=HERE / "releases")
    yield deployed_fleet
    for name in RELEASES:
        with contextlib.suppress(docker.errors.NotFound):
            deployed_fleet.engine.containers.get(f"{deployed_fleet.prefix}-{name}").remove(force=True, v=True)


@pytest.mark.long
def test_the_roles_work_on_debian_11_and_13(others: Fleet, war: Path, tmp_path: Path) -> None:
    install = "apt-get update && mkdir -p /usr/share/man/man1 && apt-get install -y --no-install-recommends "
    others.on("debian-11", f"{install} openjdk-17-jre-headless")
    variables = ["-e", f"war={war}", "-e", f"passwords={tmp_path}", "-e", f"study_root={ROOT}"]
    play(HERE / "roles.yml", *variables, inventory=HERE / "releases")
    assert changed(play(HERE / "roles.yml", *variables, inventory=HERE / "releases").stdout) == 0
    assert changed(play(HERE / "roles.yml", "--check", *variables, inventory=HERE / "releases").stdout) == 0
    for name in RELEASES:
        assert 'version "11.' in others.on(name, "/opt/jdk-11/bin/java -version 2>&1")
        assert "active" in others.on(name, "systemctl is-active docker ngrinder-controller ngrinder-agent")
    assert 'version "17.' in others.on("debian-11", "java -version 2>&1")  # the role keeps the other Java
    foreign = others.on("debian-13", "apt-cache policy libc6 | grep -A1 deb11 || true")
    assert "-10" in foreign, "only the JDK may come from the older suite"
