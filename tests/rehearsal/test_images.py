"""Distribution of images to the machines: copied if they differ, through a registry by digest, or built there."""

import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.deploy.connections import Connections
from tests.integration.conftest import changed
from tests.rehearsal.conftest import Fleet, gateway, play
from tests.rehearsal.registry import PASSWORD, USER, Registry, base_image, serve, small_recipe

DISTRIBUTE = "playbooks/distribute-images.yml"

pytestmark = pytest.mark.concurrent


@pytest.fixture
def registry(deployed_fleet: Fleet, tmp_path: Path) -> Iterator[Registry]:
    with serve(deployed_fleet.engine, gateway(deployed_fleet), tmp_path) as served:
        yield served


@pytest.fixture
def copied(deployed_fleet: Fleet) -> Iterator[str]:
    """A small image that only this machine has; removed from all hosts afterwards."""
    name = f"scale-out-test/copied:{os.getpid()}"
    recipe = io.BytesIO(small_recipe(deployed_fleet.engine).encode())
    deployed_fleet.engine.images.build(fileobj=recipe, tag=name, rm=True)
    yield name
    for host in deployed_fleet.inventory.hosts:
        deployed_fleet.on(host.name, f"docker rmi -f {name}", check=False)
    deployed_fleet.engine.images.remove(name)


def test_an_image_is_copied_only_when_its_digest_differs(
    deployed_fleet: Fleet, connections: Connections, copied: str
) -> None:
    names = json.dumps({"image_distribution_images": [copied]})
    limited = ("-e", names, "--limit", "server-1,server-3,localhost")
    assert changed(play(DISTRIBUTE, *limited).stdout) > 0
    assert changed(play(DISTRIBUTE, *limited).stdout) == 0
    engine = connections.docker(deployed_fleet.host("server-3"))
    engine.images.remove(copied)
    done = play(DISTRIBUTE, *limited)
    assert "changed: [server-3]" in done.stdout
    assert "changed: [server-1]" not in done.stdout
    assert engine.images.get(copied).id == deployed_fleet.engine.images.get(copied).id
    assert "No such file" in deployed_fleet.on("server-3", "ls /var/tmp/*.tar.gz", check=False)


@pytest.mark.long
def test_images_go_through_a_registry_by_digest(
    deployed_fleet: Fleet, connections: Connections, registry: Registry
) -> None:
    variables = {
        "images_distribution": "registry",
        "images_registry": f"{registry.address}/mine",
        "image_distribution_registry_username": USER,
        "image_distribution_registry_password": PASSWORD,
        "image_distribution_registry_ca": str(registry.certificate),
    }
    extra = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    done = play(DISTRIBUTE, "-v", *extra)
    output = "\n".join(line for line in done.stdout.splitlines() if "ansible-playbook" not in line)
    assert PASSWORD not in output
    for name, image in (("server-1", "ml_server_image"), ("balancer", "nginx_lb_image")):
        host = deployed_fleet.host(name)
        digests = connections.docker(host).images.get(str(host.variables[image])).attrs["RepoDigests"]
        assert any(re.match(rf"{registry.address}/mine/scale-out-(service|nginx)@", digest) for digest in digests), (
            digests
        )
        assert deployed_fleet.on(name, "ls /root/.docker/config.json /tmp/registry-* 2>/dev/null", check=False) == ""
    assert registry.requests("^(GET|HEAD) .*/manifests/sha256:")
    assert (
        not (Path.home() / ".docker" / "config.json").exists()
        or registry.address not in (Path.home() / ".docker" / "config.json").read_text()
    )
    assert changed(play(DISTRIBUTE, *extra).stdout) == 0


def test_a_missing_registry_is_reported(deployed_fleet: Fleet) -> None:
    assert deployed_fleet
    done = play(DISTRIBUTE, "-e", "images_distribution=registry", check=False)
    assert done.returncode != 0
    assert "set image_distribution_registry to host:port/owner" in " ".join(done.stdout.split())


@pytest.mark.long
def test_a_host_builds_its_own_image(deployed_fleet: Fleet, connections: Connections) -> None:
    """With wheels from the controller, and a copied base image, which saves the bootstrap."""
    host = deployed_fleet.host("generator")
    base = base_image(deployed_fleet.engine)
    there = ["--limit", "generator,localhost"]
    play(DISTRIBUTE, "-e", json.dumps({"image_distribution_images": [base]}), *there)
    image = f"scale-out/built-there:{os.getpid()}"
    variables = {"images_distribution": "build", "study_locust_image": image, "base_image_name": base}
    play(DISTRIBUTE, "-e", json.dumps(variables), *there)
    built = connections.docker(host).images.get(image)
    assert "/opt/study" in str(built.attrs["Config"]["WorkingDir"])
    assert connections.docker(host).containers.run(image, ["python3", "-m", "locust", "--version"], remove=True)
    connections.docker(host).images.remove(image)
