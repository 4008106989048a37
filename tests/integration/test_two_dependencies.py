"""Three Django servers, a Redis and a MariaDB: the dependency that limits them is named, with the reason."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import yaml

from harness.records.directory import StudyDirectory
from harness.records.reasons import ReasonKind
from tests.integration.conftest import ROOT, study
from tests.integration.containers.databases.image import databases_image

pytestmark = pytest.mark.long

DJANGO = Path(__file__).parent / "django"
# As deep as the lab's own inventory, so that it is the same lab, which 'study.py down' removes.
INVENTORY = ROOT / ".state" / "two-dependencies"


@pytest.fixture(scope="module")
def inventory(engine: docker.DockerClient) -> Iterator[Path]:
    """The inventory of the services, and the image of the databases; removes the containers at the end."""
    shutil.rmtree(INVENTORY, ignore_errors=True)
    INVENTORY.mkdir(parents=True)
    hosts = yaml.safe_load((DJANGO / "hosts.yml").read_text())
    for host in hosts["all"]["children"]["dependencies"]["hosts"].values():
        host["dependency_image"] = databases_image(engine)
    (INVENTORY / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (INVENTORY / "group_vars").symlink_to(ROOT / "inventory" / "lab" / "group_vars")
    yield INVENTORY
    assert study("down", "--keep-images", "--inventory", INVENTORY).returncode == 0
    shutil.rmtree(INVENTORY)


@pytest.fixture(scope="module")
def service(engine: docker.DockerClient, inventory: Path) -> str:
    """The image of the Django service."""
    assert inventory
    base = next(image.tags[0] for image in engine.images.list("scale-out/base") if image.tags)
    files = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(DJANGO.glob("*"))) + base.encode())
    name = f"scale-out/test-django:{files.hexdigest()[:12]}"
    engine.images.build(path=str(DJANGO), tag=name, buildargs={"BASE_IMAGE": base}, network_mode="host", rm=True)
    return name


@pytest.mark.parametrize(
    ("path", "kind", "subject"),
    [
        ("/held", ReasonKind.DEPENDENCY_CONNECTIONS, "MariaDB"),
        ("/computed", ReasonKind.DEPENDENCY_CPU, "MariaDB"),
        ("/cached", ReasonKind.DEPENDENCY_CPU, "Redis"),
        ("/locked", ReasonKind.DEPENDENCY_LOCKS, "MariaDB"),  # with all connections in use
    ],
)
def test_the_dependency_that_limits_the_servers_is_named(
    inventory: Path, service: str, tmp_path: Path, path: str, kind: ReasonKind, subject: str
) -> None:
    grid = {
        "name": "shop",
        "inventory": str(inventory),
        "service": {"image": service, "port": 8000, "health": "/healthz"},
        "request": {"path": path},
        "factors": {"servers": [3], "vusers": [30]},
        "load": {"think_time": "100ms", "ramp_up": "1s", "duration": "14s", "timeout": "10s"},
        "repeats": 1,
        "evidence": {"ceiling": False},
    }
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(grid))
    done = study("--grid", tmp_path / "grid.yaml", "--results", tmp_path / "results")
    assert done.returncode in (0, 3), done.stdout[-3000:] + done.stderr[-3000:]
    (folder,) = (tmp_path / "results").iterdir()
    (record,) = StudyDirectory(folder).trials().values()
    assert record.bottleneck is not None
    found = record.bottleneck
    assert (found.basis.kind, found.basis.subject) == (kind, subject), found
    assert "open-sesame" not in (folder / "study.json").read_text() + done.stdout + done.stderr
    names = [dependency.name for dependency in record.context.dependencies.values()] if record.context else []
    assert sorted(names) == ["MariaDB", "Redis"]
