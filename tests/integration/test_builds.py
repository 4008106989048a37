"""Two builds of the service as levels of one factor, in the real lab."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from harness.deploy.inventory.hosts import Inventory
from harness.records.directory import StudyDirectory
from tests.integration.conftest import playbook, small_grid, study

pytestmark = [pytest.mark.concurrent, pytest.mark.long]

ANOTHER = "scale-out/service:another-build"
NOWHERE = "scale-out/service:nowhere-at-all"


@pytest.fixture
def builds(deployed: Inventory, engine: docker.DockerClient) -> Iterator[tuple[str, str]]:
    """The project's image and an image built from it; restores the lab's servers afterwards."""
    ours = str(deployed.servers[0].variables["ml_server_image"])
    engine.images.build(fileobj=io.BytesIO(f"FROM {ours}\nLABEL build=another\n".encode()), tag=ANOTHER, rm=True)
    yield ours, ANOTHER
    playbook("playbooks/deploy-servers.yml")  # so that no server runs the other build
    engine.images.remove(ANOTHER)


def test_a_study_measures_two_builds_in_the_same_blocks(
    builds: tuple[str, str], tmp_path: Path, engine: docker.DockerClient
) -> None:
    """Other load on this machine does not matter: the test is about which build served a trial."""
    factors = {"servers": [1], "vusers": [60], "ml_server_image": list(builds)}
    slow = {"lab_time_scaling": 1, "lab_server_capacity": "30/s"}
    grid = small_grid(tmp_path / "grid.yaml", name="builds", factors=factors, vars=slow, repeats=2)
    done = study("--grid", grid, "--results", tmp_path / "results", "--json")
    assert done.returncode in (0, 3), done.stdout[-2000:] + done.stderr
    assert "are the same build" not in done.stdout
    directory = StudyDirectory(next((tmp_path / "results").iterdir()))
    records = directory.trials()
    assert len(records) == 4
    for record in records.values():
        assert record.outcome != "failed", record.cause
        assert record.hosts["server-1"].before.image == record.cell["ml_server_image"]
        assert record.hosts["server-1"].before.started_at == record.hosts["server-1"].after.started_at
        assert not [finding for finding in record.findings if finding.rule in ("E13", "E14")]
        assert record.context
        assert record.context.pacing, "the other build must be paced, too"
    levels = directory.need_study().where.image_levels
    for image in builds:
        ran = {digests[0] for digests in levels[image].values()}
        assert ran == {engine.images.get(image).id}
    assert levels[builds[0]] != levels[builds[1]]
    page = (directory.path / "report.html").read_text(encoding="utf-8")
    assert ANOTHER in page
    assert str(engine.images.get(ANOTHER).id)[:19] in page, "the method section must contain the digest of every build"
    assert study("check", directory.path).returncode == 0


@pytest.mark.usefixtures("deployed")
def test_a_missing_build_is_reported_before_the_first_trial(tmp_path: Path) -> None:
    factors = {"servers": [1], "vusers": [60], "ml_server_image": [NOWHERE, f"{NOWHERE}-either"]}
    grid = small_grid(tmp_path / "grid.yaml", name="nowhere", factors=factors, repeats=1)
    done = study("--grid", grid, "--results", tmp_path / "results", "--json")
    assert done.returncode == 4, done.stdout[-2000:]
    output = done.stdout + done.stderr
    assert NOWHERE in output
    assert "is neither on this host nor in its registry" in output
    assert "Traceback" not in output
    directory = StudyDirectory(next((tmp_path / "results").iterdir()))
    assert directory.trials() == {}
    assert json.loads((directory.path / "study.json").read_text())["runs"][0]["measured"] == 0
