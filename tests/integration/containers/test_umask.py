"""An image that is built under umask 077, from files with that umask, equals one that is built under 022."""

import os
import shutil
import subprocess
from pathlib import Path

import docker
import pytest
import yaml

from harness.deploy.inventory.hosts import Inventory
from tests.integration.conftest import PLAYBOOK, ROOT, build_images

pytestmark = pytest.mark.concurrent

NAME = "scale-out-test/umask:1"
# Like the project's own Dockerfiles: copies files and folders for a user other than root.
DOCKERFILE = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY *.py requirements.txt /opt/study/
COPY folder /opt/study/folder
USER 10003:10003
CMD ["sh", "-c", "cd /opt/study && cat *.py requirements.txt folder/* >/dev/null && stat -c '%a %n' . * folder/*"]
"""
WANTED = {".": "755", "app.py": "644", "folder": "755", "folder/data": "644", "requirements.txt": "644"}


@pytest.fixture
def private_context(tmp_path: Path) -> Path:
    """A build context with the modes of a clone under umask 077."""
    context = tmp_path / "context"
    (context / "folder").mkdir(parents=True)
    for name in ("app.py", "requirements.txt", "folder/data"):
        (context / name).write_text("# read by the container's user\n")
    (context / "Dockerfile").write_text(DOCKERFILE)
    for path in context.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return context


def test_a_containers_user_can_read_an_image_built_under_umask_077(
    private_context: Path, tmp_path: Path, lab: Inventory, engine: docker.DockerClient
) -> None:
    build_images()
    variables = {
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "container_image_name": NAME,
        "container_image_context": str(private_context),
        "container_image_base": str(lab.servers[0].variables["ml_server_image"]),
        "container_image_labels": {},
    }
    play = [{"hosts": "localhost", "gather_facts": False, "roles": ["container_image"], "vars": variables}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play))
    environ = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_ROLES_PATH": str(ROOT / "roles")}
    try:
        done = subprocess.run(
            [PLAYBOOK, "-i", "localhost,", "-c", "local", str(tmp_path / "play.yml")],
            env=environ, umask=0o077, capture_output=True, text=True, check=False, timeout=800,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        listed = engine.containers.run(NAME, remove=True).decode().split("\n")
        assert {name: mode for mode, name in (line.split(" ", 1) for line in listed if line)} == WANTED
    finally:
        engine.images.remove(NAME, force=True)
        shutil.rmtree(private_context)
