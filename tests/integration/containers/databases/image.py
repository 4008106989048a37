"""Build the image of the tests' databases."""

import contextlib
import hashlib
from pathlib import Path

import docker
import docker.errors

from tests.integration.conftest import playbook

CONTEXT = Path(__file__).parent
FILES = ("Dockerfile", "start-mariadb")


def databases_image(engine: docker.DockerClient) -> str:
    """Build MariaDB and Redis on the project's base image unless it exists; return the image's name."""
    playbook("playbooks/build-images.yml")
    base = next(image.tags[0] for image in engine.images.list("scale-out/base") if image.tags)
    inputs = hashlib.sha256(b"".join((CONTEXT / name).read_bytes() for name in FILES) + base.encode())
    name = f"scale-out/test-databases:{inputs.hexdigest()[:12]}"
    with contextlib.suppress(docker.errors.ImageNotFound):
        engine.images.get(name)
        return name
    engine.images.build(path=str(CONTEXT), tag=name, buildargs={"BASE_IMAGE": base}, network_mode="host", rm=True)
    return name
